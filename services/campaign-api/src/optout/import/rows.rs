//! Rows of a suppression list: what each line opts out.

use super::lines::Line;
use csv::{ByteRecord, ReaderBuilder};
use domain::{
    Channel,
    address::{self, PhoneRules},
    consent::{Evidence, source},
};
use runtime::status;
use store::optout::OptOut;
use time::{
    Date, OffsetDateTime, PrimitiveDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};
use tonic::Status;

const MAX_REASON: usize = 1_000;
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// How systems call their columns.
const ADDRESS: &[&str] =
    &["address", "email", "e-mail", "e_mail", "email_address", "mail", "phone", "phone_number", "mobile", "msisdn", "recipient"];
const CHANNEL: &[&str] = &["channel"];
const REASON: &[&str] = &["reason", "note", "comment"];
const SINCE: &[&str] = &["since", "date", "created", "created_at", "opted_out_at", "unsubscribed_at", "timestamp"];

const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const DATE_TIME: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// What holds for rows that don't say.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// None: all channels.
    pub channel: Option<Channel>,
    pub reason: String,
}

/// A row, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// One for each address that it names.
    OptOuts(Vec<OptOut>),
    Bad {
        column: String,
        reason: String,
    },
}

fn bad(column: &str, reason: impl Into<String>) -> Row {
    Row::Bad { column: column.to_owned(), reason: reason.into() }
}

/// Which column is what.
#[derive(Debug)]
struct Columns {
    delimiter: u8,
    addresses: Vec<(usize, String)>,
    channel: Option<usize>,
    reason: Option<usize>,
    since: Option<usize>,
}

/// Reads the lines of one file.
#[derive(Debug)]
pub struct Rows {
    defaults: Defaults,
    rules: PhoneRules,
    columns: Option<Columns>,
}

impl Rows {
    pub fn new(defaults: Defaults, rules: PhoneRules) -> Self {
        Self { defaults, rules, columns: None }
    }

    /// The row in a line; None when it is the header.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the first line is neither a header nor an address.
    pub fn read(&mut self, line: &Line, now: OffsetDateTime) -> Result<Option<Row>, Status> {
        let Line::Bytes(bytes) = line else { return Ok(Some(bad("", "is longer than 16 KiB"))) };
        if let Some(columns) = &self.columns {
            return Ok(Some(self.row(bytes, columns, now)));
        }
        let (columns, is_header) = self.first(bytes)?;
        let row = (!is_header).then(|| self.row(bytes, &columns, now));
        self.columns = Some(columns);
        Ok(row)
    }

    /// What the first line says of the columns, and whether it is a header.
    fn first(&self, line: &[u8]) -> Result<(Columns, bool), Status> {
        let count = |delimiter: &u8| line.iter().filter(|byte| *byte == delimiter).count();
        let delimiter = DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',');
        let names: Vec<String> = cells(line, delimiter).iter().map(|cell| String::from_utf8_lossy(cell).trim().to_lowercase()).collect();
        let named = |known: &[&str]| names.iter().position(|name| known.contains(&name.replace(' ', "_").as_str()));
        let is_address = |name: &String| ADDRESS.contains(&name.replace(' ', "_").as_str());
        let addresses: Vec<_> =
            names.iter().enumerate().filter(|(_, name)| is_address(name)).map(|(at, name)| (at, name.clone())).collect();
        if !addresses.is_empty() {
            return Ok((Columns { delimiter, addresses, channel: named(CHANNEL), reason: named(REASON), since: named(SINCE) }, true));
        }
        if names.first().is_some_and(|name| address::any(name, &self.rules).key.is_some()) {
            let columns = Columns { delimiter, addresses: vec![(0, "address".to_owned())], channel: None, reason: None, since: None };
            return Ok((columns, false));
        }
        Err(status::invalid(
            "data",
            "must begin with a line that names the columns address (or email, or phone), channel, reason and since",
        ))
    }

    fn row(&self, line: &[u8], columns: &Columns, now: OffsetDateTime) -> Row {
        let cells = cells(line, columns.delimiter);
        let mut texts = Vec::with_capacity(cells.len());
        for cell in &cells {
            match std::str::from_utf8(cell) {
                Ok(text) if !text.contains('\0') => texts.push(text.trim()),
                Ok(_) => return bad("", "has a NUL character in it"),
                Err(_) => return bad("", "isn't UTF-8"),
            }
        }
        let cell = |at: Option<usize>| at.and_then(|at| texts.get(at).copied()).unwrap_or_default();
        let Some(channel) = self.channel(cell(columns.channel)) else {
            return bad("channel", "must be email, sms, whatsapp or all");
        };
        let reason = match cell(columns.reason) {
            "" => self.defaults.reason.clone(),
            text if text.chars().count() > MAX_REASON => return bad("reason", "is longer than 1,000 characters"),
            text => text.to_owned(),
        };
        let created_at = match cell(columns.since) {
            "" => now,
            text => match since(text).filter(|since| *since <= now) {
                Some(since) => since,
                None => return bad("since", "must be a date that has passed, such as 2024-05-31 or 2024-05-31T08:00:00Z"),
            },
        };
        let mut opt_outs = Vec::with_capacity(columns.addresses.len());
        for (at, name) in &columns.addresses {
            let written = cell(Some(*at));
            if written.is_empty() {
                continue;
            }
            let address = super::super::address(channel, written, &self.rules);
            let Some(address_key) = address.key else { return bad(name, address.problem) };
            let (source, evidence) = (source::IMPORT.to_owned(), Evidence::default());
            opt_outs.push(OptOut { channel, address_key, source, reason: reason.clone(), created_at, evidence });
        }
        match (opt_outs.is_empty(), columns.addresses.first()) {
            (true, Some((_, name))) => bad(name, "must be given"),
            _ => Row::OptOuts(opt_outs),
        }
    }

    /// None: there is no such channel.
    fn channel(&self, text: &str) -> Option<Option<Channel>> {
        match text.to_lowercase().as_str() {
            "" => Some(self.defaults.channel),
            "all" => Some(None),
            name => name.parse().ok().map(Some),
        }
    }
}

