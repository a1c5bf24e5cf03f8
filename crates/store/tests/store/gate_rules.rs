//! Each rule of the gate, as of the moment of sending, and the record of what it decided.

use crate::fixture::{Campaign, World, now, pass_in};
use domain::{Channel, ContactId, SenderId, WorkerId, delivery::State, facts::Bits, gate::decide};
use std::time::Duration;
use store::{
    Role,
    gate::{self, Answer, Ask, Standing, Subject},
};
use uuid::Uuid;

/// A campaign of `contacts` whose deliveries wait, and their ids.
async fn waiting(world: &World, contacts: u32) -> (Campaign, Vec<i64>) {
    let campaign = world.campaign(contacts, 1e6).await;
    world.expand(campaign, 100).await;
    // The pace of a sender starts from nothing; here it has started.
    world
        .execute(format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{}', now() - interval '1 minute')", campaign.sender))
        .await;
    let ids = world.delivery_ids(campaign).await;
    (campaign, ids)
}

async fn pass(world: &World, campaign: Campaign, ids: &[i64]) -> Answer {
    world.pass(campaign, WorkerId::new(), ids, 64).await
}

async fn set(world: &World, campaign: Campaign, what: &str) {
    world.execute(format!("UPDATE core.campaign SET {what} WHERE campaign_id = '{}'", campaign.campaign)).await;
}

async fn set_workspace(world: &World, campaign: Campaign, what: &str) {
    world.execute(format!("UPDATE core.workspace SET {what} WHERE workspace_id = '{}'", campaign.workspace)).await;
}

async fn cap(world: &World, campaign: Campaign, channel: &str, most: u32) {
    let workspace = campaign.workspace;
    world.execute(format!("INSERT INTO core.frequency_cap VALUES ('{workspace}', '{channel}', {most}, 24)")).await;
}

/// The rules that were written down for a verdict, with how often.
async fn decisions(world: &World, verdict: &str) -> Vec<(String, i64)> {
    let mut connection = world.db.acquire().await.unwrap();
    sqlx::query_as("SELECT rule, count(*) FROM send.decision WHERE verdict = $1 GROUP BY rule ORDER BY rule")
        .bind(verdict)
        .fetch_all(&mut *connection)
        .await
        .unwrap()
}

/// Something that the contacts of a campaign got before, by SQL: a copy of each delivery on another channel, and its status.
async fn on_email(world: &World, campaign: Campaign, status: &str) {
    let run = campaign.run;
    world
        .execute(format!(
            "INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, address, address_key, sent_at,
                                        updated_at)
             SELECT workspace_id, campaign_id, run_id, contact_id, sender_id, 'email', 'accepted', address, address, now() - interval '1 hour',
                    now() FROM send.delivery WHERE run_id = '{run}' AND channel = 'sms'"
        ))
        .await;
    world
        .execute(format!(
            "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at, {status})
             SELECT delivery_id, workspace_id, 1, now(), now() - interval '30 minutes' FROM send.delivery
             WHERE run_id = '{run}' AND channel = 'email'"
        ))
        .await;
}

async fn rule(world: &World, campaign: Campaign, engagement: &str, within_hours: u32) {
    world
        .execute(format!(
            "INSERT INTO core.campaign_rule VALUES ('{}', '{}', 0, 'email', '{engagement}', {within_hours}, 'sms')",
            campaign.campaign, campaign.workspace
        ))
        .await;
}

