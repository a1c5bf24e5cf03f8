//! Templates.

use crate::{campaign_drafts::fields, mover::reason, support::Api};
use domain::role::Role;
use proto::{common::Channel, contact::*, template::*};
use std::{collections::HashMap, path::Path};
use tonic::Code;
use tonic_types::StatusExt as _;

fn content(sms: &str) -> Content {
    Content { sms: Some(SmsVariant { text: sms.to_owned() }), ..Content::default() }
}

fn create(name: &str, content: Content) -> CreateTemplateRequest {
    CreateTemplateRequest { name: name.to_owned(), content: Some(content), request_id: String::new() }
}

#[tokio::test]
async fn every_edit_makes_a_version_and_old_ones_stay() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.templates(Role::Agent);
    let one = client.create_template(create("T", content("one"))).await.unwrap().into_inner().template.unwrap();
    assert_eq!((one.version, one.content.clone()), (1, Some(content("one"))));
    let update = |content: Option<Content>, name: Option<&str>, base_version| UpdateTemplateRequest {
        id: one.id.clone(),
        name: name.map(str::to_owned),
        content,
        base_version,
    };
    let two = client.update_template(update(Some(content("two")), None, 1)).await.unwrap().into_inner().template.unwrap();
    assert_eq!((two.version, two.name.as_str()), (2, "T"));
    let late = client.update_template(update(Some(content("three")), None, 1)).await.unwrap_err();
    assert_eq!((late.code(), late.get_details_error_info().unwrap().reason.as_str()), (Code::Aborted, "TEMPLATE_CHANGED"));
    let renamed = client.update_template(update(None, Some("New"), 0)).await.unwrap().into_inner().template.unwrap();
    assert_eq!((renamed.version, renamed.name.as_str()), (2, "New"));
    let get = |version| GetTemplateRequest { id: one.id.clone(), version };
    for (version, text) in [(0, "two"), (1, "one"), (2, "two")] {
        let read = client.get_template(get(version)).await.unwrap().into_inner().template.unwrap();
        assert_eq!((read.content, read.name.as_str()), (Some(content(text)), "New"));
    }
    assert_eq!(client.get_template(get(3)).await.unwrap_err().code(), Code::NotFound);
    let listed = client.list_templates(ListTemplatesRequest::default()).await.unwrap().into_inner().templates;
    assert_eq!((listed.len(), listed[0].version, listed[0].content.clone()), (1, 2, None));
    let taken = client.create_template(create("New", content("x"))).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn a_repeated_create_answers_with_the_first() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.templates(Role::Agent);
    let request = CreateTemplateRequest { request_id: "r".to_owned(), ..create("T", content("one")) };
    let one = client.create_template(request.clone()).await.unwrap().into_inner();
    assert_eq!(client.create_template(request).await.unwrap().into_inner(), one);
}

#[tokio::test]
async fn what_cannot_be_rendered_is_refused_with_field_and_line() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.templates(Role::Agent);
    let email = EmailVariant { subject: String::new(), html: "<p>\n{{ nickname }}</p>".to_owned(), text: "{{ name".to_owned() };
    let status = client.create_template(create(" ", Content { email: Some(email), ..content("{% set x = 1 %}") })).await.unwrap_err();
    assert_eq!(fields(&status), ["name", "content.email.subject", "content.email.html", "content.email.text", "content.sms.text"]);
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert!(violations[2].description.starts_with("line 2: there is no variable nickname"), "{violations:?}");
    let none = CreateTemplateRequest { name: "x".to_owned(), ..Default::default() };
    assert_eq!(fields(&client.create_template(none).await.unwrap_err()), ["content"]);
    let template = workspace.template("t").await;
    let update = UpdateTemplateRequest { id: template, content: Some(content("{{ x }}")), ..Default::default() };
    assert_eq!(fields(&client.update_template(update).await.unwrap_err()), ["content.sms.text"]);
}

#[tokio::test]
async fn a_preview_is_what_the_contact_would_get() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let email = EmailVariant {
        subject: "{{ fragments.offer }}".to_owned(),
        html: "<p>{{ first_name }}, {{ attributes.tier }} <a href=\"{{ unsubscribe_url }}\">off</a></p>".to_owned(),
        text: String::new(),
    };
    let fragments = HashMap::from([("offer".to_owned(), "20% for {{ city | default('you') }}".to_owned())]);
    let content = Content { email: Some(email), fragments, ..content("Hi {{ first_name }}") };
    let mut client = workspace.templates(Role::Agent);
    let template = client.create_template(create("T", content)).await.unwrap().into_inner().template.unwrap();
    let attributes = HashMap::from([("tier".to_owned(), "<gold>".to_owned())]);
    let contact = Contact { name: "Omar K".to_owned(), attributes, ..Contact::default() };
    let request = UpsertContactRequest { contact: Some(contact), list_ids: Vec::new() };
    let contact = workspace.contacts(Role::Agent).upsert_contact(request).await.unwrap().into_inner().contact.unwrap();
    let preview = |channel: Channel, contact_id: &str| PreviewTemplateRequest {
        id: template.id.clone(),
        version: 0,
        channel: channel.into(),
        contact_id: contact_id.to_owned(),
    };
    let rendered = client.preview_template(preview(Channel::Email, &contact.id)).await.unwrap().into_inner().content.unwrap();
    assert_eq!(rendered.sms, None);
    let email = rendered.email.unwrap();
    assert_eq!(email.subject, "20% for you");
    assert_eq!(email.html, "<p>Omar, &lt;gold&gt; <a href=\"https://hub.example/u/preview\">off</a></p>");
    assert_eq!(email.text, "Omar, <gold> off (https://hub.example/u/preview)");
    let made_up = client.preview_template(preview(Channel::Email, "")).await.unwrap().into_inner().content.unwrap().email.unwrap();
    assert!(made_up.html.starts_with("<p>Sara, tier "), "{}", made_up.html);
    assert_eq!(reason(&client.preview_template(preview(Channel::Whatsapp, "")).await.unwrap_err()), "NO_VARIANT");
    assert_eq!(fields(&client.preview_template(preview(Channel::Unspecified, "")).await.unwrap_err()), ["channel"]);
    let nobody = client.preview_template(preview(Channel::Sms, &uuid::Uuid::now_v7().to_string())).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);

    let bare = workspace.contact("bare@example.com", "", &[]).await;
    let status = client.preview_template(preview(Channel::Email, &bare)).await.unwrap_err();
    assert_eq!(reason(&status), "MISSING_VARIABLE");
    assert!(status.message().contains("attributes.tier"), "{status}");
}

#[tokio::test]
async fn the_example_template_is_taken() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/product-launch");
    let text = std::fs::read_to_string(folder.join("template.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let html = std::fs::read_to_string(folder.join("email.html")).unwrap();
    json["content"]["email"]["html"] = html.into();
    let content: domain::content::TemplateContent = serde_json::from_value(json["content"].take()).unwrap();
    let problems = domain::render::Renderer::new(&content).err();
    assert_eq!(problems, None);
}
