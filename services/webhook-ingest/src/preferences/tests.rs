//! What a form changes, and what it may not.

use super::changed;
use crate::pages::Form;
use domain::{Channel, ContactId, TopicId, WorkspaceId};
use proto::event::Preferences;
use store::consent::person::{OnChannel, OnTopic, Person};

fn person() -> Person {
    let on = |channel, opted_out, revocable| OnChannel { channel, address_key: "x".to_owned(), opted_out, revocable };
    let topic =
        |left| OnTopic { topic_id: TopicId::new(), name: "Offers".to_owned(), description: String::new(), translations: [].into(), left };
    Person {
        workspace_id: WorkspaceId::new(),
        workspace_name: "Shop".to_owned(),
        contact_id: ContactId::new(),
        locale: "ar-AE".to_owned(),
        email_key: Some("x".to_owned()),
        phone_key: None,
        whatsapp_key: None,
        push_key: None,
        channels: vec![on(Channel::Email, false, true), on(Channel::Sms, true, true), on(Channel::Whatsapp, true, false)],
        topics: vec![topic(false), topic(true)],
    }
}

fn read(form: &str) -> Preferences {
    changed(&Form::read(form.as_bytes()), &person())
}

#[test]
fn a_page_that_is_saved_as_it_was_changes_nothing() {
    assert_eq!(read("was_on=email&on=email&language=ar"), Preferences::default());
    assert_eq!(read(""), Preferences::default(), "what the page never showed isn't told");
}

#[test]
fn only_what_was_changed_on_the_page_is_told() {
    let off = Preferences { channels_off: vec!["email".to_owned()], ..Preferences::default() };
    assert_eq!(read("was_on=email"), off);
    let on = Preferences { channels_on: vec!["sms".to_owned()], language: "ru".to_owned(), ..Preferences::default() };
    assert_eq!(read("was_on=email&on=email&on=sms&language=ru"), on);
}

#[test]
fn what_a_person_may_not_change_or_does_not_have_is_left_out() {
    assert_eq!(read("on=whatsapp"), Preferences::default(), "an admin's opt-out");
    assert_eq!(read("on=fax&was_on=push&topic=0198c0de-0000-7000-8000-000000000000"), Preferences::default());
    assert_eq!(read("language=../xx"), Preferences::default());
}

#[test]
fn topics_are_left_and_joined() {
    let person = person();
    let (here, left) = (person.topics[0].topic_id.to_string(), person.topics[1].topic_id.to_string());
    let form = format!("was_topic={here}&topic={left}");
    let told = changed(&Form::read(form.as_bytes()), &person);
    assert_eq!((told.topics_off, told.topics_on), (vec![here], vec![left]));
}