#[tokio::test]
async fn every_decision_is_written_down_with_its_rule() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 4).await;
    world.opt_out(campaign, "+971500000001", "all").await;
    world.execute("DELETE FROM core.contact WHERE phone = '+971500000002'".to_owned()).await;
    let answer = pass(&world, campaign, &ids).await;
    assert_eq!((answer.claimed.len(), answer.stopped.len(), answer.more), (2, 2, false));
    assert_eq!(decisions(&world, "passed").await, [], "a first pass is written in the delivery itself");
    assert_eq!(world.count("passed_at = sent_at").await, 2);
    assert_eq!(decisions(&world, "suppressed").await, [("contact_deleted".to_owned(), 1), ("opt_out".to_owned(), 1)]);
    assert_eq!(world.count("state = 'sending' AND attempt = 1 AND sent_at IS NOT NULL AND worker_id IS NOT NULL").await, 2);
    world.execute("UPDATE send.delivery SET state = 'queued' WHERE state = 'sending'".to_owned()).await;
    world.execute("UPDATE send.run SET expires_at = now() - interval '1 second'".to_owned()).await;
    assert_eq!(pass(&world, campaign, &ids).await.standing, Standing::Expired);
    assert_eq!(decisions(&world, "expired").await, [("expired".to_owned(), 2)]);
}

#[tokio::test]
async fn a_cap_counts_what_a_contact_got_on_all_channels() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 3).await;
    on_email(&world, campaign, "opened_at").await;
    cap(&world, campaign, "all", 2).await;
    cap(&world, campaign, "email", 1).await;
    assert_eq!(pass(&world, campaign, &ids[..1]).await.claimed.len(), 1, "one of two, and the cap on email isn't about SMS");
    world.execute("UPDATE core.frequency_cap SET max_messages = 1 WHERE channel = 'all'".to_owned()).await;
    assert!(pass(&world, campaign, &ids).await.claimed.is_empty());
    assert_eq!(decisions(&world, "suppressed").await, [("frequency_cap: 1 messages in 24 h".to_owned(), 2)]);
    assert_eq!(world.count("state = 'suppressed' AND reason = 'frequency_cap'").await, 2);
}

#[tokio::test]
async fn what_a_cap_counts_no_longer_holds_after_its_window() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 3).await;
    on_email(&world, campaign, "opened_at").await;
    cap(&world, campaign, "all", 1).await;
    world.execute("UPDATE send.delivery SET sent_at = now() - interval '25 hours' WHERE delivery_id % 2 = 0".to_owned()).await;
    world.execute("UPDATE send.delivery SET state = 'rejected' WHERE channel = 'email' AND delivery_id % 2 = 1".to_owned()).await;
    assert_eq!(pass(&world, campaign, &ids).await.claimed.len(), 3, "too long ago, or never taken");
}

#[tokio::test]
async fn two_gates_at_once_cannot_both_send_the_last_message_of_a_cap() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 20).await;
    cap(&world, campaign, "all", 1).await;
    let email = SenderId::new();
    for sql in [
        format!(
            "INSERT INTO core.sender SELECT '{email}', workspace_id, 'e', 'email', provider, settings, sealed_secrets, secret_names, 1e6,
                    price_micros, currency, now(), now() FROM core.sender"
        ),
        format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{email}', now() - interval '1 minute')"),
        format!("INSERT INTO send.run_channel (run_id, channel, sender_id, price_micros) VALUES ('{}', 'email', '{email}', 0)", campaign.run),
        "INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, address, address_key, updated_at)
         SELECT workspace_id, campaign_id, run_id, contact_id, sender_id, 'email', 'queued', address, address, now() FROM send.delivery"
            .to_owned(),
    ] {
        world.execute(sql).await;
    }
    let all = world.delivery_ids(campaign).await;
    let on_email: Vec<_> = all.into_iter().filter(|id| !ids.contains(id)).collect();
    let by_email = async |part: &[i64]| {
        let ask = Ask {
            run_id: campaign.run,
            channel: Channel::Email,
            sender_id: email,
            worker_id: WorkerId::new(),
            delivery_ids: part,
            limit: 64,
        };
        let mut tx = world.db.begin().await.unwrap();
        gate::pass(&mut tx, ask, now()).await.unwrap();
        tx.commit().await.unwrap();
    };
    let mut halves = ids.chunks(5).zip(on_email.chunks(5));
    for (sms, email) in halves.by_ref() {
        tokio::join!(pass(&world, campaign, sms), by_email(email));
    }
    assert_eq!((world.count("state = 'sending'").await, world.count("reason = 'frequency_cap'").await), (20, 20));
}

