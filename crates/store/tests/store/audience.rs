//! The preview counts exactly what the expansion of a run writes.

use crate::fixture::{Campaign, World, now};
use domain::{Channel, ListId};
use store::audience::{self, Audience, Choice, Reach, Terms};
use uuid::Uuid;

async fn preview(world: &World, campaign: Campaign, include: &[Uuid], exclude: &[Uuid]) -> (u64, Reach) {
    let lists = |ids: &[Uuid]| ids.iter().map(|id| (*id).into()).collect::<Vec<ListId>>();
    let choice = Choice { lists: lists(include), exclude_lists: lists(exclude), ..Choice::default() };
    let mut tx = world.db.begin().await.unwrap();
    let audience = audience::of_choice(&mut tx, campaign.workspace, choice, now()).await.unwrap();
    let count = audience::count(&mut tx, &audience).await.unwrap();
    (count, reach(world, &audience, &[Channel::Sms]).await.remove(0))
}

/// By channel, in their order.
async fn reach(world: &World, audience: &Audience, channels: &[Channel]) -> Vec<Reach> {
    let mut tx = world.db.begin().await.unwrap();
    let terms = Terms { channels, ..Terms::default() };
    let mut reached = audience::preview(&mut tx, audience, terms).await.unwrap().channels;
    channels.iter().map(|channel| reached.remove(channel).unwrap()).collect()
}

async fn of_campaign(world: &World, campaign: Campaign) -> Audience {
    let mut tx = world.db.begin().await.unwrap();
    audience::of_campaign(&mut tx, campaign.workspace, campaign.campaign, now()).await.unwrap()
}

fn reasons(pairs: &[(&str, u64)]) -> std::collections::BTreeMap<String, u64> {
    pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

#[tokio::test]
async fn the_preview_says_what_the_run_then_writes() {
    let world = World::new().await;
    let campaign = world.campaign(10, 10.0).await;
    world.contact(campaign, "", None).await;
    world.contact(campaign, "05-not-a-phone", None).await;
    for _ in 0..2 {
        world.contact(campaign, "+971500000001", Some("+971500000001")).await;
        // Opted out, and there twice: the opt-out is the reason for both.
        world.contact(campaign, "+971500000002", Some("+971500000002")).await;
    }
    world.opt_out(campaign, "+971500000002", "sms").await;
    world.opt_out(campaign, "+971500000002", "all").await;
    world.opt_out(campaign, "+971500000003", "whatsapp").await;
    let (contacts, reach) = preview(&world, campaign, &[campaign.list], &[]).await;
    assert_eq!((contacts, reach.target, reach.reachable), (16, 16, 9));
    world.expand(campaign, 4).await;
    assert_eq!(world.count("true").await, reach.target.cast_signed());
    assert_eq!(world.count("state = 'queued'").await, reach.reachable.cast_signed());
    let expected = [("duplicate", 2), ("invalid_address", 1), ("no_address", 1), ("opted_out", 3)];
    assert_eq!(reach.unreachable, expected.map(|(reason, count)| (reason.to_owned(), count)).into());
    for (reason, count) in &reach.unreachable {
        assert_eq!(world.count(&format!("reason = '{reason}'")).await, count.cast_signed(), "{reason}");
    }
}

#[tokio::test]
async fn somebody_on_two_lists_counts_once_and_on_an_excluded_one_not_at_all() {
    let world = World::new().await;
    let campaign = world.campaign(5, 10.0).await;
    let (second, excluded) = (Uuid::now_v7(), Uuid::now_v7());
    let workspace = campaign.workspace;
    for (list, members) in [(second, 5), (excluded, 2)] {
        world
            .execute(format!(
                "INSERT INTO core.list (list_id, workspace_id, name, created_at) VALUES ('{list}', '{workspace}', '{list}', now())"
            ))
            .await;
        world
            .execute(format!(
                "INSERT INTO core.list_member (list_id, contact_id, workspace_id, added_at)
                 SELECT '{list}', contact_id, workspace_id, now() FROM core.contact ORDER BY contact_id LIMIT {members}"
            ))
            .await;
    }
    let (contacts, reach) = preview(&world, campaign, &[campaign.list, second], &[excluded]).await;
    assert_eq!((contacts, reach.target, reach.reachable), (3, 3, 3));
    assert_eq!(preview(&world, campaign, &[], &[]).await, (0, Reach::default()));
}

#[tokio::test]
async fn channels_of_one_kind_of_address_are_counted_together_and_told_apart() {
    let world = World::new().await;
    let campaign = world.campaign(4, 10.0).await;
    world.contact(campaign, "+971500000001", Some("+971500000001")).await;
    world.opt_out(campaign, "+971500000000", "sms").await;
    world.opt_out(campaign, "+971500000001", "whatsapp").await;
    world.opt_out(campaign, "+971500000002", "email").await;
    let audience = of_campaign(&world, campaign).await;
    let found = reach(&world, &audience, &[Channel::Sms, Channel::Whatsapp]).await;
    assert_eq!(found[0], Reach { target: 5, reachable: 3, unreachable: reasons(&[("opted_out", 1), ("duplicate", 1)]) });
    assert_eq!(found[1], Reach { target: 5, reachable: 3, unreachable: reasons(&[("opted_out", 2)]) });
    let by_mail = reach(&world, &audience, &[Channel::Email]).await;
    assert_eq!(by_mail[0], Reach { target: 5, reachable: 0, unreachable: reasons(&[("no_address", 5)]) });
    assert!(reach(&world, &audience, &[]).await.is_empty());
}

#[tokio::test]
async fn who_has_got_enough_is_told_apart_from_those_who_have_not() {
    let world = World::new().await;
    let campaign = world.campaign(5, 10.0).await;
    let workspace = campaign.workspace;
    world.execute(format!("INSERT INTO core.frequency_cap VALUES ('{workspace}', 'sms', 1, 24), ('{workspace}', 'all', 2, 48)")).await;
    // Of two with one address the first counts, and it is the second that has got enough.
    let second = world.contact(campaign, "+971500000004", Some("+971500000004")).await;
    let (earlier, run) = (world.campaign(0, 1.0).await, Uuid::now_v7());
    world
        .execute(format!(
            "INSERT INTO send.run (run_id, workspace_id, campaign_id, occurrence, status, template_id, template_version, content, created_at,
                                   expires_at, completed_at)
             VALUES ('{run}', '{workspace}', '{}', 'earlier', 'completed', '{run}', 1, '{{}}', now(), now(), now())",
            earlier.campaign
        ))
        .await;
    let sent = async |contact: &str, channel: &str, hours: u32, state: &str| {
        let sql = format!(
            "INSERT INTO send.delivery (workspace_id, campaign_id, run_id, contact_id, sender_id, channel, state, address, sent_at, updated_at)
             SELECT '{workspace}', '{}', '{run}', contact_id, '{run}', '{channel}', '{state}', '', now() - interval '{hours} hours', now()
             FROM core.contact WHERE workspace_id = '{workspace}' AND {contact}",
            earlier.campaign
        );
        assert_eq!(world.execute(sql).await, 1);
    };
    sent("phone = '+971500000000'", "sms", 1, "accepted").await;
    sent("phone = '+971500000001'", "sms", 25, "accepted").await;
    sent("phone = '+971500000002'", "sms", 1, "rejected").await;
    sent("phone = '+971500000003'", "email", 40, "unknown").await;
    sent("phone = '+971500000003'", "whatsapp", 40, "accepted").await;
    sent(&format!("contact_id = '{second}'"), "sms", 1, "sending").await;
    let audience = of_campaign(&world, campaign).await;
    let expected = reasons(&[("duplicate", 1), ("frequency_cap", 2)]);
    assert_eq!(reach(&world, &audience, &[Channel::Sms]).await[0], Reach { target: 6, reachable: 3, unreachable: expected });
    let by_whatsapp = reach(&world, &audience, &[Channel::Sms, Channel::Whatsapp]).await.remove(1);
    assert_eq!(by_whatsapp, Reach { target: 6, reachable: 4, unreachable: reasons(&[("duplicate", 1), ("frequency_cap", 1)]) });
    let mut tx = world.db.begin().await.unwrap();
    let urgent = Terms { channels: &[Channel::Sms], transactional: true, ..Terms::default() };
    let reached = audience::preview(&mut tx, &audience, urgent).await.unwrap();
    assert_eq!(reached.channels[&Channel::Sms].reachable, 5);
}

