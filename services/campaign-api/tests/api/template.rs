//! Templates.

use crate::{campaign_drafts::fields, mover::reason, support::Api};
use domain::role::Role;
use proto::{common::Channel, contact::*, template::*};
use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};
use tonic::Code;
use tonic_types::StatusExt as _;

fn content(sms: &str) -> Content {
    Content {
        sms: Some(SmsVariant { text: sms.to_owned(), ..SmsVariant::default() }),
        missing: MissingPolicy::Skip.into(),
        ..Content::default()
    }
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
        ..UpdateTemplateRequest::default()
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
    let email = EmailVariant { html: "<p>\n{{ nickname }}</p>".to_owned(), text: "{{ name".to_owned(), ..EmailVariant::default() };
    let status = client.create_template(create(" ", Content { email: Some(email), ..content("{% set x = 1 %}") })).await.unwrap_err();
    let named: BTreeSet<_> = fields(&status).into_iter().collect();
    let expected = ["name", "content.email.subject", "content.email.html", "content.email.text", "content.sms.text"];
    assert_eq!(named, expected.map(str::to_owned).into());
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let html = violations.iter().find(|violation| violation.field == "content.email.html").unwrap();
    assert!(html.description.starts_with("line 2") && html.description.contains("nickname"), "{violations:?}");
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
        ..EmailVariant::default()
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
        ..PreviewTemplateRequest::default()
    };
    let rendered = client.preview_template(preview(Channel::Email, &contact.id)).await.unwrap().into_inner().content.unwrap();
    assert_eq!(rendered.sms, None);
    let email = rendered.email.unwrap();
    assert_eq!(email.subject, "20% for you");
    let expected = "<p>Omar, &lt;gold&gt; <a href=\"https://hub.example/u/preview\">off</a></p>";
    assert!(email.html.contains(expected), "{}", email.html);
    assert_eq!(email.text, "Omar, <gold> off (https://hub.example/u/preview)");
    let made_up = client.preview_template(preview(Channel::Email, "")).await.unwrap().into_inner().content.unwrap().email.unwrap();
    assert!(made_up.html.contains("<p>Sara, tier "), "{}", made_up.html);
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
async fn a_preview_shows_any_variant_in_any_language_also_of_what_is_not_saved() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.templates(Role::Agent);
    let push = |title: &str| Some(PushVariant { title: title.to_owned(), body: "…".to_owned(), ..PushVariant::default() });
    let arabic = Translation { push: push("أهلا {{ first_name }}"), ..Translation::default() };
    let translations = HashMap::from([("ar".to_owned(), arabic)]);
    let content = Content { push: push("Hello {{ first_name }}"), locale: "en".to_owned(), translations, ..Content::default() };
    let preview = |locale: &str| PreviewTemplateRequest {
        variant: ContentVariant::Push.into(),
        locale: locale.to_owned(),
        content: Some(content.clone()),
        ..PreviewTemplateRequest::default()
    };
    for (locale, chosen, start) in [("", "", "Hello "), ("en-AE", "", "Hello "), ("ar-AE", "ar", "أهلا "), ("sr", "", "Hello ")] {
        let answer = client.preview_template(preview(locale)).await.unwrap().into_inner();
        assert_eq!(answer.locale, chosen, "{locale}");
        let title = answer.content.unwrap().push.unwrap().title;
        assert!(title.starts_with(start), "{locale}: {title}");
    }
    assert_eq!(fields(&client.preview_template(preview("not a tag")).await.unwrap_err()), ["locale"]);
    let both = PreviewTemplateRequest { channel: Channel::Sms.into(), ..preview("") };
    assert_eq!(fields(&client.preview_template(both).await.unwrap_err()), ["variant"]);
    let both = PreviewTemplateRequest { id: uuid::Uuid::now_v7().to_string(), ..preview("") };
    assert_eq!(fields(&client.preview_template(both).await.unwrap_err()), ["content"]);
}

#[tokio::test]
async fn validation_saves_nothing_and_says_where_and_what_helps() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.templates(Role::Agent);
    let validate = |sms: &str| ValidateTemplateRequest { content: Some(content(sms)), ..ValidateTemplateRequest::default() };
    let bad = client.validate_template(validate("Hi\n{{ nickname }}")).await.unwrap().into_inner();
    assert!(!bad.valid);
    let problem = &bad.problems[0];
    assert_eq!((problem.field.as_str(), problem.line, problem.variant()), ("sms.text", 2, ContentVariant::Sms));
    assert_eq!(problem.severity(), content_problem::Severity::Error);
    assert!(!problem.message.is_empty() && !problem.remedy.is_empty(), "{problem:?}");
    let long = client.validate_template(validate(&"x".repeat(161))).await.unwrap().into_inner();
    assert!(long.valid, "{long:?}");
    assert_eq!(long.problems[0].severity(), content_problem::Severity::Warning);
    assert!(client.list_templates(ListTemplatesRequest::default()).await.unwrap().into_inner().templates.is_empty());

    let template = workspace.template("t").await;
    let stored = ValidateTemplateRequest { id: template, ..ValidateTemplateRequest::default() };
    assert!(client.validate_template(stored).await.unwrap().into_inner().valid);
    let nul = client.validate_template(validate("a\0b")).await.unwrap_err();
    assert_eq!(fields(&nul), ["content.sms.text"]);
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
