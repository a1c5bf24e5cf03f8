//! A row of the file on its way to a contact, or to a reason why not: what CSV and NDJSON have in common.

use super::{
    super::limits,
    target::{Field, Kind},
};
use domain::address::{self, PhoneRules};
use proto::contact::RowProblem;
use serde_json::{Number, Value};
use store::contact::{Draft, import::MatchBy};

/// Problems that are told of one row at most.
pub const MAX_ROW_PROBLEMS: usize = 20;

/// What a row is.
#[derive(Debug)]
pub struct Row {
    /// None when the row is left out.
    pub draft: Option<Draft>,
    /// The row's number is still to be filled in.
    pub problems: Vec<RowProblem>,
    /// Whether an address can't be used.
    pub has_bad_address: bool,
}

impl Row {
    /// A row that is left out.
    pub fn rejected(Rejected { column, reason }: Rejected) -> Self {
        Self { draft: None, problems: vec![RowProblem { row: 0, column, reason, rejected: true }], has_bad_address: false }
    }
}

/// Why a row is left out. No column: it is about the row as a whole.
#[derive(Debug)]
pub struct Rejected {
    pub column: String,
    pub reason: String,
}

impl Rejected {
    pub fn new(column: &str, reason: impl Into<String>) -> Self {
        Self { column: column.to_owned(), reason: reason.into() }
    }
}

/// By what rows are read.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub phones: PhoneRules,
    pub match_by: MatchBy,
}

/// A row whose values come one by one.
pub struct Entry<'a> {
    rules: &'a Rules,
    draft: Draft,
    problems: Vec<RowProblem>,
}

impl<'a> Entry<'a> {
    pub fn new(rules: &'a Rules) -> Self {
        Self { rules, draft: Draft::default(), problems: Vec::new() }
    }

    /// A value that can't be used: it is told, and the row is taken.
    pub fn tell(&mut self, column: &str, reason: impl Into<String>) {
        if self.problems.len() < MAX_ROW_PROBLEMS {
            self.problems.push(RowProblem { row: 0, column: column.to_owned(), reason: reason.into(), rejected: false });
        }
    }

    /// Sets a field. An empty text says nothing.
    pub fn field(&mut self, column: &str, field: Field, text: &str) {
        if text.is_empty() {
            return;
        }
        let draft = &mut self.draft;
        let problem = match field {
            Field::ExternalId => set(&mut draft.external_id, Some(text.to_owned())),
            Field::Name => set(&mut draft.name, text.to_owned()),
            Field::City => set(&mut draft.city, text.to_owned()),
            Field::PostalCode => set(&mut draft.postal_code, text.to_owned()),
            Field::Email => {
                draft.email = address::email(text);
                draft.email.problem.clone()
            }
            Field::Phone => {
                draft.phone = address::phone(text, &self.rules.phones);
                draft.phone.problem.clone()
            }
            Field::Locale if limits::is_locale(text) => set(&mut draft.locale, text.to_owned()),
            Field::Locale => limits::LOCALES.to_owned(),
            Field::Timezone if limits::is_timezone(text) => set(&mut draft.timezone, text.to_owned()),
            Field::Timezone => limits::TIMEZONES.to_owned(),
            Field::Role => limits::role(text).map_or_else(|| limits::ROLES.to_owned(), |role| set(&mut draft.role, role.to_owned())),
            Field::LastActiveAt => match limits::time(text) {
                Some(time) => set(&mut draft.last_active_at, Some(time)),
                None => limits::TIMES.to_owned(),
            },
        };
        if !problem.is_empty() {
            self.tell(column, problem);
        }
    }

    /// Sets an attribute from a text, read as what it should be. An empty text says nothing.
    pub fn attribute(&mut self, column: &str, name: &str, kind: Kind, text: &str) {
        if text.is_empty() {
            return;
        }
        match value(kind, text) {
            Ok(value) => self.value(name, value),
            Err(reason) => self.tell(column, reason),
        }
    }

