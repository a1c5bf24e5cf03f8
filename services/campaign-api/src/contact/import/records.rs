//! Records of a CSV file, one by one, such that a broken one costs only itself.
//!
//! A quote that is opened and never closed makes a CSV reader take the rest of the file for one field. So the bytes of the record under
//! way are kept: when it turns out to be broken, its first line is given up and reading goes on with the next line.

use csv::ByteRecord;
use std::{
    cell::RefCell,
    io::{self, Read},
    rc::Rc,
};

/// A record at most, its line breaks included.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

pub enum Next<'a> {
    Record(&'a ByteRecord),
    /// A line that is no record, and why.
    Broken(&'static str),
    End,
}

const BAD_QUOTES: &str = "has a quote that is not closed, or that is in a wrong place";
pub const TOO_LONG: &str = "is longer than 256 KiB";

pub struct Records<R: Read> {
    reader: csv::Reader<Kept<R>>,
    kept: Kept<R>,
    record: ByteRecord,
    delimiter: u8,
    /// Fields that a record should have; 0 before the header is read.
    width: usize,
}

impl<R: Read> Records<R> {
    pub fn new(source: R, delimiter: u8) -> Self {
        let kept = Kept(Rc::new(RefCell::new(Window {
            source,
            replay: Vec::new(),
            replayed: 0,
            bytes: Vec::new(),
            start: 0,
            is_full: false,
            skips_line: false,
        })));
        Self { reader: reader(kept.clone(), delimiter), kept, record: ByteRecord::new(), delimiter, width: 0 }
    }

    /// Says how many fields a record should have. One with another number is passed on all the same, unless it spans lines: then it is
    /// broken.
    pub fn expect_width(&mut self, width: usize) {
        self.width = width;
    }

    /// # Errors
    /// When the source fails.
    pub fn next(&mut self) -> io::Result<Next<'_>> {
        self.kept.forget(self.reader.position().byte());
        let found = self.reader.read_byte_record(&mut self.record)?;
        let start = self.record.position().filter(|_| found).map_or_else(|| self.reader.position().byte(), csv::Position::byte);
        if self.kept.is_full() {
            return Ok(Next::Broken(if self.give_up_line(start) { BAD_QUOTES } else { TOO_LONG }));
        }
        if !found {
            return Ok(Next::End);
        }
        if self.is_misread(start) {
            self.give_up_line(start);
            return Ok(Next::Broken(BAD_QUOTES));
        }
        Ok(Next::Record(&self.record))
    }

    /// Whether a record spans lines because of a stray quote.
    fn is_misread(&self, start: u64) -> bool {
        let window = self.kept.0.borrow();
        let raw = window.between(start, self.reader.position().byte()).trim_ascii();
        raw.contains(&b'\n') && (self.record.len() != self.width && self.width > 0 || !is_well_quoted(raw, self.delimiter))
    }

    /// Goes on reading after the line that begins at `start`. Answers whether that line's end was in sight.
    fn give_up_line(&mut self, start: u64) -> bool {
        let is_found = self.kept.0.borrow_mut().rewind_to_line_after(start);
        self.reader = reader(self.kept.clone(), self.delimiter);
        is_found
    }
}

fn reader<R: Read>(source: Kept<R>, delimiter: u8) -> csv::Reader<Kept<R>> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter).buffer_capacity(BUFFER_BYTES).from_reader(source)
}

/// Whether every quoted field ends with a quote that the delimiter or the line's end follows (RFC 4180).
fn is_well_quoted(raw: &[u8], delimiter: u8) -> bool {
    enum At {
        Start,
        Plain,
        Quoted,
        Closed,
    }
    let mut at = At::Start;
    for byte in raw {
        at = match (at, byte) {
            (At::Start, b'"') | (At::Closed, b'"') => At::Quoted,
            (At::Quoted, b'"') => At::Closed,
            (At::Quoted, _) => At::Quoted,
            (_, byte) if *byte == delimiter || matches!(byte, b'\r' | b'\n') => At::Start,
            (At::Closed, _) => return false,
            _ => At::Plain,
        };
    }
    !matches!(at, At::Quoted)
}

/// The source, shared by one CSV reader after the other, with a window of what the present one has read.
struct Kept<R>(Rc<RefCell<Window<R>>>);

struct Window<R> {
    source: R,
    /// Bytes to be read again before the source's.
    replay: Vec<u8>,
    replayed: usize,
    /// What the present reader has been given since `start`, the record under way first.
    bytes: Vec<u8>,
    /// Where the window begins, in bytes since the present reader began.
    start: u64,
    /// Whether the record under way is too long; its reader sees the end of the file.
    is_full: bool,
    /// Whether bytes up to the next line's start are to be dropped.
    skips_line: bool,
}

impl<R> Clone for Kept<R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<R> Kept<R> {
    /// Everything before `position` has been read and was right.
    fn forget(&self, position: u64) {
        let mut window = self.0.borrow_mut();
        let done = usize::try_from(position - window.start).unwrap_or(usize::MAX).min(window.bytes.len());
        // Seldom, because it moves the rest.
        if done > BUFFER_BYTES {
            window.bytes.drain(..done);
            window.start = position;
        }
    }

    fn is_full(&self) -> bool {
        self.0.borrow().is_full
    }
}

impl<R> Window<R> {
    fn between(&self, start: u64, end: u64) -> &[u8] {
        let at = |position: u64| usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.bytes.len());
        &self.bytes[at(start)..at(end).max(at(start))]
    }

    fn rewind_to_line_after(&mut self, start: u64) -> bool {
        let record = self.between(start, u64::MAX);
        // A line break before the record still belongs to the one before it.
        let blank = record.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let line_end = record[blank..].iter().position(|byte| *byte == b'\n').map(|end| blank + end + 1);
        let mut again = line_end.map(|end| record[end..].to_vec()).unwrap_or_default();
        again.extend_from_slice(&self.replay[self.replayed..]);
        self.skips_line = line_end.is_none();
        (self.replay, self.replayed) = (again, 0);
        self.bytes.clear();
        self.start = 0;
        self.is_full = false;
        line_end.is_some()
    }

    fn is_too_long(&self) -> bool {
        self.bytes.len() >= MAX_RECORD_BYTES + BUFFER_BYTES
    }
}

impl<R: Read> Window<R> {
    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.replayed == self.replay.len() {
            return self.source.read(buffer);
        }
        let bytes = buffer.len().min(self.replay.len() - self.replayed);
        buffer[..bytes].copy_from_slice(&self.replay[self.replayed..self.replayed + bytes]);
        self.replayed += bytes;
        Ok(bytes)
    }
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut window = self.0.borrow_mut();
        if window.is_too_long() {
            window.is_full = true;
            return Ok(0);
        }
        loop {
            let mut bytes = window.read_some(buffer)?;
            if window.skips_line && bytes > 0 {
                let Some(end) = buffer[..bytes].iter().position(|byte| *byte == b'\n') else { continue };
                buffer.copy_within(end + 1..bytes, 0);
                bytes -= end + 1;
                window.skips_line = false;
                if bytes == 0 {
                    continue;
                }
            }
            window.bytes.extend_from_slice(&buffer[..bytes]);
            return Ok(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
