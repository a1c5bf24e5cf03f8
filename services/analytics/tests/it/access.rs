//! Figures are for their workspace only.

use crate::{campaign::Campaign, support::Analytics};
use domain::{WorkspaceId, role::Role};
use proto::analytics::{
    GetCampaignStatsRequest, ListDeliveriesRequest, RecountCampaignRequest, WatchCampaignStatsRequest,
    analytics_service_client::AnalyticsServiceClient,
};
use tonic::Code;

#[tokio::test]
async fn another_workspaces_campaign_is_not_found() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 1).await;
    let mut stranger = analytics.client(WorkspaceId::new(), Role::Admin);
    let campaign_id = campaign.id.to_string();
    let get = stranger.get_campaign_stats(GetCampaignStatsRequest { campaign_id: campaign_id.clone() }).await.unwrap_err();
    let watch = WatchCampaignStatsRequest { campaign_id: campaign_id.clone(), quiet_after_seconds: 0 };
    let watch = stranger.watch_campaign_stats(watch).await.unwrap_err();
    let list = ListDeliveriesRequest { campaign_id: campaign_id.clone(), ..ListDeliveriesRequest::default() };
    let list = stranger.list_deliveries(list).await.unwrap_err();
    let recount = stranger.recount_campaign(RecountCampaignRequest { campaign_id }).await.unwrap_err();
    for refused in [get, watch, list, recount] {
        assert_eq!(refused.code(), Code::NotFound);
    }
}

#[tokio::test]
async fn nobody_reads_without_a_token() {
    let analytics = Analytics::start().await;
    let request = GetCampaignStatsRequest { campaign_id: WorkspaceId::new().to_string() };
    let refused = AnalyticsServiceClient::new(analytics.channel.clone()).get_campaign_stats(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let wrong = GetCampaignStatsRequest { campaign_id: "mine".to_owned() };
    let refused = analytics.client(WorkspaceId::new(), Role::Agent).get_campaign_stats(wrong).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}
