//! Test sends: what is written for the dispatcher, and what is refused.

use crate::{
    campaign_drafts::fields,
    mover::reason,
    support::{Api, Workspace, until},
};
use domain::{SenderId, WorkerId, role::Role};
use proto::{
    campaign::ChannelSetting,
    common::Channel,
    optout::{AddOptOutsRequest, OptOut},
    sender::PauseSenderRequest,
    template::*,
};
use store::test_send::{
    TestState as State,
    dispatch::{self, Batch, Outcome},
};
use time::OffsetDateTime;
use tonic::Code;
use tonic_types::StatusExt as _;

async fn request(workspace: &Workspace<'_>, addresses: &[&str]) -> TestSendTemplateRequest {
    TestSendTemplateRequest {
        id: workspace.template("T").await,
        channel: Channel::Sms.into(),
        sender_id: workspace.sender("S", Channel::Sms).await,
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        ..TestSendTemplateRequest::default()
    }
}

/// Takes what waits, as the dispatcher does.
async fn take(api: &Api, worker: WorkerId) -> Batch {
    until(|| async {
        let mut tx = api.db.begin().await.unwrap();
        let batch = dispatch::take(&mut tx, domain::Channel::Sms, worker, &[], OffsetDateTime::now_utc()).await.unwrap();
        tx.commit().await.unwrap();
        // The first message ever of a sender starts its pace.
        batch.filter(|batch| !batch.taken.is_empty())
    })
    .await
}

fn states(test: &TestSend) -> Vec<(TestState, &str)> {
    test.messages.iter().map(|message| (message.state(), message.code.as_str())).collect()
}

#[tokio::test]
async fn it_waits_for_the_dispatcher_and_tells_what_became_of_it() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let opted_out = OptOut { channel: Channel::Sms.into(), address: "+971507654321".to_owned(), ..OptOut::default() };
    let add = AddOptOutsRequest { opt_outs: vec![opted_out] };
    workspace.opt_outs(Role::Agent).add_opt_outs(add).await.unwrap();
    let mut client = workspace.templates(Role::Agent);
    let request = request(&workspace, &["0501234567", "+971507654321"]).await;
    let request = TestSendTemplateRequest { request_id: "once".to_owned(), ..request };
    let test = client.test_send_template(request.clone()).await.unwrap().into_inner().test_send.unwrap();
    assert_eq!(states(&test), [(TestState::Queued, ""), (TestState::Refused, "opted_out")]);
    assert_eq!((test.messages[0].address.as_str(), test.done, test.template_version), ("+971501234567", false, 1));
    assert_eq!(client.test_send_template(request).await.unwrap().into_inner().test_send, Some(test.clone()), "asked twice, sent once");

    let worker = WorkerId::new();
    let batch = take(&api, worker).await;
    assert_eq!(batch.sender_id, test.sender_id.parse::<SenderId>().unwrap());
    let [taken] = batch.taken.as_slice() else { panic!("one is taken: {batch:?}") };
    assert_eq!((taken.address.as_str(), &taken.content["sms"]["text"]), ("+971501234567", &"Hi Sara Ali".into()));
    let get = || GetTestSendRequest { id: test.id.clone() };
    let now = client.get_test_send(get()).await.unwrap().into_inner().test_send.unwrap();
    assert_eq!((states(&now)[0].0, now.done), (TestState::Sending, false));

    let mut connection = api.db.acquire().await.unwrap();
    let outcome = Outcome { provider_message_id: "SM1".to_owned(), ..Outcome::new(taken.test_message_id, State::Accepted) };
    let stranger = Outcome { state: State::Refused, ..outcome.clone() };
    dispatch::record(&mut connection, WorkerId::new(), &[stranger], OffsetDateTime::now_utc()).await.unwrap();
    dispatch::record(&mut connection, worker, &[outcome], OffsetDateTime::now_utc()).await.unwrap();
    let done = client.get_test_send(get()).await.unwrap().into_inner().test_send.unwrap();
    assert_eq!((states(&done)[0].0, done.messages[0].provider_message_id.as_str(), done.done), (TestState::Accepted, "SM1", true));
    let deliveries = store::admin::raw(&mut connection, "SELECT FROM send.delivery").await.unwrap();
    assert_eq!(deliveries, 0, "a test is no delivery");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_written() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.templates(Role::Agent);
    let good = request(&workspace, &["+971501234567"]).await;
    let with = |change: fn(&mut TestSendTemplateRequest)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let mail = workspace.sender("M", Channel::Email).await;
    let cases = [
        (with(|request| request.addresses.clear()), "addresses"),
        (with(|request| request.addresses = vec!["+971501234567".to_owned(); 11]), "addresses"),
        (with(|request| request.addresses = vec!["me@example.com".to_owned()]), "addresses[0]"),
        (with(|request| request.channel = 0), "channel"),
        (with(|request| request.sender_id.clear()), "sender_id"),
        (TestSendTemplateRequest { sender_id: mail, ..good.clone() }, "sender_id"),
        (with(|request| request.id.clear()), "id"),
        (with(|request| request.locale = "??".to_owned()), "locale"),
    ];
    for (request, field) in cases {
        assert_eq!(fields(&client.test_send_template(request).await.unwrap_err()), [field]);
    }
    let whatsapp = TestSendTemplateRequest {
        channel: Channel::Whatsapp.into(),
        sender_id: workspace.sender("W", Channel::Whatsapp).await,
        ..good.clone()
    };
    assert_eq!(reason(&client.test_send_template(whatsapp).await.unwrap_err()), "NO_VARIANT");
    let nobody = TestSendTemplateRequest { contact_id: uuid::Uuid::now_v7().to_string(), ..good.clone() };
    assert_eq!(client.test_send_template(nobody).await.unwrap_err().code(), Code::NotFound);
    let pause = PauseSenderRequest { id: good.sender_id.clone(), reason: String::new() };
    workspace.senders(Role::Admin).pause_sender(pause).await.unwrap();
    assert_eq!(reason(&client.test_send_template(good).await.unwrap_err()), "SENDER_PAUSED");
    let mut connection = api.db.acquire().await.unwrap();
    assert_eq!(store::admin::raw(&mut connection, "SELECT FROM send.test_send").await.unwrap(), 0);
}

