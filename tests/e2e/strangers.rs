//! Who may not, can't.

use cli::{campaign::moves, output::Output, session::Session};
use devstack::secrets::TokenRole;
use domain::Channel;
use e2e::{Contact, World};
use proto::{analytics::GetCampaignStatsRequest, campaign::GetCampaignRequest};
use serde_json::json;
use std::time::Duration;
use time::OffsetDateTime;
use tonic::Code;

fn code(error: &anyhow::Error) -> Code {
    error.downcast_ref::<tonic::Status>().expect("a gRPC status").code()
}

#[tokio::test]
async fn calls_without_a_right_are_refused() {
    let world = World::start(json!({})).await.unwrap();
    let list = world.people(&[Contact::numbered(1)]).await.unwrap();
    let campaign = world.approved(list, &[Channel::Sms], None).await.unwrap();
    let addresses = cli::session::Addresses {
        campaign_api: world.hub.addresses.campaign_api.clone(),
        analytics: world.hub.addresses.analytics.clone(),
        admin_token: String::new(),
        agent_token: String::new(),
    };
    let session = |token: &str| Session::new(&addresses, token, Output::new(true)).unwrap();
    let mint = |workspace, issued| world.hub.secrets.mint_token(TokenRole::Admin, workspace, issued, Duration::from_secs(60)).unwrap();
    let now = OffsetDateTime::now_utc();

    // The other role's.
    let error = moves::send(&world.seeded.agent, campaign.id.clone()).await.unwrap_err();
    assert_eq!(code(&error), Code::PermissionDenied);
    // None, and an expired one.
    let expired = mint(world.seeded.workspace_id, now - Duration::from_secs(7200));
    for token in ["", expired.as_str()] {
        let error = session(token).campaigns().get_campaign(GetCampaignRequest { id: campaign.id.clone() }).await.unwrap_err();
        assert_eq!(error.code(), Code::Unauthenticated);
        let request = GetCampaignStatsRequest { campaign_id: campaign.id.clone(), by_version: false };
        assert_eq!(session(token).analytics().get_campaign_stats(request).await.unwrap_err().code(), Code::Unauthenticated);
    }
    // Another workspace's.
    let stranger = session(&mint(uuid::Uuid::now_v7(), now));
    let error = moves::send(&stranger, campaign.id.clone()).await.unwrap_err();
    assert_eq!(code(&error), Code::NotFound);
    let request = GetCampaignStatsRequest { campaign_id: campaign.id.clone(), by_version: false };
    assert_eq!(stranger.analytics().get_campaign_stats(request).await.unwrap_err().code(), Code::NotFound);
    world.hub.stop().await.unwrap();
}
