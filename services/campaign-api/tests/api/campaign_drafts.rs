//! Drafts: making, editing, listing and cloning them.

use crate::support::{Api, Workspace};
use domain::role::Role;
use proto::{
    campaign::{
        CampaignStatus, ChannelSetting, CloneCampaignRequest, CreateCampaignRequest, GetCampaignRequest, ListCampaignsRequest, Schedule,
        Settings, UpdateCampaignRequest,
    },
    common::Channel,
    contact::UpdateListRequest,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

pub fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect()
}

fn named(name: &str) -> Settings {
    Settings { name: name.to_owned(), ..Settings::default() }
}

fn create(settings: Settings, request_id: &str) -> CreateCampaignRequest {
    CreateCampaignRequest { settings: Some(settings), request_id: request_id.to_owned() }
}

async fn update(workspace: &Workspace<'_>, id: &str, settings: Settings, base_revision: u32) -> Result<proto::campaign::Campaign, Status> {
    let request = UpdateCampaignRequest { id: id.to_owned(), settings: Some(settings), base_revision, template_version: 0 };
    Ok(workspace.campaigns(Role::Agent).update_campaign(request).await?.into_inner().campaign.unwrap())
}

#[tokio::test]
async fn an_unfinished_draft_is_kept_and_a_complete_one_is_ready() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let draft = workspace.draft(named("Spring")).await;
    assert_eq!((draft.status(), draft.ready, draft.revision), (CampaignStatus::Draft, false, 1));
    assert_eq!(draft.settings.as_ref().unwrap().expires_after_hours, 72);

    let settings = workspace.complete_settings("Spring").await;
    let edited = update(&workspace, &draft.id, settings.clone(), 1).await.unwrap();
    assert_eq!((edited.ready, edited.revision), (true, 2));
    let get = GetCampaignRequest { id: draft.id.clone() };
    let read = workspace.campaigns(Role::Agent).get_campaign(get).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!(read, edited);
    let defaults = Settings {
        expires_after_hours: 72,
        lane: proto::campaign::Lane::Bulk.into(),
        freeze: proto::campaign::AudienceFreeze::AtSending.into(),
        ..settings.clone()
    };
    assert_eq!(read.settings.unwrap(), defaults);

    let archive = UpdateListRequest { id: settings.list_ids[0].clone(), name: None, archived: Some(true) };
    workspace.lists(Role::Agent).update_list(archive).await.unwrap();
    let get = GetCampaignRequest { id: draft.id };
    assert!(!workspace.campaigns(Role::Agent).get_campaign(get).await.unwrap().into_inner().campaign.unwrap().ready);
}

#[tokio::test]
async fn a_draft_may_not_refer_to_what_is_not_there() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let sms = workspace.sender("SMS", Channel::Sms).await;
    let nowhere = Uuid::now_v7().to_string();
    let setting = |channel: Channel, sender_id: &str| ChannelSetting {
        channel: channel.into(),
        sender_id: sender_id.to_owned(),
        ..ChannelSetting::default()
    };
    let settings = Settings {
        name: String::new(),
        template_id: nowhere.clone(),
        channels: vec![setting(Channel::Email, &nowhere), setting(Channel::Whatsapp, &sms)],
        list_ids: vec![nowhere.clone(), "list".to_owned()],
        schedule: Some(Schedule { local_time: "2026-12-24T09:00:00".to_owned(), timezone: "Dubai".to_owned() }),
        ..Settings::default()
    };
    let status = workspace.campaigns(Role::Agent).create_campaign(create(settings, "")).await.unwrap_err();
    let expected = [
        "settings.name",
        "settings.list_ids[1]",
        "settings.list_ids[0]",
        "settings.channels[email].sender_id",
        "settings.channels[whatsapp].sender_id",
        "settings.template_id",
        "settings.schedule.timezone",
    ];
    assert_eq!(fields(&status), expected);
    let status = workspace.campaigns(Role::Agent).create_campaign(CreateCampaignRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), ["settings"]);
}

