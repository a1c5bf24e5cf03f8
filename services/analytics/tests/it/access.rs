//! Figures are for their workspace only.

use crate::{campaign::Campaign, support::Analytics};
use domain::{WorkspaceId, role::Role};
use proto::analytics::{
    ExplainRequest, GetCampaignStatsRequest, ListDeliveriesRequest, RebuildStatsRequest, RecountCampaignRequest, WatchCampaignStatsRequest,
    analytics_service_client::AnalyticsServiceClient,
};
use tonic::Code;

#[tokio::test]
async fn another_workspaces_campaign_is_not_found() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 1).await;
    let mut stranger = analytics.client(WorkspaceId::new(), Role::Admin);
    let campaign_id = campaign.id.to_string();
    let get =
        stranger.get_campaign_stats(GetCampaignStatsRequest { campaign_id: campaign_id.clone(), by_version: false }).await.unwrap_err();
    let watch = WatchCampaignStatsRequest { campaign_id: campaign_id.clone(), quiet_after_seconds: 0 };
    let watch = stranger.watch_campaign_stats(watch).await.unwrap_err();
    let list = ListDeliveriesRequest { campaign_id: campaign_id.clone(), ..ListDeliveriesRequest::default() };
    let list = stranger.list_deliveries(list).await.unwrap_err();
    let recount = stranger.recount_campaign(RecountCampaignRequest { campaign_id: campaign_id.clone() }).await.unwrap_err();
    let rebuild = RebuildStatsRequest { campaign_id: campaign_id.clone(), repair: true };
    let rebuild = stranger.rebuild_stats(rebuild).await.unwrap_err();
    let explain = ExplainRequest { campaign_id, address: "+971500000000".to_owned(), ..ExplainRequest::default() };
    let explain = stranger.explain(explain).await.unwrap_err();
    for refused in [get, watch, list, recount, rebuild, explain] {
        assert_eq!(refused.code(), Code::NotFound);
    }
}

#[tokio::test]
async fn figures_are_rebuilt_by_admins_only_and_a_contact_is_named_once() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 1).await;
    let campaign_id = campaign.id.to_string();
    let mut agent = analytics.client(campaign.workspace, Role::Agent);
    let rebuild = agent.rebuild_stats(RebuildStatsRequest { campaign_id: campaign_id.clone(), repair: false }).await.unwrap_err();
    assert_eq!(rebuild.code(), Code::PermissionDenied);
    let nobody = ExplainRequest { campaign_id: campaign_id.clone(), ..ExplainRequest::default() };
    assert_eq!(agent.explain(nobody).await.unwrap_err().code(), Code::InvalidArgument);
    let ann = ExplainRequest { campaign_id, address: "+971500000000".to_owned(), ..ExplainRequest::default() };
    let told = agent.explain(ann).await.unwrap().into_inner();
    assert!(told.selected);
    let words: Vec<_> = told.channels.iter().map(|part| (part.status.as_str(), part.reason.as_str())).collect();
    assert_eq!(words, [("suppressed", "no_address"), ("queued", "")]);
}

#[tokio::test]
async fn nobody_reads_without_a_token() {
    let analytics = Analytics::start().await;
    let request = GetCampaignStatsRequest { campaign_id: WorkspaceId::new().to_string(), by_version: false };
    let refused = AnalyticsServiceClient::new(analytics.channel.clone()).get_campaign_stats(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let wrong = GetCampaignStatsRequest { campaign_id: "mine".to_owned(), by_version: false };
    let refused = analytics.client(WorkspaceId::new(), Role::Agent).get_campaign_stats(wrong).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}
