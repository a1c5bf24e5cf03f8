//! A row of the file, as a contact or as a reason why not.

use super::{
    super::limits,
    header::{Field, Header, Target},
};
use csv::ByteRecord;
use domain::address::{self, PhoneRules};
use proto::contact::RowProblem;
use serde_json::Value;
use store::contact::Draft;

/// What a row is.
pub struct Row {
    /// None when the row is left out.
    pub draft: Option<Draft>,
    /// The row's number is still to be filled in.
    pub problems: Vec<RowProblem>,
    /// Whether an address can't be used.
    pub has_bad_address: bool,
}

/// Why a row is left out: column and reason.
type Rejected = (String, String);

/// A problem that leaves the row out.
pub fn rejection(column: &str, reason: &str) -> RowProblem {
    RowProblem { row: 0, column: column.to_owned(), reason: reason.to_owned(), rejected: true }
}

/// Reads a record by the header's columns.
pub fn read(record: &ByteRecord, header: &Header, rules: &PhoneRules) -> Row {
    let mut problems = Vec::new();
    match draft(record, header, rules, &mut problems) {
        Ok(draft) => {
            let has_bad_address = !draft.email.problem.is_empty() || !draft.phone.problem.is_empty();
            Row { draft: Some(draft), problems, has_bad_address }
        }
        Err((column, reason)) => Row { draft: None, problems: vec![rejection(&column, &reason)], has_bad_address: false },
    }
}

fn draft(record: &ByteRecord, header: &Header, rules: &PhoneRules, problems: &mut Vec<RowProblem>) -> Result<Draft, Rejected> {
    if record.len() != header.columns.len() {
        let reason = format!("has {} fields where the header has {}", record.len(), header.columns.len());
        return Err((String::new(), reason));
    }
    let mut draft = Draft::default();
    for ((column, target), bytes) in header.columns.iter().zip(record) {
        let text = match target {
            Target::Nothing => continue,
            Target::Field(field) => text(column, bytes, field.max_characters())?,
            Target::Attribute => text(column, bytes, limits::MAX_ATTRIBUTE)?,
        };
        if text.is_empty() {
            continue;
        }
        let problem = match target {
            Target::Field(field) => set(&mut draft, *field, text, rules),
            _ => {
                draft.attributes.insert(column.clone(), Value::String(text.to_owned()));
                None
            }
        };
        problems.extend(problem.map(|reason| RowProblem { row: 0, column: column.clone(), reason, rejected: false }));
    }
    if draft.external_id.is_none() && draft.email.shown.is_empty() && draft.phone.shown.is_empty() {
        return Err((String::new(), "has no external id, e-mail address or phone to know the person by".to_owned()));
    }
    Ok(draft)
}

fn text<'a>(column: &str, bytes: &'a [u8], max_characters: usize) -> Result<&'a str, Rejected> {
    let rejected = |reason: String| (column.to_owned(), reason);
    let text = std::str::from_utf8(bytes).map_err(|_| rejected("is not in UTF-8".to_owned()))?.trim();
    match limits::text(text, max_characters) {
        Some(reason) => Err(rejected(reason)),
        None => Ok(text),
    }
}

/// Sets a field; answers why its value can't be used, if it can't.
fn set(draft: &mut Draft, field: Field, text: &str, rules: &PhoneRules) -> Option<String> {
    let unless = |holds: bool, reason: &str| (!holds).then(|| reason.to_owned());
    match field {
        Field::ExternalId => draft.external_id = Some(text.to_owned()),
        Field::Name => text.clone_into(&mut draft.name),
        Field::City => text.clone_into(&mut draft.city),
        Field::PostalCode => text.clone_into(&mut draft.postal_code),
        Field::Email => {
            draft.email = address::email(text);
            return Some(draft.email.problem.clone()).filter(|problem| !problem.is_empty());
        }
        Field::Phone => {
            draft.phone = address::phone(text, rules);
            return Some(draft.phone.problem.clone()).filter(|problem| !problem.is_empty());
        }
        Field::Locale if limits::is_locale(text) => text.clone_into(&mut draft.locale),
        Field::Locale => return unless(false, limits::LOCALES),
        Field::Timezone if limits::is_timezone(text) => text.clone_into(&mut draft.timezone),
        Field::Timezone => return unless(false, limits::TIMEZONES),
        Field::Role => match limits::role(text) {
            Some(role) => role.clone_into(&mut draft.role),
            None => return unless(false, limits::ROLES),
        },
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{super::header::Mapping, *};

    fn row(fields: &[&[u8]]) -> Row {
        let header = ["external_id", "name", "email", "phone", "role", "timezone", "locale", "tier"];
        let header = Header::read(&ByteRecord::from(header.to_vec()), &Mapping::default()).unwrap();
        read(&ByteRecord::from(fields.to_vec()), &header, &PhoneRules::default())
    }

    fn summary(problems: &[RowProblem]) -> Vec<String> {
        problems
            .iter()
            .map(|problem| format!("{}{}: {}", if problem.rejected { "! " } else { "" }, problem.column, problem.reason))
            .collect()
    }

    #[test]
    fn a_good_row_is_a_contact() {
        let row = row(&[b" 7 ", b"Sara", b"Sara@Example.com", b"050 123 4567", b"Partner", b"Asia/Dubai", b"ar-AE", b"gold"]);
        assert!(row.problems.is_empty() && !row.has_bad_address);
        let draft = row.draft.unwrap();
        assert_eq!(draft.external_id.as_deref(), Some("7"));
        assert_eq!(draft.email.key.as_deref(), Some("sara@example.com"));
        assert_eq!(draft.phone.key.as_deref(), Some("+971501234567"));
        assert_eq!((draft.role.as_str(), draft.timezone.as_str(), draft.locale.as_str()), ("partner", "Asia/Dubai", "ar-AE"));
        assert_eq!(draft.attributes["tier"], "gold");
    }

    #[test]
    fn a_value_that_cannot_be_used_is_told_and_the_row_is_taken() {
        let row = row(&[b"7", b"", b"sara", b"12", b"boss", b"Dubai", b"english", b""]);
        assert!(row.has_bad_address);
        assert_eq!(row.problems.len(), 5, "{:?}", summary(&row.problems));
        assert!(row.problems.iter().all(|problem| !problem.rejected));
        let draft = row.draft.unwrap();
        assert_eq!((draft.email.shown.as_str(), draft.phone.shown.as_str()), ("sara", "12"));
        assert!(draft.role.is_empty() && draft.timezone.is_empty() && draft.locale.is_empty() && draft.attributes.is_empty());
    }

    #[test]
    fn a_row_that_cannot_be_stored_is_left_out() {
        for (fields, expected) in [
            (&[&b"7"[..], b"Sara"][..], "! : has 2 fields where the header has 8"),
            (&[b"7", b"S\xe4ra", b"", b"", b"", b"", b"", b""], "! name: is not in UTF-8"),
            (&[b"7", b"", b"", b"", b"", b"", b"", b"a\0"], "! tier: has a NUL character in it"),
            (&[b"7", &[b'x'; 301], b"", b"", b"", b"", b"", b""], "! name: is longer than 300 characters"),
            (&[b"", b"Sara", b" ", b"", b"", b"", b"", b"gold"], "! : has no external id, e-mail address or phone to know the person by"),
        ] {
            let row = row(fields);
            assert!(row.draft.is_none());
            assert_eq!(summary(&row.problems), [expected]);
        }
    }
}