#[tokio::test]
async fn quiet_hours_put_a_message_off_and_count_no_try() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 3).await;
    // Quiet in UTC, for another half an hour; not so two hours further east.
    set_workspace(
        &world,
        campaign,
        "quiet_start = (now() AT TIME ZONE 'UTC')::time - interval '30 minutes',
         quiet_end = (now() AT TIME ZONE 'UTC')::time + interval '30 minutes'",
    )
    .await;
    world.execute("UPDATE core.contact SET timezone = 'Etc/GMT-2' WHERE phone = '+971500000000'".to_owned()).await;
    world.execute("UPDATE core.contact SET timezone = 'Mars/Olympus' WHERE phone = '+971500000001'".to_owned()).await;
    let answer = pass(&world, campaign, &ids).await;
    assert_eq!((answer.claimed.len(), answer.stopped.len()), (1, 0));
    let put_off = "state = 'retry_wait' AND reason = 'quiet_hours' AND attempt = 0
                   AND next_attempt_at BETWEEN now() + interval '28 minutes' AND now() + interval '31 minutes'";
    assert_eq!(world.count(put_off).await, 2);
    let rules = decisions(&world, "deferred").await;
    assert!(rules.len() == 1 && rules[0].0.starts_with("quiet hours ") && rules[0].0.ends_with(" UTC"), "{rules:?}");
}

#[tokio::test]
async fn what_a_person_waits_for_ignores_caps_and_quiet_hours() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 1).await;
    cap(&world, campaign, "all", 1).await;
    on_email(&world, campaign, "opened_at").await;
    set_workspace(&world, campaign, "quiet_start = '00:00', quiet_end = '23:59:59'").await;
    set(&world, campaign, "lane = 'transactional'").await;
    assert_eq!(pass(&world, campaign, &ids).await.claimed.len(), 1);
}

#[tokio::test]
async fn who_opened_on_one_channel_is_skipped_on_another() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 2).await;
    rule(&world, campaign, "opened", 48).await;
    on_email(&world, campaign, "opened_at").await;
    // The second one's mail was opened by a machine: that sets no time.
    world
        .execute(format!(
            "UPDATE stats.delivery_status s SET opened_at = NULL FROM send.delivery e, send.delivery d
             WHERE s.delivery_id = e.delivery_id AND e.contact_id = d.contact_id AND d.delivery_id = {}",
            ids[1]
        ))
        .await;
    let answer = pass(&world, campaign, &ids).await;
    assert_eq!(answer.claimed.iter().map(|claimed| claimed.delivery_id.0).collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(decisions(&world, "suppressed").await, [("opened email within 48 h skips sms".to_owned(), 1)]);
    assert_eq!(world.count("state = 'suppressed' AND reason = 'engaged_elsewhere'").await, 1);
}

#[tokio::test]
async fn engagement_with_another_campaign_or_too_long_ago_skips_nothing() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 2).await;
    let other = world.campaign(0, 1.0).await;
    rule(&world, campaign, "clicked", 1).await;
    on_email(&world, campaign, "clicked_at").await;
    let first = "(SELECT min(delivery_id) FROM stats.delivery_status)";
    world.execute(format!("UPDATE stats.delivery_status SET clicked_at = now() - interval '61 minutes' WHERE delivery_id = {first}")).await;
    world
        .execute(format!(
            "UPDATE send.delivery SET campaign_id = '{}', run_id = '{}' WHERE channel = 'email' AND delivery_id > {first}",
            other.campaign, other.run
        ))
        .await;
    assert_eq!(pass(&world, campaign, &ids).await.claimed.len(), 2);
}

