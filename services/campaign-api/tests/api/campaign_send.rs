//! Sending and cancelling: what is checked first, when it is due, what the scheduler is told.

use crate::{
    campaign_drafts::fields,
    mover::{Mover, reason, start_run},
    scheduler::DROPPED,
    support::Api,
};
use domain::role::Role;
use proto::{
    campaign::{CampaignStatus, ChannelSetting, Schedule, Settings},
    common::Channel,
    template::{Content, EmailVariant, SmsVariant, UpdateTemplateRequest},
    workspace::CreateWorkspaceRequest,
};
use time::OffsetDateTime;
use tonic_types::StatusExt as _;

#[tokio::test]
async fn what_was_submitted_stays_what_is_sent_when_the_template_is_edited() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let id = workspace.draft(settings.clone()).await.id;
    mover.submit(&id).await.unwrap();
    let request = UpdateTemplateRequest {
        id: settings.template_id.clone(),
        content: Some(Content {
            sms: Some(SmsVariant { text: "unreviewed".to_owned(), ..SmsVariant::default() }),
            email: Some(EmailVariant { subject: "x".to_owned(), html: "<p>unreviewed</p>".to_owned(), ..EmailVariant::default() }),
            ..Default::default()
        }),
        ..UpdateTemplateRequest::default()
    };
    workspace.templates(Role::Agent).update_template(request).await.unwrap();
    mover.approve(&id).await.unwrap();
    mover.send(&id).await.unwrap();
    let mut connection = api.db.acquire().await.unwrap();
    let stored = store::campaign::get(&mut connection, workspace.id, id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.template_version, Some(1));
}

#[tokio::test]
async fn an_incomplete_campaign_is_not_reviewed_and_everything_missing_is_named() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let empty = workspace.draft(Settings { name: "empty".to_owned(), ..Settings::default() }).await;
    let status = mover.submit(&empty.id).await.unwrap_err();
    assert_eq!(fields(&status), ["settings.list_ids", "settings.channels", "settings.template_id"]);

    let mut settings = workspace.complete_settings("Spring").await;
    let whatsapp = workspace.sender("WA", Channel::Whatsapp).await;
    let setting = ChannelSetting { channel: Channel::Whatsapp.into(), sender_id: whatsapp, ..ChannelSetting::default() };
    settings.channels.push(setting);
    let draft = workspace.draft(settings).await;
    assert!(!draft.ready);
    assert_eq!(fields(&mover.submit(&draft.id).await.unwrap_err()), ["settings.template_id"]);
}

#[tokio::test]
async fn an_audience_over_the_limit_is_refused_before_anything_is_sent() {
    let api = Api::start().await;
    let workspace = api.workspace_with(CreateWorkspaceRequest { max_recipients: 2, ..Default::default() }).await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let list = settings.list_ids[0].clone();
    workspace.contact("two@example.com", "", &[&list]).await;
    let (id, sendable) = (workspace.draft(settings.clone()).await.id, workspace.draft(settings).await.id);
    mover.submit(&sendable).await.unwrap();
    mover.approve(&sendable).await.unwrap();
    workspace.contact("three@example.com", "", &[&list]).await;
    for refused in [mover.submit(&id).await, mover.send(&sendable).await] {
        let status = refused.unwrap_err();
        assert_eq!(reason(&status), "TOO_MANY_RECIPIENTS");
        assert!(status.message().contains('3') && status.message().contains('2'), "{status}");
        let facts = status.get_details_error_info().unwrap().metadata;
        assert_eq!((facts["recipients"].as_str(), facts["max_recipients"].as_str()), ("3", "2"));
    }
    assert!(api.scheduler.calls().is_empty());
}

#[tokio::test]
async fn a_schedule_is_due_at_its_wall_time_and_a_past_one_at_once() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let at = |local_time: &str| Settings {
        schedule: Some(Schedule { local_time: local_time.to_owned(), timezone: "Asia/Dubai".to_owned() }),
        ..settings.clone()
    };
    let due = async |id: &str| {
        let mut connection = api.db.acquire().await.unwrap();
        store::campaign::get(&mut connection, workspace.id, id.parse().unwrap()).await.unwrap().unwrap().due_at.unwrap()
    };
    let before = OffsetDateTime::now_utc();
    let later = mover.sent(at("2099-01-01T09:00:00")).await;
    assert_eq!(due(&later.id).await, time::macros::datetime!(2099-01-01 05:00 UTC));
    assert!(api.scheduler.calls().is_empty());
    let past = mover.sent(at("2020-01-01T09:00:00")).await;
    assert!(due(&past.id).await >= before - time::Duration::SECOND);
    assert_eq!(api.scheduler.calls(), [format!("start {}", past.id)]);
}

#[tokio::test]
async fn cancel_says_how_many_were_dropped() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let settings = workspace.complete_settings("Spring").await;
    let unsent = mover.sent(settings.clone()).await;
    assert_eq!(mover.cancel(&unsent.id).await.unwrap().dropped, 0);
    let sent = mover.sent(settings).await;
    start_run(&api, &sent.id).await;
    let answer = mover.cancel(&sent.id).await.unwrap();
    let campaign = answer.campaign.unwrap();
    assert_eq!((answer.dropped, campaign.status(), campaign.status_reason.as_str()), (DROPPED, CampaignStatus::Cancelled, "wrong price"));
    assert_eq!(api.scheduler.calls().last().unwrap(), &format!("drop {}", sent.id));
    assert_eq!(reason(&mover.cancel(&sent.id).await.unwrap_err()), "ILLEGAL_MOVE");
}

#[tokio::test]
async fn without_the_scheduler_a_campaign_is_sent_and_cancelled_all_the_same() {
    let api = Api::start_without_scheduler().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let sent = mover.sent(workspace.complete_settings("Spring").await).await;
    assert_eq!(sent.status(), CampaignStatus::Scheduled);
    start_run(&api, &sent.id).await;
    // One contact, by e-mail and SMS: both wait.
    assert_eq!(mover.cancel(&sent.id).await.unwrap().dropped, 2);
}

#[tokio::test]
async fn of_many_who_send_at_once_one_does() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mover = Mover(&workspace);
    let id = workspace.draft(workspace.complete_settings("Spring").await).await.id;
    mover.submit(&id).await.unwrap();
    mover.approve(&id).await.unwrap();
    let outcomes = futures::future::join_all((0..8).map(|_| mover.send(&id))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for status in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(reason(&status), "ILLEGAL_MOVE");
    }
}
