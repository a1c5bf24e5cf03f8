//! The header row: which column is which field.

use super::super::limits;
use csv::ByteRecord;
use runtime::status::Violations;
use std::collections::{BTreeMap, HashMap};
use tonic::Status;

/// Columns of a file at most.
const MAX_COLUMNS: usize = 200;

/// A contact's field that a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    ExternalId,
    Name,
    Email,
    Phone,
    Locale,
    Timezone,
    Role,
    City,
    PostalCode,
}

impl Field {
    const ALL: [(Self, &'static str); 9] = [
        (Self::ExternalId, "external_id"),
        (Self::Name, "name"),
        (Self::Email, "email"),
        (Self::Phone, "phone"),
        (Self::Locale, "locale"),
        (Self::Timezone, "timezone"),
        (Self::Role, "role"),
        (Self::City, "city"),
        (Self::PostalCode, "postal_code"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(field, _)| *field)
    }

    /// The field that a header is named like: "External ID" is `external_id`.
    fn of_header(header: &str) -> Option<Self> {
        Self::named(&header.to_lowercase().replace([' ', '-'], "_"))
    }

    pub const fn max_characters(self) -> usize {
        match self {
            Self::ExternalId => limits::MAX_EXTERNAL_ID,
            Self::Name => limits::MAX_NAME,
            Self::Email | Self::Phone => limits::MAX_ADDRESS,
            _ => limits::MAX_FIELD,
        }
    }
}

/// What becomes of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Field(Field),
    /// An attribute of the column's name.
    Attribute,
    Nothing,
}

/// What the caller says of headers that aren't named like fields.
#[derive(Debug, Default)]
pub struct Mapping(BTreeMap<String, Target>);

impl Mapping {
    /// # Errors
    /// INVALID_ARGUMENT for each one that leads to no field.
    pub fn read(columns: &HashMap<String, String>) -> Result<Self, Status> {
        let mut violations = Violations::new();
        let mut mapping = BTreeMap::new();
        for (header, field) in columns {
            let target = if field.is_empty() { Some(Target::Nothing) } else { Field::named(field).map(Target::Field) };
            match target {
                Some(target) => drop(mapping.insert(header.trim().to_owned(), target)),
                None => {
                    let fields: Vec<_> = Field::ALL.iter().map(|(_, name)| *name).collect();
                    violations.add(format!("options.columns.{header}"), format!("must be empty or one of {}", fields.join(", ")));
                }
            }
        }
        violations.check()?;
        Ok(Self(mapping))
    }
}

/// The columns, in order.
#[derive(Debug)]
pub struct Header {
    pub columns: Vec<(String, Target)>,
}

impl Header {
    /// Reads the header row.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with all that is wrong with it.
    pub fn read(record: &ByteRecord, mapping: &Mapping) -> Result<Self, Status> {
        let names = names(record)?;
        let mut violations = Violations::new();
        let mut add = |description: String| {
            violations.add("data", description);
        };
        if names.len() > MAX_COLUMNS {
            add(format!("the header has {} columns; {MAX_COLUMNS} are allowed", names.len()));
        }
        let mut columns: Vec<(String, Target)> = Vec::with_capacity(names.len());
        for (index, name) in names.into_iter().enumerate() {
            let target = mapping.0.get(&name).cloned();
            let target = target.unwrap_or_else(|| Field::of_header(&name).map_or(Target::Attribute, Target::Field));
            if target == Target::Attribute
                && let Some(reason) = limits::attribute_name(&name)
            {
                add(format!("column {} of the header {reason}: name it, or take the column out of the file", index + 1));
            }
            let twin = columns.iter().find(|(other, taken)| match &target {
                Target::Field(_) => *taken == target,
                Target::Attribute => *taken == target && *other == name,
                Target::Nothing => false,
            });
            if let Some((other, _)) = twin {
                add(format!("the columns {other:?} and {name:?} of the header are the same field: leave one out"));
            }
            columns.push((name, target));
        }
        for header in mapping.0.keys().filter(|header| !columns.iter().any(|(name, _)| name == *header)) {
            add(format!("the header has no column {header:?}, which the options speak of"));
        }
        let identifies = |target: &Target| matches!(target, Target::Field(Field::ExternalId | Field::Email | Field::Phone));
        if !columns.iter().any(|(_, target)| identifies(target)) {
            add("the header needs a column external_id, email or phone, or options that say which column is one".to_owned());
        }
        violations.check()?;
        Ok(Self { columns })
    }
}