#[tokio::test]
async fn a_budget_is_never_passed_by_gates_that_race() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 60).await;
    world.execute("UPDATE send.run_channel SET price_micros = 7".to_owned()).await;
    set(&world, campaign, "budget_micros = 7 * 25 + 6").await;
    let parts: Vec<_> = ids.chunks(20).collect();
    let (a, b, c) = tokio::join!(pass(&world, campaign, parts[0]), pass(&world, campaign, parts[1]), pass(&world, campaign, parts[2]));
    let passed: usize = [&a, &b, &c].iter().map(|answer| answer.claimed.len()).sum();
    assert_eq!((passed, world.count("reserved_micros = 7").await), (25, 25));
    let again = pass(&world, campaign, &ids).await;
    assert_eq!(
        again.standing,
        Standing::OverBudget { of_channel: false, wait: Some(Duration::from_secs(1)) },
        "what is on its way may be refunded"
    );
    let mut tx = world.db.begin().await.unwrap();
    store::budget::refund(&mut tx, &ids).await.unwrap();
    store::budget::refund(&mut tx, &ids).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.count("reserved_micros > 0").await, 0);
    world.execute("UPDATE send.delivery SET state = 'rejected' WHERE state = 'sending'".to_owned()).await;
    assert_eq!(pass(&world, campaign, &ids).await.claimed.len(), 25, "given back once, and spent again");
    world.execute("UPDATE send.delivery SET state = 'accepted' WHERE state = 'sending'".to_owned()).await;
    assert_eq!(pass(&world, campaign, &ids).await.standing, Standing::OverBudget { of_channel: false, wait: None });
    assert_eq!(world.count("state = 'queued'").await, 10);
}

#[tokio::test]
async fn a_channels_own_budget_and_what_a_message_already_holds() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 5).await;
    world.execute("UPDATE send.run_channel SET price_micros = 10".to_owned()).await;
    world.execute("UPDATE core.campaign_channel SET budget_micros = 20".to_owned()).await;
    set(&world, campaign, "budget_micros = 1000").await;
    assert_eq!(pass(&world, campaign, &ids).await.claimed.len(), 2);
    // An idempotent retry may have left already: it costs once.
    world.execute("UPDATE send.delivery SET state = 'queued', doubtful = true WHERE state = 'sending'".to_owned()).await;
    assert_eq!(pass(&world, campaign, &ids).await.claimed.len(), 2);
    let mut connection = world.db.acquire().await.unwrap();
    let spent: Vec<(String, i64)> =
        sqlx::query_as("SELECT channel, reserved_micros FROM send.spend ORDER BY 1").fetch_all(&mut *connection).await.unwrap();
    assert_eq!(spent, [(String::new(), 20), ("sms".to_owned(), 20)]);
    world.execute("UPDATE send.delivery SET state = 'accepted' WHERE state = 'sending'".to_owned()).await;
    assert_eq!(pass(&world, campaign, &ids).await.standing, Standing::OverBudget { of_channel: true, wait: None });
}

#[tokio::test]
async fn a_positive_report_stops_a_retry() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 4).await;
    world.execute("UPDATE send.delivery SET attempt = 1".to_owned()).await;
    world.execute(format!("UPDATE send.delivery SET doubtful = true WHERE delivery_id = {}", ids[2])).await;
    for (id, bits) in [(ids[0], Bits::DELIVERED), (ids[1], Bits::ACCEPTED | Bits::FAILED), (ids[2], Bits::SENT)] {
        world
            .execute(format!(
                "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at)
                 VALUES ({id}, '{}', {}, now())",
                campaign.workspace, bits.0
            ))
            .await;
    }
    let answer = pass(&world, campaign, &ids).await;
    let claimed: Vec<_> = answer.claimed.iter().map(|claimed| claimed.delivery_id.0).collect();
    assert_eq!(claimed, [ids[1], ids[3]]);
    assert!(answer.stopped.iter().all(|stopped| stopped.state == State::Accepted));
    assert_eq!(world.count("state = 'accepted'").await, 2);
    assert_eq!(decisions(&world, "accepted").await.len(), 1);
}

