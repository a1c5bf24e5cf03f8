//! The log folded anew: it finds what was tampered with, says it, and puts it right while the fold goes on.

use crate::{
    fixture::{Campaign, World, now},
    fold::{about, eventful, reported},
};
use domain::{
    Channel, DeliveryId,
    facts::{Kind, Metric},
};
use store::{
    Db, Role,
    rebuild::{Check, Exclusive, Report},
    recount,
};
use time::OffsetDateTime;

async fn check(db: &Db, campaign: Campaign, settled_before: Option<OffsetDateTime>) -> (Report, Vec<DeliveryId>) {
    let mut tx = db.begin().await.unwrap();
    recount::snapshot(&mut tx).await.unwrap();
    let mut check = Check::begin(&mut tx, campaign.workspace, campaign.campaign, settled_before).await.unwrap();
    let mut differing = Vec::new();
    while let Some(page) = check.page(&mut tx).await.unwrap() {
        differing.extend(page.differing);
    }
    (check.finish(&mut tx).await.unwrap(), differing)
}

impl World {
    /// As the service's own role, so that its rights are tested too.
    pub async fn check(&self, campaign: Campaign) -> Report {
        check(&self.connect_as(Role::Analytics).await, campaign, None).await.0
    }

    /// What the ledger has said until now, and the figures don't.
    async fn unfolded(&self, campaign: Campaign) -> Vec<String> {
        let settled_before = now() + time::Duration::seconds(1);
        check(&self.connect_as(Role::Analytics).await, campaign, Some(settled_before)).await.0.ledger
    }
}

#[tokio::test]
async fn what_was_folded_is_equal_and_needs_no_repair() {
    let world = World::new().await;
    let (campaign, facts) = eventful(&world).await;
    world.fold(&facts[..30]).await;
    // What only claims to be about a delivery is in the log, and counts nowhere.
    let stranger = world.campaign(1, 1e6).await;
    let id = world.delivery_ids(campaign).await[30];
    world.fold(&[store::fact::Fact { sender_id: Some(stranger.sender), ..about(id, Kind::Clicked, "") }]).await;
    assert!(world.check(campaign).await.is_equal(), "at any moment, with half of the facts still to come");
    world.fold(&facts).await;
    let report = world.check(campaign).await;
    assert!(report.is_equal(), "{report:?}");
    assert_eq!((report.deliveries, report.facts), (40, facts.len() as u64));
    assert_eq!(report.differences, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_tampered_with_is_found_said_and_repaired_while_the_fold_goes_on() {
    let world = World::new().await;
    let (campaign, facts) = eventful(&world).await;
    let (early, late) = facts.split_at(facts.len() - 6);
    world.fold(early).await;
    let ids = world.delivery_ids(campaign).await;
    world.execute("UPDATE stats.counter SET value = value - 1 WHERE metric = 'sent'".to_owned()).await;
    world
        .execute(format!("UPDATE stats.delivery_status SET bits = bits | 16, code = 'x', code_at = now() WHERE delivery_id = {}", ids[0]))
        .await;
    world.execute(format!("DELETE FROM stats.delivery_status WHERE delivery_id = {}", ids[1])).await;
    world.execute(format!("UPDATE stats.delivery_status SET opened_at = now() WHERE delivery_id = {}", ids[2])).await;

    let report = world.check(campaign).await;
    assert!(!report.is_equal());
    assert_eq!(report.differing, 3);
    assert_eq!(report.differences, ["sms sent: 24, the log says 25"]);

    let db = world.connect_as(Role::Analytics).await;
    let mut exclusive = Exclusive::take(&db, campaign.workspace, campaign.campaign).await.unwrap().unwrap();
    assert!(Exclusive::take(&db, campaign.workspace, campaign.campaign).await.unwrap().is_none(), "one at a time");
    let (report, differing) = check(&db, campaign, None).await;
    // The rest of the facts, and some about what is being corrected, come in the middle.
    world.fold(&late[..3]).await;
    world.fold(&[about(ids[0], Kind::Complained, ""), about(ids[1], Kind::Complained, "")]).await;
    exclusive.correct(&differing, now()).await.unwrap();
    world.fold(&late[3..]).await;
    exclusive.settle(&report).await.unwrap();

    let after = world.check(campaign).await;
    assert!(after.is_equal(), "{after:?}");
    assert_eq!(world.counters(campaign).await, world.recount(campaign).await);
    assert_eq!(world.counters(campaign).await[&Channel::Sms].get(Metric::Complained), 2);
}

#[tokio::test]
async fn what_the_ledger_said_long_ago_must_have_become_a_fact() {
    let world = World::new().await;
    let (campaign, facts) = eventful(&world).await;
    world.execute("UPDATE send.delivery SET updated_at = now() - interval '5 minutes'".to_owned()).await;
    let expected = [
        "sms: 25 accepted deliveries are not in the figures",
        "sms: 3 rejected deliveries are not in the figures",
        "sms: 3 uncertain deliveries are not in the figures",
        "sms target: 40 in the ledger, 0 were told",
        "sms suppressed (no_address): 1 in the ledger, 0 were told",
        "sms suppressed (opted_out): 2 in the ledger, 0 were told",
        "sms expired: 1 in the ledger, 0 were told",
    ];
    assert_eq!(world.unfolded(campaign).await, expected, "nothing was folded");
    world.fold(&facts).await;
    assert_eq!(world.unfolded(campaign).await, Vec::<String>::new());
    // What has just changed may be on its way.
    let ids = world.delivery_ids(campaign).await;
    world
        .execute(format!(
            "UPDATE send.delivery SET state = 'accepted', updated_at = now() + interval '1 minute' WHERE delivery_id = {}",
            ids[38]
        ))
        .await;
    assert_eq!(world.unfolded(campaign).await, Vec::<String>::new());
    world.execute("UPDATE send.delivery SET updated_at = now() - interval '5 minutes'".to_owned()).await;
    assert_eq!(world.unfolded(campaign).await, ["sms: 1 accepted deliveries are not in the figures"]);
    // A report proves as much as a record.
    world.execute(format!("UPDATE send.delivery SET provider_message_id = 'SM1' WHERE delivery_id = {}", ids[38])).await;
    world.fold(&[reported(campaign, "SM1", Kind::Delivered)]).await;
    assert_eq!(world.unfolded(campaign).await, Vec::<String>::new());
}