fn names(record: &ByteRecord) -> Result<Vec<String>, Status> {
    let wrong = |description: &str| runtime::status::invalid("data", description);
    let first = record.get(0).unwrap_or_default();
    if first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") || first.contains(&0) {
        return Err(wrong("the file is in UTF-16: save it as UTF-8 (in a spreadsheet: CSV UTF-8)"));
    }
    if first.starts_with(b"PK\x03\x04") {
        return Err(wrong("the file is a spreadsheet or an archive: export it as CSV"));
    }
    let names: Result<Vec<_>, _> = record.iter().map(std::str::from_utf8).collect();
    let names = names.map_err(|_| wrong("the header is not in UTF-8: save the file as UTF-8"))?;
    if let [only] = names[..]
        && let Some(separator) = [';', '\t', '|'].into_iter().find(|separator| only.contains(*separator))
    {
        return Err(wrong(&format!("the columns are separated by {separator:?}: export the file with commas")));
    }
    Ok(names
        .iter()
        .enumerate()
        .map(|(index, name)| if index == 0 { name.trim_start_matches('\u{feff}') } else { name }.trim().to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &[&str], columns: &[(&str, &str)]) -> Result<Vec<Target>, String> {
        let columns = columns.iter().map(|(header, field)| ((*header).to_owned(), (*field).to_owned())).collect();
        let mapping = Mapping::read(&columns).map_err(|status| status.message().to_owned())?;
        let header = Header::read(&ByteRecord::from(header.to_vec()), &mapping).map_err(|status| status.message().to_owned())?;
        Ok(header.columns.into_iter().map(|(_, target)| target).collect())
    }

    #[test]
    fn columns_are_fields_or_attributes() {
        use Field::{Email, ExternalId, Name, PostalCode};
        let targets = read(
            &["\u{feff}External ID", " Name ", "E-Mail address", "postal-code", "tier", "junk"],
            &[("E-Mail address", "email"), ("junk", "")],
        );
        let expected = [
            Target::Field(ExternalId),
            Target::Field(Name),
            Target::Field(Email),
            Target::Field(PostalCode),
            Target::Attribute,
            Target::Nothing,
        ];
        assert_eq!(targets.unwrap(), expected);
    }

    #[test]
    fn a_header_that_cannot_be_right_is_explained() {
        for (header, columns, part) in [
            (&["name", "city"][..], &[][..], "needs a column external_id, email or phone"),
            (&["email", "Email"], &[], "same field"),
            (&["email", "mail"], &[("mail", "email")], "same field"),
            (&["email", "tier", "tier"], &[], "same field"),
            (&["email", ""], &[], "column 2 of the header has no name"),
            (&["email;name"], &[], "separated by ';'"),
            (&["email\tname"], &[], "separated by '\\t'"),
            (&["email"], &[("mail", "email")], "no column \"mail\""),
            (&["email"], &[("email", "e-mail")], "must be empty or one of external_id"),
            (&["PK\x03\x04x"], &[], "spreadsheet"),
            (&["e\0m\0"], &[], "UTF-16"),
        ] {
            let message = read(header, columns).expect_err("it was taken");
            assert!(message.contains(part), "{header:?} gives {message:?}, not {part:?}");
        }
        let mapping = Mapping::default();
        let latin = Header::read(&ByteRecord::from(vec![&b"email"[..], b"st\xe4dte"]), &mapping).expect_err("not UTF-8");
        assert!(latin.message().contains("not in UTF-8"), "{latin:?}");
    }
}
