//! From the wire to the parser's thread.

use proto::contact::{ImportContactsRequest, import_contacts_request::Part};
use runtime::status;
use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc::{Receiver, Sender};
use tonic::{Status, Streaming};

/// A piece of the file at most.
const MAX_PIECE_BYTES: usize = 1024 * 1024;

/// A piece of the file; None when the call broke off, which is not the file's end.
pub type Piece = Option<Vec<u8>>;

/// Passes pieces on until the file ends or nobody takes them.
///
/// # Errors
/// When the call breaks off or sends something else.
pub async fn run(mut input: Streaming<ImportContactsRequest>, pieces: Sender<Piece>) -> Result<(), Status> {
    loop {
        let piece = match input.message().await {
            Ok(None) => return Ok(()),
            Ok(Some(message)) => data(message.part),
            Err(status) => Err(status),
        };
        match piece {
            Ok(piece) => {
                if pieces.send(Some(piece)).await.is_err() {
                    return Ok(());
                }
            }
            Err(status) => {
                pieces.send(None).await.ok();
                return Err(status);
            }
        }
    }
}

fn data(part: Option<Part>) -> Result<Vec<u8>, Status> {
    match part {
        Some(Part::Data(data)) if data.len() <= MAX_PIECE_BYTES => Ok(data),
        Some(Part::Data(_)) => Err(status::invalid("data", "must be at most 1 MiB in one message")),
        _ => Err(status::invalid("data", "must come in every message after the first")),
    }
}

/// The pieces as one file, for a thread that may block.
pub struct Source {
    pieces: Receiver<Piece>,
    piece: Vec<u8>,
    read: usize,
    /// Bytes of all pieces read so far.
    total: Arc<AtomicU64>,
}

impl Source {
    pub fn new(pieces: Receiver<Piece>) -> Self {
        Self { pieces, piece: Vec::new(), read: 0, total: Arc::default() }
    }

    /// Where it counts the bytes that are read.
    pub fn total(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.total)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.piece.len() {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => (self.piece, self.read) = (piece, 0),
                Some(None) => return Err(io::ErrorKind::BrokenPipe.into()),
                None => return Ok(0),
            }
        }
        let bytes = buffer.len().min(self.piece.len() - self.read);
        buffer[..bytes].copy_from_slice(&self.piece[self.read..self.read + bytes]);
        self.read += bytes;
        self.total.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}
