//! Finds what the providers publish about their own APIs, kept next to the repository.

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
pub(crate) fn bytes(path: &str) -> Vec<u8> {
    let file = folder().join(path);
    fs::read(&file).unwrap_or_else(|error| panic!("contract file {path}: {error}"))
}

pub(crate) fn exists(path: &str) -> bool {
    folder().join(path).is_file()
}

pub(crate) fn json(path: &str) -> Value {
    serde_json::from_slice(&bytes(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The samples of a provider whose names begin and end so; there must be some.
pub(crate) fn samples(provider: &str, begin: &str, end: &str) -> Vec<(String, Vec<u8>)> {
    let mut samples: Vec<_> = fs::read_dir(folder().join(provider).join("samples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(begin) && name.ends_with(end))
        .map(|name| (name.clone(), bytes(&format!("{provider}/samples/{name}"))))
        .collect();
    assert!(!samples.is_empty(), "no sample {provider}/samples/{begin}*{end}");
    samples.sort();
    samples
}

/// A validator for one part of an OpenAPI file, named by a JSON pointer; formats are checked too.
pub(crate) fn schema(path: &str, pointer: &str) -> Validator {
    let mut root = json(path);
    assert!(root.pointer(pointer).is_some(), "{path} has no {pointer}");
    let fragment = pointer.replace('{', "%7B").replace('}', "%7D");
    root["$ref"] = json!(format!("#{fragment}"));
    let validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&root)
        .unwrap_or_else(|error| panic!("{path}{pointer}: {error}"));
    assert!(!validator.is_valid(&json!({})), "{path}{pointer} takes anything and would prove nothing");
    validator
}

/// Fails with everything that is wrong.
pub(crate) fn assert_valid(validator: &Validator, value: &Value) {
    let errors: Vec<String> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}
