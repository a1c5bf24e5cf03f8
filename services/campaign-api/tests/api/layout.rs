//! Layouts, and the copies of them in templates.

use crate::{
    campaign_drafts::fields,
    mover::reason,
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::template::*;
use tonic::Code;
use tonic_types::StatusExt as _;

const PLAIN: &str = "<html><body><h1>%SUBJECT%</h1>%BODY%<a href=\"%UNSUBSCRIBE_LINK%\">off</a></body></html>";

async fn create(workspace: &Workspace<'_>, name: &str, html: &str) -> Layout {
    let request = CreateLayoutRequest { name: name.to_owned(), html: html.to_owned(), request_id: String::new() };
    workspace.layouts(Role::Agent).create_layout(request).await.unwrap().into_inner().layout.unwrap()
}

fn content(layout: &str) -> Content {
    let email = EmailVariant {
        subject: "Hello".to_owned(),
        html: "<p>Hi {{ first_name | default('there') }}</p>".to_owned(),
        layout: layout.to_owned(),
        layout_html: "<p>smuggled in</p>".to_owned(),
        ..EmailVariant::default()
    };
    Content { email: Some(email), ..Content::default() }
}

async fn template(workspace: &Workspace<'_>, name: &str, layout: &str) -> Template {
    let request = CreateTemplateRequest { name: name.to_owned(), content: Some(content(layout)), request_id: String::new() };
    workspace.templates(Role::Agent).create_template(request).await.unwrap().into_inner().template.unwrap()
}

fn copy(template: &Template) -> &str {
    &template.content.as_ref().unwrap().email.as_ref().unwrap().layout_html
}

async fn newest(workspace: &Workspace<'_>, id: &str) -> Template {
    let request = GetTemplateRequest { id: id.to_owned(), version: 0 };
    workspace.templates(Role::Agent).get_template(request).await.unwrap().into_inner().template.unwrap()
}

#[tokio::test]
async fn a_version_keeps_the_copy_that_it_was_written_with() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let layout = create(&workspace, "brand", PLAIN).await;
    assert_eq!((layout.name.as_str(), layout.revision), ("brand", 1));
    let spring = template(&workspace, "Spring", "brand").await;
    assert_eq!(copy(&spring), PLAIN, "the workspace's own, whatever the caller sends");

    let html = PLAIN.replace("h1", "h2");
    let mut layouts = workspace.layouts(Role::Agent);
    let update = |apply_to_templates| UpdateLayoutRequest {
        id: "brand".to_owned(),
        html: html.clone(),
        apply_to_templates,
        ..UpdateLayoutRequest::default()
    };
    let answer = layouts.update_layout(update(false)).await.unwrap().into_inner();
    assert_eq!(answer.layout.unwrap().revision, 2);
    assert_eq!((answer.outdated.len(), answer.updated.len()), (1, 0));
    assert_eq!(copy(&newest(&workspace, &spring.id).await), PLAIN);

    let answer = layouts.update_layout(update(true)).await.unwrap().into_inner();
    assert_eq!(answer.updated.iter().map(|of| (of.template_name.as_str(), of.template_version)).collect::<Vec<_>>(), [("Spring", 2)]);
    assert!(answer.outdated.is_empty());
    assert_eq!(copy(&newest(&workspace, &spring.id).await), html);
    let first = GetTemplateRequest { id: spring.id.clone(), version: 1 };
    let first = workspace.templates(Role::Agent).get_template(first).await.unwrap().into_inner().template.unwrap();
    assert_eq!(copy(&first), PLAIN, "a version never changes");
}

#[tokio::test]
async fn a_preview_is_set_into_the_layout() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    create(&workspace, "brand", PLAIN).await;
    let spring = template(&workspace, "Spring", "brand").await;
    let request = PreviewTemplateRequest { id: spring.id, variant: ContentVariant::Email.into(), ..PreviewTemplateRequest::default() };
    let answer = workspace.templates(Role::Agent).preview_template(request).await.unwrap().into_inner();
    let html = answer.content.unwrap().email.unwrap().html;
    assert!(html.contains("<h1>Hello</h1>") && html.contains("<p>Hi Sara</p>") && html.contains("https://hub.example/u/preview"), "{html}");
}

