//! Channels that a campaign has several senders on: whom each sends to, and messages that are sent in steps.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, RunId, SenderId, WorkerId, delivery::State};
use serde_json::json;
use store::{
    Db, Role, expand,
    gate::{self, Ask, Claimed},
    job,
    record::{self, Tried},
    run, settle,
};
use uuid::Uuid;

/// A run on push by two apps and on social by three senders, of which the last one is the first one's account once more.
struct Several {
    campaign: Campaign,
    apps: [SenderId; 2],
    accounts: [SenderId; 3],
}

async fn several(world: &World) -> Several {
    let campaign = world.campaign(0, 1e6).await;
    let (workspace, id) = (campaign.workspace, campaign.campaign);
    let senders: [SenderId; 5] = std::array::from_fn(|_| SenderId::new());
    for (n, sender) in senders.iter().enumerate() {
        let (channel, provider) = if n < 2 { ("push", "fcm") } else { ("social", if n == 3 { "x" } else { "facebook" }) };
        world
            .execute(format!(
                "INSERT INTO core.sender (sender_id, workspace_id, name, channel, provider, settings, sealed_secrets, secret_names,
                     rate_per_second, price_micros, created_at, updated_at)
                 VALUES ('{sender}', '{workspace}', 's{n}', '{channel}', '{provider}', '{{}}', '', '{{}}', 1e6, {n}, now(), now())"
            ))
            .await;
    }
    let [app, other_app, page, x, page_again] = senders;
    for (account, handle) in [(page, "Fanfare"), (page_again, "Fanfare")] {
        world
            .execute(format!(
                "INSERT INTO core.sender_connection (sender_id, workspace_id, status, handle, external_id, checked_at)
                 VALUES ('{account}', '{workspace}', 'CONNECTED', '{handle}', '77', now())"
            ))
            .await;
    }
    for (channel, first) in [("push", app), ("social", page)] {
        world
            .execute(format!(
                "INSERT INTO core.campaign_channel (campaign_id, channel, sender_id, workspace_id) VALUES ('{id}', '{channel}', '{first}', '{workspace}')"
            ))
            .await;
    }
    for (position, (channel, sender)) in [("push", other_app), ("social", x), ("social", page_again)].into_iter().enumerate() {
        world
            .execute(format!(
                "INSERT INTO core.campaign_sender (campaign_id, channel, sender_id, position, workspace_id)
                 VALUES ('{id}', '{channel}', '{sender}', {position} + 1, '{workspace}')"
            ))
            .await;
    }
    Several { campaign, apps: [app, other_app], accounts: [page, x, page_again] }
}

async fn has_devices(world: &World, campaign: Campaign, apps: &[SenderId]) -> Uuid {
    let contact = world.contact(campaign, "", None).await;
    let apps = apps.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    world.execute(format!("UPDATE core.contact SET push_senders = '{{{apps}}}' WHERE contact_id = '{contact}'")).await;
    contact
}

