//! The published files, which lie beside the repository or where `FANFARE_CONTRACTS` says.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::{env, fs, path::PathBuf};

fn folder() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/contracts");
    let folder = PathBuf::from(env::var("FANFARE_CONTRACTS").unwrap_or_else(|_| beside.to_owned()));
    assert!(folder.is_dir(), "the contracts folder is missing: set FANFARE_CONTRACTS to where it is");
    folder
}

/// The bytes of one contract file.
#[must_use]
pub fn bytes(path: &str) -> Vec<u8> {
    let file = folder().join(path);
    fs::read(&file).unwrap_or_else(|error| panic!("contract file {path}: {error}"))
}

#[must_use]
pub fn exists(path: &str) -> bool {
    folder().join(path).is_file()
}

#[must_use]
pub fn json(path: &str) -> Value {
    serde_json::from_slice(&bytes(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The samples of a provider whose names begin and end so, sorted by name; there must be some.
#[must_use]
pub fn samples(provider: &str, begin: &str, end: &str) -> Vec<(String, Vec<u8>)> {
    let samples = folder().join(provider).join("samples");
    let entries = fs::read_dir(&samples).unwrap_or_else(|error| panic!("{}: {error}", samples.display()));
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<_> = names
        .filter(|name| name.starts_with(begin) && name.ends_with(end))
        .map(|name| (name.clone(), bytes(&format!("{provider}/samples/{name}"))))
        .collect();
    assert!(!found.is_empty(), "no sample {provider}/samples/{begin}*{end}");
    found.sort();
    found
}

/// A validator for one part of an OpenAPI file, named by a JSON pointer; formats are checked too.
#[must_use]
pub fn schema(path: &str, pointer: &str) -> Validator {
    let validator = compile(path, &json(path), pointer);
    assert!(!validator.is_valid(&json!({})), "{path}{pointer} takes anything and would prove nothing");
    validator
}

/// The schema at `pointer` of a whole file, which its references may lead anywhere into.
pub(crate) fn compile(path: &str, root: &Value, pointer: &str) -> Validator {
    assert!(root.pointer(pointer).is_some(), "{path} has no {pointer}");
    let mut root = root.clone();
    let fragment = pointer.replace('{', "%7B").replace('}', "%7D").replace('^', "%5E").replace('|', "%7C");
    root["$ref"] = json!(format!("#{fragment}"));
    jsonschema::draft202012::options().should_validate_formats(true).build(&root).unwrap_or_else(|error| panic!("{path}{pointer}: {error}"))
}

/// Fails with everything that is wrong.
pub fn assert_valid(validator: &Validator, value: &Value) {
    let errors: Vec<String> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}
