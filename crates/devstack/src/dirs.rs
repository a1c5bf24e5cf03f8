//! Where things are: the checkout, its `.fanfare` folder, the built programs; and files only their owner may read.
//!
//! Nothing is kept outside of the checkout, with one exception that [`crate::stack`] explains (a checkout below a folder
//! that is closed to the user whom PostgreSQL runs as).

use anyhow::{Context, Result};
use std::{
    env, fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The checkout that the current folder belongs to, else the current folder.
///
/// # Errors
/// When the current folder can't be read.
pub fn checkout() -> Result<PathBuf> {
    let here = env::current_dir().context("the current folder can't be read")?;
    let root = here.ancestors().find(|dir| dir.join("Cargo.lock").is_file() && dir.join("crates/devstack").is_dir());
    Ok(root.unwrap_or(&here).to_owned())
}

/// `FANFARE_STATE_DIR`, else `.fanfare` in the checkout.
///
/// # Errors
/// When the current folder can't be read.
pub fn state_dir() -> Result<PathBuf> {
    match env::var_os("FANFARE_STATE_DIR") {
        Some(dir) => std::path::absolute(dir).context("FANFARE_STATE_DIR is not a path"),
        None => Ok(checkout()?.join(".fanfare")),
    }
}

/// The folder of the built programs: `FANFARE_BIN_DIR`, else where the running program is (for a test: one above).
///
/// # Errors
/// When the running program's path can't be found out.
pub fn bin_dir() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("FANFARE_BIN_DIR") {
        return std::path::absolute(dir).context("FANFARE_BIN_DIR is not a path");
    }
    let program = env::current_exe().context("the path of the running program can't be read")?;
    let dir = program.parent().context("the running program has no folder")?;
    Ok(if dir.ends_with("deps") { dir.parent().unwrap_or(dir).to_owned() } else { dir.to_owned() })
}

/// Creates a folder (and its parents) that others can't list. As root they may pass through, since PostgreSQL then runs
/// as somebody else.
///
/// # Errors
/// When it can't be created.
pub fn create_dir(path: &Path) -> Result<()> {
    let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).with_context(|| format!("{} can't be created", path.display()))
}

/// Writes a file that only its owner may read, whole or not at all.
///
/// # Errors
/// When it can't be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        if let Err(error) = fs::remove_file(&draft)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("{} can't be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn private_files_are_readable_by_their_owner_only_and_replaceable() {
        let state = crate::StateDir::scratch_blocking().unwrap();
        let path = state.path().join("secret");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn checkout_is_found_from_a_folder_inside_it() {
        assert!(checkout().unwrap().join("Cargo.lock").is_file());
    }
}