/// Starts and writes a run as the scheduler does.
async fn start(world: &World, campaign: Campaign, chunk: i64) -> RunId {
    let db = world.connect_as(Role::Scheduler).await;
    let mut tx = db.begin().await.unwrap();
    let run = run::create(&mut tx, campaign.campaign, "several", RunId::new(), now()).await.unwrap();
    tx.commit().await.unwrap();
    loop {
        let mut tx = db.begin().await.unwrap();
        let Some(expanding) = expand::lock(&mut tx, run).await.unwrap() else { return run };
        expand::chunk(&mut tx, &expanding, chunk, now()).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn claim(db: &Db, run: RunId, channel: Channel, sender: SenderId, worker: WorkerId, ids: &[i64]) -> Vec<Claimed> {
    // The first message of a sender starts its pace.
    for _ in 0..1_000 {
        let mut tx = db.begin().await.unwrap();
        let ask = Ask { run_id: run, channel, sender_id: sender, worker_id: worker, delivery_ids: ids, limit: 10 };
        let answer = gate::pass(&mut tx, ask, now()).await.unwrap();
        tx.commit().await.unwrap();
        if !answer.claimed.is_empty() || !answer.more {
            return answer.claimed;
        }
    }
    panic!("nothing was let through")
}

async fn ids(world: &World, condition: &str) -> Vec<i64> {
    let ids =
        world.text(&format!("SELECT string_agg(delivery_id::text, ',' ORDER BY delivery_id) FROM send.delivery WHERE {condition}")).await;
    ids.split(',').filter_map(|id| id.parse().ok()).collect()
}

#[tokio::test]
async fn a_notification_goes_by_the_first_app_of_which_the_contact_has_a_device() {
    let world = World::new().await;
    let several = several(&world).await;
    let [app, other_app] = several.apps;
    let of_both = has_devices(&world, several.campaign, &[other_app, app]).await;
    let of_other = has_devices(&world, several.campaign, &[other_app]).await;
    let of_none = has_devices(&world, several.campaign, &[SenderId::new()]).await;
    world.contact(several.campaign, "", None).await;
    let run = start(&world, several.campaign, 2).await;
    for (contact, sender) in [(of_both, app), (of_other, other_app)] {
        let queued = format!(
            "run_id = '{run}' AND channel = 'push' AND contact_id = '{contact}' AND sender_id = '{sender}' AND state = 'queued'
             AND address_key = 'contact:{contact}'"
        );
        assert_eq!(world.count(&queued).await, 1, "{contact}");
    }
    let unreachable = format!("run_id = '{run}' AND channel = 'push' AND reason = 'no_address'");
    assert_eq!(world.count(&format!("{unreachable} AND contact_id = '{of_none}'")).await, 1);
    assert_eq!(world.count(&unreachable).await, 2);
    let prices =
        format!("SELECT string_agg(price_micros::text, ',' ORDER BY channel, position) FROM send.run_sender WHERE run_id = '{run}'");
    assert_eq!(world.text(&prices).await, "0,1,2,3,4");
}

#[tokio::test]
async fn each_account_posts_once_whoever_the_contacts_are() {
    let world = World::new().await;
    let several = several(&world).await;
    for _ in 0..5 {
        world.contact(several.campaign, "", None).await;
    }
    let run = start(&world, several.campaign, 2).await;
    let [page, x, page_again] = several.accounts;
    let of = |more: String| format!("run_id = '{run}' AND channel = 'social' AND {more}");
    assert_eq!(world.count(&of("true".to_owned())).await, 3, "one an account, not one a chunk");
    for (sender, address, key) in [(page, "Fanfare", "facebook:77".to_owned()), (x, "s3", format!("x:{x}"))] {
        let wanted = format!(
            "sender_id = '{sender}' AND contact_id = '{sender}' AND state = 'queued' AND address = '{address}' AND address_key = '{key}'"
        );
        assert_eq!(world.count(&of(wanted)).await, 1, "{address}");
    }
    assert_eq!(world.count(&of(format!("sender_id = '{page_again}' AND reason = 'duplicate'"))).await, 1);
}

#[tokio::test]
async fn a_sender_that_is_paused_keeps_back_its_own_part_and_no_other() {
    let world = World::new().await;
    let several = several(&world).await;
    let [page, x, _] = several.accounts;
    world
        .execute(format!(
            "INSERT INTO send.sender_state (sender_id, workspace_id, paused_at) VALUES ('{page}', '{}', now())",
            several.campaign.workspace
        ))
        .await;
    let run = start(&world, several.campaign, 10).await;
    let mut tx = world.db.begin().await.unwrap();
    let jobs = job::take_publishable(&mut tx, Channel::Social, 1_000, 64).await.unwrap();
    assert_eq!(jobs.iter().map(|job| (job.run_id, job.sender_id)).collect::<Vec<_>>(), [(run, x)]);
    drop(tx);
    world.execute("DELETE FROM send.sender_state".to_owned()).await;
    let mut tx = world.db.begin().await.unwrap();
    assert_eq!(job::take_publishable(&mut tx, Channel::Social, 1_000, 64).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_one_call_carries_is_one_job() {
    let world = World::new().await;
    let campaign = world.campaign(500, 1e6).await;
    let mut tx = world.db.begin().await.unwrap();
    store::sender::set_batch_size(&mut tx, campaign.sender, 5_000).await.unwrap();
    tx.commit().await.unwrap();
    world.expand(campaign, 1_000).await;
    assert_eq!(world.text("SELECT string_agg(size::text, ',') FROM send.job").await, "500");
    assert_eq!(world.text("SELECT batch_size FROM core.sender").await, "1000");
}

#[tokio::test]
async fn a_post_goes_on_where_the_last_try_left_it_and_is_over_when_it_is_taken() {
    let world = World::new().await;
    let several = several(&world).await;
    world.execute("UPDATE core.campaign SET budget_micros = 100".to_owned()).await;
    let run = start(&world, several.campaign, 10).await;
    let (db, worker, x) = (world.connect_as(Role::Dispatcher).await, WorkerId::new(), several.accounts[1]);
    let posts = ids(&world, &format!("run_id = '{run}' AND sender_id = '{x}'")).await;
    let mut begun_at = None;
    for attempt in 1..=3 {
        let claimed = claim(&db, run, Channel::Social, x, worker, &posts).await.pop().unwrap();
        assert_eq!((claimed.attempt, claimed.contact_id.0), (attempt, x.0));
        assert_eq!(claimed.content_version, 1, "what was prepared was made of it");
        let step = claimed.step.map(|step| (step.progress, step.steps, step.begun_at));
        assert_eq!(
            step.as_ref().map(|(progress, steps, _)| (progress["container"].as_u64(), *steps)),
            (attempt > 1).then_some((Some(u64::from(attempt) - 1), attempt - 1))
        );
        // Counted from the first of them.
        assert!(begun_at.is_none() || step.as_ref().map(|step| step.2) == begun_at);
        begun_at = step.map(|step| step.2);
        assert_eq!(world.text("SELECT reserved_micros FROM send.spend WHERE channel = 'social'").await, "3", "by the account's own price");
        let outcome = Tried {
            progress: Some(json!({"container": attempt})),
            next_attempt_at: Some(now()),
            has_progress: attempt > 1,
            ..Tried::new(claimed.delivery_id, attempt, State::RetryWait)
        };
        let mut tx = db.begin().await.unwrap();
        record::record(&mut tx, worker, &[outcome], now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.count("state = 'retry_wait' AND reason IS NULL AND NOT doubtful AND repeats = 0 AND channel = 'social'").await, 1);
        world.execute("UPDATE send.delivery SET state = 'queued' WHERE state = 'retry_wait'".to_owned()).await;
        world.execute("UPDATE send.run SET content_version = 2".to_owned()).await;
    }
    let claimed = claim(&db, run, Channel::Social, x, worker, &posts).await.pop().unwrap();
    let permalink = Some("https://x.example/1".to_owned());
    let taken = Tried { permalink, has_progress: true, ..Tried::new(claimed.delivery_id, 4, State::Accepted) };
    let mut tx = db.begin().await.unwrap();
    record::record(&mut tx, worker, &[taken], now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.count("state = 'accepted' AND permalink = 'https://x.example/1'").await, 1);
    assert_eq!(world.text("SELECT count(*) FROM send.delivery_progress").await, "0");
}

#[tokio::test]
async fn what_spares_people_keeps_back_no_post() {
    let world = World::new().await;
    let several = several(&world).await;
    let (workspace, page) = (several.campaign.workspace, several.accounts[0]);
    world.execute("UPDATE core.workspace SET quiet_start = '00:00', quiet_end = '23:59:59'".to_owned()).await;
    world.execute(format!("INSERT INTO core.frequency_cap VALUES ('{workspace}', 'all', 1, 24)")).await;
    let run = start(&world, several.campaign, 10).await;
    let posts = ids(&world, &format!("run_id = '{run}' AND sender_id = '{page}'")).await;
    // The account has posted today already.
    let of = "workspace_id, campaign_id, run_id, contact_id, sender_id, address, updated_at";
    let before = format!("INSERT INTO send.delivery ({of}, channel, state, sent_at) SELECT {of}, 'sms', 'accepted', now()");
    assert_eq!(world.execute(format!("{before} FROM send.delivery WHERE sender_id = '{page}'")).await, 1);
    let db = world.connect_as(Role::Dispatcher).await;
    assert_eq!(claim(&db, run, Channel::Social, page, WorkerId::new(), &posts).await.len(), 1);
}

#[tokio::test]
async fn what_a_lost_worker_was_at_is_asked_about_with_what_it_had() {
    let world = World::new().await;
    let several = several(&world).await;
    let run = start(&world, several.campaign, 10).await;
    let (db, worker, page) = (world.connect_as(Role::Dispatcher).await, WorkerId::new(), several.accounts[0]);
    let posts = ids(&world, &format!("run_id = '{run}' AND sender_id = '{page}'")).await;
    let claimed = claim(&db, run, Channel::Social, page, worker, &posts).await.pop().unwrap();
    let prepared = Tried {
        progress: Some(json!({"container": 9})),
        next_attempt_at: Some(now()),
        ..Tried::new(claimed.delivery_id, 1, State::RetryWait)
    };
    let mut tx = db.begin().await.unwrap();
    record::record(&mut tx, worker, &[prepared], now()).await.unwrap();
    tx.commit().await.unwrap();
    world.execute("UPDATE send.delivery SET state = 'queued' WHERE state = 'retry_wait'".to_owned()).await;
    claim(&db, run, Channel::Social, page, worker, &posts).await;
    let mut tx = db.begin().await.unwrap();
    let second = std::time::Duration::from_secs(1);
    settle::release_dead(&mut tx, Channel::Social, second, std::time::Duration::ZERO, 10, now()).await.unwrap();
    let due = settle::take_due(&mut tx, Channel::Social, second, 10, now() + second).await.unwrap();
    tx.commit().await.unwrap();
    let [due] = &due[..] else { panic!("{due:?}") };
    assert_eq!((due.progress.as_ref().unwrap()["container"].as_u64(), due.run_id, due.price_micros), (Some(9), run, 2));
}

#[tokio::test]
async fn whoever_hides_their_phone_is_reached_by_their_whatsapp_id() {
    let world = World::new().await;
    let campaign = world.campaign(2, 1e6).await;
    let sender = campaign.sender;
    world.execute(format!("UPDATE core.sender SET channel = 'whatsapp' WHERE sender_id = '{sender}'")).await;
    world.execute("UPDATE core.campaign_channel SET channel = 'whatsapp'".to_owned()).await;
    let hidden = world.contact(campaign, "", None).await;
    let both = world.contact(campaign, "+971500099999", Some("+971500099999")).await;
    for contact in [hidden, both] {
        world.execute(format!("UPDATE core.contact SET whatsapp_id = 'AE.{}' WHERE contact_id = '{contact}'", contact.simple())).await;
    }
    let again = world.contact(campaign, "", None).await;
    world.execute(format!("UPDATE core.contact SET whatsapp_id = 'AE.{}' WHERE contact_id = '{again}'", hidden.simple())).await;
    let run = start(&world, campaign, 2).await;
    let of = |contact: Uuid| format!("run_id = '{run}' AND contact_id = '{contact}'");
    assert_eq!(world.count(&format!("{} AND address_key = 'wa:AE.{1}' AND address = 'AE.{1}'", of(hidden), hidden.simple())).await, 1);
    assert_eq!(world.count(&format!("{} AND address_key = '+971500099999'", of(both))).await, 1);
    assert_eq!(world.count(&format!("{} AND reason = 'duplicate'", of(again))).await, 1);
    let queued = ids(&world, &format!("run_id = '{run}' AND state = 'queued'")).await;
    assert_eq!(queued.len(), 4);
    // An opt-out from the time when the number was hidden is that person's still.
    world.opt_out(campaign, &format!("wa:AE.{}", both.simple()), "whatsapp").await;
    let db = world.connect_as(Role::Dispatcher).await;
    let claimed = claim(&db, run, Channel::Whatsapp, sender, WorkerId::new(), &queued).await;
    assert!(claimed.len() == 3 && claimed.iter().all(|claimed| claimed.contact_id.0 != both));
    let stopped = ids(&world, &format!("{} AND state = 'suppressed'", of(both))).await;
    assert_eq!(gate::revoked(&mut db.acquire().await.unwrap(), &queued).await.unwrap(), stopped);
    assert_eq!(stopped.len(), 1);
}
