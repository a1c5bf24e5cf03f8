//! A file of people that is as untidy as real ones, of any length, with what an import must count in it; and how much memory a service
//! has had at most.

use crate::World;
use anyhow::{Context, Result};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

/// What an import of the file must come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    pub rows: u64,
    pub created: u64,
    pub updated: u64,
    pub rejected: u64,
    pub with_problems: u64,
    pub problems: u64,
}

/// Of every hundred rows, five can't be taken, each for another reason; of the others one has a phone that can't be, and two are people
/// who are in it already. Some names would be formulas, some are in other scripts, quoted, or of two lines.
///
/// # Errors
/// When the file can't be written.
pub fn write(path: &Path, rows: u64) -> Result<Expected> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut expected = Expected::default();
    file.write_all(b"External ID,Name,Email,Phone,City,Last active at,Tier\n")?;
    for n in 0..rows {
        let kind = n % 100;
        write_row(&mut file, n, kind)?;
        expected.rows += 1;
        match kind {
            5 | 25 | 45 | 65 | 85 => {
                expected.rejected += 1;
                expected.problems += 1;
            }
            30 | 70 => expected.updated += 1,
            50 => {
                expected.created += 1;
                expected.with_problems += 1;
                expected.problems += 1;
            }
            _ => expected.created += 1,
        }
    }
    file.flush()?;
    Ok(expected)
}

fn write_row(file: &mut impl Write, n: u64, kind: u64) -> std::io::Result<()> {
    let phone = format!("05{:08}", n % 100_000_000);
    let phone = if matches!(&phone[2..3], "0" | "2" | "4" | "5" | "6" | "8") { phone } else { format!("050{:07}", n % 10_000_000) };
    match kind {
        5 => writeln!(file, "C-{n},Nul\0,p{n}@example.com,{phone},Dubai,,gold"),
        25 => {
            write!(file, "C-{n},")?;
            file.write_all(b"bad \xc3\x28 bytes")?;
            writeln!(file, ",p{n}@example.com,{phone},Dubai,,gold")
        }
        45 => writeln!(file, "C-{n},Too few"),
        65 => writeln!(file, "C-{n},\"An open quote,p{n}@example.com,{phone},Dubai,,gold"),
        85 => writeln!(file, ",Nobody,,,Dubai,,gold"),
        // The row before once more, with something new.
        30 | 70 => writeln!(file, "C-{},,,,Abu Dhabi,,silver", n - 1),
        50 => writeln!(file, "C-{n},Person {n},p{n}@example.com,12,Dubai,,gold"),
        _ => {
            let name = match kind % 10 {
                1 => "=HYPERLINK(\"\"https://evil.example\"\",\"\"x\"\")",
                2 => "سارة",
                3 => "Ирина",
                4 => "Two\nlines",
                6 => "@SUM(1+1)",
                7 => "आशा",
                _ => "Person",
            };
            writeln!(file, "C-{n},\"{name} {n}\",p{n}@Example.com,{phone},Dubai,2026-11-{:02}T10:00:00Z,gold", n % 28 + 1)
        }
    }
}

/// The most memory that a service has had so far, in MiB: VmHWM of its process (proc(5)).
///
/// # Errors
/// When it isn't running, or the system doesn't say.
pub fn peak_memory_mib(world: &mut World, service: &str) -> Result<u64> {
    let pid = world.hub.process(service)?.pid().context("the process is gone")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
    let kib: u64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib / 1024)
}