/// The cells of one line.
fn cells(line: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
    let mut record = ByteRecord::new();
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).buffer_capacity(line.len().max(1)).from_reader(line);
    // Reading from memory can't fail, and a flexible record of any bytes is one.
    match reader.read_byte_record(&mut record) {
        Ok(true) => record.iter().map(<[u8]>::to_vec).collect(),
        _ => Vec::new(),
    }
}

/// A time, or a day's beginning, in UTC where nothing else is said.
fn since(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .or_else(|| PrimitiveDateTime::parse(text, DATE_TIME).ok().map(PrimitiveDateTime::assume_utc))
        .or_else(|| Date::parse(text, DATE).ok().map(|date| date.midnight().assume_utc()))?;
    // What PostgreSQL keeps.
    time.replace_nanosecond(time.microsecond() * 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

    fn read(file: &str) -> Vec<Row> {
        let mut rows = Rows::new(Defaults { channel: None, reason: "moved".to_owned() }, PhoneRules::default());
        file.lines().filter_map(|line| rows.read(&Line::Bytes(line.as_bytes().to_vec()), NOW).unwrap()).collect()
    }

    fn shown(row: &Row) -> String {
        match row {
            Row::Bad { column, reason } => format!("{column}: {reason}"),
            Row::OptOuts(entries) => entries
                .iter()
                .map(|e| format!("{} {} {} {}", e.channel.map_or("all", Channel::as_str), e.address_key, e.reason, e.created_at.date()))
                .collect::<Vec<_>>()
                .join(" + "),
        }
    }

    #[test]
    fn columns_are_known_by_their_names_in_any_order_and_by_any_delimiter() {
        for delimiter in [",", ";", "\t"] {
            let file = [
                ["Since", "E-mail", "Channel", "Reason"],
                ["2024-05-31", "A@Example.com", "email", "asked"],
                ["2024-05-31T23:30:00-02:00", "b@example.com", "ALL", ""],
                ["2024-05-31 08:00:00", "c@example.com", "", "\"said \"\"no\"\"\""],
            ];
            let file = file.map(|row| row.join(delimiter)).join("\n");
            let rows: Vec<_> = read(&file).iter().map(shown).collect();
            let expected =
                ["email a@example.com asked 2024-05-31", "all b@example.com moved 2024-05-31", "all c@example.com said \"no\" 2024-05-31"];
            assert_eq!(rows, expected, "{delimiter:?}");
        }
    }

    #[test]
    fn a_file_without_a_header_is_one_address_a_line() {
        let rows: Vec<_> = read("a@example.com\n+971 50 123 4567\nnobody").iter().map(shown).collect();
        assert_eq!(rows[..2], ["all a@example.com moved 2026-11-22", "all +971501234567 moved 2026-11-22"]);
        assert!(rows[2].starts_with("address: "), "{}", rows[2]);
        let mut rows = Rows::new(Defaults { channel: None, reason: String::new() }, PhoneRules::default());
        assert!(rows.read(&Line::Bytes(b"name;city".to_vec()), NOW).is_err());
    }

    #[test]
    fn a_row_may_name_two_addresses() {
        let rows: Vec<_> = read("email,phone\na@example.com,+971501234567\n,\n,+971501234567").iter().map(shown).collect();
        let expected = [
            "all a@example.com moved 2026-11-22 + all +971501234567 moved 2026-11-22",
            "email: must be given",
            "all +971501234567 moved 2026-11-22",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_bad_row_says_why() {
        let file = "address,channel,since\na@example.com,fax,\na@example.com,sms,\na@example.com,email,2030-01-01\na@example.com,email,soon\n\"a@example.com,email,";
        let rows: Vec<_> = read(file).iter().map(|row| shown(row).split(':').next().unwrap().to_owned()).collect();
        assert_eq!(rows, ["channel", "address", "since", "since", "address"]);
        let mut rows = Rows::new(Defaults { channel: None, reason: String::new() }, PhoneRules::default());
        rows.read(&Line::Bytes(b"address".to_vec()), NOW).unwrap();
        for (line, reason) in
            [(Line::Bytes(b"\xff@x.com".to_vec()), "UTF-8"), (Line::Bytes(b"a\0@x.com".to_vec()), "NUL"), (Line::TooLong, "KiB")]
        {
            let row = rows.read(&line, NOW).unwrap().unwrap();
            assert!(shown(&row).contains(reason), "{row:?}");
        }
    }
}
