//! Reading messages back from the log.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A page ends after the line that passes this size.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// Where to read: skip so many lines from `offset` on, and not beyond `end`.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub offset: u64,
    pub skip: u64,
    pub end: u64,
}

pub fn read(file: &Path, place: Place, limit: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(place.offset))?;
    let mut lines = BufReader::new(file.take(place.end.saturating_sub(place.offset)));
    for _ in 0..place.skip {
        lines.skip_until(b'\n')?;
    }
    let mut page = Vec::new();
    for _ in 0..limit {
        if page.len() >= PAGE_BYTES || lines.read_until(b'\n', &mut page)? == 0 {
            break;
        }
    }
    Ok(page)
}
