//! A mailbox that bounces come back to.

pub(crate) mod imap;

use crate::Fault;

/// Reads one mailbox, a part at a time. Each call returns within the account's deadline.
#[async_trait::async_trait]
pub trait Mailbox: Sync + Send {
    /// Letters after that place, the oldest first, at most `limit` of them and at most 256 KiB of each.
    ///
    /// # Errors
    /// When the mailbox can't be read.
    async fn read(&self, after: Place, limit: usize) -> Result<Read, Fault>;

    /// Marks what was stored, so that people who look into the mailbox see it.
    ///
    /// # Errors
    /// When it can't be done; nothing is lost by that.
    async fn seen(&self, place: Place, uids: &[u32]) -> Result<(), Fault>;
}

/// How far a mailbox has been read (RFC 9051, 2.3.1.1: a uid means something only together with the mailbox's validity).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Another one than last time: all is read from the beginning.
    pub validity: u32,
    pub uid: u32,
}

/// A part of a mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    pub place: Place,
    pub letters: Vec<Letter>,
    /// There was more than could be read at once.
    pub more: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    pub uid: u32,
    /// As it came: untrusted.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter").field("uid", &self.uid).field("bytes", &self.bytes.len()).finish()
    }
}
