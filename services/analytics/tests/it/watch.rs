//! Live figures.

use crate::{
    campaign::Campaign,
    support::{Analytics, DEADLINE, about, line},
};
use domain::role::Role;
use proto::{
    analytics::{CampaignStats, WatchCampaignStatsRequest, WatchCampaignStatsResponse},
    common::Channel,
    event::FactKind,
};
use std::time::Instant;
use tonic::Streaming;

async fn watch(analytics: &Analytics, campaign: &Campaign, quiet_after_seconds: u32) -> Streaming<WatchCampaignStatsResponse> {
    let request = WatchCampaignStatsRequest { campaign_id: campaign.id.to_string(), quiet_after_seconds };
    analytics.client(campaign.workspace, Role::Agent).watch_campaign_stats(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<WatchCampaignStatsResponse>) -> Option<CampaignStats> {
    let next = tokio::time::timeout(DEADLINE, stream.message()).await.expect("the stream goes on");
    next.unwrap().map(|response| response.stats.unwrap())
}

#[tokio::test]
async fn figures_are_pushed_at_once_and_whenever_they_change() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 3).await;
    let (mut one, mut other) = (watch(&analytics, &campaign, 0).await, watch(&analytics, &campaign, 0).await);
    for stream in [&mut one, &mut other] {
        assert_eq!(line(&next(stream).await.unwrap(), Channel::Sms).target, 0);
    }
    let pushed = Instant::now();
    analytics.tell(campaign.expanded()).await;
    for stream in [&mut one, &mut other] {
        assert_eq!(line(&next(stream).await.unwrap(), Channel::Sms).target, 3);
    }
    assert!(pushed.elapsed().as_millis() < 2_000, "figures are at most 2 s behind");
    analytics.tell(campaign.deliveries.iter().map(|id| about(*id, FactKind::Accepted, "")).collect()).await;
    assert_eq!(line(&next(&mut one).await.unwrap(), Channel::Sms).sent, 3);
}

#[tokio::test]
async fn the_stream_ends_with_the_campaign() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 1).await;
    let mut stream = watch(&analytics, &campaign, 1).await;
    assert_eq!(next(&mut stream).await.unwrap().campaign_status, "ACTIVE");
    campaign.complete(&analytics).await;
    assert_eq!(next(&mut stream).await.unwrap().campaign_status, "COMPLETED");
    assert_eq!(next(&mut stream).await, None);
}
