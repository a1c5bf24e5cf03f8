//! The header row of CSV: which column is what.

use super::{
    super::limits,
    target::{Field, Mapping, Target},
};
use csv::ByteRecord;
use domain::cell;
use runtime::status::{self, Violations};
use tonic::Status;

/// Columns of a file at most.
pub const MAX_COLUMNS: usize = 200;

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
        let names = names(record).ok_or_else(|| status::invalid("data", "the header can't be read: save the file as UTF-8"))?;
        let mut violations = Violations::new();
        let mut add = |description: String| {
            violations.add("data", description);
        };
        if names.len() > MAX_COLUMNS {
            add(format!("the header has {} columns; {MAX_COLUMNS} are allowed", names.len()));
        }
        let mut columns: Vec<(String, Target)> = Vec::with_capacity(names.len());
        for (index, name) in names.into_iter().enumerate() {
            let target = mapping.target(&name);
            if let Target::Attribute { name, .. } = &target
                && let Some(reason) = limits::attribute_name(name)
            {
                add(format!("column {} of the header {reason}: name it, or take the column out of the file", index + 1));
            }
            if let Some((other, _)) = columns.iter().find(|(_, taken)| taken.is_same_place(&target)) {
                add(format!("the columns {other:?} and {name:?} of the header are the same field: leave one out"));
            }
            columns.push((name, target));
        }
        for column in mapping.columns().filter(|column| !columns.iter().any(|(name, _)| name == *column)) {
            add(format!("the header has no column {column:?}, which the options speak of"));
        }
        let identifies = |target: &Target| matches!(target, Target::Field(Field::ExternalId | Field::Email | Field::Phone));
        if !columns.iter().any(|(_, target)| identifies(target)) {
            add("the header needs a column external_id, email or phone, or options that say which column is one".to_owned());
        }
        violations.check()?;
        Ok(Self { columns })
    }

    /// How many of a row's cells are names of columns that we have heard of.
    pub fn known_columns(record: &ByteRecord, mapping: &Mapping) -> usize {
        names(record).unwrap_or_default().iter().filter(|name| mapping.knows(name)).count()
    }
}

/// None when they aren't text.
fn names(record: &ByteRecord) -> Option<Vec<String>> {
    let name = |cell| Some(cell::unguard(std::str::from_utf8(cell).ok()?.trim()).trim().to_owned());
    record.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::target::Kind, *};

    fn read(header: &[&str], columns: &[(&str, &str)]) -> Result<Vec<Target>, String> {
        let columns = columns.iter().map(|(header, field)| ((*header).to_owned(), (*field).to_owned())).collect();
        let mapping = Mapping::read(&columns).map_err(|status| status.message().to_owned())?;
        let header = Header::read(&ByteRecord::from(header.to_vec()), &mapping).map_err(|status| status.message().to_owned())?;
        Ok(header.columns.into_iter().map(|(_, target)| target).collect())
    }

    #[test]
    fn columns_are_fields_or_attributes() {
        use Field::{Email, ExternalId, Name, PostalCode};
        let attribute = |name: &str| Target::Attribute { name: name.to_owned(), kind: Kind::Text };
        let targets = read(
            &["External ID", " Name ", "E-Mail address", "postal-code", "tier", "'=x", "junk"],
            &[("E-Mail address", "email"), ("junk", "")],
        );
        let expected = [
            Target::Field(ExternalId),
            Target::Field(Name),
            Target::Field(Email),
            Target::Field(PostalCode),
            attribute("tier"),
            attribute("=x"),
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
            (&["email", "tier", "attributes.tier:number"], &[], "same field"),
            (&["email", ""], &[], "column 2 of the header has no name"),
            (&["email"], &[("mail", "email")], "no column \"mail\""),
            (&["email"], &[("email", "e-mail")], "or one of external_id"),
        ] {
            let message = read(header, columns).expect_err("it was taken");
            assert!(message.contains(part), "{header:?} gives {message:?}, not {part:?}");
        }
        let mapping = Mapping::default();
        let broken = Header::read(&ByteRecord::from(vec![&b"email"[..], b"st\xffdte"]), &mapping).expect_err("no text");
        assert!(broken.message().contains("can't be read"), "{broken:?}");
    }
}