async fn sender_state(world: &World, sender: SenderId, columns: &str, values: &str) {
    world.execute("DELETE FROM send.sender_state".to_owned()).await;
    world
        .execute(format!(
            "INSERT INTO send.sender_state (sender_id, workspace_id, {columns})
             SELECT sender_id, workspace_id, {values} FROM core.sender WHERE sender_id = '{sender}'"
        ))
        .await;
}

#[tokio::test]
async fn nothing_leaves_by_a_sender_that_is_paused_or_down() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 3).await;
    sender_state(&world, campaign.sender, "paused_at", "now()").await;
    assert_eq!(pass(&world, campaign, &ids).await.standing, Standing::SenderPaused);
    sender_state(&world, campaign.sender, "failures, open_until", "5, now() + interval '30 seconds'").await;
    assert!(matches!(pass(&world, campaign, &ids).await.standing, Standing::SenderDown { until } if until > now()));
    world.execute("DELETE FROM send.sender_state".to_owned()).await;
    world.execute("UPDATE send.run_channel SET paused_at = now()".to_owned()).await;
    assert_eq!(pass(&world, campaign, &ids).await.standing, Standing::ChannelPaused);
    assert_eq!(world.count("state = 'queued'").await, 3);
}

#[tokio::test]
async fn one_probe_finds_out_whether_a_sender_works_again() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 9).await;
    sender_state(&world, campaign.sender, "failures, trips, open_until", "5, 1, now() - interval '1 second'").await;
    let parts: Vec<_> = ids.chunks(3).collect();
    let (a, b, c) = tokio::join!(pass(&world, campaign, parts[0]), pass(&world, campaign, parts[1]), pass(&world, campaign, parts[2]));
    let answers = [a, b, c];
    assert_eq!(answers.iter().map(|answer| answer.claimed.len()).sum::<usize>(), 1);
    assert_eq!(answers.iter().filter(|answer| matches!(answer.standing, Standing::SenderDown { .. })).count(), 2);
    assert!(matches!(pass(&world, campaign, &ids).await.standing, Standing::SenderDown { .. }));
    // The probe's worker died: the next one leaves when it would have answered.
    world.execute("UPDATE send.sender_state SET open_until = now() - interval '1 second'".to_owned()).await;
    assert_eq!(pass(&world, campaign, &ids).await.claimed.len(), 1);
}

#[tokio::test]
async fn what_waits_goes_by_the_fallback_but_not_what_may_have_left() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 3).await;
    let second = SenderId::new();
    world
        .execute(format!(
            "INSERT INTO core.sender SELECT '{second}', workspace_id, 'second', channel, provider, settings, sealed_secrets, secret_names, 1e6,
                    price_micros, currency, now(), now() FROM core.sender"
        ))
        .await;
    world.execute(format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{second}', now() - interval '1 minute')")).await;
    world
        .execute(format!("UPDATE send.run_channel SET fallback_sender_id = '{second}', fallback_price_micros = 9, price_micros = 5"))
        .await;
    set(&world, campaign, "budget_micros = 1000").await;
    world.execute(format!("UPDATE send.delivery SET doubtful = true, attempt = 1 WHERE delivery_id = {}", ids[0])).await;
    sender_state(&world, campaign.sender, "paused_at", "now()").await;
    let stand_in = Campaign { sender: second, ..campaign };
    let answer = pass(&world, stand_in, &ids).await;
    assert_eq!(answer.claimed.iter().map(|claimed| claimed.delivery_id.0).collect::<Vec<_>>(), ids[1..]);
    assert_eq!(world.count(&format!("sender_id = '{second}' AND state = 'sending' AND reserved_micros = 9")).await, 2);
    assert_eq!(decisions(&world, "passed").await, [("fallback sender".to_owned(), 2)]);
    let mut connection = world.db.acquire().await.unwrap();
    let plan = gate::plan(&mut connection, campaign.run, Channel::Sms).await.unwrap().unwrap();
    assert_eq!(plan.fallback, Some(gate::Fallback { sender_id: second, price_micros: 9 }));
}

