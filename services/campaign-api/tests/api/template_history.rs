//! A template's versions, what changed between them, who uses them; clones and the archive.

use crate::{
    campaign_drafts::fields,
    mover::{Mover, reason, start_run},
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::{campaign::CampaignStatus, template::*};
use tonic::Code;

fn content(html: &str, offer: &str) -> Content {
    Content {
        email: Some(EmailVariant { subject: "Hi".to_owned(), html: html.to_owned(), ..EmailVariant::default() }),
        sms: Some(SmsVariant { text: "{{ fragments.offer }}".to_owned(), ..SmsVariant::default() }),
        fragments: [("offer".to_owned(), offer.to_owned())].into(),
        ..Content::default()
    }
}

async fn template(workspace: &Workspace<'_>, name: &str, contents: &[Content]) -> String {
    let mut client = workspace.templates(Role::Agent);
    let first = CreateTemplateRequest { name: name.to_owned(), content: contents.first().cloned(), request_id: String::new() };
    let id = client.create_template(first).await.unwrap().into_inner().template.unwrap().id;
    for content in contents.iter().skip(1) {
        let update = UpdateTemplateRequest { id: id.clone(), content: Some(content.clone()), ..UpdateTemplateRequest::default() };
        client.update_template(update).await.unwrap();
    }
    id
}

#[tokio::test]
async fn versions_are_listed_newest_first_with_who_wrote_them() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let id = template(&workspace, "T", &[content("<p>1</p>", "a"), content("<p>2</p>", "a"), content("<p>3</p>", "a")]).await;
    let mut client = workspace.templates(Role::Agent);
    let page = |page_token: String| ListTemplateVersionsRequest { id: id.clone(), page_size: 2, page_token };
    let first = client.list_template_versions(page(String::new())).await.unwrap().into_inner();
    assert_eq!(first.versions.iter().map(|version| version.version).collect::<Vec<_>>(), [3, 2]);
    assert!(first.versions.iter().all(|version| version.created_by == "test-agent" && version.created_at.is_some()));
    let second = client.list_template_versions(page(first.next_page_token)).await.unwrap().into_inner();
    assert_eq!(second.versions.iter().map(|version| version.version).collect::<Vec<_>>(), [1]);
    assert!(second.next_page_token.is_empty());
}

#[tokio::test]
async fn a_difference_names_the_fields_and_the_lines() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let old = content("<p>one</p>\n<p>two</p>\n", "10%");
    let id = template(&workspace, "T", &[old.clone(), content("<p>one</p>\n<p>TWO</p>\n", "20%"), old]).await;
    let mut client = workspace.templates(Role::Agent);
    let diff = |from_version, to_version| DiffTemplateVersionsRequest { id: id.clone(), from_version, to_version };
    let answer = client.diff_template_versions(diff(1, 2)).await.unwrap().into_inner();
    assert_eq!((answer.from_version, answer.to_version, answer.truncated), (1, 2, false));
    assert_eq!(answer.fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["email.html", "fragments.offer"]);
    let lines: Vec<_> = answer.fields[0].lines.iter().map(|line| (line.kind(), line.text.as_str())).collect();
    assert_eq!(lines, [(DiffKind::Same, "<p>one</p>"), (DiffKind::Removed, "<p>two</p>"), (DiffKind::Added, "<p>TWO</p>")]);
    let newest = client.diff_template_versions(diff(0, 0)).await.unwrap().into_inner();
    assert_eq!((newest.from_version, newest.to_version), (2, 3));
    assert!(client.diff_template_versions(diff(1, 3)).await.unwrap().into_inner().fields.is_empty());
    assert_eq!(client.diff_template_versions(diff(1, 4)).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(fields(&client.diff_template_versions(diff(0, 1)).await.unwrap_err()), ["from_version"]);
}

