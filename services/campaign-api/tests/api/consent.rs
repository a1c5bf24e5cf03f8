//! Topics, preferences and lists with double opt-in, over the API and by what the public pages post.

use crate::{
    campaign_drafts::fields,
    inbound::{EMAIL, PHONE, Post, now_ms},
    support::{Api, Workspace, until},
};
use domain::{Channel, DeliveryId, ListId, facts::key, link::Recipient, role::Role};
use proto::{
    consent::*,
    contact::{AddListMembersRequest, GetContactRequest, GetListRequest},
    event::{Confirmation, Inbound, Origin, Preferences as Posted},
    optout::{AddOptOutsRequest, OptOut},
};
use store::audit;
use time::OffsetDateTime;
use tonic::Code;

async fn topic(workspace: &Workspace<'_>, name: &str) -> String {
    let request = CreateTopicRequest { name: name.to_owned(), request_id: name.to_owned(), ..CreateTopicRequest::default() };
    workspace.topics(Role::Admin).create_topic(request).await.unwrap().into_inner().topic.unwrap().id
}

async fn preferences(workspace: &Workspace<'_>, contact: &str) -> Preferences {
    let request = GetPreferencesRequest { contact_id: contact.to_owned() };
    workspace.consents(Role::Agent).get_preferences(request).await.unwrap().into_inner().preferences.unwrap()
}

async fn said(workspace: &Workspace<'_>, contact: &str) -> Vec<ConsentEvent> {
    let request = ListConsentEventsRequest { contact_id: contact.to_owned(), ..ListConsentEventsRequest::default() };
    workspace.consents(Role::Agent).list_consent_events(request).await.unwrap().into_inner().events
}

async fn members(workspace: &Workspace<'_>, list: &str) -> u64 {
    let request = GetListRequest { id: list.to_owned() };
    workspace.lists(Role::Agent).get_list(request).await.unwrap().into_inner().list.unwrap().member_count
}

#[tokio::test]
async fn topics_are_made_once_renamed_and_archived() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let id = topic(&workspace, "Offers").await;
    assert_eq!(topic(&workspace, "Offers").await, id, "the same request");
    let mut admin = workspace.topics(Role::Admin);
    let again = CreateTopicRequest { name: "Offers".to_owned(), ..CreateTopicRequest::default() };
    assert_eq!(admin.create_topic(again.clone()).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(workspace.topics(Role::Agent).create_topic(again).await.unwrap_err().code(), Code::PermissionDenied);
    let text = TopicText { name: "عروض".to_owned(), description: String::new() };
    let bad = CreateTopicRequest { name: " ".to_owned(), translations: [("x!".to_owned(), text.clone())].into(), ..Default::default() };
    assert_eq!(fields(&admin.create_topic(bad).await.unwrap_err()), ["name", "translations[x!]"]);
    let translated = UpdateTopicRequest {
        id: id.clone(),
        translations: [("AR".to_owned(), text.clone())].into(),
        replace_translations: true,
        archived: Some(true),
        ..UpdateTopicRequest::default()
    };
    let updated = admin.update_topic(translated).await.unwrap().into_inner().topic.unwrap();
    assert_eq!((updated.translations["ar"].clone(), updated.archived), (text, true));
    let list = |include_archived| ListTopicsRequest { include_archived, ..ListTopicsRequest::default() };
    assert!(workspace.topics(Role::Agent).list_topics(list(false)).await.unwrap().into_inner().topics.is_empty());
    assert_eq!(workspace.topics(Role::Agent).list_topics(list(true)).await.unwrap().into_inner().topics.len(), 1);
    let mut connection = api.db.acquire().await.unwrap();
    let log = audit::of_object(&mut connection, workspace.id, "topic", id.parse().unwrap()).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["topic.create", "topic.update"]);
}

