//! A filter's file: JSON as in `Filter` of contact/v1/segment.proto.

use crate::output::json;
use anyhow::{Context, Result};
use proto::contact::Filter;
use serde_json::Value;
use std::{fs, io::Read, path::Path};

/// # Errors
/// Names the file, and the field in it, that can't be used.
pub fn read(path: &Path) -> Result<Filter> {
    let shown = path.display();
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("the input can't be read")?;
        text
    } else {
        fs::read_to_string(path).with_context(|| format!("{shown} can't be read"))?
    };
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{shown} is not JSON"))?;
    json::from_value(&value).with_context(|| format!("{shown} is not a filter"))
}

/// Without what says nothing, so that it reads as it was written.
pub fn sparse(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, sparse(value)));
            Value::Object(fields.filter(|(name, value)| !says_nothing(name, value)).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sparse).collect()),
        other => other,
    }
}

/// Of the fields of a filter only these may be left out; a test with `false` or 0 is one.
fn says_nothing(name: &str, value: &Value) -> bool {
    match name {
        "campaign_id" => value == "",
        "within_days" => value == 0,
        "channel" => value == "CHANNEL_UNSPECIFIED",
        _ => value.is_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_filter_reads_as_it_was_written() {
        let written = json!({"all": {"filters": [
            {"profile": {"field": "PROFILE_FIELD_CITY", "is": {"one_of": {"values": ["Dubai", "Abu Dhabi"]}}}},
            {"last_active": {"in_last_days": 30}},
            {"attribute": {"name": "vip", "truth": false}},
            {"not": {"engagement": {"did": "DEED_CLICKED", "within_days": 90}}},
        ]}});
        let filter: Filter = json::from_value(&written).unwrap();
        assert_eq!(sparse(json::to_value(&filter).unwrap()), written);
        let misspelt = json!({"profile": {"field": "PROFILE_FIELD_CITY", "is": {"equal": "Dubai"}}});
        assert!(json::from_value::<Filter>(&misspelt).unwrap_err().to_string().contains("equal"));
    }
}