#[tokio::test]
async fn uses_name_the_campaigns_and_the_version_that_each_sends() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = workspace.complete_settings("Sent").await;
    let id = settings.template_id.clone();
    let mover = Mover(&workspace);
    let sent = mover.sent(settings.clone()).await.id;
    start_run(&api, &sent).await;
    let mut client = workspace.templates(Role::Agent);
    let update = UpdateTemplateRequest { id: id.clone(), content: Some(content("<p>2</p>", "x")), ..UpdateTemplateRequest::default() };
    client.update_template(update).await.unwrap();
    let draft = workspace.draft(proto::campaign::Settings { name: "Draft".to_owned(), ..settings }).await.id;

    let uses = |version| ListTemplateUsesRequest { id: id.clone(), version, ..ListTemplateUsesRequest::default() };
    let all = client.list_template_uses(uses(0)).await.unwrap().into_inner().uses;
    let expected = |one: &TemplateUse| (one.campaign_id.clone(), one.campaign_status(), one.version, one.run_versions.clone());
    assert_eq!(
        all.iter().map(expected).collect::<Vec<_>>(),
        [(draft.clone(), CampaignStatus::Draft, 0, vec![]), (sent.clone(), CampaignStatus::Active, 1, vec![1])]
    );
    let names = |uses: Vec<TemplateUse>| uses.into_iter().map(|one| one.campaign_id).collect::<Vec<_>>();
    assert_eq!(names(client.list_template_uses(uses(1)).await.unwrap().into_inner().uses), [sent]);
    assert_eq!(names(client.list_template_uses(uses(2)).await.unwrap().into_inner().uses), [draft], "it would be sent with the newest");
    assert!(client.list_template_uses(uses(3)).await.unwrap().into_inner().uses.is_empty());
}

#[tokio::test]
async fn a_clone_has_the_content_and_goes_its_own_way() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let id = template(&workspace, "T", &[content("<p>1</p>", "a"), content("<p>2</p>", "a")]).await;
    let mut client = workspace.templates(Role::Agent);
    let request = CloneTemplateRequest { id: id.clone(), version: 1, request_id: "once".to_owned(), ..CloneTemplateRequest::default() };
    let copy = client.clone_template(request.clone()).await.unwrap().into_inner().template.unwrap();
    assert_eq!((copy.name.as_str(), copy.version), ("Copy of T", 1));
    assert_eq!(copy.content.as_ref().unwrap().email.as_ref().unwrap().html, "<p>1</p>");
    assert_ne!(copy.id, id);
    assert_eq!(client.clone_template(request).await.unwrap().into_inner().template, Some(copy));
    let taken = CloneTemplateRequest { id, name: "T".to_owned(), ..CloneTemplateRequest::default() };
    assert_eq!(client.clone_template(taken).await.unwrap_err().code(), Code::AlreadyExists);
}

#[tokio::test]
async fn an_archived_template_is_out_of_sight_and_of_use_until_it_is_restored() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = workspace.complete_settings("Spring").await;
    let id = settings.template_id.clone();
    let draft = workspace.draft(settings).await.id;
    let mut client = workspace.templates(Role::Agent);
    let archive = |archived| UpdateTemplateRequest { id: id.clone(), archived: Some(archived), ..UpdateTemplateRequest::default() };
    let archived = client.update_template(archive(true)).await.unwrap().into_inner().template.unwrap();
    assert!(archived.archived);
    assert_eq!(archived.version, 1, "no new version");
    let list = |include_archived| ListTemplatesRequest { include_archived, ..ListTemplatesRequest::default() };
    assert!(client.list_templates(list(false)).await.unwrap().into_inner().templates.is_empty());
    assert!(client.list_templates(list(true)).await.unwrap().into_inner().templates[0].archived);
    let edit = UpdateTemplateRequest { id: id.clone(), content: Some(content("<p>2</p>", "a")), ..UpdateTemplateRequest::default() };
    assert_eq!(reason(&client.update_template(edit.clone()).await.unwrap_err()), "TEMPLATE_ARCHIVED");
    assert_eq!(fields(&Mover(&workspace).submit(&draft).await.unwrap_err()), ["settings.template_id"]);
    let restored = client.update_template(UpdateTemplateRequest { archived: Some(false), ..edit }).await.unwrap().into_inner();
    assert_eq!(restored.template.map(|template| (template.archived, template.version)), Some((false, 2)), "both at once");
    Mover(&workspace).submit(&draft).await.unwrap();
}
