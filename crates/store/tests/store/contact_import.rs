//! Policies of imports, dry runs, and what is kept of an import.

use crate::contact::{Tenant, row};
use serde_json::json;
use store::{
    contact::{
        self, Draft,
        file::{self, Begun, Problem, Problems, Progress},
        import::{self, Counts, MatchBy, OnMatch, Policy},
    },
    page::Page,
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_341_600).unwrap()
}

async fn import(tenant: &Tenant, policy: Policy, rows: Vec<Draft>) -> Counts {
    let mut tx = tenant.db.tenant(tenant.id).await.unwrap();
    let counts = import::import(&mut tx, tenant.id, None, policy, rows, now()).await.unwrap();
    tx.commit().await.unwrap();
    counts
}

async fn rehearse(tenant: &Tenant, id: Uuid, policy: Policy, rows: Vec<Draft>) -> Counts {
    let mut tx = tenant.db.tenant(tenant.id).await.unwrap();
    let counts = import::rehearse(&mut tx, tenant.id, id, policy, rows, now()).await.unwrap();
    tx.commit().await.unwrap();
    counts
}

fn counts(created: u64, updated: u64, skipped: u64) -> Counts {
    Counts { created, updated, skipped, refused: Vec::new() }
}

const fn policy(match_by: MatchBy, on_match: OnMatch) -> Policy {
    Policy { match_by, on_match }
}

fn random_rows(pick: &mut impl FnMut(usize) -> usize, round: usize) -> Vec<Draft> {
    (0..12)
        .map(|n| {
            let mut draft = row(
                ["", "", "", "1", "2", "3"][pick(6)],
                &format!("{round}.{n}"),
                ["", "", "a@x.com", "b@x.com", "c@x.com", "bad"][pick(6)],
                ["", "", "0501111111", "0502222222", "0503333333", "12"][pick(6)],
            );
            draft.city = ["", "Dubai", "Delhi"][pick(3)].to_owned();
            draft.attributes = json!({"n": n, ["a", "b"][pick(2)]: round}).as_object().unwrap().clone();
            draft
        })
        .collect()
}

#[tokio::test]
async fn whatever_the_policy_rows_in_one_batch_do_what_they_do_one_by_one_and_what_a_dry_run_foretells() {
    let mut seed = 5_u64;
    let mut pick = |of: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % of
    };
    let first = Tenant::new().await;
    for match_by in [MatchBy::Any, MatchBy::ExternalId, MatchBy::Email, MatchBy::Phone] {
        for on_match in [OnMatch::Overwrite, OnMatch::FillEmpty, OnMatch::Skip] {
            let policy = policy(match_by, on_match);
            let (together, one_by_one) = (first.beside().await, first.beside().await);
            for round in 0..4 {
                let mut rows = random_rows(&mut pick, round);
                // Whoever reads the file leaves out rows that lack what people are matched by.
                rows.retain(|row| match match_by {
                    MatchBy::Any => true,
                    MatchBy::ExternalId => row.external_id.is_some(),
                    MatchBy::Email => row.email.key.is_some(),
                    MatchBy::Phone => row.phone.key.is_some(),
                });
                let dry_run = Uuid::now_v7();
                let middle = rows.len() / 2;
                let mut foretold = rehearse(&together, dry_run, policy, rows[..middle].to_vec()).await;
                let rest = rehearse(&together, dry_run, policy, rows[middle..].to_vec()).await;
                foretold.created += rest.created;
                foretold.updated += rest.updated;
                foretold.skipped += rest.skipped;
                foretold.refused.extend(rest.refused.into_iter().map(|(index, reason)| (index + middle, reason)));

                let before = together.everybody().await;
                assert_eq!(before, one_by_one.everybody().await, "{policy:?} round {round}: a dry run writes nothing");
                let counted = import(&together, policy, rows.clone()).await;
                assert_eq!(counted, foretold, "{policy:?} round {round}: the dry run was wrong");
                let mut sum = counts(0, 0, 0);
                for (index, row) in rows.into_iter().enumerate() {
                    let one = import(&one_by_one, policy, vec![row]).await;
                    sum.created += one.created;
                    sum.updated += one.updated;
                    sum.skipped += one.skipped;
                    sum.refused.extend(one.refused.into_iter().map(|(_, reason)| (index, reason)));
                }
                assert_eq!(counted, sum, "{policy:?} round {round}");
                assert_eq!(details(&together).await, details(&one_by_one).await, "{policy:?} round {round}");
            }
        }
    }
}

