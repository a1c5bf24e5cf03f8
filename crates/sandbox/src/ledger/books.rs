//! What is kept in memory: the figures, some tens of bytes a message, and a ring of the latest ones.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::behaviour::{Step, StepSet};
use crate::ledger::draft::{Kept, identity};
use crate::ledger::figures::Figures;
use crate::ledger::pages::Place;
use crate::ledger::{Ending, Entry};
use crate::message::{Channel, Provider};

/// Messages that the page can list without reading the log.
pub const RECENT: usize = 5_000;

/// Every so many messages, the place in the file is remembered.
pub const STRIDE: u64 = 64;

/// A message in the page's list.
#[derive(Debug, Clone)]
pub struct Summary {
    pub seq: u64,
    pub at: String,
    pub channel: Channel,
    pub provider: Provider,
    pub to: String,
    pub title: String,
}

#[derive(Default)]
pub struct Books {
    /// Goes up at every reset, so that what belongs to an emptied log can be told apart.
    epoch: u64,
    /// By sequence number: what was played, and what has ended one way or another.
    done: Vec<StepSet>,
    ended: Vec<StepSet>,
    /// Where every [`STRIDE`]th line starts, and where the last one ends.
    offsets: Vec<u64>,
    length: u64,
    seen: HashSet<u64>,
    /// E-mails by SMTP.
    letters: HashSet<u64>,
    /// Twilio's messages: all, by recipient, and by their ids.
    twilio: Vec<u64>,
    twilio_to: HashMap<u64, Vec<u64>>,
    twilio_sid: HashMap<u64, u64>,
    refused: HashSet<u64>,
    recent: VecDeque<Summary>,
    figures: Figures,
}

impl Books {
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn figures(&self) -> Figures {
        self.figures
    }

    pub fn next_seq(&self) -> u64 {
        self.done.len() as u64 + 1
    }

    /// Bytes of the log that are complete and on disk.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn recent(&self) -> impl Iterator<Item = &Summary> {
        self.recent.iter().rev()
    }

    pub fn done(&self, seq: u64) -> StepSet {
        index(seq).and_then(|i| self.done.get(i)).copied().unwrap_or_default()
    }

    /// Takes up the next message of the log, whose line is `bytes` long.
    pub fn record(&mut self, kept: Kept, bytes: u64) {
        let seq = self.next_seq();
        if (seq - 1).is_multiple_of(STRIDE) {
            self.offsets.push(self.length);
        }
        self.length += bytes;
        self.done.push(StepSet::default());
        self.ended.push(StepSet::default());
        self.figures.pending += kept.plays.len();
        self.letters.extend(kept.letter);
        if let Some((to, sid)) = kept.twilio {
            self.twilio.push(seq);
            self.twilio_to.entry(to).or_default().push(seq);
            self.twilio_sid.insert(sid, seq);
        }
        let mut again = false;
        for same in kept.sameness.into_iter().flatten() {
            again |= !self.seen.insert(same);
        }
        let figures = self.figures.channel_mut(kept.channel);
        figures.sent += 1;
        figures.duplicates += u64::from(again);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Summary { seq, ..kept.summary });
    }

    /// Whether this e-mail, by its Message-ID and recipient, is in the log.
    pub fn has_letter(&self, letter: u64) -> bool {
        self.letters.contains(&letter)
    }

    /// Numbers of Twilio's latest messages, or of those to one recipient; the newest first.
    pub fn twilio(&self, to: Option<u64>, limit: usize) -> Vec<u64> {
        let all = match to {
            Some(to) => self.twilio_to.get(&to).map(Vec::as_slice).unwrap_or_default(),
            None => &self.twilio,
        };
        all.iter().rev().take(limit).copied().collect()
    }

    pub fn twilio_sid(&self, sid: u64) -> Option<u64> {
        self.twilio_sid.get(&sid).copied()
    }

    /// Takes up how a step ended; false if that is old news.
    pub fn settle(&mut self, entry: Entry, step: Step, ending: Ending) -> bool {
        let Some(i) = index(entry.seq).filter(|_| entry.epoch == self.epoch) else { return false };
        let (Some(done), Some(ended)) = (self.done.get_mut(i), self.ended.get_mut(i)) else { return false };
        if ended.has(step) {
            return false;
        }
        *ended = ended.with(step);
        self.figures.pending = self.figures.pending.saturating_sub(1);
        match ending {
            Ending::Done => {
                let before = *done;
                *done = done.with(step);
                self.figures.channel_mut(entry.channel).advance(before, *done);
            }
            Ending::Refused => self.figures.callbacks_refused += 1,
            Ending::GivenUp => self.figures.callbacks_given_up += 1,
        }
        true
    }

    /// Counts a refusal for good; false if the same message was refused before.
    pub fn refuse(&mut self, channel: Channel, to: &str, correlation: &str) -> bool {
        let news = self.refused.insert(identity(channel, to, &("refused", correlation)));
        self.figures.channel_mut(channel).failed += u64::from(news);
        news
    }

    /// Where to start reading for the messages after `after`; none if there are none.
    pub fn place(&self, after: u64) -> Option<Place> {
        if after >= self.done.len() as u64 {
            return None;
        }
        let block = usize::try_from(after / STRIDE).ok()?;
        Some(Place { offset: *self.offsets.get(block)?, skip: after % STRIDE, end: self.length })
    }

    /// Forgets everything and begins a new epoch.
    pub fn reset(&mut self) {
        *self = Books { epoch: self.epoch + 1, ..Books::default() };
    }
}

fn index(seq: u64) -> Option<usize> {
    usize::try_from(seq.checked_sub(1)?).ok()
}