#[tokio::test]
async fn who_has_left_the_topic_is_left_out_and_takes_nobodys_place() {
    let world = World::new().await;
    let campaign = world.campaign(3, 10.0).await;
    let (workspace, topic) = (campaign.workspace, Uuid::now_v7());
    let second = world.contact(campaign, "+971500000002", Some("+971500000002")).await;
    world
        .execute(format!("INSERT INTO core.topic (topic_id, workspace_id, name, created_at) VALUES ('{topic}', '{workspace}', 't', now())"))
        .await;
    world.execute(format!("UPDATE core.campaign SET topic_id = '{topic}' WHERE campaign_id = '{}'", campaign.campaign)).await;
    // One by address, one by contact: of the latter's two contacts the first has left, and the second still gets it.
    let first = "SELECT contact_id::text FROM core.contact WHERE phone = '+971500000002' ORDER BY contact_id LIMIT 1";
    let first = world.text(first).await;
    for subject in ["+971500000001", first.as_str()] {
        let sql = "INSERT INTO core.topic_opt_out (topic_id, subject, workspace_id, source, created_at) VALUES";
        world.execute(format!("{sql} ('{topic}', '{subject}', '{workspace}', 'api', now())")).await;
    }
    let audience = of_campaign(&world, campaign).await;
    let found = reach(&world, &audience, &[Channel::Sms]).await.remove(0);
    assert_eq!(found, Reach { target: 4, reachable: 2, unreachable: reasons(&[("topic_opted_out", 2)]) });
    world.expand(campaign, 2).await;
    assert_eq!(world.count("reason = 'topic_opted_out'").await, 2);
    assert_eq!(world.count(&format!("state = 'queued' AND contact_id = '{second}'")).await, 1);
    assert_eq!(world.count("state = 'queued'").await, 2);
}
