//! A line of NDJSON as a row: an object with names of fields, an object `attributes`, and any other name an attribute.

use super::{
    super::limits,
    header::MAX_COLUMNS,
    row::{Entry, Rejected, Row, Rules},
    target::{Field, Kind, Mapping, Target},
};
use serde_json::{Map, Value};

/// The name whose object holds attributes.
const ATTRIBUTES: &str = "attributes";

/// Reads a line.
pub fn read(line: &[u8], mapping: &Mapping, rules: &Rules) -> Row {
    entry(line, mapping, rules).unwrap_or_else(Row::rejected)
}

fn entry(line: &[u8], mapping: &Mapping, rules: &Rules) -> Result<Row, Rejected> {
    let text = std::str::from_utf8(line).map_err(|_| Rejected::new("", "has bytes that are no text in the file's encoding"))?;
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| Rejected::new("", format!("is no JSON object: {}", place(&error))))?;
    let mut entry = Entry::new(rules);
    let mut taken: Vec<(String, Field)> = Vec::new();
    for (name, value) in object {
        match (mapping.target(&name), value) {
            (_, Value::Null) | (Target::Nothing, _) => {}
            (Target::Attribute { name, kind: Kind::Text }, Value::Object(attributes)) if name == ATTRIBUTES => {
                for (name, value) in attributes {
                    attribute(&mut entry, &format!("{ATTRIBUTES}.{name}"), &name, Kind::Text, value)?;
                }
            }
            (Target::Attribute { name: attribute_name, kind }, value) => attribute(&mut entry, &name, &attribute_name, kind, value)?,
            (Target::Field(field), value) => {
                if let Some((other, _)) = taken.iter().find(|(_, other)| *other == field) {
                    return Err(Rejected::new(&name, format!("is the same field as {other}: leave one out")));
                }
                set(&mut entry, &name, field, value)?;
                taken.push((name, field));
            }
        }
    }
    entry.finish()
}

/// What serde says, without the line that is always 1.
fn place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(reason, _)| format!("{reason}, at character {}", error.column()))
}

fn set(entry: &mut Entry<'_>, name: &str, field: Field, value: Value) -> Result<(), Rejected> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => {
            entry.tell(name, "must be a text");
            return Ok(());
        }
    };
    let text = text.trim();
    if let Some(reason) = limits::text(text, field.max_characters()) {
        return Err(Rejected::new(name, reason));
    }
    entry.field(name, field, text);
    Ok(())
}

fn attribute(entry: &mut Entry<'_>, column: &str, name: &str, kind: Kind, value: Value) -> Result<(), Rejected> {
    if let Some(reason) = limits::attribute_name(name).or_else(|| limits::attribute(&value)) {
        return Err(Rejected::new(column, reason));
    }
    if entry.attributes() >= MAX_COLUMNS {
        return Err(Rejected::new("", format!("has more than {MAX_COLUMNS} attributes")));
    }
    match (kind, value) {
        (_, Value::Null) => {}
        (Kind::Text, value) => entry.value(name, value),
        (kind, Value::String(text)) => entry.attribute(column, name, kind, text.trim()),
        (Kind::Number, value @ Value::Number(_)) | (Kind::Boolean, value @ Value::Bool(_)) => entry.value(name, value),
        (kind, value) => entry.attribute(column, name, kind, &value.to_string()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(line: &str) -> Row {
        let columns = [("mail", "email"), ("spent", "attributes.spent:number"), ("junk", "")];
        let columns = columns.into_iter().map(|(name, target)| (name.to_owned(), target.to_owned())).collect();
        read(line.as_bytes(), &Mapping::read(&columns).unwrap(), &Rules::default())
    }

    #[test]
    fn an_object_is_a_contact() {
        let row = row(
            r#"{"external_id": 7, "mail": "Sara@Example.com", "phone": 971501234567, "last_active_at": "2026-11-22", "spent": "12.5", "junk": 1,
                "tags": ["a", "b"], "vip": true, "city": null, "attributes": {"tier": "gold", "visits": 3, "none": null}}"#,
        );
        assert!(row.problems.is_empty(), "{:?}", row.problems);
        let draft = row.draft.unwrap();
        assert_eq!(draft.external_id.as_deref(), Some("7"));
        assert_eq!((draft.email.shown.as_str(), draft.phone.shown.as_str()), ("Sara@example.com", "+971501234567"));
        assert!(draft.last_active_at.is_some());
        let expected = json!({"spent": 12.5, "tags": ["a", "b"], "vip": true, "tier": "gold", "visits": 3});
        assert_eq!(Value::Object(draft.attributes), expected);
    }

    #[test]
    fn a_bad_line_says_why() {
        let long = format!(r#"{{"email": "a@example.com", "note": "{}"}}"#, "x".repeat(5_000));
        for (line, column, part) in [
            ("[1]", "", "no JSON object"),
            (r#"{"email": "a@example.com""#, "", "EOF while parsing an object, at character 25"),
            (r#"{"name": "Sara"}"#, "", "has no external id"),
            (r#"{"email": "a@example.com", "E-Mail": 1, "mail": "b@example.com"}"#, "mail", "same field"),
            (r#"{"email": "a@example.com", "note": {"a": ["\u0000"]}}"#, "note", "NUL"),
            (r#"{"email": "a@example.com", "": 1}"#, "", "no name"),
            (&long, "note", "longer than"),
        ] {
            let row = row(line);
            assert!(row.draft.is_none(), "{line}");
            let problem = &row.problems[0];
            assert!(problem.column == column && problem.reason.contains(part), "{line} gives {problem:?}");
        }
        let row = read(b"{\"email\": \"a@example.com\", \"name\": \"S\xffra\"}", &Mapping::default(), &Rules::default());
        assert!(row.problems[0].reason.contains("no text"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told() {
        let row = row(r#"{"email": "a@example.com", "phone": ["0501234567"], "spent": "much"}"#);
        assert_eq!(row.problems.iter().map(|problem| problem.column.as_str()).collect::<Vec<_>>(), ["phone", "spent"]);
        assert!(row.draft.unwrap().attributes.is_empty());
    }
}
