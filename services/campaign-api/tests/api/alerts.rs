//! Alerts: listed, shown with what they are about, resolved by people.

use crate::{
    mover::{Mover, start_run},
    support::{Api, Workspace},
};
use domain::{CampaignId, SenderId, role::Role};
use proto::{
    campaign::{Alert, CampaignStatus, GetCampaignRequest, ListAlertsRequest, ListCampaignsRequest, ResolveAlertRequest},
    common::Channel,
};
use store::alert::{self, Raise, kind};
use time::OffsetDateTime;
use tonic::Code;

/// Does a dispatcher's part.
async fn raise(api: &Api, workspace: &Workspace<'_>, kind: &'static str, campaign: Option<&str>, sender: Option<&str>) -> String {
    let mut tx = api.db.begin().await.unwrap();
    let raise = Raise {
        workspace_id: workspace.id,
        campaign_id: campaign.map(|id| id.parse::<CampaignId>().unwrap()),
        sender_id: sender.map(|id| id.parse::<SenderId>().unwrap()),
        channel: Some(domain::Channel::Sms),
        kind,
        code: "20003",
        detail: "mend it",
    };
    let id = alert::raise(&mut tx, &raise, OffsetDateTime::now_utc()).await.unwrap();
    tx.commit().await.unwrap();
    id.map(|id| id.to_string()).unwrap_or_default()
}

async fn list(workspace: &Workspace<'_>, request: ListAlertsRequest) -> (Vec<Alert>, String) {
    let answer = workspace.campaigns(Role::Agent).list_alerts(request).await.unwrap().into_inner();
    (answer.alerts, answer.next_page_token)
}

#[tokio::test]
async fn alerts_are_shown_with_their_campaign_and_paged_newest_first() {
    let api = Api::start().await;
    let (workspace, elsewhere) = (api.workspace().await, api.workspace().await);
    let settings = workspace.complete_settings("Spring").await;
    let sms = settings.channels[1].sender_id.clone();
    let draft = workspace.draft(settings).await;
    let other = workspace.sender("other", Channel::Sms).await;
    let about_campaign = raise(&api, &workspace, kind::BUDGET_EXHAUSTED, Some(&draft.id), None).await;
    let about_sender = raise(&api, &workspace, kind::SENDER_PAUSED, None, Some(&sms)).await;
    let unrelated = raise(&api, &workspace, kind::SENDER_DOWN, None, Some(&other)).await;
    assert_eq!(raise(&api, &workspace, kind::SENDER_PAUSED, None, Some(&sms)).await, "", "it is open already");

    let get = GetCampaignRequest { id: draft.id.clone() };
    let read = workspace.campaigns(Role::Agent).get_campaign(get).await.unwrap().into_inner().campaign.unwrap();
    let shown: Vec<_> = read.alerts.iter().map(|alert| (alert.id.as_str(), alert.times)).collect();
    assert_eq!(shown, [(about_sender.as_str(), 2), (about_campaign.as_str(), 1)]);
    let listed = workspace.campaigns(Role::Agent).list_campaigns(ListCampaignsRequest::default()).await.unwrap().into_inner().campaigns;
    assert_eq!(listed[0].alerts, read.alerts);
    let of_campaign = list(&workspace, ListAlertsRequest { campaign_id: draft.id.clone(), ..ListAlertsRequest::default() }).await.0;
    assert_eq!(of_campaign, read.alerts);

    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let (alerts, next) = list(&workspace, ListAlertsRequest { page_size: 2, page_token, ..ListAlertsRequest::default() }).await;
        seen.extend(alerts.into_iter().map(|alert| alert.id));
        page_token = next;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [unrelated, about_sender, about_campaign.clone()]);
    assert!(list(&elsewhere, ListAlertsRequest { resolved: true, ..ListAlertsRequest::default() }).await.0.is_empty());
    let theirs = ListAlertsRequest { campaign_id: draft.id, ..ListAlertsRequest::default() };
    assert_eq!(elsewhere.campaigns(Role::Agent).list_alerts(theirs).await.unwrap_err().code(), Code::NotFound);
    let resolve = ResolveAlertRequest { id: about_campaign };
    assert_eq!(elsewhere.campaigns(Role::Admin).resolve_alert(resolve).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn an_alert_is_resolved_once_and_kept() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let sender = workspace.sender("SMS", Channel::Sms).await;
    let id = raise(&api, &workspace, kind::SENDER_DOWN, None, Some(&sender)).await;
    let mut client = workspace.campaigns(Role::Admin);
    let resolved = client.resolve_alert(ResolveAlertRequest { id: id.clone() }).await.unwrap().into_inner().alert.unwrap();
    assert_eq!(resolved.resolved_by, "test-admin");
    let again = client.resolve_alert(ResolveAlertRequest { id: id.clone() }).await.unwrap().into_inner().alert.unwrap();
    assert_eq!(again, resolved);
    assert!(list(&workspace, ListAlertsRequest::default()).await.0.is_empty());
    assert_eq!(list(&workspace, ListAlertsRequest { resolved: true, ..ListAlertsRequest::default() }).await.0, [resolved]);
    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "alert", id.parse().unwrap()).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["alert.resolve"]);
}

#[tokio::test]
async fn resuming_a_campaign_resolves_what_stopped_it_and_lets_its_channels_go_on() {
    let api = Api::start().await;
    let (workspace, elsewhere) = (api.workspace().await, api.workspace().await);
    let mover = Mover(&workspace);
    let sent = mover.sent(workspace.complete_settings("Spring").await).await;
    let theirs = Mover(&elsewhere).sent(elsewhere.complete_settings("Spring").await).await;
    for id in [&sent.id, &theirs.id] {
        start_run(&api, id).await;
    }
    raise(&api, &workspace, kind::TEMPLATE_PAUSED, Some(&sent.id), None).await;
    raise(&api, &workspace, kind::BUDGET_EXHAUSTED, Some(&sent.id), None).await;
    let kept = raise(&api, &workspace, kind::FIGURES_DISAGREE, Some(&sent.id), None).await;
    let foreign = raise(&api, &elsewhere, kind::TEMPLATE_PAUSED, Some(&theirs.id), None).await;
    let mut connection = api.db.acquire().await.unwrap();
    store::admin::raw(&mut connection, "UPDATE send.run_channel SET paused_at = now(), paused_code = '132015'").await.unwrap();
    mover.pause(&sent.id).await.unwrap();
    let resumed = mover.resume(&sent.id).await.unwrap();
    assert_eq!(resumed.status(), CampaignStatus::Active);
    assert_eq!(resumed.alerts.iter().map(|alert| &alert.id).collect::<Vec<_>>(), [&kept]);
    let paused = store::admin::raw(&mut connection, "SELECT FROM send.run_channel WHERE paused_at IS NOT NULL").await.unwrap();
    assert_eq!(paused, 2, "only the other workspace's channels still wait");
    assert_eq!(list(&elsewhere, ListAlertsRequest::default()).await.0[0].id, foreign);
}
