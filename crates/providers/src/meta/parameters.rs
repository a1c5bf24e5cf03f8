//! A template's parameters in Meta's form: made of the simple fields, or as they were written, with ids in place of links to media that
//! Meta has already.

use domain::content::MetaTemplate;
use serde::Serialize;
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap};

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Components<'a> {
    Made(Vec<Component<'a>>),
    /// As the renderer or the template's author wrote them.
    Written(Cow<'a, Value>),
}

impl Components<'_> {
    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Self::Made(components) if components.is_empty())
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Component<'a> {
    Header { parameters: [Parameter<'a>; 1] },
    Body { parameters: Vec<Parameter<'a>> },
    Button { sub_type: &'static str, index: String, parameters: [Parameter<'a>; 1] },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Parameter<'a> {
    Text { text: &'a str },
    Image { image: Media<'a> },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Media<'a> {
    Id(&'a str),
    Link(&'a str),
}

pub(super) fn of(template: &MetaTemplate) -> Components<'_> {
    let ids = &template.media_ids;
    if let Some(written) = &template.components {
        if ids.is_empty() {
            return Components::Written(Cow::Borrowed(written));
        }
        let mut with_ids = written.clone();
        put_ids(&mut with_ids, ids);
        return Components::Written(Cow::Owned(with_ids));
    }
    let link = template.header_image_url.as_str();
    let image = || ids.get(link).map_or(Media::Link(link), |id| Media::Id(id));
    let header = (!link.is_empty()).then(|| Component::Header { parameters: [Parameter::Image { image: image() }] });
    let body = (!template.body.is_empty())
        .then(|| Component::Body { parameters: template.body.iter().map(|text| Parameter::Text { text }).collect() });
    let buttons = template.url_buttons.iter().map(|(index, text)| Component::Button {
        sub_type: "url",
        index: index.to_string(),
        parameters: [Parameter::Text { text }],
    });
    Components::Made(header.into_iter().chain(body).chain(buttons).collect())
}

/// Media are objects with a `link`; what else they say of it (a file's name) stays.
fn put_ids(value: &mut Value, ids: &BTreeMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| put_ids(item, ids)),
        Value::Object(members) => {
            let id = members.get("link").and_then(Value::as_str).and_then(|link| ids.get(link)).cloned();
            if let Some(id) = id {
                members.remove("link");
                members.insert("id".to_owned(), Value::String(id));
            }
            members.values_mut().for_each(|member| put_ids(member, ids));
        }
        _ => {}
    }
}
