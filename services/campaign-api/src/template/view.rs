//! A template as callers see it.

use crate::convert::timestamp;
use domain::{
    content::{Rendered, TemplateContent},
    render::ContentProblem,
};
use proto::template::{self as wire, Content, Template};
use store::template::Summary;

pub fn present(template: store::template::Template) -> Template {
    Template {
        id: template.template_id.to_string(),
        name: template.name,
        version: template.version.unsigned_abs(),
        content: Some(template.content.into()),
        created_at: Some(timestamp(template.created_at)),
        updated_at: Some(timestamp(template.updated_at)),
        archived: template.archived_at.is_some(),
    }
}

pub fn present_summary(template: Summary) -> Template {
    Template {
        id: template.template_id.to_string(),
        name: template.name,
        version: template.version.unsigned_abs(),
        content: None,
        created_at: Some(timestamp(template.created_at)),
        updated_at: Some(timestamp(template.updated_at)),
        archived: template.archived_at.is_some(),
    }
}

/// A content with the one variant that was rendered.
pub fn present_rendered(rendered: Rendered) -> Content {
    let mut content = TemplateContent::default();
    match rendered {
        Rendered::Email(email) => content.email = Some(email),
        Rendered::Sms(sms) => content.sms = Some(sms),
        Rendered::Whatsapp(whatsapp) => content.whatsapp = Some(whatsapp),
        Rendered::Push(push) => content.push = Some(push),
        Rendered::Social(social) => content.social = Some(social),
        // No template renders it.
        Rendered::Free(_) => {}
    }
    content.into()
}

pub fn problems(problems: Vec<ContentProblem>) -> Vec<wire::ContentProblem> {
    problems.into_iter().map(Into::into).collect()
}