#[tokio::test]
async fn who_leaves_a_topic_on_the_phone_is_brought_back_by_an_admin_only() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let (offers, contact) = (topic(&workspace, "Offers").await, workspace.contact("one@example.com", "", &[]).await);
    let leave = LeaveTopicsRequest { contact_id: contact.clone(), topic_ids: vec![offers.clone()], reason: "on the phone".to_owned() };
    let left = workspace.consents(Role::Agent).leave_topics(leave).await.unwrap().into_inner().preferences.unwrap();
    assert!(left.topics[0].left);
    let rejoin =
        |reason: &str| RejoinTopicsRequest { contact_id: contact.clone(), topic_ids: vec![offers.clone()], reason: reason.to_owned() };
    assert_eq!(workspace.consents(Role::Agent).rejoin_topics(rejoin("x")).await.unwrap_err().code(), Code::PermissionDenied);
    let mut admin = workspace.consents(Role::Admin);
    assert_eq!(fields(&admin.rejoin_topics(rejoin(" ")).await.unwrap_err()), ["reason"]);
    let stranger = LeaveTopicsRequest { contact_id: contact.clone(), topic_ids: vec![ListId::new().to_string()], ..Default::default() };
    assert_eq!(fields(&admin.leave_topics(stranger).await.unwrap_err()), ["topic_ids[0]"]);
    admin.rejoin_topics(rejoin("she wrote to us")).await.unwrap();
    assert!(!preferences(&workspace, &contact).await.topics[0].left);
    let events = said(&workspace, &contact).await;
    let told: Vec<_> = events.iter().map(|event| (event.kind(), event.evidence.clone().unwrap().text)).collect();
    let expected = [(ConsentKind::TopicJoined, "she wrote to us".to_owned()), (ConsentKind::TopicLeft, "on the phone".to_owned())];
    assert_eq!(told, expected);
    assert!(events.iter().all(|event| event.actor.starts_with("test-") && event.address == "one@example.com"));
}

#[tokio::test]
async fn a_list_with_double_opt_in_has_members_once_they_have_confirmed() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let list = workspace.list("News").await;
    let (one, two) = (workspace.contact("one@example.com", "", &[]).await, workspace.contact("two@example.com", "", &[]).await);
    let mut admin = workspace.consents(Role::Admin);
    let on = |wording: &[(&str, &str)]| UpdateListConsentRequest {
        list_id: list.clone(),
        double_opt_in: Some(true),
        wording: wording.iter().map(|(language, text)| ((*language).to_owned(), (*text).to_owned())).collect(),
        replace_wording: true,
    };
    assert_eq!(fields(&admin.update_list_consent(on(&[("ar", "نعم")])).await.unwrap_err()), ["wording[]"]);
    let ask = CreateConfirmationLinksRequest { list_id: list.clone(), contact_ids: vec![one.clone()] };
    assert_eq!(admin.create_confirmation_links(ask.clone()).await.unwrap_err().code(), Code::FailedPrecondition);
    let asking = admin.update_list_consent(on(&[("", "I agree."), ("ar", "أوافق.")])).await.unwrap().into_inner().consent.unwrap();
    assert_eq!((asking.double_opt_in, asking.wording_version), (true, 1));
    let same = admin.update_list_consent(on(&[("", "I agree."), ("ar", "أوافق.")])).await.unwrap().into_inner().consent.unwrap();
    assert_eq!(same.wording_version, 1, "the same words are the same version");
    let add = AddListMembersRequest { list_id: list.clone(), contact_ids: vec![one.clone(), two.clone()] };
    let added = workspace.lists(Role::Agent).add_list_members(add).await.unwrap().into_inner();
    assert_eq!((added.added, added.pending), (0, 2));
    workspace.contact("three@example.com", "", &[&list]).await;
    assert_eq!(members(&workspace, &list).await, 0, "whatever way they were added");
    let links = workspace.consents(Role::Agent).create_confirmation_links(ask).await.unwrap().into_inner().links;
    let token = links[0].url.strip_prefix("https://hub.example/confirm/").unwrap();
    let link = api.links.read_confirmation(token).unwrap();
    assert_eq!((link.list_id.to_string(), link.recipient), (list.clone(), Recipient::Contact(one.parse().unwrap())));
    let record = |contact: &str, at: i64| RecordConsentRequest {
        list_id: list.clone(),
        contact_ids: vec![contact.to_owned()],
        confirmed_at: Some(prost_types::Timestamp { seconds: OffsetDateTime::now_utc().unix_timestamp() + at, nanos: 0 }),
        evidence: "signed form 17".to_owned(),
    };
    assert_eq!(workspace.consents(Role::Agent).record_consent(record(&two, -5)).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(fields(&admin.record_consent(record(&two, 3_600)).await.unwrap_err()), ["confirmed_at"]);
    assert_eq!(admin.record_consent(record(&two, -5)).await.unwrap().into_inner().confirmed, 1);
    assert_eq!(members(&workspace, &list).await, 1);
    let events = said(&workspace, &two).await;
    assert_eq!((events[0].kind(), events[0].evidence.clone().unwrap().text.as_str()), (ConsentKind::ListConfirmed, "signed form 17"));
    let pending = ListPendingMembersRequest { list_id: list.clone(), ..ListPendingMembersRequest::default() };
    assert_eq!(workspace.consents(Role::Agent).list_pending_members(pending).await.unwrap().into_inner().members.len(), 2);
}

