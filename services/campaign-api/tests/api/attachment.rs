//! Files that e-mails carry, and the templates that name them.

use crate::{
    campaign_drafts::fields,
    mover::reason,
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::template::*;
use tonic::Code;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nthe rest of a picture";

async fn upload(workspace: &Workspace<'_>, name: &str, content: &[u8], request_id: &str) -> Result<Attachment, tonic::Status> {
    let request = CreateAttachmentRequest { name: name.to_owned(), content: content.to_vec(), request_id: request_id.to_owned() };
    let mut client = workspace.attachments(Role::Agent).max_encoding_message_size(12 << 20);
    Ok(client.create_attachment(request).await?.into_inner().attachment.unwrap())
}

fn request(files: &[(&str, &str)]) -> CreateTemplateRequest {
    let file = |(id, content_id): &(&str, &str)| EmailFile { attachment_id: (*id).to_owned(), content_id: (*content_id).to_owned() };
    let email = EmailVariant {
        subject: "Hello".to_owned(),
        html: "<p>Hi</p><img src=\"cid:logo\">".to_owned(),
        files: files.iter().map(file).collect(),
        ..EmailVariant::default()
    };
    CreateTemplateRequest {
        name: "Spring".to_owned(),
        content: Some(Content { email: Some(email), ..Content::default() }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_file_is_kept_as_long_as_a_version_names_it() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let logo = upload(&workspace, "logo.png", PNG, "r1").await.unwrap();
    assert_eq!((logo.media_type.as_str(), logo.size_bytes as usize, logo.sha256.len()), ("image/png", PNG.len(), 64));
    assert_eq!(upload(&workspace, "logo.png", PNG, "r1").await.unwrap().id, logo.id, "a repeated call makes no second one");
    let unused = upload(&workspace, "offer.pdf", b"%PDF-1.7", "").await.unwrap();

    let mut templates = workspace.templates(Role::Agent);
    let template = templates.create_template(request(&[(&logo.id, "logo")])).await.unwrap().into_inner().template.unwrap();
    assert_eq!(template.content.unwrap().email.unwrap().files[0].attachment_id, logo.id);

    let mut client = workspace.attachments(Role::Agent);
    let got = client.get_attachment(GetAttachmentRequest { id: logo.id.clone() }).await.unwrap().into_inner();
    assert_eq!((got.content.as_slice(), got.attachment.unwrap().name.as_str()), (PNG, "logo.png"));
    let refused = client.delete_attachment(DeleteAttachmentRequest { id: logo.id.clone() }).await.err().unwrap();
    assert_eq!((refused.code(), reason(&refused)), (Code::FailedPrecondition, "ATTACHMENT_IN_USE".to_owned()));
    client.delete_attachment(DeleteAttachmentRequest { id: unused.id }).await.unwrap();
    let left = client.list_attachments(ListAttachmentsRequest::default()).await.unwrap().into_inner().attachments;
    assert_eq!(left.iter().map(|file| file.id.as_str()).collect::<Vec<_>>(), [logo.id.as_str()], "what was refused is there still");
}

#[tokio::test]
async fn only_files_of_ones_own_and_of_known_types_are_taken() {
    let api = Api::start().await;
    let (workspace, other) = (api.workspace().await, api.workspace().await);
    for (name, content, field) in [
        ("a.pdf", &b"MZ\x90\0"[..], "content"),
        ("", PNG, "name"),
        ("../a.png", PNG, "name"),
        ("a.png.exe", PNG, "name"),
        ("a.png", b"", "content"),
    ] {
        let refused = upload(&workspace, name, content, "").await.err().unwrap();
        assert_eq!(fields(&refused), [field], "{name}");
    }
    let big = vec![b'%'; (10 << 20) + 1];
    assert_eq!(fields(&upload(&workspace, "a.pdf", &big, "").await.err().unwrap()), ["content"]);
    let theirs = upload(&other, "logo.png", PNG, "").await.unwrap();
    let nobodys = uuid::Uuid::now_v7().to_string();
    for id in [theirs.id.as_str(), nobodys.as_str(), "nonsense"] {
        let refused = workspace.templates(Role::Agent).create_template(request(&[(id, "logo")])).await.err().unwrap();
        assert_eq!(fields(&refused), ["content.email.files[0].attachment_id"], "{id}");
    }
    let mut client = workspace.attachments(Role::Agent);
    assert_eq!(client.get_attachment(GetAttachmentRequest { id: theirs.id }).await.err().unwrap().code(), Code::NotFound);
}

#[tokio::test]
async fn files_of_one_email_have_ten_megabytes_together() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let half = [&b"%PDF-1.7"[..], &vec![b'x'; 6 << 20]].concat();
    let (one, two) = (upload(&workspace, "a.pdf", &half, "").await.unwrap(), upload(&workspace, "b.pdf", &half, "").await.unwrap());
    let logo = upload(&workspace, "logo.png", PNG, "").await.unwrap();
    let refused = workspace.templates(Role::Agent).create_template(request(&[(&logo.id, "logo"), (&one.id, ""), (&two.id, "")])).await;
    assert_eq!(fields(&refused.err().unwrap()), ["content.email.files"]);
    workspace.templates(Role::Agent).create_template(request(&[(&logo.id, "logo"), (&one.id, "")])).await.unwrap();
}
