//! Makes of one good request all those with a single fault that its description forbids.
//!
//! Each is checked against the description before it is handed out, so that whoever takes one takes what must be refused.

use crate::{Call, openapi::Operation};
use serde_json::{Value, json};

/// Lists are looked into so far: their items are alike.
const ITEMS_MAX: usize = 2;

/// A request with one fault.
#[derive(Debug, Clone)]
pub struct Broken {
    /// What is wrong with it.
    pub what: String,
    pub call: Call,
}

/// All of them; `good` must have no fault itself.
#[must_use]
pub fn broken(operation: &Operation, good: &Call) -> Vec<Broken> {
    let faults = operation.request(good);
    assert!(faults.is_empty(), "{} {} is no good request: {faults:#?}", good.method, good.target);
    let mut all = credentials(good);
    all.extend(query(good));
    all.extend(headers(good));
    let content_type = good.header("content-type").unwrap_or_default();
    if content_type.starts_with("application/json") {
        all.extend(members(operation, good));
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        all.extend(fields(good));
    }
    all.retain(|broken| !operation.request(&broken.call).is_empty());
    all
}

fn credentials(good: &Call) -> Vec<Broken> {
    if good.header("authorization").is_none() {
        return Vec::new();
    }
    vec![
        Broken { what: "no credentials".to_owned(), call: good.clone().without_header("authorization") },
        Broken { what: "credentials of another kind".to_owned(), call: good.clone().with_header("authorization", "Digest abc") },
    ]
}

fn headers(good: &Call) -> Vec<Broken> {
    let names = good.headers.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "authorization" && *name != "content-type");
    let mut all: Vec<Broken> = names
        .flat_map(|name| {
            let without = Broken { what: format!("no header {name}"), call: good.clone().without_header(name) };
            [without, Broken { what: format!("header {name} is nonsense"), call: good.clone().with_header(name, "!") }]
        })
        .collect();
    if !good.body.is_empty() {
        all.push(Broken { what: "a body of another media type".to_owned(), call: good.clone().with_header("content-type", "text/plain") });
    }
    all
}

fn query(good: &Call) -> Vec<Broken> {
    let pairs = good.query();
    let with = |pairs: &[(String, String)]| {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Call { target: format!("{}?{query}", good.path()), ..good.clone() }
    };
    let mut all = Vec::new();
    for i in 0..pairs.len() {
        let name = &pairs[i].0;
        let (mut less, mut other) = (pairs.clone(), pairs.clone());
        less.remove(i);
        other[i].1 = "!".to_owned();
        all.push(Broken { what: format!("no query parameter {name}"), call: with(&less) });
        all.push(Broken { what: format!("query parameter {name} is nonsense"), call: with(&other) });
    }
    all
}

fn fields(good: &Call) -> Vec<Broken> {
    let pairs = good.form();
    let with = |pairs: &[(String, String)]| good.clone().with_form(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let mut all = Vec::new();
    for i in 0..pairs.len() {
        let name = &pairs[i].0;
        let (mut less, mut other) = (pairs.clone(), pairs.clone());
        less.remove(i);
        other[i].1 = "!".to_owned();
        all.push(Broken { what: format!("no field {name}"), call: with(&less) });
        all.push(Broken { what: format!("field {name} is nonsense"), call: with(&other) });
    }
    all
}

/// Every member that an object must have taken away, made null, or made another kind of value.
fn members(operation: &Operation, good: &Call) -> Vec<Broken> {
    let body = good.json();
    let Some(schema) = operation.json_schema() else { return Vec::new() };
    let mut places = Vec::new();
    required(operation, &[schema], &body, "", &mut places);
    let changed = |pointer: &str, change: &dyn Fn(&Value) -> Option<Value>| {
        let mut body = body.clone();
        let (parent, name) = pointer.rsplit_once('/')?;
        let parent = body.pointer_mut(parent)?.as_object_mut()?;
        let old = parent.remove(name)?;
        if let Some(new) = change(&old) {
            parent.insert(name.to_owned(), new);
        }
        Some(good.clone().with_json(&body))
    };
    let mut all = Vec::new();
    for place in places {
        let missing = changed(&place, &|_| None).map(|call| Broken { what: format!("{place} is missing"), call });
        let null = changed(&place, &|_| Some(Value::Null)).map(|call| Broken { what: format!("{place} is null"), call });
        let other =
            changed(&place, &|old| Some(another_kind(old))).map(|call| Broken { what: format!("{place} is of another kind"), call });
        all.extend([missing, null, other].into_iter().flatten());
    }
    all
}

fn another_kind(value: &Value) -> Value {
    match value {
        Value::Array(_) => json!({"not": "a list"}),
        Value::Object(_) => json!("no object"),
        Value::String(_) => json!({"no": "text"}),
        _ => json!("!"),
    }
}

/// The pointers of all members of `value` that its schemas want.
fn required(operation: &Operation, schemas: &[String], value: &Value, at: &str, found: &mut Vec<String>) {
    let document = &operation.document;
    match value {
        Value::Object(members) => {
            let wanted = document.required(schemas);
            for (name, member) in members {
                // Names with a slash or a tilde in them are not worth an escape here.
                let at = format!("{at}/{name}");
                if wanted.contains(name) {
                    found.push(at.clone());
                }
                required(operation, &document.members(schemas, name), member, &at, found);
            }
        }
        Value::Array(items) => {
            let schemas = document.items(schemas);
            for (i, item) in items.iter().enumerate().take(ITEMS_MAX) {
                required(operation, &schemas, item, &format!("{at}/{i}"), found);
            }
        }
        _ => {}
    }
}