#[tokio::test]
async fn a_hundred_an_hour_and_no_more() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.templates(Role::Agent);
    let ten: Vec<_> = (0..10).map(|n| format!("+9715012345{n:02}")).collect();
    let request = request(&workspace, &ten.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for _ in 0..10 {
        client.test_send_template(request.clone()).await.unwrap();
    }
    let one = TestSendTemplateRequest { addresses: ten[..1].to_vec(), ..request };
    let status = client.test_send_template(one).await.unwrap_err();
    assert_eq!((status.code(), status.get_details_error_info().unwrap().reason.as_str()), (Code::ResourceExhausted, "TOO_MANY_TESTS"));
}

#[tokio::test]
async fn a_campaign_says_template_and_sender_by_itself() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = workspace.complete_settings("Spring").await;
    let own = |channel: Channel| {
        let of = |setting: &&ChannelSetting| setting.channel == i32::from(channel);
        settings.channels.iter().find(of).unwrap().sender_id.clone()
    };
    let (template, sender) = (settings.template_id.clone(), own(Channel::Email));
    let campaign_id = workspace.draft(settings).await.id;
    let request = TestSendTemplateRequest {
        campaign_id: campaign_id.clone(),
        channel: Channel::Email.into(),
        addresses: vec!["Me@Example.com".to_owned()],
        ..TestSendTemplateRequest::default()
    };
    let mut client = workspace.templates(Role::Agent);
    let test = client.test_send_template(request.clone()).await.unwrap().into_inner().test_send.unwrap();
    assert_eq!((test.template_id, test.campaign_id, test.sender_id), (template, campaign_id, sender));
    let other = api.workspace().await;
    assert_eq!(other.templates(Role::Agent).test_send_template(request).await.unwrap_err().code(), Code::NotFound);
    let theirs = GetTestSendRequest { id: test.id };
    assert_eq!(other.templates(Role::Agent).get_test_send(theirs).await.unwrap_err().code(), Code::NotFound);
}
