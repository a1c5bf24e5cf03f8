//! Lines of an NDJSON file, one by one, in bounded memory.

use super::records::MAX_RECORD_BYTES;
use std::io::{self, BufRead, BufReader, Read};

const BUFFER_BYTES: usize = 64 * 1024;

pub enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
    End,
}

pub struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub fn new(source: R) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER_BYTES, source), line: Vec::new() }
    }

    /// The next line that has something in it, without its end.
    ///
    /// # Errors
    /// When the source fails.
    pub fn next(&mut self) -> io::Result<Line<'_>> {
        loop {
            self.line.clear();
            let read = self.reader.by_ref().take(MAX_RECORD_BYTES as u64 + 1).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(Line::End);
            }
            if read > MAX_RECORD_BYTES {
                if !self.line.ends_with(b"\n") {
                    self.reader.skip_until(b'\n')?;
                }
                return Ok(Line::TooLong);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Line::Whole(self.line.trim_ascii()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Vec<String> {
        let mut lines = Lines::new(file.as_bytes());
        let mut found = Vec::new();
        loop {
            match lines.next().unwrap() {
                Line::Whole(line) => found.push(String::from_utf8_lossy(line).into_owned()),
                Line::TooLong => found.push("too long".to_owned()),
                Line::End => return found,
            }
        }
    }

    #[test]
    fn lines_are_read_without_empty_ones() {
        assert_eq!(read("{1}\r\n\n  \n{2}\n{3}"), ["{1}", "{2}", "{3}"]);
        assert!(read("").is_empty());
    }

    #[test]
    fn a_long_line_costs_only_itself() {
        let long = "x".repeat(3 * MAX_RECORD_BYTES);
        assert_eq!(read(&format!("a\n{long}\nb\n{long}")), ["a", "too long", "b", "too long"]);
        let whole = "x".repeat(MAX_RECORD_BYTES - 1);
        assert_eq!(read(&format!("{whole}\nb\n")), [whole.as_str(), "b"]);
    }
}
