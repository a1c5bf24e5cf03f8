//! Contacts one by one and many at once.

use crate::fixture::{World, now};
use domain::{
    ContactId, ListId, WorkspaceId,
    address::{self, PhoneRules},
};
use std::sync::Arc;
use store::{
    Db, Role,
    contact::{self, Draft, Filter, import::Policy},
    list::{self, List},
    page::Page,
};
use uuid::Uuid;

pub fn row(external_id: &str, name: &str, email: &str, phone: &str) -> Draft {
    Draft {
        external_id: Some(external_id.to_owned()).filter(|id| !id.is_empty()),
        name: name.to_owned(),
        email: address::email(email),
        phone: address::phone(phone, &PhoneRules::default()),
        ..Draft::default()
    }
}

/// A workspace, in a database of its own or beside another.
pub struct Tenant {
    world: Arc<World>,
    pub db: Db,
    pub id: WorkspaceId,
}

impl Tenant {
    pub async fn new() -> Self {
        let world = Arc::new(World::new().await);
        let db = world.connect_as(Role::Api).await;
        Self::within(world, db).await
    }

    pub async fn beside(&self) -> Self {
        Self::within(Arc::clone(&self.world), self.db.clone()).await
    }

    async fn within(world: Arc<World>, db: Db) -> Self {
        let id = WorkspaceId::new();
        world.execute(format!("INSERT INTO core.workspace (workspace_id, name, created_at) VALUES ('{id}', 'w', now())")).await;
        Self { world, db, id }
    }

    pub async fn import(&self, list: Option<ListId>, rows: Vec<Draft>) -> (u64, u64) {
        let mut tx = self.db.tenant(self.id).await.unwrap();
        let counts = contact::import::import(&mut tx, self.id, list, Policy::default(), rows, now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((counts.skipped, counts.refused), (0, vec![]));
        (counts.created, counts.updated)
    }

    /// Everybody, as `external id|name|e-mail|phone`, oldest first.
    pub async fn everybody(&self) -> Vec<String> {
        let mut tx = self.db.tenant(self.id).await.unwrap();
        let page = Page::parse(500, "").unwrap();
        let contacts = contact::list(&mut tx, self.id, Filter::default(), page).await.unwrap();
        let line = |contact: contact::Contact| {
            let draft = contact.draft;
            format!("{}|{}|{}|{}", draft.external_id.unwrap_or_default(), draft.name, draft.email.shown, draft.phone.shown)
        };
        contacts.into_iter().map(line).collect()
    }

    pub async fn list(&self) -> ListId {
        let list = List {
            list_id: ListId::new(),
            name: "l".to_owned(),
            archived_at: None,
            created_at: now(),
            member_count: 0,
            double_opt_in: false,
        };
        let mut tx = self.db.tenant(self.id).await.unwrap();
        list::insert(&mut tx, self.id, &list).await.unwrap();
        tx.commit().await.unwrap();
        list.list_id
    }

    pub async fn members(&self, list: ListId) -> i64 {
        let mut tx = self.db.tenant(self.id).await.unwrap();
        list::get(&mut tx, self.id, list).await.unwrap().unwrap().member_count
    }
}

#[tokio::test]
async fn an_import_adds_then_updates() {
    let tenant = Tenant::new().await;
    let rows = || vec![row("1", "A", "a@x.com", ""), row("", "B", "b@x.com", ""), row("", "C", "", "0501234567"), row("", "D", "bad", "")];
    assert_eq!(tenant.import(None, rows()).await, (4, 0));
    let everybody = tenant.everybody().await;
    assert_eq!(everybody.len(), 4);
    assert_eq!(tenant.import(None, rows()).await, (0, 4), "the second time adds nobody");
    assert_eq!(tenant.everybody().await, everybody);
}

#[tokio::test]
async fn rows_find_their_person_by_id_then_email_then_phone() {
    let tenant = Tenant::new().await;
    tenant.import(None, vec![row("1", "A", "a@x.com", "0501111111"), row("2", "B", "b@x.com", "0502222222")]).await;
    let rows = || {
        vec![
            row("1", "A2", "", ""),
            row("", "B2", "B@X.COM", "0501111111"),
            row("", "A3", "", "+971501111111"),
            row("3", "C", "a@x.com", ""),
            row("", "D", "d@x.com", "0501111111"),
        ]
    };
    assert_eq!(tenant.import(None, rows()).await, (1, 4));
    let everybody = tenant.everybody().await;
    assert_eq!(everybody, ["1|D|d@x.com|+971501111111", "2|B2|B@x.com|+971501111111", "3|C|a@x.com|"]);

    let one_by_one = Tenant::new().await;
    one_by_one.import(None, vec![row("1", "A", "a@x.com", "0501111111"), row("2", "B", "b@x.com", "0502222222")]).await;
    for row in rows() {
        one_by_one.import(None, vec![row]).await;
    }
    assert_eq!(one_by_one.everybody().await, everybody, "where batches end makes no difference");
}

#[tokio::test]
async fn any_rows_in_one_batch_do_what_they_do_one_by_one() {
    let (together, one_by_one) = (Tenant::new().await, Tenant::new().await);
    let mut seed = 11_u64;
    let mut pick = |of: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % of
    };
    for round in 0..12 {
        let rows: Vec<_> = (0..12)
            .map(|n| {
                row(
                    ["", "", "", "1", "2", "3"][pick(6)],
                    &format!("{round}.{n}"),
                    ["", "", "a@x.com", "b@x.com", "c@x.com", "bad"][pick(6)],
                    ["", "", "0501111111", "0502222222", "0503333333", "12"][pick(6)],
                )
            })
            .collect();
        let counted = together.import(None, rows.clone()).await;
        let mut sum = (0, 0);
        for row in rows {
            let (created, updated) = one_by_one.import(None, vec![row]).await;
            sum = (sum.0 + created, sum.1 + updated);
        }
        assert_eq!(counted, sum, "round {round}");
        assert_eq!(together.everybody().await, one_by_one.everybody().await, "round {round}");
    }
}

