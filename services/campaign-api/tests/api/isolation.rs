//! Another workspace's things don't exist: every call with an id answers NOT_FOUND, and nothing may be referred to.

use crate::{campaign_drafts::fields, mover::Mover, support::Api};
use domain::role::Role;
use proto::{campaign::*, common::Channel, contact::*, sender::*, template::*};
use tonic::{Code, Response, Status};

fn code<T>(answer: Result<Response<T>, Status>) -> Code {
    answer.err().map_or(Code::Ok, |status| status.code())
}

fn conversion(campaign_id: String) -> RecordConversionRequest {
    let contact_id = uuid::Uuid::now_v7().to_string();
    RecordConversionRequest { campaign_id, contact_id, request_id: "1".to_owned(), ..RecordConversionRequest::default() }
}

#[tokio::test]
async fn campaigns_of_another_workspace_are_not_found() {
    let api = Api::start().await;
    let (ours, theirs) = (api.workspace().await, api.workspace().await);
    let settings = theirs.complete_settings("Spring").await;
    let id = theirs.draft(settings).await.id;
    let review = Mover(&theirs).submit(&id).await.unwrap().review.unwrap().id;
    let mut client = ours.campaigns(Role::Admin);
    let own = Settings { name: "x".to_owned(), ..Settings::default() };
    let id = || id.clone();
    let codes = [
        code(client.get_campaign(GetCampaignRequest { id: id() }).await),
        code(client.update_campaign(UpdateCampaignRequest { id: id(), settings: Some(own), ..UpdateCampaignRequest::default() }).await),
        code(client.submit_campaign(SubmitCampaignRequest { id: id() }).await),
        code(client.approve_campaign(ApproveCampaignRequest { id: id(), hash: String::new() }).await),
        code(client.reject_campaign(RejectCampaignRequest { id: id(), reason: "x".to_owned() }).await),
        code(client.send_campaign(SendCampaignRequest { id: id() }).await),
        code(client.pause_campaign(PauseCampaignRequest { id: id() }).await),
        code(client.resume_campaign(ResumeCampaignRequest { id: id() }).await),
        code(client.cancel_campaign(CancelCampaignRequest { id: id(), reason: String::new() }).await),
        code(client.clone_campaign(CloneCampaignRequest { id: id(), ..CloneCampaignRequest::default() }).await),
        code(client.preview_audience(PreviewAudienceRequest { id: id(), ..PreviewAudienceRequest::default() }).await),
        code(client.dry_run_campaign(DryRunCampaignRequest { id: id(), samples: 0 }).await),
        code(client.retry_failed(RetryFailedRequest { campaign_id: id(), ..RetryFailedRequest::default() }).await),
        code(client.settle_unknown(SettleUnknownRequest { campaign_id: id(), action: 1, ..SettleUnknownRequest::default() }).await),
        code(client.list_alerts(ListAlertsRequest { campaign_id: id(), ..ListAlertsRequest::default() }).await),
        code(client.record_conversion(conversion(id())).await),
        code(client.list_approvals(ListApprovalsRequest { campaign_id: id(), ..ListApprovalsRequest::default() }).await),
        code(client.get_approval(GetApprovalRequest { id: review }).await),
    ];
    assert_eq!(codes, [Code::NotFound; 18]);
    assert!(client.list_approvals(ListApprovalsRequest::default()).await.unwrap().into_inner().approvals.is_empty());
    assert!(client.list_campaigns(ListCampaignsRequest::default()).await.unwrap().into_inner().campaigns.is_empty());
    let read = theirs.campaigns(Role::Agent).get_campaign(GetCampaignRequest { id: id() }).await.unwrap().into_inner();
    assert_eq!(read.campaign.unwrap().revision, 1);
}

#[tokio::test]
async fn what_campaigns_are_made_of_is_not_found_either() {
    let api = Api::start().await;
    let (ours, theirs) = (api.workspace().await, api.workspace().await);
    let (list, template, sender) = (theirs.list("l").await, theirs.template("t").await, theirs.sender("s", Channel::Sms).await);
    let contact = theirs.contact("a@example.com", "", &[&list]).await;
    let (mut lists, mut contacts) = (ours.lists(Role::Admin), ours.contacts(Role::Admin));
    let (mut templates, mut senders) = (ours.templates(Role::Admin), ours.senders(Role::Admin));
    let rename = Some("taken".to_owned());
    let codes = [
        code(lists.get_list(GetListRequest { id: list.clone() }).await),
        code(lists.update_list(UpdateListRequest { id: list.clone(), name: rename.clone(), archived: None }).await),
        code(lists.add_list_members(AddListMembersRequest { list_id: list.clone(), contact_ids: vec![] }).await),
        code(lists.remove_list_members(RemoveListMembersRequest { list_id: list.clone(), contact_ids: vec![contact.clone()] }).await),
        code(contacts.get_contact(GetContactRequest { id: contact.clone() }).await),
        code(contacts.delete_contact(DeleteContactRequest { id: contact.clone() }).await),
        code(templates.get_template(GetTemplateRequest { id: template.clone(), version: 0 }).await),
        code(templates.update_template(UpdateTemplateRequest { id: template.clone(), name: rename.clone(), ..Default::default() }).await),
        code(templates.preview_template(PreviewTemplateRequest { id: template.clone(), channel: 1, ..Default::default() }).await),
        code(senders.get_sender(GetSenderRequest { id: sender.clone() }).await),
        code(senders.update_sender(UpdateSenderRequest { id: sender.clone(), name: rename, ..Default::default() }).await),
        code(senders.pause_sender(PauseSenderRequest { id: sender.clone(), reason: String::new() }).await),
        code(senders.resume_sender(ResumeSenderRequest { id: sender.clone() }).await),
    ];
    assert_eq!(codes, [Code::NotFound; 13]);
    assert!(senders.list_senders(ListSendersRequest::default()).await.unwrap().into_inner().senders.is_empty());

    let settings = Settings {
        name: "x".to_owned(),
        template_id: template,
        channels: vec![ChannelSetting { channel: Channel::Sms.into(), sender_id: sender, ..ChannelSetting::default() }],
        list_ids: vec![list],
        ..Settings::default()
    };
    let request = CreateCampaignRequest { settings: Some(settings), request_id: String::new() };
    let status = ours.campaigns(Role::Agent).create_campaign(request).await.unwrap_err();
    assert_eq!(fields(&status), ["settings.list_ids[0]", "settings.channels[sms].sender_id", "settings.template_id"]);
}

#[tokio::test]
async fn what_is_no_id_is_an_error_of_its_field() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let status = workspace.campaigns(Role::Agent).get_campaign(GetCampaignRequest { id: "1".to_owned() }).await.unwrap_err();
    assert_eq!(fields(&status), ["id"]);
}
