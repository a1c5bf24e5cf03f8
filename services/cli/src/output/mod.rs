//! What a command says: tables and sentences for people, one JSON value a line for programs. Nothing else writes to stdout.

pub mod json;
pub mod number;
pub mod table;

pub use table::Table;

use crate::progress::Style;
use anyhow::Result;
use domain::Channel;
use json::Wire;
use std::{
    io::{self, IsTerminal, Write},
    time::Instant,
};

/// How a command's answer is shown.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
    started: Instant,
}

impl Output {
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self { json, started: Instant::now() }
    }

    #[must_use]
    pub fn is_json(self) -> bool {
        self.json
    }

    /// The time since the command began, as it stands before each line of progress.
    #[must_use]
    pub fn clock(self) -> String {
        format!("{:5.1} s", self.started.elapsed().as_secs_f64())
    }

    /// Bars on a terminal, plain lines elsewhere, nothing for programs.
    #[must_use]
    pub fn progress(self) -> Style {
        match (self.json, io::stdout().is_terminal() && io::stderr().is_terminal()) {
            (true, _) => Style::Silent,
            (false, true) => Style::Bars,
            (false, false) => Style::Lines,
        }
    }

    /// A message as JSON, or what `human` makes of it.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn message<M: Wire>(self, message: &M, human: impl FnOnce(&M) -> String) -> Result<()> {
        if self.json { line(&json::to_value(message)?.to_string()) } else { line(&human(message)) }
    }

    /// Any other value as JSON, or its sentence.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn value(self, value: &serde_json::Value, human: &str) -> Result<()> {
        if self.json { line(&value.to_string()) } else { line(human) }
    }

    /// Several messages: a JSON line each, or a table with `row` for each.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn rows<M: Wire, const N: usize>(self, head: [&str; N], messages: &[M], row: impl Fn(&M) -> [String; N]) -> Result<()> {
        if self.json {
            return self.json_lines(messages);
        }
        if messages.is_empty() {
            return line("none");
        }
        let mut table = Table::new(head);
        for message in messages {
            table.row(row(message));
        }
        line(&table.to_string())
    }

    /// A JSON line for each message; nothing for people.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn json_lines<M: Wire>(self, messages: &[M]) -> Result<()> {
        if self.json { messages.iter().try_for_each(|message| line(&json::to_value(message)?.to_string())) } else { Ok(()) }
    }

    /// A sentence for people only.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn say(self, text: &str) -> Result<()> {
        if self.json { Ok(()) } else { line(text) }
    }
}

/// Writes a line to stdout.
///
/// # Errors
/// When stdout is closed.
pub fn line(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.trim_end().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// A text of somebody's: it must not move the cursor.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// A channel's name, for its number on the wire.
#[must_use]
pub fn channel_name(number: i32) -> &'static str {
    proto::convert::channel(number).map_or("?", Channel::as_str)
}

/// `InvalidArgument` as `invalid argument`.
#[must_use]
pub fn words(camel: &str) -> String {
    let mut text = String::new();
    for c in camel.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(c.to_lowercase());
    }
    text
}