#[tokio::test]
async fn what_is_no_layout_is_refused() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut layouts = workspace.layouts(Role::Agent);
    let bad =
        CreateLayoutRequest { name: "my layout".to_owned(), html: "<p>no place for a body</p>".to_owned(), request_id: String::new() };
    assert_eq!(fields(&layouts.create_layout(bad).await.unwrap_err()), ["name", "html"]);
    let huge = CreateLayoutRequest { name: "huge".to_owned(), html: "x".repeat(256 * 1024 + 1), request_id: String::new() };
    assert_eq!(fields(&layouts.create_layout(huge).await.unwrap_err()), ["html"]);
    create(&workspace, "brand", PLAIN).await;
    let again = CreateLayoutRequest { name: "brand".to_owned(), html: PLAIN.to_owned(), request_id: String::new() };
    assert_eq!(layouts.create_layout(again).await.unwrap_err().code(), Code::AlreadyExists);
    let late = UpdateLayoutRequest { id: "brand".to_owned(), html: PLAIN.to_owned(), base_revision: 9, ..UpdateLayoutRequest::default() };
    let late = layouts.update_layout(late).await.unwrap_err();
    assert_eq!((late.code(), late.get_details_error_info().unwrap().reason.as_str()), (Code::Aborted, "LAYOUT_CHANGED"));
    let unknown = CreateTemplateRequest { name: "T".to_owned(), content: Some(content("nowhere")), request_id: String::new() };
    let status = workspace.templates(Role::Agent).create_template(unknown).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(fields(&status)[0].starts_with("content.email.layout"), "{status}");
}

#[tokio::test]
async fn a_layout_in_use_is_not_deleted() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let layout = create(&workspace, "brand", PLAIN).await;
    let spring = template(&workspace, "Spring", "brand").await;
    let mut layouts = workspace.layouts(Role::Agent);
    let delete = || DeleteLayoutRequest { id: "brand".to_owned() };
    assert_eq!(reason(&layouts.delete_layout(delete()).await.unwrap_err()), "LAYOUT_IN_USE");
    let archive = UpdateTemplateRequest { id: spring.id, archived: Some(true), ..UpdateTemplateRequest::default() };
    workspace.templates(Role::Agent).update_template(archive).await.unwrap();
    layouts.delete_layout(delete()).await.unwrap();
    let get = |id: &str| GetLayoutRequest { id: id.to_owned() };
    assert_eq!(layouts.get_layout(get(&layout.id)).await.unwrap_err().code(), Code::NotFound);
    assert!(layouts.list_layouts(ListLayoutsRequest::default()).await.unwrap().into_inner().layouts.is_empty());
}

#[tokio::test]
async fn layouts_of_another_workspace_are_not_found() {
    let api = Api::start().await;
    let (ours, theirs) = (api.workspace().await, api.workspace().await);
    let layout = create(&theirs, "brand", PLAIN).await;
    let mut layouts = ours.layouts(Role::Admin);
    for id in [layout.id, "brand".to_owned()] {
        let update = UpdateLayoutRequest { id: id.clone(), html: PLAIN.to_owned(), ..UpdateLayoutRequest::default() };
        let codes = [
            layouts.get_layout(GetLayoutRequest { id: id.clone() }).await.unwrap_err().code(),
            layouts.update_layout(update).await.unwrap_err().code(),
            layouts.delete_layout(DeleteLayoutRequest { id }).await.unwrap_err().code(),
        ];
        assert_eq!(codes, [Code::NotFound; 3]);
    }
    create(&ours, "brand", PLAIN).await;
}
