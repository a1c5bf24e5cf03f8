//! API keys, listed people and the audit log as it is read.

use crate::fixture::{World, now};
use domain::{ApiKeyId, UserId, WorkspaceId, role::Role};
use serde_json::json;
use store::{
    Tx,
    api_key::{self, ApiKey},
    audit::{self, Cursor, Entry, Filter, Shown},
    page::Page,
    user::{self, Listed, User},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

fn key(name: &str) -> ApiKey {
    ApiKey {
        api_key_id: ApiKeyId::new(),
        name: name.to_owned(),
        role: Role::Agent,
        created_at: now().replace_nanosecond(0).unwrap(),
        created_by: "ana".to_owned(),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
        revoked_by: String::new(),
    }
}

async fn api(world: &World) -> (store::Db, WorkspaceId) {
    (world.connect_as(store::Role::Api).await, world.campaign(0, 1.0).await.workspace)
}

#[tokio::test]
async fn a_key_is_found_by_its_id_alone_and_no_other_with_it() {
    let world = World::new().await;
    let (db, workspace) = api(&world).await;
    let (ours, other) = (key("ci"), key("cron"));
    let mut tx = db.tenant(workspace).await.unwrap();
    api_key::insert(&mut tx, workspace, &ours, &[7; 32]).await.unwrap();
    api_key::insert(&mut tx, workspace, &other, &[8; 32]).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    let held = api_key::held(&mut tx, ours.api_key_id).await.unwrap().unwrap();
    assert_eq!((held.workspace, held.role, held.secret_hash), (workspace, Role::Agent, vec![7; 32]));
    assert!(api_key::get(&mut tx, workspace, other.api_key_id).await.unwrap().is_none());
    assert_eq!(api_key::held(&mut tx, ApiKeyId::new()).await.unwrap(), None);
    drop(tx);

    let mut tx = db.tenant(workspace).await.unwrap();
    assert_eq!(api_key::get(&mut tx, workspace, ours.api_key_id).await.unwrap(), Some(ours));
    assert_eq!(api_key::count(&mut tx, workspace).await.unwrap(), 2);
}

#[tokio::test]
async fn a_name_is_free_again_once_its_key_is_revoked() {
    let world = World::new().await;
    let (db, workspace) = api(&world).await;
    let first = key("ci");
    let mut tx = db.tenant(workspace).await.unwrap();
    api_key::insert(&mut tx, workspace, &first, &[7; 32]).await.unwrap();
    assert!(api_key::revoke(&mut tx, workspace, first.api_key_id, "bob", now()).await.unwrap());
    assert!(!api_key::revoke(&mut tx, workspace, first.api_key_id, "eve", now()).await.unwrap());
    api_key::insert(&mut tx, workspace, &key("ci"), &[8; 32]).await.unwrap();
    let all = Page::parse(0, "").unwrap();
    let names = |keys: Vec<ApiKey>| keys.into_iter().map(|key| (key.name, key.revoked_by)).collect::<Vec<_>>();
    assert_eq!(names(api_key::list(&mut tx, workspace, true, all).await.unwrap()).len(), 2);
    assert_eq!(names(api_key::list(&mut tx, workspace, false, all).await.unwrap()), [("ci".to_owned(), String::new())]);
    let refused = api_key::insert(&mut tx, workspace, &key("ci"), &[9; 32]).await.unwrap_err();
    assert!(refused.is_constraint("api_key_name"), "{refused}");
}

#[tokio::test]
async fn use_is_noted_once_a_minute() {
    let world = World::new().await;
    let (db, workspace) = api(&world).await;
    let key = key("ci");
    let mut tx = db.tenant(workspace).await.unwrap();
    api_key::insert(&mut tx, workspace, &key, &[7; 32]).await.unwrap();
    let start = key.created_at;
    for (after, noted) in [(0, 0), (59, 0), (60, 60), (90, 60), (121, 121)] {
        let at = start + Duration::seconds(after);
        api_key::note_use(&mut tx, workspace, key.api_key_id, at).await.unwrap();
        let read = api_key::get(&mut tx, workspace, key.api_key_id).await.unwrap().unwrap();
        assert_eq!(read.last_used_at, Some(start + Duration::seconds(noted)), "{after} s");
        let held = api_key::held(&mut tx, key.api_key_id).await.unwrap().unwrap();
        assert!(!held.is_use_news(at) && held.is_use_news(at + Duration::seconds(60)));
    }
}

#[tokio::test]
async fn a_listed_person_is_found_by_subject_in_its_workspace_only() {
    let world = World::new().await;
    let (db, workspace) = api(&world).await;
    let (_, elsewhere) = api(&world).await;
    let at = now().replace_nanosecond(0).unwrap();
    let ana = User {
        user_id: UserId::new(),
        subject: "auth0|1".to_owned(),
        name: "Ana".to_owned(),
        email: "ana@example.com".to_owned(),
        role: Role::Agent,
        disabled_at: None,
        created_at: at,
        updated_at: at,
    };
    let mut tx = db.tenant(workspace).await.unwrap();
    user::insert(&mut tx, workspace, &ana).await.unwrap();
    let disabled = User { role: Role::Admin, disabled_at: Some(at), ..ana.clone() };
    assert_eq!(user::listed(&mut tx, workspace, "auth0|1").await.unwrap(), Some(Listed { role: Role::Agent, disabled: false }));
    assert!(user::update(&mut tx, workspace, &disabled).await.unwrap());
    assert_eq!(user::lock(&mut tx, workspace, ana.user_id).await.unwrap(), Some(disabled));
    assert_eq!(user::listed(&mut tx, workspace, "auth0|1").await.unwrap(), Some(Listed { role: Role::Admin, disabled: true }));
    assert_eq!(user::listed(&mut tx, workspace, "auth0|2").await.unwrap(), None);
    tx.commit().await.unwrap();

    let mut tx = db.tenant(elsewhere).await.unwrap();
    assert_eq!(user::listed(&mut tx, elsewhere, "auth0|1").await.unwrap(), None);
    assert!(!user::delete(&mut tx, elsewhere, ana.user_id).await.unwrap());
    let mut tx = db.tenant(workspace).await.unwrap();
    assert!(user::delete(&mut tx, workspace, ana.user_id).await.unwrap());
    assert_eq!(user::count(&mut tx, workspace).await.unwrap(), 0);
}

/// Ten entries, two at a time at one moment, by turns by Ana, who is listed, and by a key.
async fn log(tx: &mut Tx, workspace: WorkspaceId, by_key: &ApiKey, start: OffsetDateTime) {
    api_key::insert(tx, workspace, by_key, &[7; 32]).await.unwrap();
    let ana =
        format!("INSERT INTO core.app_user VALUES ('{}', '{workspace}', 'ana', 'Ana', '', 'admin', NULL, now(), now())", Uuid::now_v7());
    store::admin::raw(tx, &ana).await.unwrap();
    let actors = ["ana".to_owned(), format!("api_key:{}", by_key.api_key_id)];
    for number in 0..10_i64 {
        let (place, object_type) = (usize::try_from(number % 2).unwrap(), if number < 5 { "list" } else { "template" });
        let entry = Entry {
            workspace,
            actor: &actors[place],
            action: &format!("{object_type}.update"),
            object_type,
            object_id: Uuid::from_u128(u128::try_from(number).unwrap()),
            before: None,
            after: Some(json!({ "text": "x".repeat(usize::try_from(number).unwrap() * 10) })),
            at: start + Duration::minutes(number / 2),
        };
        audit::record(tx, entry).await.unwrap();
    }
}

#[tokio::test]
async fn the_log_is_read_newest_first_in_pages_and_by_filters() {
    let world = World::new().await;
    let (db, workspace) = api(&world).await;
    let (by_key, start) = (key("ci"), now().replace_nanosecond(0).unwrap());
    let mut tx = db.tenant(workspace).await.unwrap();
    log(&mut tx, workspace, &by_key, start).await;
    let page = |size| Page { size, after: None };

    let (mut read, mut after): (Vec<Shown>, _) = (Vec::new(), None);
    for _ in 0..4 {
        let mut some = audit::list(&mut tx, workspace, &Filter::default(), after, page(3), 4_096).await.unwrap();
        some.truncate(3);
        after = some.last().map(Cursor::of);
        read.extend(some);
    }
    let ids: Vec<_> = read.iter().map(|entry| entry.audit_id).collect();
    assert!(ids.len() == 10 && ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    assert_eq!((read[0].actor_name.as_str(), read[1].actor_name.as_str()), ("ci", "Ana"));

    let mut count = async |filter: Filter<'_>| audit::list(&mut tx, workspace, &filter, None, page(50), 4_096).await.unwrap().len();
    assert_eq!(count(Filter { actor: Some("ana"), ..Filter::default() }).await, 5);
    assert_eq!(count(Filter { action: Some("list.update"), ..Filter::default() }).await, 5);
    assert_eq!(count(Filter { object_type: Some("template"), ..Filter::default() }).await, 5);
    let third = Uuid::from_u128(3).to_string();
    assert_eq!(count(Filter { object_type: Some("list"), object_id: Some(&third), ..Filter::default() }).await, 1);
    let (since, until) = (Some(start + Duration::minutes(1)), Some(start + Duration::minutes(3)));
    assert_eq!(count(Filter { since, until, ..Filter::default() }).await, 4);
}

#[tokio::test]
async fn what_is_too_long_is_left_out_and_said_so() {
    let world = World::new().await;
    let (db, workspace) = api(&world).await;
    let mut tx = db.tenant(workspace).await.unwrap();
    log(&mut tx, workspace, &key("ci"), now()).await;
    let read = audit::list(&mut tx, workspace, &Filter::default(), None, Page { size: 50, after: None }, 60).await.unwrap();
    let shown: Vec<_> = read.iter().map(|entry| (entry.after.is_some(), entry.left_out)).collect();
    // `{"text": "…"}` is 12 bytes and ten for each number: the first five entries fit.
    assert_eq!(shown, [[(false, true); 5], [(true, false); 5]].concat());
    let whole = audit::get(&mut tx, workspace, read[0].audit_id, 4_096).await.unwrap().unwrap();
    assert!(whole.after.is_some_and(|after| after.len() == 102) && !whole.left_out && whole.before.is_none());
    assert_eq!(audit::get(&mut tx, WorkspaceId::new(), read[0].audit_id, 4_096).await.unwrap(), None);
}
