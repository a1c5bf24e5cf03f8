//! Tells whoever started the service where it listens.

use std::{fs, io, path::Path};

/// Writes `{"port":n}` so that a reader sees all of it or nothing.
pub(super) fn write(path: &Path, port: u16) -> io::Result<()> {
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&unfinished, format!("{{\"port\":{port}}}\n"))?;
    fs::rename(&unfinished, path)
}
