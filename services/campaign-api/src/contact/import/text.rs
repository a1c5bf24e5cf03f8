//! The bytes of a file, in whatever encoding, as UTF-8.
//!
//! A byte order mark says what a file is in. Without one, UTF-16 shows in the zeros of its ASCII letters. All else is the same until the
//! first byte beyond ASCII; what stands there decides between UTF-8 and Windows-1252. What can't be read in the encoding is passed on as
//! bytes that no UTF-8 text has, so that it costs only its row.

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};
use proto::contact::FileEncoding;
use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

/// Bytes that are decoded at once, and looked at to find out the encoding.
const CHUNK_BYTES: usize = 64 * 1024;
/// Characters at the beginning that are looked at for the zeros of UTF-16: less than most headers, which are ASCII.
const OPENING_CHARACTERS: usize = 32;
/// In no text in any encoding.
const BROKEN: u8 = 0xff;

/// What the file turned out to be in; UNSPECIFIED while that isn't known.
pub type Found = Rc<Cell<FileEncoding>>;

pub struct Text<R> {
    source: R,
    /// As they came.
    raw: Vec<u8>,
    is_over: bool,
    /// In UTF-8, of which `given` bytes are passed on.
    ready: Vec<u8>,
    given: usize,
    state: State,
    found: Found,
}

enum State {
    /// Nothing has been read; this is what the caller says.
    Start(FileEncoding),
    /// Nothing but ASCII so far.
    Ascii,
    /// Passed on as it is.
    Utf8,
    Decoding(Box<Decoder>),
    Ended,
}

impl<R: Read> Text<R> {
    /// `encoding` is UNSPECIFIED to find it out.
    pub fn new(source: R, encoding: FileEncoding) -> Self {
        let found = Rc::new(Cell::new(encoding));
        Self { source, raw: Vec::new(), is_over: false, ready: Vec::new(), given: 0, state: State::Start(encoding), found }
    }

    /// Where the encoding will be told.
    pub fn found(&self) -> Found {
        Rc::clone(&self.found)
    }

    /// Reads until that many bytes are there, or the file ends.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        while self.raw.len() < bytes && !self.is_over {
            let start = self.raw.len();
            self.raw.resize(bytes.max(start), 0);
            let read = self.source.read(&mut self.raw[start..]);
            self.raw.truncate(start + read.as_ref().ok().copied().unwrap_or(0));
            self.is_over = read? == 0;
        }
        Ok(())
    }

    /// Makes more text. Answers whether there may be more after it.
    fn produce(&mut self) -> io::Result<bool> {
        self.ready.clear();
        self.given = 0;
        if let State::Start(encoding) = self.state {
            self.fill(CHUNK_BYTES)?;
            let (encoding, mark) = opening(&self.raw, encoding);
            self.raw.drain(..mark);
            self.become_state(encoding);
        }
        if self.raw.is_empty() {
            self.fill(CHUNK_BYTES)?;
        }
        match &mut self.state {
            State::Ended => return Ok(false),
            State::Decoding(decoder) => decode(decoder, &self.raw, self.is_over, &mut self.ready),
            State::Ascii => {
                let ascii = self.raw.iter().position(|byte| !byte.is_ascii()).unwrap_or(self.raw.len());
                if ascii == 0 && !self.raw.is_empty() {
                    // There may be a few bytes only: decide by many.
                    self.fill(CHUNK_BYTES)?;
                    self.become_state(judge(&self.raw, self.is_over));
                    return Ok(true);
                }
                self.ready.extend(self.raw.drain(..ascii));
            }
            _ => std::mem::swap(&mut self.ready, &mut self.raw),
        }
        if !matches!(self.state, State::Ascii) {
            self.raw.clear();
        }
        if self.is_over && self.raw.is_empty() {
            self.end();
        }
        Ok(true)
    }

    fn become_state(&mut self, encoding: FileEncoding) {
        self.found.set(encoding);
        self.state = match encoding {
            FileEncoding::Unspecified => State::Ascii,
            FileEncoding::Utf8 => State::Utf8,
            FileEncoding::Utf16Le => State::Decoding(Box::new(UTF_16LE.new_decoder_without_bom_handling())),
            FileEncoding::Utf16Be => State::Decoding(Box::new(UTF_16BE.new_decoder_without_bom_handling())),
            FileEncoding::Windows1252 => State::Decoding(Box::new(WINDOWS_1252.new_decoder_without_bom_handling())),
        };
    }

    fn end(&mut self) {
        if self.found.get() == FileEncoding::Unspecified {
            // ASCII alone is UTF-8 too.
            self.found.set(FileEncoding::Utf8);
        }
        self.state = State::Ended;
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            if !self.produce()? {
                return Ok(0);
            }
        }
        let bytes = buffer.len().min(self.ready.len() - self.given);
        buffer[..bytes].copy_from_slice(&self.ready[self.given..self.given + bytes]);
        self.given += bytes;
        Ok(bytes)
    }
}