#[tokio::test]
async fn bulk_gives_way_to_the_fast_lane() {
    let world = World::new().await;
    let (bulk, bulk_ids) = waiting(&world, 9).await;
    let (fast, fast_ids) = waiting(&world, 9).await;
    set(&world, fast, "lane = 'transactional'").await;
    world.execute("UPDATE core.sender SET rate_per_second = 20".to_owned()).await;
    let by_same_sender = Campaign { sender: bulk.sender, ..fast };
    assert!(pass(&world, by_same_sender, &fast_ids).await.claimed.len() < 9, "it wants more than the pace allows");
    let answer = pass(&world, bulk, &bulk_ids).await;
    assert!(answer.claimed.is_empty() && answer.more && answer.wait.unwrap() > Duration::from_millis(100), "{answer:?}");
}

#[tokio::test]
async fn a_judge_answers_for_messages_that_do_not_exist_as_any_service() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 2).await;
    rule(&world, campaign, "opened", 0).await;
    cap(&world, campaign, "sms", 5).await;
    on_email(&world, campaign, "opened_at").await;
    world.opt_out(campaign, "+971500009999", "sms").await;
    let mut connection = world.db.acquire().await.unwrap();
    let contact: Uuid = sqlx::query_scalar("SELECT contact_id FROM send.delivery WHERE delivery_id = $1")
        .bind(ids[0])
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    for role in [Role::Api, Role::Dispatcher, Role::Analytics, Role::Scheduler] {
        let mut tx = world.connect_as(role).await.tenant(campaign.workspace).await.unwrap();
        let policy = gate::policy(&mut tx, campaign.campaign, Channel::Sms).await.unwrap();
        let subject = |contact_id, address_key| Subject { contact_id, address_key, tried: None, doubtful: false };
        let subjects = [
            subject(ContactId(contact), "+971500000000"),
            subject(ContactId::new(), "+971500000000"),
            subject(ContactId(contact), "+971500009999"),
        ];
        let known = gate::judge(&mut tx, campaign.campaign, &policy, &subjects, now()).await.unwrap();
        let reasons: Vec<_> = known.iter().map(|known| format!("{:?}", decide(&policy, known, now()))).collect();
        for (reason, expected) in reasons.iter().zip(["engaged_elsewhere", "contact_deleted", "opted_out"]) {
            assert!(reason.contains(expected), "{role:?}: {reasons:?}");
        }
    }
    // Fenced: another workspace's campaign isn't there.
    let mut tx = world.connect_as(Role::Api).await.tenant(domain::WorkspaceId::new()).await.unwrap();
    let fenced = gate::policy(&mut tx, campaign.campaign, Channel::Sms).await;
    assert!(matches!(fenced, Err(store::Error::Database(sqlx::Error::RowNotFound))), "{fenced:?}");
}

#[tokio::test]
async fn the_gate_works_as_the_dispatcher() {
    let world = World::new().await;
    let (campaign, ids) = waiting(&world, 4).await;
    rule(&world, campaign, "opened", 0).await;
    cap(&world, campaign, "all", 5).await;
    world.execute("UPDATE send.run_channel SET price_micros = 1".to_owned()).await;
    set(&world, campaign, "budget_micros = 3").await;
    sender_state(&world, campaign.sender, "failures, open_until", "5, now() - interval '1 second'").await;
    let db = world.connect_as(Role::Dispatcher).await;
    for expected in [1, 0] {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(pass_in(&mut tx, campaign, WorkerId::new(), &ids, 64).await.claimed.len(), expected);
        tx.commit().await.unwrap();
    }
    let mut tx = db.begin().await.unwrap();
    store::budget::refund(&mut tx, &ids).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.count("reserved_micros > 0").await, 0);
}
