//! Progress while something runs: a bar for each thing on a terminal, a line now and then elsewhere, nothing for programs.

use crate::output::{self, Output};
use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// How often a line is written where there are no bars.
const LINE_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Bars,
    Lines,
    Silent,
}

/// Several things that are under way at once.
pub struct Board {
    output: Output,
    style: Style,
    screen: MultiProgress,
    entries: Vec<Entry>,
    last_line: Option<Instant>,
}

struct Entry {
    label: String,
    bar: ProgressBar,
    note: String,
}

impl Board {
    #[must_use]
    pub fn new(output: Output) -> Self {
        Self { output, style: output.progress(), screen: MultiProgress::new(), entries: Vec::new(), last_line: None }
    }

    /// Says how far one thing is; the first call adds it, once it is known how far it goes.
    pub fn set(&mut self, label: &str, done: u64, of: u64, note: &str) {
        let known = self.entries.iter().position(|entry| entry.label == label);
        if known.is_none() && of == 0 {
            return;
        }
        let index = known.unwrap_or_else(|| self.add(label));
        if let Some(entry) = self.entries.get_mut(index) {
            note.clone_into(&mut entry.note);
            entry.bar.set_length(of);
            entry.bar.set_position(done);
            entry.bar.set_message(note.to_owned());
        }
    }

    fn add(&mut self, label: &str) -> usize {
        let bar = match self.style {
            Style::Bars => self.screen.add(ProgressBar::new(0).with_style(bar_style())),
            Style::Lines | Style::Silent => ProgressBar::hidden(),
        };
        bar.set_prefix(format!("{label:<9}"));
        self.entries.push(Entry { label: label.to_owned(), bar, note: String::new() });
        self.entries.len() - 1
    }

    /// Where there are no bars: writes a line when the last one is a while ago.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn tick(&mut self) -> Result<()> {
        let due = !self.entries.is_empty() && self.last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY);
        if self.style == Style::Lines && due { self.write_line() } else { Ok(()) }
    }

    fn write_line(&mut self) -> Result<()> {
        self.last_line = Some(Instant::now());
        output::line(&format!("{}  {}", self.output.clock(), self.summary()))
    }

    fn summary(&self) -> String {
        let parts = self.entries.iter().map(|entry| {
            let (done, of) = (output::number::count(entry.bar.position()), output::number::count(entry.bar.length().unwrap_or(0)));
            let note = if entry.note.is_empty() { String::new() } else { format!(" ({})", entry.note) };
            format!("{} {done}/{of}{note}", entry.label)
        });
        parts.collect::<Vec<_>>().join("  ")
    }

    /// Leaves the last state on the screen.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn finish(mut self) -> Result<()> {
        for entry in &self.entries {
            entry.bar.abandon();
        }
        if self.style == Style::Lines && !self.entries.is_empty() { self.write_line() } else { Ok(()) }
    }
}

fn bar_style() -> ProgressStyle {
    // A template that didn't parse would leave indicatif's own bar, which is as true.
    ProgressStyle::with_template("{prefix} {bar:30.green/black.bright} {human_pos:>7}/{human_len:<7} {msg:.dim}")
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("━━─"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_ours() {
        assert!(ProgressStyle::with_template("{prefix} {bar:30.green/black.bright} {human_pos:>7}/{human_len:<7} {msg:.dim}").is_ok());
    }

    #[test]
    fn a_line_names_everything_under_way() {
        let mut board = Board::new(Output::new(true));
        board.set("push", 0, 0, "");
        board.set("email", 1_200, 4_650, "");
        board.set("sms", 10, 20, "2 failed");
        board.set("email", 1_300, 4_650, "");
        assert_eq!(board.summary(), "email 1,300/4,650  sms 10/20 (2 failed)");
    }
}
