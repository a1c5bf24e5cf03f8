//! The database fences a tenant's transaction, whatever the statement forgets.

use crate::fixture::{World, now};
use domain::{WorkspaceId, tracking::WorkspaceTracking};
use store::{Role, campaign, sender, workspace};

#[tokio::test]
async fn another_workspace_is_invisible_even_to_a_statement_that_names_it() {
    let world = World::new().await;
    let (ours, theirs) = (world.campaign(1, 1.0).await, world.campaign(1, 1.0).await);
    let api = world.connect_as(Role::Api).await;
    let mut tx = api.tenant(ours.workspace).await.unwrap();
    assert!(campaign::get(&mut tx, ours.workspace, ours.campaign).await.unwrap().is_some());
    assert!(campaign::get(&mut tx, theirs.workspace, theirs.campaign).await.unwrap().is_none());
    assert!(sender::find(&mut tx, theirs.sender).await.unwrap().is_none());
    assert!(workspace::get(&mut tx, theirs.workspace).await.unwrap().is_none());
    assert_eq!(campaign::count_waiting(&mut tx, theirs.campaign).await.unwrap(), 0);
}

#[tokio::test]
async fn nothing_can_be_written_into_another_workspace() {
    let world = World::new().await;
    let (ours, theirs) = (world.campaign(0, 1.0).await, world.campaign(0, 1.0).await);
    let api = world.connect_as(Role::Api).await;
    let mut tx = api.tenant(ours.workspace).await.unwrap();
    let mut sender = sender::get(&mut tx, ours.workspace, ours.sender).await.unwrap().unwrap();
    sender.sender_id = theirs.sender;
    sender.workspace_id = theirs.workspace;
    sender.name = "taken over".to_owned();
    assert!(!sender::update(&mut tx, &sender).await.unwrap());
    sender.sender_id = domain::SenderId::new();
    assert!(sender::insert(&mut tx, &sender).await.is_err());
}

#[tokio::test]
async fn a_transaction_without_a_workspace_sees_nothing() {
    let world = World::new().await;
    let ours = world.campaign(0, 1.0).await;
    let api = world.connect_as(Role::Api).await;
    let mut tx = api.begin().await.unwrap();
    assert!(workspace::get(&mut tx, ours.workspace).await.unwrap().is_none());
}

fn cap(channel: Option<domain::Channel>, max_messages: i32) -> workspace::FrequencyCap {
    workspace::FrequencyCap { channel, max_messages, window_hours: 24 }
}

#[tokio::test]
async fn a_workspace_is_created_inside_its_own_fence() {
    let world = World::new().await;
    let api = world.connect_as(Role::Api).await;
    let created = workspace::Workspace {
        workspace_id: WorkspaceId::new(),
        name: "new".to_owned(),
        default_country_code: "971".to_owned(),
        phone_strip_prefixes: vec!["0".to_owned()],
        max_recipients: 5,
        approval_required: true,
        self_approval: true,
        opt_out_keywords: Vec::new(),
        timezone: "Asia/Dubai".to_owned(),
        quiet_hours: None,
        frequency_caps: vec![cap(Some(domain::Channel::Sms), 2), cap(None, 5)],
        tracking: WorkspaceTracking::default(),
        consent: workspace::ConsentSettings::default(),
        created_at: now().replace_nanosecond(0).unwrap(),
    };
    let mut tx = api.tenant(created.workspace_id).await.unwrap();
    workspace::insert(&mut tx, &created).await.unwrap();
    let quiet = domain::gate::QuietHours { start: time::macros::time!(21:00), end: time::macros::time!(8:30) };
    let renamed = workspace::Workspace {
        name: "renamed".to_owned(),
        quiet_hours: Some(quiet),
        frequency_caps: vec![cap(None, 7)],
        tracking: WorkspaceTracking { base_url: "https://links.example.com".to_owned(), opens: false, ..WorkspaceTracking::default() },
        consent: workspace::ConsentSettings { help_text: "We are the shop".to_owned(), bounces_before_opt_out: 3, ..Default::default() },
        ..created.clone()
    };
    assert_eq!(workspace::get(&mut tx, created.workspace_id).await.unwrap().as_ref(), Some(&created));
    assert!(workspace::update(&mut tx, &renamed).await.unwrap());
    assert_eq!(workspace::get(&mut tx, created.workspace_id).await.unwrap(), Some(renamed));
}
