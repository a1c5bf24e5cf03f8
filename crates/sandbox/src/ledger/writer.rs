//! Group commit: one task takes all that waits, writes it, syncs once, and only then answers.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::ledger::books::Books;
use crate::ledger::draft::Draft;
use crate::ledger::{Appended, Command};

/// Commands that share one sync at most.
const BATCH: usize = 512;

pub struct Writer {
    messages: File,
    outcomes: File,
    books: Arc<Mutex<Books>>,
}

struct Waiting {
    drafts: Vec<Draft>,
    once: bool,
    answer: oneshot::Sender<io::Result<Appended>>,
}

impl Writer {
    /// Both files must be open for writing, and end with a complete line.
    pub fn new(messages: File, outcomes: File, books: Arc<Mutex<Books>>) -> Self {
        Writer { messages, outcomes, books }
    }

    /// Works until every sender is gone.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        loop {
            let mut batch = Vec::new();
            if queue.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
            let done = tokio::task::spawn_blocking(move || {
                self.work(batch);
                self
            });
            match done.await {
                Ok(writer) => self = writer,
                Err(error) => {
                    tracing::error!(%error, "the log's writer stopped");
                    return;
                }
            }
        }
    }

    fn work(&mut self, batch: Vec<Command>) {
        let mut waiting = Vec::new();
        let mut notes = Vec::new();
        for command in batch {
            match command {
                Command::Append { drafts, once, answer } => waiting.push(Waiting { drafts, once, answer }),
                Command::Note { epoch, line } if epoch == self.books().epoch() => notes.extend_from_slice(&line),
                Command::Note { .. } => {}
                Command::Reset { answer } => {
                    self.commit(std::mem::take(&mut waiting));
                    notes.clear();
                    reply(answer, self.reset());
                }
            }
        }
        self.commit(waiting);
        if let Err(error) = self.outcomes.write_all(&notes) {
            tracing::error!(%error, "cannot write the outcomes");
        }
    }

    fn commit(&mut self, waiting: Vec<Waiting>) {
        if waiting.is_empty() {
            return;
        }
        let (epoch, mut seq, start) = {
            let books = self.books();
            (books.epoch(), books.next_seq(), books.length())
        };
        let mut lines = Vec::new();
        let mut lengths = Vec::new();
        let mut letters = HashSet::new();
        for (draft, once) in waiting.iter().flat_map(|w| w.drafts.iter().map(|draft| (draft, w.once))) {
            let repeated = draft.kept.letter.is_some_and(|letter| !letters.insert(letter) || self.books().has_letter(letter));
            if once && repeated {
                lengths.push(None);
                continue;
            }
            let before = lines.len();
            draft.write(seq, &mut lines);
            lengths.push(Some((lines.len() - before) as u64));
            seq += 1;
        }
        if let Err(error) = self.write_durably(start, &lines) {
            tracing::error!(%error, "cannot write the log");
            let kind = error.kind();
            waiting.into_iter().for_each(|w| reply(w.answer, Err(kind.into())));
            return;
        }
        let mut lengths = lengths.into_iter();
        for Waiting { drafts, answer, .. } in waiting {
            let mut seqs = Vec::with_capacity(drafts.len());
            for (draft, bytes) in drafts.into_iter().zip(lengths.by_ref()) {
                let mut books = self.books();
                seqs.push(bytes.map(|bytes| {
                    let seq = books.next_seq();
                    books.record(draft.kept, bytes);
                    seq
                }));
            }
            reply(answer, Ok(Appended { epoch, seqs }));
        }
    }

    /// A write that failed half-way is overwritten by the next one.
    fn write_durably(&mut self, start: u64, lines: &[u8]) -> io::Result<()> {
        self.messages.seek(SeekFrom::Start(start))?;
        let written = self.messages.write_all(lines).and_then(|()| self.messages.sync_data());
        if written.is_err() {
            self.messages.set_len(start)?;
        }
        written
    }

    fn reset(&mut self) -> io::Result<()> {
        self.messages.set_len(0)?;
        self.outcomes.set_len(0)?;
        self.outcomes.seek(SeekFrom::Start(0))?;
        self.messages.sync_data()?;
        self.books().reset();
        Ok(())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The asker may have gone: that is its own affair.
fn reply<T>(answer: oneshot::Sender<T>, value: T) {
    drop(answer.send(value));
}
