//! A contact as a line of the file, such that an import reads it back as it was.

use crate::contact::{
    import::{ATTRIBUTE_PREFIX, Field, MAX_COLUMNS},
    view::text,
};
use domain::cell;
use runtime::status;
use serde_json::{Map, Value, json};
use store::contact::{Contact, Draft};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tonic::Status;

/// Attributes that a CSV file has room for.
pub const MAX_ATTRIBUTES: usize = MAX_COLUMNS - Field::ALL.len();

/// By which spreadsheets know UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub enum Form {
    /// A column for each field and each attribute.
    Csv {
        attributes: Vec<String>,
        is_marked: bool,
    },
    Ndjson,
}

impl Form {
    /// # Errors
    /// FAILED_PRECONDITION when there are more attributes than an import takes columns.
    pub fn csv(attributes: Vec<String>, is_marked: bool) -> Result<Self, Status> {
        if attributes.len() > MAX_ATTRIBUTES {
            let message = format!("the contacts have more than {MAX_ATTRIBUTES} different attributes: export them as NDJSON");
            return Err(status::precondition("TOO_MANY_ATTRIBUTES", message));
        }
        Ok(Self::Csv { attributes, is_marked })
    }

    /// What comes before the first contact.
    pub fn head(&self) -> Result<Vec<u8>, Status> {
        let Self::Csv { attributes, is_marked } = self else { return Ok(Vec::new()) };
        let mut data = if *is_marked { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
        let fields = Field::ALL.iter().map(|(_, name)| (*name).to_owned());
        let cells = fields.chain(attributes.iter().map(|name| cell::guard(&column(name)).into_owned()));
        row(cells, &mut data)?;
        Ok(data)
    }

    /// Adds a contact.
    pub fn write(&self, contact: Contact, data: &mut Vec<u8>) -> Result<(), Status> {
        match self {
            Self::Csv { attributes, .. } => {
                let mut draft = contact.draft;
                let fields = Field::ALL.map(|(field, _)| cell::guard(&value(&draft, field)).into_owned());
                let attributes = attributes.iter().map(|name| draft.attributes.remove(name).map(attribute).unwrap_or_default());
                row(fields.into_iter().chain(attributes), data)
            }
            Self::Ndjson => {
                serde_json::to_writer(&mut *data, &object(contact.draft)).map_err(|error| status::internal(&error))?;
                data.push(b'\n');
                Ok(())
            }
        }
    }
}

/// An attribute's column: named such that it is not taken for a field.
fn column(name: &str) -> String {
    let is_ambiguous = Field::of_column(name).is_some() || name.starts_with(ATTRIBUTE_PREFIX);
    if is_ambiguous { format!("{ATTRIBUTE_PREFIX}{name}") } else { name.to_owned() }
}

/// A number starts no formula, even below zero.
fn attribute(value: Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        value => cell::guard(&text(value)).into_owned(),
    }
}

fn row(cells: impl Iterator<Item = String>, data: &mut Vec<u8>) -> Result<(), Status> {
    let mut writer = csv::Writer::from_writer(data);
    let written = writer.write_record(cells.map(String::into_bytes)).and_then(|()| writer.flush().map_err(csv::Error::from));
    written.map_err(|error| status::internal(&error))
}

fn value(draft: &Draft, field: Field) -> String {
    match field {
        Field::ExternalId => draft.external_id.clone().unwrap_or_default(),
        Field::Name => draft.name.clone(),
        Field::Email => draft.email.shown.clone(),
        Field::Phone => draft.phone.shown.clone(),
        Field::Locale => draft.locale.clone(),
        Field::Timezone => draft.timezone.clone(),
        Field::Role => draft.role.clone(),
        Field::City => draft.city.clone(),
        Field::PostalCode => draft.postal_code.clone(),
        Field::LastActiveAt => draft.last_active_at.map(time).unwrap_or_default(),
    }
}

fn time(time: OffsetDateTime) -> String {
    // Every time that can be stored can be written.
    time.format(&Rfc3339).unwrap_or_default()
}

/// Without what is empty.
fn object(draft: Draft) -> Value {
    let fields = Field::ALL.iter().map(|(field, name)| ((*name).to_owned(), value(&draft, *field)));
    let mut object: Map<_, _> = fields.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, json!(value))).collect();
    if !draft.attributes.is_empty() {
        object.insert("attributes".to_owned(), Value::Object(draft.attributes));
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::address::{self, PhoneRules};

    fn contact() -> Contact {
        let attributes = json!({"=x": "+1", "email": "private", "visits": -3, "vip": true, "tags": ["a"], "attributes.y": "z"});
        let Value::Object(attributes) = attributes else { panic!() };
        let draft = Draft {
            name: "=cmd|' /C calc'!A0".to_owned(),
            phone: address::phone("0501234567", &PhoneRules::default()),
            role: "customer".to_owned(),
            last_active_at: OffsetDateTime::from_unix_timestamp(1_795_341_600).ok(),
            attributes,
            ..Draft::default()
        };
        Contact { contact_id: domain::ContactId::new(), draft, created_at: OffsetDateTime::UNIX_EPOCH }
    }

    fn written(form: &Form) -> String {
        let mut data = form.head().unwrap();
        form.write(contact(), &mut data).unwrap();
        String::from_utf8(data).unwrap()
    }

    #[test]
    fn no_cell_of_csv_starts_a_formula() {
        let names = ["=x", "attributes.y", "email", "tags", "vip", "visits"].map(str::to_owned).to_vec();
        let file = written(&Form::csv(names, true).unwrap());
        let lines: Vec<_> = file.lines().collect();
        assert_eq!(
            lines[0],
            "\u{feff}external_id,name,email,phone,locale,timezone,role,city,postal_code,last_active_at,\
             '=x,attributes.attributes.y,attributes.email,tags,vip,visits"
        );
        assert_eq!(
            lines[1],
            ",'=cmd|' /C calc'!A0,,'+971501234567,,,customer,,,2026-11-22T10:00:00Z,'+1,z,private,\"[\"\"a\"\"]\",true,-3"
        );
    }

    #[test]
    fn ndjson_keeps_types() {
        let file: Value = serde_json::from_str(&written(&Form::Ndjson)).unwrap();
        assert_eq!(file["attributes"]["visits"], -3);
        assert_eq!((&file["phone"], &file["name"]), (&json!("+971501234567"), &json!("=cmd|' /C calc'!A0")));
        assert_eq!(file.as_object().map(Map::len), Some(5));
    }

    #[test]
    fn more_attributes_than_columns_are_refused() {
        assert!(Form::csv(vec![String::new(); MAX_ATTRIBUTES], false).is_ok());
        assert!(Form::csv(vec![String::new(); MAX_ATTRIBUTES + 1], false).is_err());
    }
}