fn decode(decoder: &mut Decoder, mut raw: &[u8], is_last: bool, text: &mut Vec<u8>) {
    loop {
        let start = text.len();
        // Three bytes at most for each unit or byte, and room for what the decoder has kept back.
        text.resize(start + 3 * raw.len() + 16, 0);
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(raw, &mut text[start..], is_last);
        text.truncate(start + written);
        raw = &raw[read..];
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => text.push(BROKEN),
        }
    }
}

/// What the first bytes say, and how many of them are the byte order mark. What the caller says goes first.
fn opening(bytes: &[u8], said: FileEncoding) -> (FileEncoding, usize) {
    let marks = [(&b"\xef\xbb\xbf"[..], FileEncoding::Utf8), (b"\xff\xfe", FileEncoding::Utf16Le), (b"\xfe\xff", FileEncoding::Utf16Be)];
    let mark =
        marks.into_iter().find(|(mark, encoding)| bytes.starts_with(mark) && (said == FileEncoding::Unspecified || said == *encoding));
    match (mark, said) {
        (Some((mark, encoding)), _) => (encoding, mark.len()),
        (None, FileEncoding::Unspecified) => (zeros(bytes), 0),
        (None, said) => (said, 0),
    }
}

/// UTF-16 without a mark: of its ASCII letters one byte is zero, and always the same one.
fn zeros(bytes: &[u8]) -> FileEncoding {
    let pairs = || bytes.chunks_exact(2).take(OPENING_CHARACTERS);
    let (total, first, second) = (pairs().len(), pairs().filter(|pair| pair[0] == 0).count(), pairs().filter(|pair| pair[1] == 0).count());
    match (first, second) {
        (0, second) if second > total / 2 => FileEncoding::Utf16Le,
        (first, 0) if first > total / 2 => FileEncoding::Utf16Be,
        _ => FileEncoding::Unspecified,
    }
}

/// UTF-8 or Windows-1252, by the bytes from the first that is beyond ASCII. Text in UTF-8 with a few broken bytes is UTF-8: characters
/// of several bytes don't come about by chance.
fn judge(bytes: &[u8], is_all: bool) -> FileEncoding {
    let (mut letters, mut characters, mut nonsense) = (0_usize, 0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        characters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        // A character that the look was too short for.
        if !is_all && std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none()) {
            continue;
        }
        for byte in chunk.invalid() {
            if is_windows_text(*byte) { letters += 1 } else { nonsense += 1 }
        }
    }
    if letters > characters + nonsense { FileEncoding::Windows1252 } else { FileEncoding::Utf8 }
}

/// Whether a byte beyond ASCII stands for something in Windows-1252 that people write. 0xFF could, but is mostly a sign of binary data.
fn is_windows_text(byte: u8) -> bool {
    !matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d | 0xff)
}

#[cfg(test)]
mod tests;
