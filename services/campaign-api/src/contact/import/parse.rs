//! From bytes to batches of contacts, on a thread that may block.

use super::{
    header::{Header, Mapping},
    records::{Next, Records},
    row,
};
use domain::address::PhoneRules;
use proto::contact::RowProblem;
use runtime::status;
use std::io::{self, Read};
use store::contact::Draft;
use tokio::sync::mpsc::Sender;
use tonic::Status;

/// Rows of a batch, and so of a transaction.
const BATCH_ROWS: u64 = 1_000;
/// Problems that are told in one message, and in all.
const MAX_PROBLEMS: usize = 1_000;
const MAX_ALL_PROBLEMS: usize = 10_000;
/// More problems than one row can have.
const MAX_ROW_PROBLEMS: usize = 8;

/// Rows that are stored together.
#[derive(Debug, Default)]
pub struct Batch {
    pub drafts: Vec<Draft>,
    /// All rows, those that are left out too.
    pub rows: u64,
    pub rejected: u64,
    pub with_problems: u64,
    pub problems: Vec<RowProblem>,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.problems.len() + MAX_ROW_PROBLEMS > MAX_PROBLEMS
    }
}

pub struct Parser {
    mapping: Mapping,
    rules: PhoneRules,
    /// Rows before the batch under way.
    rows: u64,
    problems: usize,
    batch: Batch,
}

impl Parser {
    pub fn new(mapping: Mapping, rules: PhoneRules) -> Self {
        Self { mapping, rules, rows: 0, problems: 0, batch: Batch::default() }
    }

    /// Reads to the end of the file, or until nobody takes the batches.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the header can't be used.
    pub fn run(mut self, source: impl Read, batches: &Sender<Batch>) -> Result<(), Status> {
        let mut records = Records::new(source);
        let header = match records.next().map_err(|error| broken_off(&error))? {
            Next::Record(record) => Header::read(record, &self.mapping)?,
            Next::Broken(reason) => return Err(status::invalid("data", format!("the header {reason}"))),
            Next::End => return Err(status::invalid("data", "the file is empty: it needs a header row")),
        };
        records.expect_width(header.columns.len());
        loop {
            match records.next().map_err(|error| broken_off(&error))? {
                Next::Record(record) => self.add(row::read(record, &header, &self.rules)),
                Next::Broken(reason) => {
                    self.add(row::Row { draft: None, problems: vec![row::rejection("", reason)], has_bad_address: false });
                }
                Next::End => break,
            }
            if self.batch.is_full() && !self.hand_over(batches) {
                return Ok(());
            }
        }
        if self.batch.rows > 0 {
            self.hand_over(batches);
        }
        Ok(())
    }

    fn add(&mut self, row: row::Row) {
        let batch = &mut self.batch;
        batch.rows += 1;
        let number = self.rows + batch.rows;
        batch.with_problems += u64::from(row.has_bad_address);
        match row.draft {
            Some(draft) => batch.drafts.push(draft),
            None => batch.rejected += 1,
        }
        let room = MAX_ALL_PROBLEMS - self.problems;
        let told = row.problems.into_iter().take(room).map(|problem| RowProblem { row: number, ..problem });
        let before = batch.problems.len();
        batch.problems.extend(told);
        self.problems += batch.problems.len() - before;
    }

    /// Whether somebody has taken the batch.
    fn hand_over(&mut self, batches: &Sender<Batch>) -> bool {
        let batch = std::mem::take(&mut self.batch);
        self.rows += batch.rows;
        batches.blocking_send(batch).is_ok()
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
        let result = Parser::new(Mapping::default(), PhoneRules::default()).run(file.as_bytes(), &sender);
        drop(sender);
        let batches = std::iter::from_fn(|| receiver.blocking_recv()).collect();
        (result, batches)
    }

    #[test]
    fn rows_come_in_batches_with_their_numbers() {
        let mut file = "\u{feff}email,name\n".to_owned();
        for n in 1..=2_500 {
            file.push_str(&if n % 500 == 0 { "bad,\n".to_owned() } else { format!("p{n}@example.com,P\n") });
        }
        let (result, batches) = parse(&file);
        result.unwrap();
        assert_eq!(batches.iter().map(|batch| batch.rows).collect::<Vec<_>>(), [1_000, 1_000, 500]);
        assert_eq!(batches.iter().map(|batch| batch.with_problems).sum::<u64>(), 5);
        let numbers: Vec<_> = batches.iter().flat_map(|batch| &batch.problems).map(|problem| problem.row).collect();
        assert_eq!(numbers, [500, 1_000, 1_500, 2_000, 2_500]);
    }

    #[test]
    fn a_bad_row_does_not_lose_the_others() {
        let (result, batches) = parse("email,name\na@example.com,A\nonly one field\n\"b@example.com,B\nc@example.com,C\n");
        result.unwrap();
        let batch = &batches[0];
        assert_eq!((batch.rows, batch.rejected, batch.drafts.len()), (4, 2, 2));
        assert_eq!(batch.problems.iter().map(|problem| problem.row).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(batch.drafts[1].name, "C");
    }

    #[test]
    fn problems_are_told_up_to_a_limit() {
        let (result, batches) = parse(&format!("email,phone\n{}", "bad,bad\n".repeat(12_000)));
        result.unwrap();
        assert!(batches.iter().all(|batch| batch.problems.len() <= MAX_PROBLEMS));
        assert_eq!(batches.iter().map(|batch| batch.problems.len()).sum::<usize>(), MAX_ALL_PROBLEMS);
        assert_eq!(batches.iter().map(|batch| batch.with_problems).sum::<u64>(), 12_000);
    }

    #[test]
    fn a_file_without_a_header_is_refused() {
        for file in ["", "\n\n", "name\nSara\n"] {
            assert!(parse(file).0.is_err(), "{file:?}");
        }
        let (result, batches) = parse("email\n");
        assert!(result.is_ok() && batches.is_empty());
    }
}
