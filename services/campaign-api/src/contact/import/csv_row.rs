//! A record of CSV as a row.

use super::{
    super::limits,
    header::Header,
    row::{Entry, Rejected, Row, Rules},
    target::Target,
};
use csv::ByteRecord;
use domain::cell;

/// Reads a record by the header's columns.
pub fn read(record: &ByteRecord, header: &Header, rules: &Rules) -> Row {
    entry(record, header, rules).unwrap_or_else(Row::rejected)
}

fn entry(record: &ByteRecord, header: &Header, rules: &Rules) -> Result<Row, Rejected> {
    if record.len() != header.columns.len() {
        let reason = format!("has {} fields where the header has {}", record.len(), header.columns.len());
        return Err(Rejected::new("", reason));
    }
    let mut entry = Entry::new(rules);
    for ((column, target), bytes) in header.columns.iter().zip(record) {
        match target {
            Target::Nothing => {}
            Target::Field(field) => entry.field(column, *field, text(column, bytes, field.max_characters())?),
            Target::Attribute { name, kind } => entry.attribute(column, name, *kind, text(column, bytes, limits::MAX_ATTRIBUTE)?),
        }
    }
    entry.finish()
}

fn text<'a>(column: &str, bytes: &'a [u8], max_characters: usize) -> Result<&'a str, Rejected> {
    let text = std::str::from_utf8(bytes).map_err(|_| Rejected::new(column, "has bytes that are no text in the file's encoding"))?;
    let text = cell::unguard(text.trim()).trim();
    limits::text(text, max_characters).map_or(Ok(text), |reason| Err(Rejected::new(column, reason)))
}

#[cfg(test)]
mod tests {
    use super::{super::target::Mapping, *};
    use proto::contact::RowProblem;

    fn row(fields: &[&[u8]]) -> Row {
        let header = ["external_id", "name", "email", "phone", "role", "timezone", "locale", "last_active_at", "tier"];
        let header = Header::read(&ByteRecord::from(header.to_vec()), &Mapping::default()).unwrap();
        read(&ByteRecord::from(fields.to_vec()), &header, &Rules::default())
    }

    fn summary(problems: &[RowProblem]) -> Vec<String> {
        problems
            .iter()
            .map(|problem| format!("{}{}: {}", if problem.rejected { "! " } else { "" }, problem.column, problem.reason))
            .collect()
    }

    #[test]
    fn a_good_row_is_a_contact() {
        let row = row(&[
            b" 7 ",
            b"'=Sara",
            b"Sara@Example.com",
            b"'+971 50 123 4567",
            b"Partner",
            b"Asia/Dubai",
            b"ar-AE",
            b"2026-11-22T10:00:00Z",
            b"=gold",
        ]);
        assert!(row.problems.is_empty() && !row.has_bad_address, "{:?}", summary(&row.problems));
        let draft = row.draft.unwrap();
        assert_eq!((draft.external_id.as_deref(), draft.name.as_str()), (Some("7"), "=Sara"));
        assert_eq!(draft.email.key.as_deref(), Some("sara@example.com"));
        assert_eq!(draft.phone.key.as_deref(), Some("+971501234567"));
        assert_eq!((draft.role.as_str(), draft.timezone.as_str(), draft.locale.as_str()), ("partner", "Asia/Dubai", "ar-AE"));
        assert_eq!(draft.last_active_at.map(|time| time.unix_timestamp()), Some(1_795_341_600));
        assert_eq!(draft.attributes["tier"], "=gold");
    }

    #[test]
    fn a_value_that_cannot_be_used_is_told_and_the_row_is_taken() {
        let row = row(&[b"7", b"", b"sara", b"12", b"boss", b"Dubai", b"english", b"yesterday", b""]);
        assert!(row.has_bad_address);
        assert_eq!(row.problems.len(), 6, "{:?}", summary(&row.problems));
        assert!(row.problems.iter().all(|problem| !problem.rejected));
        let draft = row.draft.unwrap();
        assert_eq!((draft.email.shown.as_str(), draft.phone.shown.as_str()), ("sara", "12"));
        assert!(draft.role.is_empty() && draft.timezone.is_empty() && draft.locale.is_empty() && draft.attributes.is_empty());
    }

    #[test]
    fn a_row_that_cannot_be_stored_is_left_out() {
        for (fields, expected) in [
            (&[&b"7"[..], b"Sara"][..], "! : has 2 fields where the header has 9"),
            (&[b"7", b"S\xe4ra", b"", b"", b"", b"", b"", b"", b""], "! name: has bytes that are no text in the file's encoding"),
            (&[b"7", b"", b"", b"", b"", b"", b"", b"", b"a\0"], "! tier: has a NUL character in it"),
            (&[b"7", &[b'x'; 301], b"", b"", b"", b"", b"", b"", b""], "! name: is longer than 300 characters"),
            (
                &[b"", b"Sara", b" ", b"", b"", b"", b"", b"", b"gold"],
                "! : has no external id, e-mail address or phone to know the person by",
            ),
        ] {
            let row = row(fields);
            assert!(row.draft.is_none());
            assert_eq!(summary(&row.problems), [expected]);
        }
    }
}
