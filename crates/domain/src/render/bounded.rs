//! A place to write to that takes so much and no more.

use std::io;

pub struct Bounded {
    pub bytes: Vec<u8>,
    limit: usize,
}

impl Bounded {
    pub const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
