//! What became of one contact in one campaign, as a person is told.

use crate::{
    fixture::{Campaign, World, now},
    fold::about,
};
use domain::{Channel, ContactId, WorkerId, WorkspaceId, facts::Kind};
use store::{
    Role,
    explain::{Story, Who, explain},
};
use uuid::Uuid;

impl World {
    /// As the service's own role, so that its rights are tested too.
    async fn explain(&self, campaign: Campaign, who: Who) -> Option<Story> {
        let db = self.connect_as(Role::Analytics).await;
        let mut connection = db.acquire().await.unwrap();
        explain(&mut connection, campaign.workspace, campaign.campaign, &who, now()).await.unwrap()
    }

    async fn contact_of(&self, delivery: i64) -> ContactId {
        let mut connection = self.db.acquire().await.unwrap();
        let id: Uuid = sqlx::query_scalar("SELECT contact_id FROM send.delivery WHERE delivery_id = $1")
            .bind(delivery)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        ContactId(id)
    }
}

fn words(story: &Story) -> Vec<String> {
    story.channels[0].timeline.iter().map(|one| format!("{} {}", one.what, one.reason).trim().to_owned()).collect()
}

#[tokio::test]
async fn decisions_and_reports_are_told_in_the_order_in_which_they_happened() {
    let world = World::new().await;
    let campaign = world.campaign(2, 1e6).await;
    world.expand(campaign, 50).await;
    let ids = world.delivery_ids(campaign).await;
    world.opt_out(campaign, "+971500000001", "sms").await;
    world.pass(campaign, WorkerId::new(), &ids, 10).await;
    // The first time only starts the sender's pace.
    world.pass(campaign, WorkerId::new(), &ids, 10).await;
    let later =
        |kind, seconds: i64, code| store::fact::Fact { occurred_at: now() + time::Duration::seconds(seconds), ..about(ids[0], kind, code) };
    world.fold(&[later(Kind::Failed, 9, "30003"), later(Kind::Accepted, 5, "")]).await;

    let story = world.explain(campaign, Who::Address("050 000 0000".to_owned())).await.unwrap();
    assert!(story.selected);
    assert_eq!((story.campaign_status.as_str(), story.selection.as_slice()), ("ACTIVE", ["on the list l".to_owned()].as_slice()));
    assert_eq!(words(&story), ["selected", "passed", "accepted", "failed 30003"]);
    assert_eq!((story.channels[0].status, story.channels[0].reason.as_str()), ("failed", "30003"));

    // Decided by the gate, and told as a fact, too: said once.
    world.fold(&[about(ids[1], Kind::Suppressed, "opted_out")]).await;
    let story = world.explain(campaign, Who::Id(world.contact_of(ids[1]).await)).await.unwrap();
    assert_eq!(words(&story), ["selected", "suppressed opted_out"]);
    assert_eq!((story.channels[0].status, story.channels[0].rule.as_str()), ("suppressed", "opt_out"));
}

#[tokio::test]
async fn who_was_suppressed_or_dropped_with_many_others_is_told_why() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1e6).await;
    let unreachable = world.contact(campaign, "", None).await;
    world.expand(campaign, 50).await;
    let story = world.explain(campaign, Who::Id(ContactId(unreachable))).await.unwrap();
    assert_eq!(words(&story), ["selected", "suppressed no_address"]);
    assert_eq!(story.channels[0].rule, "the contact had no address for this channel");
    world.execute("UPDATE send.delivery SET state = 'cancelled', updated_at = now() WHERE state = 'queued'".to_owned()).await;
    let id = world.delivery_ids(campaign).await.into_iter().min().unwrap();
    let contact = world.contact_of(id).await;
    assert_eq!(words(&world.explain(campaign, Who::Id(contact)).await.unwrap()), ["selected", "cancelled"]);
}

#[tokio::test]
async fn who_was_never_selected_is_told_why_and_what_would_happen_now() {
    let world = World::new().await;
    let campaign = world.campaign(1, 1e6).await;
    world.expand(campaign, 50).await;
    let late = world.contact(campaign, "+971500000077", Some("+971500000077")).await;
    world.execute(format!("UPDATE core.list_member SET added_at = added_at + interval '1 hour' WHERE contact_id = '{late}'")).await;
    let story = world.explain(campaign, Who::Id(ContactId(late))).await.unwrap();
    assert!(!story.selected);
    assert_eq!(story.selection, ["joined the list l after the audience was frozen"]);
    let part = &story.channels[0];
    assert_eq!((part.channel, part.delivery_id, part.status), (Channel::Sms, None, "would_pass"));

    world.opt_out(campaign, "+971500000077", "all").await;
    let part = world.explain(campaign, Who::Id(ContactId(late))).await.unwrap().channels.remove(0);
    assert_eq!((part.status, part.reason.as_str(), part.rule.as_str()), ("would_suppress", "opted_out", "opt_out"));

    world.execute("UPDATE core.campaign_list SET excluded = true".to_owned()).await;
    let story = world.explain(campaign, Who::Id(ContactId(late))).await.unwrap();
    assert_eq!(story.selection, ["on the excluded list l", "on none of the campaign's lists"]);

    let same = world.contact(campaign, "+971500000000", Some("+971500000000")).await;
    let part = world.explain(campaign, Who::Id(ContactId(same))).await.unwrap().channels.remove(0);
    assert_eq!((part.status, part.reason.as_str()), ("would_suppress", "duplicate"));
}

#[tokio::test]
async fn nobody_is_told_of_another_workspaces_people() {
    let world = World::new().await;
    let (campaign, other) = (world.campaign(1, 1e6).await, world.campaign(1, 1e6).await);
    world.expand(other, 50).await;
    let theirs = world.contact_of(world.delivery_ids(other).await[0]).await;
    assert_eq!(world.explain(campaign, Who::Id(theirs)).await, None);
    assert_eq!(world.explain(Campaign { workspace: WorkspaceId::new(), ..other }, Who::Id(theirs)).await, None);
    assert_eq!(world.explain(campaign, Who::ExternalId("nobody".to_owned())).await, None);
    assert_eq!(world.explain(campaign, Who::Address("no address".to_owned())).await, None);
}
