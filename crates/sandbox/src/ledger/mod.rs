//! The durable log of accepted messages, what became of them, and the figures.
//!
//! Two files in the state folder: `messages.jsonl`, synced before a sender hears that a message is accepted
//! (one sync for all that wait: `writer`), and `outcomes.jsonl`, written but not synced, so that it outlives
//! the process but perhaps not the machine. `books` is what is kept in memory of them: counts and a few bytes
//! a message. `reopen` makes the books from the files, `pages` reads messages back.

pub mod books;
pub mod draft;
pub mod figures;
mod pages;
mod reopen;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::behaviour::{Step, StepSet};
use crate::message::{Channel, Logged, Message};
use books::{Books, Summary};
use draft::Draft;
use figures::Figures;

pub const MESSAGES_FILE: &str = "messages.jsonl";
pub const OUTCOMES_FILE: &str = "outcomes.jsonl";

/// Appends that may wait for the writer; further ones wait for room.
const QUEUE: usize = 1_024;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was played, and answered 2xx.
    Done,
    /// It was refused for good (4xx).
    Refused,
    /// It was tried as often as allowed.
    GivenUp,
}

/// A line of `outcomes.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    Step {
        seq: u64,
        step: Step,
        ending: Ending,
    },
    /// The provider's interface refused a message for good.
    Refusal {
        refused: Channel,
        to: String,
        correlation: String,
    },
}

/// The message a step belongs to, as far as the books need it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub epoch: u64,
    pub seq: u64,
    pub channel: Channel,
}

enum Command {
    /// With `once`, e-mails by SMTP that are in the log already are left out.
    Append {
        drafts: Vec<Draft>,
        once: bool,
        answer: oneshot::Sender<std::io::Result<Appended>>,
    },
    Note {
        epoch: u64,
        line: Vec<u8>,
    },
    Reset {
        answer: oneshot::Sender<std::io::Result<()>>,
    },
}

/// Where the messages of one append went.
pub struct Appended {
    pub epoch: u64,
    /// Each message's number; none for a repetition that was left out.
    pub seqs: Vec<Option<u64>>,
}

/// How far a message of an earlier process has come.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub todo: StepSet,
    pub done: StepSet,
}

#[derive(Clone)]
pub struct Ledger {
    commands: mpsc::Sender<Command>,
    books: Arc<Mutex<Books>>,
    messages: Arc<PathBuf>,
}

impl Ledger {
    /// Opens the files in `state_dir`, or starts them. `each` gets every message, with its number, that still
    /// has something to happen to it or that was answered STOP. The task ends when the last `Ledger` is dropped.
    pub fn open(state_dir: &Path, each: impl FnMut(u64, Message, Standing)) -> anyhow::Result<(Ledger, JoinHandle<()>)> {
        let opened = reopen::open(state_dir, each)?;
        let books = Arc::new(Mutex::new(opened.books));
        let (commands, queue) = mpsc::channel(QUEUE);
        let task = tokio::spawn(writer::Writer::new(opened.messages, opened.outcomes, books.clone()).run(queue));
        Ok((Ledger { commands, books, messages: Arc::new(state_dir.join(MESSAGES_FILE)) }, task))
    }

    /// Puts messages into the log, in one piece, and returns once they are on disk. With `once`, an e-mail by SMTP whose
    /// Message-ID and recipient are in the log already is left out.
    pub async fn append(&self, messages: &[Message], once: bool) -> std::io::Result<Appended> {
        let drafts = messages.iter().map(Draft::new).collect::<Result<Vec<_>, _>>()?;
        let (answer, answered) = oneshot::channel();
        self.send(Command::Append { drafts, once, answer }).await?;
        answered.await.map_err(|_| closed())?
    }

    /// Records how a step of a message ended. What belongs to a log that was reset is ignored.
    pub async fn settle(&self, entry: Entry, step: Step, ending: Ending) -> std::io::Result<()> {
        if !self.lock().settle(entry, step, ending) {
            return Ok(());
        }
        self.note(entry.epoch, &Outcome::Step { seq: entry.seq, step, ending }).await
    }

    /// Records a refusal for good. The same message is counted once, however often it is handed in.
    pub async fn refuse(&self, channel: Channel, to: &str, correlation: &str) -> std::io::Result<()> {
        let epoch = {
            let mut books = self.lock();
            if !books.refuse(channel, to, correlation) {
                return Ok(());
            }
            books.epoch()
        };
        self.note(epoch, &Outcome::Refusal { refused: channel, to: to.into(), correlation: correlation.into() }).await
    }

    /// Empties the log and the figures. Sequence numbers start again at 1.
    pub async fn reset(&self) -> std::io::Result<()> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Reset { answer }).await?;
        answered.await.map_err(|_| closed())?
    }

    pub fn figures(&self) -> Figures {
        self.lock().figures()
    }

    pub fn epoch(&self) -> u64 {
        self.lock().epoch()
    }

    /// What of a message has been played and answered.
    pub fn done(&self, seq: u64) -> StepSet {
        self.lock().done(seq)
    }

    /// Numbers of Twilio's messages to a recipient, the newest first.
    pub fn twilio_to(&self, channel: Channel, to: &str) -> Vec<u64> {
        self.lock().twilio(Some(draft::twilio_to(channel, to)), usize::MAX)
    }

    /// Numbers of Twilio's latest messages, the newest first.
    pub fn twilio_latest(&self, limit: usize) -> Vec<u64> {
        self.lock().twilio(None, limit)
    }

    pub fn twilio_sid(&self, sid: &str) -> Option<u64> {
        self.lock().twilio_sid(draft::twilio_sid(sid))
    }

    /// The latest messages that `wanted` holds for, newest first: those from `skip` on, at most `limit`,
    /// and whether there are more.
    pub fn recent(&self, wanted: impl Fn(&Summary) -> bool, skip: usize, limit: usize) -> (Vec<Summary>, bool) {
        let books = self.lock();
        let mut found = books.recent().filter(|summary| wanted(summary)).skip(skip);
        let page = found.by_ref().take(limit).cloned().collect();
        (page, found.next().is_some())
    }

    /// Log lines after `after`: at most `limit`, and at most 16 MiB unless the first is longer.
    pub async fn lines(&self, after: u64, limit: usize) -> std::io::Result<Vec<u8>> {
        let Some(place) = self.lock().place(after) else { return Ok(Vec::new()) };
        let file = self.messages.clone();
        tokio::task::spawn_blocking(move || pages::read(&file, place, limit)).await?
    }

    /// One message of the log.
    pub async fn message(&self, seq: u64) -> std::io::Result<Option<Logged>> {
        let Some(after) = seq.checked_sub(1) else { return Ok(None) };
        let line = self.lines(after, 1).await?;
        Ok(serde_json::from_slice(&line).ok())
    }

    async fn note(&self, epoch: u64, outcome: &Outcome) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(outcome)?;
        line.push(b'\n');
        self.send(Command::Note { epoch, line }).await
    }

    async fn send(&self, command: Command) -> std::io::Result<()> {
        self.commands.send(command).await.map_err(|_| closed())
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> std::io::Error {
    std::io::Error::other("the log is closed")
}