/// Everything of everybody that an import writes.
async fn details(tenant: &Tenant) -> Vec<Draft> {
    let mut tx = tenant.db.tenant(tenant.id).await.unwrap();
    let page = Page::parse(500, "").unwrap();
    let contacts = contact::list(&mut tx, tenant.id, contact::Filter::default(), page).await.unwrap();
    contacts.into_iter().map(|contact| contact.draft).collect()
}

#[tokio::test]
async fn what_is_known_is_replaced_filled_or_left() {
    let first = || Draft { city: "Dubai".to_owned(), last_active_at: Some(now()), ..row("1", "A", "", "0501111111") };
    let later = || {
        let attributes = json!({"tier": "gold"}).as_object().unwrap().clone();
        let last_active_at = Some(now() + Duration::DAY);
        Draft { city: "Delhi".to_owned(), last_active_at, attributes, role: "partner".to_owned(), ..row("1", "B", "b@x.com", "") }
    };
    for (on_match, expected, line) in [
        (OnMatch::Overwrite, counts(0, 1, 0), ("B", "Delhi", "b@x.com", "partner", 1)),
        (OnMatch::FillEmpty, counts(0, 1, 0), ("A", "Dubai", "b@x.com", "customer", 0)),
        (OnMatch::Skip, counts(0, 0, 1), ("A", "Dubai", "", "customer", 0)),
    ] {
        let tenant = Tenant::new().await;
        let policy = policy(MatchBy::Any, on_match);
        import(&tenant, policy, vec![first()]).await;
        assert_eq!(import(&tenant, policy, vec![later()]).await, expected);
        let draft = details(&tenant).await.remove(0);
        let days = (draft.last_active_at.unwrap() - now()).whole_days();
        assert_eq!((draft.name.as_str(), draft.city.as_str(), draft.email.shown.as_str(), draft.role.as_str(), days), line);
        assert_eq!(draft.attributes.len(), usize::from(on_match != OnMatch::Skip));
        assert_eq!(draft.phone.shown, "+971501111111");
    }
}

#[tokio::test]
async fn an_external_id_is_given_once_and_taken_from_nobody() {
    let tenant = Tenant::new().await;
    let by_email = policy(MatchBy::Email, OnMatch::Overwrite);
    import(&tenant, by_email, vec![row("1", "A", "a@x.com", ""), row("", "B", "b@x.com", "")]).await;
    let counts =
        import(&tenant, by_email, vec![row("1", "x", "b@x.com", ""), row("2", "B2", "b@x.com", ""), row("9", "x", "a@x.com", "")]).await;
    assert_eq!((counts.updated, counts.refused.iter().map(|(index, _)| *index).collect::<Vec<_>>()), (1, vec![0, 2]));
    assert_eq!(tenant.everybody().await, ["1|A|a@x.com|", "2|B2|b@x.com|"]);
}

#[tokio::test]
async fn those_who_are_left_as_they_are_become_members_too() {
    let tenant = Tenant::new().await;
    let list = tenant.list().await;
    let skip = policy(MatchBy::Any, OnMatch::Skip);
    import(&tenant, skip, vec![row("1", "A", "a@x.com", "")]).await;
    let mut tx = tenant.db.tenant(tenant.id).await.unwrap();
    let rows = vec![row("1", "A2", "a@x.com", ""), row("2", "B", "b@x.com", "")];
    assert_eq!(import::import(&mut tx, tenant.id, Some(list), skip, rows, now()).await.unwrap(), counts(1, 0, 1));
    tx.commit().await.unwrap();
    assert_eq!(tenant.members(list).await, 2);
}