#[tokio::test]
async fn an_edit_of_an_old_revision_is_refused() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let draft = workspace.draft(named("one")).await;
    update(&workspace, &draft.id, named("two"), 1).await.unwrap();
    let status = update(&workspace, &draft.id, named("three"), 1).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(status.get_details_error_info().unwrap().reason, "REVISION_CHANGED");
    assert_eq!(update(&workspace, &draft.id, named("four"), 0).await.unwrap().revision, 3);
}

#[tokio::test]
async fn of_two_edits_at_once_one_wins() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let draft = workspace.draft(named("one")).await;
    let outcomes = futures::future::join_all((0..8).map(|n| update(&workspace, &draft.id, named(&format!("edit {n}")), 1))).await;
    let won: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(won[0].revision, 2);
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|status| status.code() == Code::Aborted));
}

#[tokio::test]
async fn a_repeated_call_makes_one_campaign_even_at_the_same_time() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let calls = (0..8).map(|n| {
        let mut client = workspace.campaigns(Role::Agent);
        async move { client.create_campaign(create(named(&format!("try {n}")), "key")).await.unwrap().into_inner().campaign.unwrap() }
    });
    let campaigns = futures::future::join_all(calls).await;
    assert!(campaigns.iter().all(|campaign| *campaign == campaigns[0]), "{campaigns:?}");

    // The same key in another workspace, or of another call, is another key.
    let elsewhere = api.workspace().await;
    let other = elsewhere.campaigns(Role::Agent).create_campaign(create(named("x"), "key")).await.unwrap().into_inner().campaign.unwrap();
    let clone = CloneCampaignRequest { id: campaigns[0].id.clone(), name: String::new(), request_id: "key".to_owned() };
    let cloned = workspace.campaigns(Role::Agent).clone_campaign(clone).await.unwrap().into_inner().campaign.unwrap();
    assert_ne!(other.id, campaigns[0].id);
    assert_ne!(cloned.id, campaigns[0].id);
    let long = create(named("x"), &"k".repeat(201));
    assert_eq!(fields(&workspace.campaigns(Role::Agent).create_campaign(long).await.unwrap_err()), ["request_id"]);
}

#[tokio::test]
async fn a_clone_is_a_new_draft_with_the_same_settings() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let original = workspace.draft(workspace.complete_settings("Spring").await).await;
    let clone = CloneCampaignRequest { id: original.id.clone(), name: String::new(), request_id: "k".to_owned() };
    let mut client = workspace.campaigns(Role::Agent);
    let cloned = client.clone_campaign(clone.clone()).await.unwrap().into_inner().campaign.unwrap();
    assert_ne!(cloned.id, original.id);
    assert_eq!((cloned.status(), cloned.revision, cloned.ready), (CampaignStatus::Draft, 1, true));
    let expected = Settings { name: "Copy of Spring".to_owned(), ..original.settings.unwrap() };
    assert_eq!(cloned.settings.as_ref(), Some(&expected));
    assert_eq!(client.clone_campaign(clone).await.unwrap().into_inner().campaign.unwrap(), cloned);
}

#[tokio::test]
async fn campaigns_are_listed_newest_first_and_by_status() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.insert(0, workspace.draft(named(&format!("campaign {n}"))).await.id);
    }
    let mut client = workspace.campaigns(Role::Agent);
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListCampaignsRequest { page_size: 2, page_token, status: CampaignStatus::Draft.into() };
        let page = client.list_campaigns(request).await.unwrap().into_inner();
        seen.extend(page.campaigns.into_iter().map(|campaign| campaign.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ids);
    let request = ListCampaignsRequest { status: CampaignStatus::Active.into(), ..ListCampaignsRequest::default() };
    assert!(client.list_campaigns(request).await.unwrap().into_inner().campaigns.is_empty());
    let request = ListCampaignsRequest { status: 99, ..ListCampaignsRequest::default() };
    assert_eq!(fields(&client.list_campaigns(request).await.unwrap_err()), ["status"]);
}
