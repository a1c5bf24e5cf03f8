//! Making the books from the files of an earlier process.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::behaviour::{Step, StepSet};
use crate::ledger::books::Books;
use crate::ledger::draft::Kept;
use crate::ledger::{Entry, MESSAGES_FILE, OUTCOMES_FILE, Outcome, Standing};
use crate::message::Message;

pub struct Opened {
    pub books: Books,
    pub messages: File,
    pub outcomes: File,
}

/// Opens the files, or starts them, and calls `each`, with its sequence number, for every message that still has
/// something to happen to it or that was answered STOP.
pub fn open(state_dir: &Path, each: impl FnMut(u64, Message, Standing)) -> anyhow::Result<Opened> {
    std::fs::create_dir_all(state_dir).with_context(|| format!("cannot make {}", state_dir.display()))?;
    let mut books = Books::default();
    let mut standings = Vec::new();
    let mut channels = Vec::new();
    let mut messages = Lines::open(state_dir.join(MESSAGES_FILE))?;
    messages.file.try_lock().context("another sandbox works in this folder")?;
    messages.read(|line| {
        let message: Message = serde_json::from_slice(line)?;
        channels.push(message.channel);
        standings.push(Standing { todo: message.plays, done: StepSet::default() });
        books.record(Kept::new(&message), line.len() as u64);
        Ok(())
    })?;
    let mut outcomes = Lines::open(state_dir.join(OUTCOMES_FILE))?;
    outcomes.read(|line| {
        match serde_json::from_slice(line)? {
            Outcome::Refusal { refused, to, correlation } => {
                books.refuse(refused, &to, &correlation);
            }
            Outcome::Step { seq, step, ending } => {
                let at = usize::try_from(seq.wrapping_sub(1)).unwrap_or(usize::MAX);
                if let (Some(channel), Some(standing)) = (channels.get(at), standings.get_mut(at)) {
                    books.settle(Entry { epoch: books.epoch(), seq, channel: *channel }, step, ending);
                    *standing = Standing { todo: standing.todo.without(StepSet::of(&[step])), done: books.done(seq) };
                }
            }
        }
        Ok(())
    })?;
    report(&mut messages, &standings, each)?;
    Ok(Opened { books, messages: messages.file, outcomes: outcomes.file })
}

/// Reads the log a second time, because what became of a message stands in the other file.
fn report(messages: &mut Lines, standings: &[Standing], mut each: impl FnMut(u64, Message, Standing)) -> anyhow::Result<()> {
    let matters = |standing: &Standing| !standing.todo.is_empty() || standing.done.has(Step::Stop);
    if !standings.iter().any(matters) {
        return Ok(());
    }
    let mut standings = (1..).zip(standings);
    messages.read(|line| {
        if let Some((seq, standing)) = standings.next().filter(|(_, standing)| matters(standing)) {
            each(seq, serde_json::from_slice(line)?, *standing);
        }
        Ok(())
    })
}

struct Lines {
    file: File,
    path: PathBuf,
}

impl Lines {
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        Ok(Lines { file: file.with_context(|| format!("cannot open {}", path.display()))?, path })
    }

    /// Hands every line to `take`, and leaves the file at its end. A last line without an end was never answered
    /// for: it is cut off.
    fn read(&mut self, mut take: impl FnMut(&[u8]) -> serde_json::Result<()>) -> anyhow::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(&self.file);
        let (mut line, mut end, mut number) = (Vec::new(), 0, 0);
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            number += 1;
            take(&line).with_context(|| format!("line {number} of {} is not the sandbox's", self.path.display()))?;
            end += line.len() as u64;
            line.clear();
        }
        self.file.set_len(end)?;
        self.file.seek(SeekFrom::Start(end))?;
        Ok(())
    }
}