#[tokio::test]
async fn a_dry_run_is_forgotten() {
    let tenant = Tenant::new().await;
    let id = Uuid::now_v7();
    let rows = || vec![row("1", "A", "a@x.com", ""), row("", "B", "b@x.com", "")];
    assert_eq!(rehearse(&tenant, id, Policy::default(), rows()).await, counts(2, 0, 0));
    assert_eq!(rehearse(&tenant, id, Policy::default(), rows()).await, counts(0, 2, 0));
    let mut tx = tenant.db.tenant(tenant.id).await.unwrap();
    import::forget(&mut tx, tenant.id, id, now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rehearse(&tenant, id, Policy::default(), rows()).await, counts(2, 0, 0));
    assert!(tenant.everybody().await.is_empty());
}

#[tokio::test]
async fn what_became_of_an_import_is_kept_with_its_problems() {
    let tenant = Tenant::new().await;
    let id = Uuid::now_v7();
    let begun =
        Begun { import_id: id, file_name: "people.csv", list: None, policy: Policy::default(), is_dry_run: false, created_by: "sara" };
    let mut tx = tenant.db.tenant(tenant.id).await.unwrap();
    file::begin(&mut tx, tenant.id, &begun, now()).await.unwrap();
    let progress = Progress { format: "csv".to_owned(), rows: 4, created: 2, rejected: 2, problems: 2, ..Progress::default() };
    file::progress(&mut tx, tenant.id, id, &progress, now()).await.unwrap();
    let problem = |row, is_rejected| Problem { row, column: "phone".to_owned(), reason: "too short".to_owned(), is_rejected };
    for (position, row) in [(0, 1), (2, 7)] {
        let mut problems = Problems::default();
        problems.push(problem(row, true));
        problems.push(problem(row + 1, false));
        file::keep(&mut tx, tenant.id, id, position, &problems, now()).await.unwrap();
    }
    file::keep(&mut tx, tenant.id, id, 3, &Problems::default(), now()).await.unwrap();
    let stored = file::get(&mut tx, tenant.id, id).await.unwrap().unwrap();
    assert_eq!((stored.status.as_str(), &stored.progress, stored.finished_at), ("running", &progress, None));

    assert_eq!(file::kept(&mut tx, tenant.id, id, -1).await.unwrap(), Some((0, vec![problem(1, true), problem(2, false)])));
    assert_eq!(file::kept(&mut tx, tenant.id, id, 0).await.unwrap(), Some((2, vec![problem(7, true), problem(8, false)])));
    assert_eq!(file::kept(&mut tx, tenant.id, id, 2).await.unwrap(), None);

    file::finish(&mut tx, tenant.id, id, Some("it broke off"), now()).await.unwrap();
    let ended = file::list(&mut tx, tenant.id, Page::parse(0, "").unwrap()).await.unwrap().remove(0);
    assert_eq!((ended.status.as_str(), ended.detail.as_str(), ended.finished_at), ("failed", "it broke off", Some(now())));

    file::drop_old(&mut tx, tenant.id, now() + file::KEPT_FOR).await.unwrap();
    assert!(file::kept(&mut tx, tenant.id, id, -1).await.unwrap().is_some());
    file::drop_old(&mut tx, tenant.id, now() + file::KEPT_FOR + Duration::SECOND).await.unwrap();
    assert_eq!(file::kept(&mut tx, tenant.id, id, -1).await.unwrap(), None);
}

#[tokio::test]
async fn attribute_names_are_those_that_somebody_has() {
    let tenant = Tenant::new().await;
    let with =
        |id: &str, attributes: serde_json::Value| Draft { attributes: attributes.as_object().unwrap().clone(), ..row(id, "", "", "") };
    import(&tenant, Policy::default(), vec![with("1", json!({"b": 1, "a": 1})), with("2", json!({"c": {"d": 1}})), with("3", json!({}))])
        .await;
    let mut tx = tenant.db.tenant(tenant.id).await.unwrap();
    assert_eq!(file::attribute_names(&mut tx, tenant.id, None, 10).await.unwrap(), ["a", "b", "c"]);
    assert_eq!(file::attribute_names(&mut tx, tenant.id, None, 2).await.unwrap(), ["a", "b"]);
    let list = domain::ListId::new();
    assert!(file::attribute_names(&mut tx, tenant.id, Some(list), 10).await.unwrap().is_empty());
}
