//! What changes a template without a file.

use super::{Version, get, show};
use crate::{
    resolve,
    session::{Session, request_id},
};
use anyhow::Result;
use proto::template::{CloneTemplateRequest, UpdateTemplateRequest};

/// Writes an old version anew; refused when somebody else was quicker.
pub async fn restore(session: &Session, template: &str, version: u32) -> Result<()> {
    let newest = get(session, template, 0).await?;
    let old = get(session, &newest.id, version).await?;
    let request =
        UpdateTemplateRequest { id: newest.id, content: old.content, base_version: newest.version, ..UpdateTemplateRequest::default() };
    show(session, session.templates().update_template(request).await?.into_inner().template)
}

pub async fn clone(session: &Session, of: Version, name: String) -> Result<()> {
    let id = resolve::template(session, &of.template).await?;
    let request = CloneTemplateRequest { id, version: of.version, name, request_id: request_id() };
    show(session, session.templates().clone_template(request).await?.into_inner().template)
}

pub async fn rename(session: &Session, template: &str, name: String) -> Result<()> {
    update(session, template, UpdateTemplateRequest { name: Some(name), ..UpdateTemplateRequest::default() }).await
}

pub async fn archive(session: &Session, template: &str, archived: bool) -> Result<()> {
    update(session, template, UpdateTemplateRequest { archived: Some(archived), ..UpdateTemplateRequest::default() }).await
}

async fn update(session: &Session, template: &str, request: UpdateTemplateRequest) -> Result<()> {
    let id = resolve::template(session, template).await?;
    show(session, session.templates().update_template(UpdateTemplateRequest { id, ..request }).await?.into_inner().template)
}
