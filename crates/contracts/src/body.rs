//! Bodies: JSON, forms and multipart, by the schema of their media type.

use crate::{
    Answer, Call,
    document::escaped,
    multipart,
    openapi::{Fault, Operation},
};
use serde_json::{Map, Value};
use url::form_urlencoded;

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// Without parameters, in lower case.
fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

/// Where the schema of this media type is below `pointer`.
fn schema_of(operation: &Operation, pointer: &str, media_type: &str) -> Option<String> {
    let content = format!("{pointer}/content");
    let described = operation.document.at(&content).as_object()?;
    let name = described.keys().find(|name| name.eq_ignore_ascii_case(media_type) || name.as_str() == "*/*")?;
    Some(format!("{content}/{}/schema", escaped(name)))
}

pub(crate) fn check(operation: &Operation, call: &Call, faults: &mut Vec<Fault>) {
    let pointer = format!("{}/requestBody", operation.pointer);
    if operation.document.at(&pointer).is_null() {
        if !call.body.is_empty() {
            faults.push(Fault::new("body", "none is described"));
        }
        return;
    }
    let pointer = operation.document.settle(&pointer);
    if call.body.is_empty() {
        if operation.document.at(&pointer)["required"] == true {
            faults.push(Fault::new("body", "is missing"));
        }
        return;
    }
    let content_type = call.header("content-type").unwrap_or_default();
    let kind = media_type(content_type);
    let Some(schema) = schema_of(operation, &pointer, &kind) else {
        faults.push(Fault::new("header content-type", format!("{kind:?} is not described")));
        return;
    };
    let value = if is_json(&kind) {
        serde_json::from_slice(&call.body).map_err(|error| Fault::new("body", error.to_string()))
    } else if kind == FORM {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(&call.body).into_owned().collect();
        Ok(form(operation, &schema, &pairs, faults))
    } else if kind == MULTIPART {
        multipart::parts(content_type, &call.body).map_err(|what| Fault::new("body", what)).map(|parts| {
            let pairs: Vec<_> = parts.into_iter().map(|part| (part.name, part.text)).collect();
            form(operation, &schema, &pairs, faults)
        })
    } else {
        Err(Fault::new("header content-type", format!("{kind:?} can't be read here")))
    };
    match value {
        Ok(value) => judge(operation, &schema, &value, "body", faults),
        Err(fault) => faults.push(fault),
    }
}

/// A form as the object that it stands for. What can't be read as its field's schema wants stays a text, which the schema then refuses.
fn form(operation: &Operation, schema: &str, pairs: &[(String, String)], faults: &mut Vec<Fault>) -> Value {
    let mut object = Map::new();
    for (name, _) in pairs {
        if object.contains_key(name) {
            continue;
        }
        let values: Vec<&str> = pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect();
        let field = operation.document.members(&[schema.to_owned()], name).into_iter().next();
        let value = field.map_or(Ok(Value::from(values.clone())), |field| operation.read(&field, &values));
        match value {
            Ok(value) => drop(object.insert(name.clone(), value)),
            Err(what) => {
                faults.push(Fault::new(format!("body /{name}"), what));
                object.insert(name.clone(), Value::from(values.concat()));
            }
        }
    }
    Value::Object(object)
}

fn judge(operation: &Operation, schema: &str, value: &Value, place: &str, faults: &mut Vec<Fault>) {
    let wrong = operation.document.faults(schema, value).into_iter();
    faults.extend(wrong.map(|(at, what)| Fault::new(format!("{place} {at}"), what)));
    let mut unknown = Vec::new();
    operation.document.unknown(&[schema.to_owned()], value, "", &mut unknown);
    faults.extend(unknown.into_iter().map(|at| Fault::new(format!("{place} {at}"), "is not described")));
}

pub(crate) fn check_answer(operation: &Operation, answer: &Answer, pointer: &str, faults: &mut Vec<Fault>) {
    let place = format!("answer {}", answer.status);
    let described = operation.document.at(pointer)["content"].as_object().is_some_and(|content| !content.is_empty());
    match (described, answer.body.is_empty()) {
        (false, true) => return,
        (false, false) => return faults.push(Fault::new(place, "a body, though none is described")),
        (true, true) => return faults.push(Fault::new(place, "the body is missing")),
        (true, false) => {}
    }
    let kind = media_type(answer.header("content-type").unwrap_or_default());
    let Some(schema) = schema_of(operation, pointer, &kind) else {
        return faults.push(Fault::new(place, format!("the media type {kind:?} is not described")));
    };
    match serde_json::from_slice(&answer.body) {
        Ok(value) => judge(operation, &schema, &value, &place, faults),
        Err(error) => faults.push(Fault::new(place, error.to_string())),
    }
}