    pub fn value(&mut self, name: &str, value: Value) {
        self.draft.attributes.insert(name.to_owned(), value);
    }

    pub fn attributes(&self) -> usize {
        self.draft.attributes.len()
    }

    /// The row, unless it lacks what the person could be known by.
    ///
    /// # Errors
    /// Why it must be left out.
    pub fn finish(self) -> Result<Row, Rejected> {
        let Draft { external_id, email, phone, .. } = &self.draft;
        let lack = match self.rules.match_by {
            MatchBy::Any if external_id.is_none() && email.shown.is_empty() && phone.shown.is_empty() => {
                Some("has no external id, e-mail address or phone to know the person by")
            }
            MatchBy::ExternalId if external_id.is_none() => Some("has no external id, by which people are matched"),
            MatchBy::Email if email.key.is_none() => Some("has no e-mail address that can be used, by which people are matched"),
            MatchBy::Phone if phone.key.is_none() => Some("has no phone that can be used, by which people are matched"),
            _ => None,
        };
        if let Some(reason) = lack {
            return Err(Rejected::new("", reason));
        }
        let has_bad_address = !email.problem.is_empty() || !phone.problem.is_empty();
        Ok(Row { draft: Some(self.draft), problems: self.problems, has_bad_address })
    }
}

/// Sets a place; answers that there is no problem.
fn set<T>(place: &mut T, value: T) -> String {
    *place = value;
    String::new()
}

fn value(kind: Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Number => number(text).map(Value::Number).ok_or_else(|| "is no number, such as 1234.5".to_owned()),
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "1" => Ok(Value::Bool(true)),
            "false" | "no" | "n" | "0" => Ok(Value::Bool(false)),
            _ => Err("is neither true nor false".to_owned()),
        },
        Kind::Date => limits::date(text).map(Value::String).ok_or_else(|| limits::TIMES.to_owned()),
    }
}

/// A number with a point, if any, before its decimals. Thousands are not separated: what a comma means can't be known.
fn number(text: &str) -> Option<Number> {
    match text.parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => Number::from_f64(text.parse().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn attributes_have_types() {
        for (kind, text, expected) in [
            (Kind::Number, "12", Some(json!(12))),
            (Kind::Number, "-1.5", Some(json!(-1.5))),
            (Kind::Number, "1,500", None),
            (Kind::Number, "NaN", None),
            (Kind::Number, "inf", None),
            (Kind::Boolean, "Yes", Some(json!(true))),
            (Kind::Boolean, "0", Some(json!(false))),
            (Kind::Boolean, "maybe", None),
            (Kind::Date, "2026-11-22", Some(json!("2026-11-22"))),
            (Kind::Date, "2026-11-22 10:00:00+04:00", Some(json!("2026-11-22T06:00:00Z"))),
            (Kind::Date, "22/11/2026", None),
            (Kind::Text, "12", Some(json!("12"))),
        ] {
            assert_eq!(value(kind, text).ok(), expected, "{kind:?} {text:?}");
        }
    }

    #[test]
    fn a_row_needs_what_people_are_matched_by() {
        let row = |match_by, field, text: &str| {
            let rules = Rules { match_by, ..Rules::default() };
            let mut entry = Entry::new(&rules);
            entry.field("x", field, text);
            entry.finish().is_ok()
        };
        for (match_by, field, text, expected) in [
            (MatchBy::Any, Field::Name, "Sara", false),
            (MatchBy::Any, Field::Email, "no address", true),
            (MatchBy::Email, Field::Email, "no address", false),
            (MatchBy::Email, Field::Email, "a@example.com", true),
            (MatchBy::Phone, Field::Email, "a@example.com", false),
            (MatchBy::Phone, Field::Phone, "0501234567", true),
            (MatchBy::ExternalId, Field::Phone, "0501234567", false),
            (MatchBy::ExternalId, Field::ExternalId, "7", true),
        ] {
            assert_eq!(row(match_by, field, text), expected, "{match_by:?} {field:?} {text:?}");
        }
    }
}
