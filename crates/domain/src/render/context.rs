//! What a template can name: the person, the occasion, and the rendered fragments.
//!
//! A field of the person that is empty counts as not there, so that `default` and `if` work on it as people expect.

use minijinja::{Value, value::Object};
use serde_json::Map;
use std::{collections::BTreeMap, sync::Arc};

/// Who the message is for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Person {
    pub name: String,
    pub email: String,
    pub phone: String,
    pub locale: String,
    pub city: String,
    pub postal_code: String,
    pub role: String,
    /// Free attributes, as stored.
    pub attributes: Map<String, serde_json::Value>,
}

impl Person {
    /// A made-up person with every field filled, for previews.
    #[must_use]
    pub fn made_up() -> Self {
        Self {
            name: "Sara Ali".to_owned(),
            email: "sara@example.com".to_owned(),
            phone: "+971501234567".to_owned(),
            locale: "en-AE".to_owned(),
            city: "Dubai".to_owned(),
            postal_code: "00000".to_owned(),
            role: "customer".to_owned(),
            attributes: Map::new(),
        }
    }
}

/// What the message is sent for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occasion {
    pub campaign_name: String,
    /// The recipient's own one-click link; empty where there is none.
    pub unsubscribe_url: String,
    /// The recipient's own page for channels, topics and language; empty where there is none.
    pub preferences_url: String,
    /// Where the recipient confirms a list that was joined; empty where there is nothing to confirm.
    pub confirm_link: String,
    /// What the event that started it brought along; empty for anything that no event starts.
    pub properties: Map<String, serde_json::Value>,
}

/// Names that stand for a value by themselves.
pub(super) const NAMES: [&str; 11] =
    ["name", "first_name", "email", "phone", "locale", "city", "postal_code", "role", "unsubscribe_url", "preferences_url", "confirm_link"];
/// Names that only the parts of an e-mail know beside these.
pub(super) const EMAIL_NAMES: [&str; 2] = ["subject", "preheader"];
/// Names that are followed by a dot and another name.
pub(super) const GROUPS: [&str; 4] = ["attributes", "campaign", "event", "fragments"];
/// The links that are the recipient's own.
pub(super) const OWN_LINKS: [&str; 3] = ["unsubscribe_url", "preferences_url", "confirm_link"];

/// The variables of one rendering. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    variables: Arc<Variables>,
    fragments: Value,
    /// The same, escaped, for HTML.
    html_fragments: Value,
    subject: Value,
    preheader: Value,
}

#[derive(Debug)]
struct Variables {
    person: Person,
    occasion: Occasion,
    attributes: Value,
    campaign: Value,
    event: Value,
}

impl Scope {
    pub fn new(person: &Person, occasion: &Occasion) -> Self {
        Self::build(person, occasion, members(&person.attributes), members(&occasion.properties))
    }

    /// Every attribute that is asked for has a value, its own name: to try a template out before any contact is known.
    pub fn with_any_attribute(person: &Person, occasion: &Occasion) -> Self {
        Self::build(person, occasion, Value::from_object(AnyAttribute), Value::from_object(AnyAttribute))
    }

    fn build(person: &Person, occasion: &Occasion, attributes: Value, event: Value) -> Self {
        let campaign = filled(&occasion.campaign_name).map(|name| ("name".to_owned(), name));
        let campaign = Value::from(campaign.into_iter().collect::<BTreeMap<_, _>>());
        let variables = Variables { person: person.clone(), occasion: occasion.clone(), attributes, campaign, event };
        Self {
            variables: Arc::new(variables),
            fragments: Value::UNDEFINED,
            html_fragments: Value::UNDEFINED,
            subject: Value::UNDEFINED,
            preheader: Value::UNDEFINED,
        }
    }

    pub fn with_fragments(&self, fragments: &BTreeMap<String, String>, html: &BTreeMap<String, String>) -> Self {
        let fragments = fragments.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
        let html = html.iter().map(|(name, text)| (name.clone(), Value::from_safe_string(text.clone())));
        Self {
            fragments: Value::from(fragments.collect::<BTreeMap<_, _>>()),
            html_fragments: Value::from(html.collect::<BTreeMap<_, _>>()),
            ..self.clone()
        }
    }

    /// With what the other parts of an e-mail may name.
    pub fn with_email(&self, subject: &str, preheader: &str) -> Self {
        Self { subject: Value::from(subject), preheader: Value::from(preheader), ..self.clone() }
    }

    pub fn value(&self) -> Value {
        Value::from_object(self.clone())
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let Variables { person, occasion, attributes, campaign, event } = &*self.variables;
        match key {
            "name" => filled(&person.name),
            "first_name" => person.name.split_whitespace().next().map(Value::from),
            "email" => filled(&person.email),
            "phone" => filled(&person.phone),
            "locale" => filled(&person.locale),
            "city" => filled(&person.city),
            "postal_code" => filled(&person.postal_code),
            "role" => filled(&person.role),
            "unsubscribe_url" => filled(&occasion.unsubscribe_url),
            "preferences_url" => filled(&occasion.preferences_url),
            "confirm_link" => filled(&occasion.confirm_link),
            "subject" => Some(self.subject.clone()),
            "preheader" => Some(self.preheader.clone()),
            "attributes" => Some(attributes.clone()),
            "campaign" => Some(campaign.clone()),
            "event" => Some(event.clone()),
            "fragments" => Some(self.fragments.clone()),
            "fragments_html" => Some(self.html_fragments.clone()),
            _ => None,
        }
    }
}

fn filled(text: &str) -> Option<Value> {
    if text.trim().is_empty() { None } else { Some(Value::from(text)) }
}

fn members(map: &Map<String, serde_json::Value>) -> Value {
    let members = map.iter().filter_map(|(name, value)| Some((name.clone(), attribute(value)?)));
    Value::from(members.collect::<BTreeMap<_, _>>())
}

/// An attribute's value; None for null and for an empty text, which count as not there.
fn attribute(value: &serde_json::Value) -> Option<Value> {
    Some(match value {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64()?),
        },
        serde_json::Value::String(text) => return filled(text),
        serde_json::Value::Array(items) => Value::from(items.iter().filter_map(attribute).collect::<Vec<_>>()),
        serde_json::Value::Object(object) => members(object),
    })
}

#[derive(Debug)]
struct AnyAttribute;

impl Object for AnyAttribute {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(key.clone())
    }
}
