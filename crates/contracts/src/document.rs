//! One OpenAPI file: its parts by JSON pointer, references followed, and a validator for each schema that is asked for.

use crate::files::{compile, json};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// Longer chains of references than this are a circle.
const REFERENCES_MAX: usize = 16;

pub(crate) struct Document {
    pub file: &'static str,
    root: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.file)
    }
}

/// Each file is read once a process.
pub(crate) fn open(file: &'static str) -> Arc<Document> {
    static OPEN: LazyLock<Mutex<HashMap<&'static str, Arc<Document>>>> = LazyLock::new(Mutex::default);
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let document = open.entry(file).or_insert_with(|| {
        let mut root = json(file);
        with_nulls(&mut root);
        Arc::new(Document { file, root, validators: Mutex::default() })
    });
    Arc::clone(document)
}

impl Document {
    /// The part at a pointer; null if there is none.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.root.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Where the part at `pointer` really is, once its references are followed.
    pub(crate) fn settle(&self, pointer: &str) -> String {
        let mut pointer = pointer.to_owned();
        for _ in 0..REFERENCES_MAX {
            match self.at(&pointer)["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
                Some(target) => pointer = target.to_owned(),
                None => return pointer,
            }
        }
        panic!("{}: {pointer} is a circle of references", self.file)
    }

    /// Everything that is wrong with `value` by the schema at `pointer`: where, and what.
    pub(crate) fn faults(&self, pointer: &str, value: &Value) -> Vec<(String, String)> {
        let validator = self.validator(pointer);
        validator.iter_errors(value).map(|error| (error.instance_path().to_string(), error.to_string())).collect()
    }

    fn validator(&self, pointer: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let made = validators.entry(pointer.to_owned()).or_insert_with(|| Arc::new(compile(self.file, &self.root, pointer)));
        Arc::clone(made)
    }

    /// The schema and all those that it is made of: references, `allOf`, `anyOf`, `oneOf`.
    fn spread(&self, pointer: &str) -> Vec<String> {
        let mut all = vec![pointer.to_owned()];
        let mut next = 0;
        while next < all.len() {
            let pointer = all[next].clone();
            next += 1;
            let schema = self.at(&pointer);
            let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')).map(str::to_owned);
            let made_of = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|word| {
                let count = schema[word].as_array().map_or(0, Vec::len);
                (0..count).map(|i| format!("{pointer}/{word}/{i}")).collect::<Vec<_>>()
            });
            let more: Vec<String> = reference.into_iter().chain(made_of).filter(|more| !all.contains(more)).collect();
            all.extend(more);
        }
        all
    }

    /// The schemas of the member `name` of an object by one of these schemas.
    pub(crate) fn members(&self, pointers: &[String], name: &str) -> Vec<String> {
        let token = escaped(name);
        let spread = pointers.iter().flat_map(|pointer| self.spread(pointer));
        let members = spread.filter(|pointer| !self.at(pointer)["properties"][name].is_null());
        members.map(|pointer| format!("{pointer}/properties/{token}")).collect()
    }

    /// The names that one of these schemas wants an object to have.
    pub(crate) fn required(&self, pointers: &[String]) -> Vec<String> {
        let spread = pointers.iter().flat_map(|pointer| self.spread(pointer));
        let names = spread.filter_map(|pointer| self.at(&pointer)["required"].as_array());
        let mut names: Vec<String> = names.flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The schemas of the items of an array by one of these schemas.
    pub(crate) fn items(&self, pointers: &[String]) -> Vec<String> {
        let spread = pointers.iter().flat_map(|pointer| self.spread(pointer));
        spread.filter(|pointer| self.at(pointer)["items"].is_object()).map(|pointer| format!("{pointer}/items")).collect()
    }

    /// Members of `value` that none of these schemas knows, though it names the members there are. A misspelt one is valid by
    /// most descriptions, and found only so.
    pub(crate) fn unknown(&self, pointers: &[String], value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                let spread: Vec<String> = pointers.iter().flat_map(|pointer| self.spread(pointer)).collect();
                let open = |pointer: &String| !matches!(self.at(pointer)["additionalProperties"], Value::Null | Value::Bool(false));
                let named = spread.iter().any(|pointer| self.at(pointer)["properties"].is_object());
                for (name, member) in members {
                    let at = format!("{at}/{name}");
                    let schemas = self.members(pointers, name);
                    if !schemas.is_empty() {
                        self.unknown(&schemas, member, &at, found);
                    } else if named && !spread.iter().any(open) {
                        found.push(at);
                    }
                }
            }
            Value::Array(items) => {
                let schemas = self.items(pointers);
                for (i, item) in items.iter().enumerate().filter(|_| !schemas.is_empty()) {
                    self.unknown(&schemas, item, &format!("{at}/{i}"), found);
                }
            }
            _ => {}
        }
    }
}

/// One token of a JSON pointer (RFC 6901).
pub(crate) fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// Says `nullable: true` (OpenAPI 3.0) as JSON Schema 2020-12 does, where it means nothing by itself.
fn with_nulls(value: &mut Value) {
    match value {
        Value::Object(schema) => {
            schema.values_mut().for_each(with_nulls);
            if schema.get("nullable") != Some(&Value::Bool(true)) {
                return;
            }
            match schema.get_mut("type") {
                Some(kind @ Value::String(_)) => *kind = json!([kind.clone(), "null"]),
                Some(Value::Array(kinds)) => kinds.push(json!("null")),
                _ => {}
            }
            if let Some(Value::Array(values)) = schema.get_mut("enum") {
                values.push(Value::Null);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(with_nulls),
        _ => {}
    }
}
