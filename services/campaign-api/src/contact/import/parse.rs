//! From bytes to batches of contacts, on a thread that may block.

use super::{
    csv_row,
    header::Header,
    json_row,
    lines::{Line, Lines},
    options::Reading,
    records::{self, Next, Records},
    row::{MAX_ROW_PROBLEMS, Rejected, Row},
    sniff::{self, Shape},
    text::{Found, Text},
};
use proto::contact::{FileEncoding, RowProblem};
use runtime::status;
use std::{
    io::{self, Cursor, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use store::contact::Draft;
use tokio::sync::mpsc::Sender;
use tonic::Status;

/// Rows of a batch, and so of a transaction.
const BATCH_ROWS: u64 = 2_000;
/// Bytes of the file that a batch is made of: rows may be long.
const BATCH_BYTES: u64 = 1024 * 1024;
/// Problems of a batch.
const BATCH_PROBLEMS: usize = 1_000;

/// Rows that are stored together.
#[derive(Debug)]
pub struct Batch {
    pub drafts: Vec<Draft>,
    /// The number of each draft's row.
    pub numbers: Vec<u64>,
    /// All rows, those that are left out too.
    pub rows: u64,
    pub rejected: u64,
    pub with_problems: u64,
    pub problems: Vec<RowProblem>,
    /// Of the whole file, read so far.
    pub bytes: u64,
    pub shape: Shape,
    pub encoding: FileEncoding,
}

pub struct Parser {
    reading: Reading,
    /// Bytes that the source has given.
    read: Arc<AtomicU64>,
    /// Rows before the batch under way, and bytes read when it began.
    rows: u64,
    start: u64,
    batch: Batch,
}

impl Parser {
    pub fn new(reading: Reading, read: Arc<AtomicU64>) -> Self {
        let batch = empty(Shape::Ndjson, FileEncoding::Unspecified);
        Self { reading, read, rows: 0, start: 0, batch }
    }

    /// Reads to the end of the file, or until nobody takes the batches.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the file or its header can't be used.
    pub fn run(mut self, source: impl Read, batches: &Sender<Batch>) -> Result<(), Status> {
        let mut text = Text::new(source, self.reading.encoding);
        let found = text.found();
        let opening = sniff::opening(&mut text).map_err(|error| broken_off(&error))?;
        if opening.trim_ascii().is_empty() {
            return Err(status::invalid("data", "the file is empty"));
        }
        let (shape, skipped) = sniff::shape(&opening, self.reading.format, self.reading.delimiter, &self.reading.mapping)?;
        self.batch.shape = shape;
        let mut opening = Cursor::new(opening);
        opening.set_position(skipped as u64);
        let source = opening.chain(text);
        match shape {
            Shape::Csv { delimiter } => self.csv(Records::new(source, delimiter), &found, batches),
            Shape::Ndjson => self.ndjson(Lines::new(source), &found, batches),
        }
    }

    fn csv(mut self, mut records: Records<impl Read>, found: &Found, batches: &Sender<Batch>) -> Result<(), Status> {
        let header = match records.next().map_err(|error| broken_off(&error))? {
            Next::Record(record) => Header::read(record, &self.reading.mapping)?,
            Next::Broken(reason) => return Err(status::invalid("data", format!("the header {reason}"))),
            Next::End => return Err(status::invalid("data", "the file is empty: it needs a header row")),
        };
        records.expect_width(header.columns.len());
        loop {
            let row = match records.next().map_err(|error| broken_off(&error))? {
                Next::Record(record) => csv_row::read(record, &header, &self.reading.rules),
                Next::Broken(reason) => Row::rejected(Rejected::new("", reason)),
                Next::End => break,
            };
            if !self.add(row, found, batches) {
                return Ok(());
            }
        }
        self.finish(found, batches);
        Ok(())
    }

    fn ndjson(mut self, mut lines: Lines<impl Read>, found: &Found, batches: &Sender<Batch>) -> Result<(), Status> {
        loop {
            let row = match lines.next().map_err(|error| broken_off(&error))? {
                Line::Whole(line) => json_row::read(line, &self.reading.mapping, &self.reading.rules),
                Line::TooLong => Row::rejected(Rejected::new("", records::TOO_LONG)),
                Line::End => break,
            };
            if !self.add(row, found, batches) {
                return Ok(());
            }
        }
        self.finish(found, batches);
        Ok(())
    }

    /// Adds a row, and hands the batch over when it is full. Answers whether there is somebody who takes batches.
    fn add(&mut self, row: Row, found: &Found, batches: &Sender<Batch>) -> bool {
        let batch = &mut self.batch;
        batch.rows += 1;
        let number = self.rows + batch.rows;
        batch.with_problems += u64::from(row.has_bad_address);
        batch.problems.extend(row.problems.into_iter().map(|problem| RowProblem { row: number, ..problem }));
        match row.draft {
            Some(draft) => {
                batch.drafts.push(draft);
                batch.numbers.push(number);
            }
            None => batch.rejected += 1,
        }
        let is_full = batch.rows >= BATCH_ROWS
            || batch.problems.len() + MAX_ROW_PROBLEMS > BATCH_PROBLEMS
            || self.read.load(Ordering::Relaxed) - self.start > BATCH_BYTES;
        !is_full || self.hand_over(found, batches)
    }

    fn finish(mut self, found: &Found, batches: &Sender<Batch>) {
        if self.batch.rows > 0 {
            self.hand_over(found, batches);
        }
    }

    /// Whether somebody has taken the batch.
    fn hand_over(&mut self, found: &Found, batches: &Sender<Batch>) -> bool {
        let next = empty(self.batch.shape, FileEncoding::Unspecified);
        let mut batch = std::mem::replace(&mut self.batch, next);
        batch.bytes = self.read.load(Ordering::Relaxed);
        batch.encoding = found.get();
        self.start = batch.bytes;
        self.rows += batch.rows;
        batches.blocking_send(batch).is_ok()
    }
}

fn empty(shape: Shape, encoding: FileEncoding) -> Batch {
    Batch {
        drafts: Vec::new(),
        numbers: Vec::new(),
        rows: 0,
        rejected: 0,
        with_problems: 0,
        problems: Vec::new(),
        bytes: 0,
        shape,
        encoding,
    }
}

/// The call is over; its end is told by whoever reads it.
fn broken_off(error: &io::Error) -> Status {
    Status::cancelled(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    fn parse(file: &str) -> (Result<(), Status>, Vec<Batch>) {
        let (sender, mut receiver) = mpsc::channel(1_000);
        let result = Parser::new(Reading::default(), Arc::default()).run(file.as_bytes(), &sender);
        drop(sender);
        let batches = std::iter::from_fn(|| receiver.blocking_recv()).collect();
        (result, batches)
    }

    #[test]
    fn rows_come_in_batches_with_their_numbers() {
        let mut file = "\u{feff}email,name\n".to_owned();
        for n in 1..=4_500 {
            file.push_str(&if n % 500 == 0 { "bad,\n".to_owned() } else { format!("p{n}@example.com,P\n") });
        }
        let (result, batches) = parse(&file);
        result.unwrap();
        assert_eq!(batches.iter().map(|batch| batch.rows).collect::<Vec<_>>(), [2_000, 2_000, 500]);
        assert_eq!(batches.iter().map(|batch| batch.with_problems).sum::<u64>(), 9);
        let numbers: Vec<_> = batches.iter().flat_map(|batch| &batch.problems).map(|problem| problem.row).collect();
        assert_eq!(numbers, (1..=9).map(|n| n * 500).collect::<Vec<_>>());
        assert_eq!(batches[1].numbers[0], 2_001);
        assert_eq!((batches[2].shape, batches[2].encoding), (Shape::Csv { delimiter: b',' }, FileEncoding::Utf8));
    }

    #[test]
    fn a_bad_row_does_not_lose_the_others() {
        let (result, batches) = parse("email,name\na@example.com,A\nonly one field\n\"b@example.com,B\nc@example.com,C\n");
        result.unwrap();
        let batch = &batches[0];
        assert_eq!((batch.rows, batch.rejected, batch.drafts.len()), (4, 2, 2));
        assert_eq!(batch.problems.iter().map(|problem| problem.row).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((batch.drafts[1].name.as_str(), batch.numbers[1]), ("C", 4));
    }

    #[test]
    fn lines_of_json_are_rows() {
        let (result, batches) = parse("{\"email\": \"a@example.com\"}\n\nnothing\n{\"email\": \"b@example.com\", \"visits\": 3}");
        result.unwrap();
        let batch = &batches[0];
        assert_eq!((batch.rows, batch.rejected, batch.shape), (3, 1, Shape::Ndjson));
        assert_eq!((batch.problems[0].row, batch.numbers[1]), (2, 3));
        assert_eq!(batch.drafts[1].attributes["visits"], 3);
    }

    #[test]
    fn batches_have_few_problems_however_many_there_are() {
        let (result, batches) = parse(&format!("email,phone\n{}", "bad,bad\n".repeat(12_000)));
        result.unwrap();
        assert!(batches.iter().all(|batch| batch.problems.len() <= BATCH_PROBLEMS));
        assert_eq!(batches.iter().map(|batch| batch.problems.len()).sum::<usize>(), 24_000);
    }

    #[test]
    fn a_file_without_a_header_is_refused() {
        for file in ["", "\n\n", "name\nSara\n", "sep=;\n"] {
            assert!(parse(file).0.is_err(), "{file:?}");
        }
        let (result, batches) = parse("email\n");
        assert!(result.is_ok() && batches.is_empty());
    }
}