#[tokio::test]
async fn an_empty_field_leaves_what_is_known_and_a_bad_address_is_kept_with_its_problem() {
    let tenant = Tenant::new().await;
    let mut full = row("1", "A", "a@x.com", "0501111111");
    full.role = "partner".to_owned();
    full.attributes.insert("tier".to_owned(), "gold".into());
    tenant.import(None, vec![full]).await;
    let mut later = row("1", "", "not an address", "");
    later.attributes.insert("size".to_owned(), "m".into());
    tenant.import(None, vec![later]).await;
    let mut tx = tenant.db.tenant(tenant.id).await.unwrap();
    let draft = contact::lock_external(&mut tx, tenant.id, "1").await.unwrap().unwrap().draft;
    assert_eq!((draft.name.as_str(), draft.role.as_str(), draft.phone.shown.as_str()), ("A", "partner", "+971501111111"));
    assert_eq!((draft.email.shown.as_str(), &draft.email.key), ("not an address", &None));
    assert!(!draft.email.problem.is_empty());
    assert_eq!(draft.attributes.keys().collect::<Vec<_>>(), ["size", "tier"]);
}

#[tokio::test]
async fn everybody_imported_is_on_the_list_once() {
    let tenant = Tenant::new().await;
    let list = tenant.list().await;
    let rows = || vec![row("1", "A", "a@x.com", ""), row("1", "A", "", ""), row("", "B", "b@x.com", ""), row("", "A", "a@x.com", "")];
    assert_eq!(tenant.import(Some(list), rows()).await, (2, 2));
    assert_eq!(tenant.members(list).await, 2);
    tenant.import(Some(list), rows()).await;
    assert_eq!(tenant.members(list).await, 2);
}

#[tokio::test]
async fn a_large_batch_and_imports_at_once_add_nobody_twice() {
    let tenant = Tenant::new().await;
    let rows = || (0..1_000).map(|n| row("", &format!("P{n}"), &format!("p{n}@x.com"), "")).collect::<Vec<_>>();
    let (one, two) = tokio::join!(tenant.import(None, rows()), tenant.import(None, rows()));
    assert_eq!((one.0 + two.0, one.1 + two.1), (1_000, 1_000));
}

#[tokio::test]
async fn contacts_are_paged_searched_and_deleted() {
    let tenant = Tenant::new().await;
    let list = tenant.list().await;
    tenant.import(Some(list), vec![row("50%", "Sara", "sara@x.com", "0501111111"), row("501", "sarah", "", "")]).await;
    tenant.import(None, vec![row("x", "Omar", "omar@x.com", "")]).await;
    let mut tx = tenant.db.tenant(tenant.id).await.unwrap();
    for (search, on_list, expected) in [
        ("SAR", None, 2),
        ("sara@", None, 1),
        ("+97150", None, 1),
        ("50%", None, 1),
        ("50", None, 2),
        ("nobody", None, 0),
        ("", Some(list), 2),
        ("o", Some(list), 0),
        ("", Some(ListId::new()), 0),
    ] {
        let filter = Filter { list: on_list, search };
        let found = contact::list(&mut tx, tenant.id, filter, Page::parse(0, "").unwrap()).await.unwrap();
        assert_eq!(found.len(), expected, "{search:?} {on_list:?}");
    }
    let mut page = Page::parse(2, "").unwrap();
    let mut seen: Vec<Uuid> = Vec::new();
    loop {
        let mut rows = contact::list(&mut tx, tenant.id, Filter::default(), page).await.unwrap();
        let token = page.finish(&mut rows, |contact| contact.contact_id.0);
        seen.extend(rows.iter().map(|contact| contact.contact_id.0));
        if token.is_empty() {
            break;
        }
        page = Page::parse(2, &token).unwrap();
    }
    assert_eq!(seen.len(), 3);
    let gone = ContactId(seen[0]);
    assert!(contact::delete(&mut tx, tenant.id, gone).await.unwrap().is_some());
    assert!(contact::delete(&mut tx, tenant.id, gone).await.unwrap().is_none());
    assert_eq!(list::get(&mut tx, tenant.id, list).await.unwrap().unwrap().member_count, 1);
}