/// What a page posts for the contact.
fn posted(post: &Post<'_>, contact: &str, ms_later: i64) -> Inbound {
    let origin = Origin { ip: "192.0.2.7".to_owned(), user_agent: "Firefox".to_owned(), language: "ar".to_owned(), ..Origin::default() };
    Inbound {
        key: key(&uuid::Uuid::new_v4().to_string()).to_vec(),
        workspace_id: post.workspace.id.to_string(),
        contact_id: contact.to_owned(),
        delivery_id: post.deliveries[&Channel::Email],
        source: "preference_page".to_owned(),
        occurred_at_ms: now_ms() + ms_later,
        origin: Some(origin),
        ..Inbound::default()
    }
}

async fn contact_of(post: &Post<'_>) -> String {
    let mut connection = post.workspace.api.db.acquire().await.unwrap();
    let delivery = Recipient::Delivery(DeliveryId(post.deliveries[&Channel::Email]));
    store::consent::person::of_recipient(&mut connection, delivery).await.unwrap().unwrap().to_string()
}

#[tokio::test]
async fn what_a_preference_page_posts_changes_channels_topics_and_language() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let workspace = post.workspace;
    let (contact, offers, news) = (contact_of(&post).await, topic(&workspace, "Offers").await, topic(&workspace, "News").await);
    let off =
        Posted { channels_off: vec!["email".to_owned()], topics_off: vec![offers.clone()], language: "ar".to_owned(), ..Posted::default() };
    let first = Inbound { preferences: Some(off), ..posted(&post, &contact, 0) };
    let older = Posted {
        channels_on: vec!["email".to_owned()],
        topics_on: vec![offers.clone()],
        topics_off: vec![news],
        language: "hi".to_owned(),
        ..Posted::default()
    };
    let older = Inbound { preferences: Some(older), ..posted(&post, &contact, -60_000) };
    post.publish(vec![first.clone()]).await;
    post.until_registered(&[(Channel::Email, EMAIL, "preference_page")]).await;
    until(async || (post.unsubscribed() == [post.deliveries[&Channel::Email]]).then_some(())).await;
    post.publish(vec![older, first]).await;
    post.settled().await;
    let now = preferences(&workspace, &contact).await;
    let states: Vec<_> = now.channels.iter().map(|on| (proto::convert::channel(on.channel).unwrap(), on.opted_out, on.revocable)).collect();
    assert_eq!(states, [(Channel::Email, true, true), (Channel::Sms, false, true)], "the older page came too late");
    assert!(now.topics[0].left && now.topics[1].left, "but what it left counts");
    let read = workspace.contacts(Role::Agent).get_contact(GetContactRequest { id: contact.clone() }).await.unwrap().into_inner();
    assert_eq!(read.contact.unwrap().locale, "ar");
    let events = said(&workspace, &contact).await;
    let evidence = events[0].evidence.clone().unwrap();
    assert_eq!((evidence.ip.as_str(), evidence.user_agent.as_str(), evidence.language.as_str()), ("192.0.2.7", "Firefox", "ar"));
    // And back, but what an admin has registered stays.
    let by_hand = OptOut { channel: proto::convert::channel_number(Channel::Sms), address: PHONE.to_owned(), ..OptOut::default() };
    workspace.opt_outs(Role::Agent).add_opt_outs(AddOptOutsRequest { opt_outs: vec![by_hand] }).await.unwrap();
    let on = Posted { channels_on: vec!["email".to_owned(), "sms".to_owned()], topics_on: vec![offers], ..Posted::default() };
    post.publish(vec![Inbound { preferences: Some(on), ..posted(&post, &contact, 60_000) }]).await;
    post.until_registered(&[(Channel::Sms, PHONE, "api")]).await;
    until(async || (!preferences(&workspace, &contact).await.topics[0].left).then_some(())).await;
    assert_eq!(said(&workspace, &contact).await.iter().filter(|event| event.kind() == ConsentKind::OptedIn).count(), 1);
}

