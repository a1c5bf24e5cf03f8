//! Who got which version of the content.

use crate::{
    campaign::Campaign,
    support::{Analytics, about},
};
use domain::role::Role;
use proto::{
    analytics::{GetCampaignStatsRequest, ListDeliveriesRequest, VersionStats},
    common::Channel,
    event::FactKind,
};
use store::run_content::{self, New};
use time::OffsetDateTime;

async fn by_version(analytics: &Analytics, campaign: &Campaign) -> Vec<VersionStats> {
    let request = GetCampaignStatsRequest { campaign_id: campaign.id.to_string(), by_version: true };
    analytics.client(campaign.workspace, Role::Agent).get_campaign_stats(request).await.unwrap().into_inner().versions
}

/// Target, sent and delivered of a version on SMS.
fn sms(version: &VersionStats) -> (u64, u64, u64) {
    let line = version.channels.iter().find(|line| line.channel() == Channel::Sms).cloned().unwrap_or_default();
    (line.target, line.sent, line.delivered)
}

#[tokio::test]
async fn figures_are_told_apart_by_version() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 6).await;
    campaign.send(&analytics).await;
    let mut tx = analytics.db.begin().await.unwrap();
    let run = run_content::versions(&mut tx, campaign.workspace, campaign.id).await.unwrap()[0].clone();
    let new = New {
        workspace_id: campaign.workspace,
        run_id: run.run_id,
        template_id: run.template_id,
        template_version: run.template_version,
        created_by: "ann",
    };
    run_content::add(&mut tx, new, OffsetDateTime::now_utc()).await.unwrap();
    for (id, version) in campaign.deliveries.iter().zip([1, 1, 2, 2, 2, 2]) {
        let sql = format!("UPDATE send.delivery SET attempt = 1, content_version = {version} WHERE delivery_id = {id}");
        store::admin::raw(&mut tx, &sql).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut facts = campaign.expanded();
    facts.extend(campaign.deliveries.iter().map(|id| about(*id, FactKind::Accepted, "")));
    facts.extend([0, 2, 3].map(|n| about(campaign.deliveries[n], FactKind::Delivered, "")));
    analytics.tell(facts).await;
    analytics.sms_when(campaign.workspace, campaign.id, |sms| sms.delivered == 3).await;

    let versions = by_version(&analytics, &campaign).await;
    let told: Vec<_> = versions.iter().map(|version| (version.content_version, sms(version))).collect();
    assert_eq!(told, [(0, (0, 0, 0)), (1, (2, 2, 1)), (2, (4, 4, 2))], "e-mail never left");
    assert_eq!((versions[2].created_by.as_str(), versions[2].template_version), ("ann", versions[1].template_version));
    let since = |version: &VersionStats| version.since.map(|since| (since.seconds, since.nanos));
    assert!(since(&versions[1]) <= since(&versions[2]) && since(&versions[1]).is_some() && since(&versions[0]).is_none());

    let request = ListDeliveriesRequest { campaign_id: campaign.id.to_string(), channel: Channel::Sms.into(), ..Default::default() };
    let listed = analytics.client(campaign.workspace, Role::Agent).list_deliveries(request).await.unwrap().into_inner().deliveries;
    let mut versions: Vec<_> = listed.iter().map(|delivery| delivery.content_version).collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 1, 2, 2, 2, 2]);
}

#[tokio::test]
async fn only_who_asks_gets_them() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 1).await;
    let request = GetCampaignStatsRequest { campaign_id: campaign.id.to_string(), by_version: false };
    let answer = analytics.client(campaign.workspace, Role::Agent).get_campaign_stats(request).await.unwrap().into_inner();
    assert!(answer.versions.is_empty() && answer.stats.is_some());
}
