//! Figures that are wrong raise the alarm by themselves, a repair ends it; and what is folded leaves the outbox.

use crate::{
    campaign::Campaign,
    support::{Analytics, about, until},
};
use domain::role::Role;
use proto::{
    analytics::{RebuildStatsRequest, RebuildStatsResponse},
    event::FactKind,
};
use store::admin;
use time::OffsetDateTime;

impl Analytics {
    /// Runs a statement past the service. Answers how many rows it touched.
    async fn raw(&self, sql: &str) -> u64 {
        admin::raw(&mut self.db.acquire().await.unwrap(), sql).await.unwrap()
    }

    /// Alarms that nobody has resolved.
    async fn alarms(&self) -> u64 {
        self.raw("UPDATE send.alert SET times = times WHERE kind = 'figures_disagree' AND resolved_at IS NULL").await
    }

    /// The last answer.
    async fn rebuild(&self, campaign: &Campaign, repair: bool) -> RebuildStatsResponse {
        let request = RebuildStatsRequest { campaign_id: campaign.id.to_string(), repair };
        let mut answers = self.client(campaign.workspace, Role::Admin).rebuild_stats(request).await.unwrap().into_inner();
        let mut last = RebuildStatsResponse::default();
        while let Some(answer) = answers.message().await.unwrap() {
            assert!(!last.done);
            last = answer;
        }
        assert!(last.done);
        last
    }
}

#[tokio::test]
async fn a_wrong_figure_raises_the_alarm_and_a_repair_ends_it() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 3).await;
    campaign.send(&analytics).await;
    let mut facts = campaign.expanded();
    facts.extend(campaign.deliveries.iter().map(|id| about(*id, FactKind::Accepted, "")));
    analytics.tell(facts).await;
    analytics.sms_when(campaign.workspace, campaign.id, |sms| sms.sent == 3).await;
    let report = analytics.rebuild(&campaign, false).await;
    assert!(report.equal && report.differences.is_empty(), "{report:?}");
    assert_eq!((report.deliveries, report.facts), (6, 5));
    assert_eq!(analytics.alarms().await, 0);

    assert_eq!(analytics.raw("UPDATE stats.counter SET value = value + 1 WHERE metric = 'sent'").await, 1);
    until(|| async { (analytics.alarms().await == 1).then_some(()) }).await;
    let report = analytics.rebuild(&campaign, false).await;
    assert_eq!(
        (report.equal, report.repaired, report.differences.as_slice()),
        (false, false, ["sms sent: 4, the log says 3".to_owned()].as_slice())
    );
    assert_eq!(analytics.alarms().await, 1, "looking changes nothing");

    assert!(analytics.rebuild(&campaign, true).await.repaired);
    analytics.sms_when(campaign.workspace, campaign.id, |sms| sms.sent == 3).await;
    until(|| async { (analytics.alarms().await == 0).then_some(()) }).await;
    assert!(analytics.rebuild(&campaign, true).await.equal);
}

#[tokio::test]
async fn what_is_folded_leaves_the_outbox_with_it() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 2).await;
    let mut facts = campaign.expanded();
    facts.push(about(campaign.deliveries[0], FactKind::Delivered, ""));
    let mut tx = analytics.db.begin().await.unwrap();
    outbox::add(&mut tx, "analytics", facts, "", OffsetDateTime::now_utc()).await.unwrap();
    tx.commit().await.unwrap();
    analytics.sms_when(campaign.workspace, campaign.id, |sms| sms.delivered == 1).await;
    let left = || analytics.raw("UPDATE send.outbox SET origin = origin WHERE subject = 'facts'");
    until(|| async { (left().await == 0).then_some(()) }).await;
}
