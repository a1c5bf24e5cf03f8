//! A state folder in use: one copy at a time, what a crashed copy left is cleared first, and throw-away ones for tests.

use crate::{dirs, identity};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// Names the folder outside of the state folder that PostgreSQL had to use; see [`crate::stack`].
const OUTSIDE: &str = "outside";
/// Where throw-away folders are, below the state folder.
const EPHEMERAL: &str = "ephemeral";
const OUTSIDE_PREFIX: &str = "fanfare-";

/// A state folder, locked until dropped. A throw-away one is removed when dropped, as far as its files are then free.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    throw_away: bool,
    /// Held, never read: the lock goes with the file.
    _lock: File,
}

impl StateDir {
    /// Takes the folder, creating it if need be, and clears what a crashed copy left running.
    ///
    /// # Errors
    /// When another copy is using it: the message names its process and the remedy.
    pub async fn open(path: &Path) -> Result<Self> {
        let state = Self::lock(path, false)?;
        identity::stop_orphans(&state.run_dir()).await?;
        remove_abandoned(path, FRESH).await;
        Ok(state)
    }

    /// A new throw-away folder below `base`; those that crashed runs left there are removed.
    ///
    /// # Errors
    /// When it can't be created.
    pub async fn scratch(base: &Path) -> Result<Self> {
        remove_abandoned(base, FRESH).await;
        Self::lock(&base.join(EPHEMERAL).join(uuid::Uuid::now_v7().simple().to_string()), true)
    }

    /// As [`StateDir::scratch`] below [`dirs::state_dir`], for code outside of a runtime.
    ///
    /// # Errors
    /// When it can't be created.
    pub fn scratch_blocking() -> Result<Self> {
        Self::lock(&dirs::state_dir()?.join(EPHEMERAL).join(uuid::Uuid::now_v7().simple().to_string()), true)
    }

    fn lock(path: &Path, throw_away: bool) -> Result<Self> {
        dirs::create_dir(path)?;
        let lock = lock_file(path)?;
        let state = Self { path: path.to_owned(), throw_away, _lock: lock };
        for dir in [state.run_dir(), state.logs_dir()] {
            dirs::create_dir(&dir)?;
        }
        Ok(state)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.path.join("run")
    }

    #[must_use]
    pub fn logs_dir(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The folder outside of this one that belongs to it, if there is one.
    pub(crate) fn outside(&self) -> Option<PathBuf> {
        outside_of(&self.path)
    }

    /// Creates a folder outside of this one, in a place that everybody can pass through, and remembers it.
    pub(crate) fn create_outside(&self, parent: &Path) -> Result<PathBuf> {
        let template = parent.join(format!("{OUTSIDE_PREFIX}XXXXXX"));
        let dir = nix::unistd::mkdtemp(&template).with_context(|| format!("no folder can be created in {}", parent.display()))?;
        let remembered = dir.to_str().context("the folder for temporary files has a name that isn't UTF-8")?;
        dirs::write_private(&self.path.join(OUTSIDE), remembered.as_bytes())?;
        fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
        Ok(dir)
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        if self.throw_away
            && let Err(error) = remove(&self.path)
        {
            tracing::debug!(dir = %self.path.display(), %error, "left for the next run to remove");
        }
    }
}

fn lock_file(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open().with_context(|| format!("{} can't be opened", path.display()))?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{}", std::process::id())?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            file.read_to_string(&mut owner)?;
            bail!(
                "another copy is running in this checkout (process {owner}, folder {}). Stop it with Ctrl-C where it runs or with `kill {owner}`, \
                 or give this one a folder of its own: FANFARE_STATE_DIR=<folder>",
                dir.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{} can't be locked", path.display())),
    }
}

/// How old a folder must be to count as abandoned: younger ones may be between their creation and their lock.
const FRESH: Duration = Duration::from_secs(10);

/// Removes throw-away folders whose owner is gone. What can't be removed now is met again by the next run.
async fn remove_abandoned(base: &Path, at_least: Duration) {
    let Ok(entries) = fs::read_dir(base.join(EPHEMERAL)) else { return };
    for dir in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if !is_older(&dir, at_least) {
            continue;
        }
        let Ok(_lock) = lock_file(&dir) else { continue };
        let cleared = match identity::stop_orphans(&dir.join("run")).await {
            Ok(()) => remove(&dir),
            Err(error) => Err(error),
        };
        if let Err(error) = cleared {
            tracing::warn!(dir = %dir.display(), %error, "an abandoned folder can't be removed");
        }
    }
}

fn is_older(dir: &Path, limit: Duration) -> bool {
    let age = fs::metadata(dir).and_then(|meta| meta.created().or_else(|_| meta.modified())).ok().and_then(|born| born.elapsed().ok());
    age.is_some_and(|age| age >= limit)
}

fn outside_of(dir: &Path) -> Option<PathBuf> {
    let path = PathBuf::from(fs::read_to_string(dir.join(OUTSIDE)).ok()?);
    let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(OUTSIDE_PREFIX));
    (ours && path.is_dir()).then_some(path)
}

fn remove(dir: &Path) -> Result<()> {
    if let Some(outside) = outside_of(dir) {
        fs::remove_dir_all(outside)?;
    }
    Ok(fs::remove_dir_all(dir)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_copy_is_refused_with_the_process_and_the_remedy() {
        let base = StateDir::scratch_blocking().unwrap();
        let folder = base.path().join("state");
        let first = StateDir::open(&folder).await.unwrap();
        let message = StateDir::open(&folder).await.unwrap_err().to_string();
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        assert!(message.contains("kill"), "{message}");
        drop(first);
        StateDir::open(&folder).await.unwrap();
    }

    #[tokio::test]
    async fn a_throw_away_folder_goes_with_its_owner() {
        let state = StateDir::scratch_blocking().unwrap();
        let path = state.path().to_owned();
        assert!(path.is_dir());
        drop(state);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn abandoned_folders_are_removed_with_what_they_had_outside_and_those_in_use_are_not() {
        let base = StateDir::scratch_blocking().unwrap();
        let in_use = StateDir::scratch(base.path()).await.unwrap();
        let mut abandoned = StateDir::scratch(base.path()).await.unwrap();
        abandoned.throw_away = false;
        let outside = abandoned.create_outside(base.path()).unwrap();
        let left = abandoned.path().to_owned();
        drop(abandoned);
        remove_abandoned(base.path(), FRESH).await;
        assert!(left.is_dir(), "its owner may be about to lock it");
        remove_abandoned(base.path(), Duration::ZERO).await;
        assert!(!left.exists() && !outside.exists());
        assert!(in_use.path().is_dir());
    }
}