#[tokio::test]
async fn no_more_messages_at_all_covers_every_channel_and_one_may_be_opened_again() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let contact = contact_of(&post).await;
    let all_off = Posted { all_off: true, ..Posted::default() };
    post.publish(vec![Inbound { preferences: Some(all_off), ..posted(&post, &contact, 0) }]).await;
    until(async || (post.register().await.len() == 2).then_some(())).await;
    assert!(post.register().await.iter().all(|(channel, _, source)| *channel == 0 && source == "preference_page"));
    let on = Posted { channels_on: vec!["sms".to_owned()], ..Posted::default() };
    post.publish(vec![Inbound { preferences: Some(on), ..posted(&post, &contact, 60_000) }]).await;
    // WhatsApp, which has the same address, stays closed; so does e-mail.
    until(async || {
        let entries: Vec<_> = post.register().await.into_iter().map(|(channel, address, _)| (channel, address)).collect();
        let whatsapp = proto::convert::channel_number(Channel::Whatsapp);
        (entries == [(whatsapp, PHONE.to_owned()), (0, EMAIL.to_owned())]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_confirmation_page_makes_a_member_and_keeps_the_evidence() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let workspace = post.workspace;
    let (contact, list) = (contact_of(&post).await, workspace.list("News").await);
    let on = UpdateListConsentRequest {
        list_id: list.clone(),
        double_opt_in: Some(true),
        wording: [(String::new(), "I agree.".to_owned()), ("ar".to_owned(), "أوافق.".to_owned())].into(),
        replace_wording: true,
    };
    workspace.consents(Role::Admin).update_list_consent(on).await.unwrap();
    let confirmation = Confirmation { list_id: list.clone(), wording_version: 1 };
    let page = Inbound { source: "confirmation_page".to_owned(), ..posted(&post, &contact, 0) };
    let confirm = Inbound { confirmation: Some(confirmation), ..page.clone() };
    let of_nobody = Inbound { contact_id: "x".to_owned(), key: key("nobody").to_vec(), ..confirm.clone() };
    post.publish(vec![of_nobody, confirm]).await;
    until(async || (members(&workspace, &list).await == 1).then_some(())).await;
    let event = said(&workspace, &contact).await.remove(0);
    let evidence = event.evidence.unwrap();
    assert_eq!((event.source.as_str(), event.actor.as_str(), event.address.as_str()), ("confirmation_page", "", EMAIL));
    assert_eq!((evidence.wording_version, evidence.wording.as_str(), evidence.ip.as_str()), (1, "أوافق.", "192.0.2.7"));
}

#[tokio::test]
async fn hard_bounces_opt_out_when_there_were_as_many_as_the_workspace_bears() {
    let api = Api::start().await;
    let post = Post::new(&api).await;
    let request = proto::workspace::UpdateWorkspaceRequest { bounces_before_opt_out: Some(2), ..Default::default() };
    post.workspace.workspaces(Role::Admin).update_workspace(request).await.unwrap();
    let bounce = |delivery_id: i64| Inbound {
        from: "gone@example.com".to_owned(),
        delivery_id,
        intent: proto::event::InboundIntent::Stop.into(),
        source: "bounce".to_owned(),
        ..post.text(Channel::Email, "")
    };
    let complaint = Inbound { source: "complaint".to_owned(), from: "angry@example.com".to_owned(), ..bounce(0) };
    // The same message, told twice, is one bounce.
    post.publish(vec![bounce(901), bounce(901), complaint]).await;
    post.until_registered(&[(Channel::Email, "angry@example.com", "complaint")]).await;
    post.publish(vec![bounce(902)]).await;
    post.until_registered(&[(Channel::Email, "angry@example.com", "complaint"), (Channel::Email, "gone@example.com", "bounce")]).await;
}
