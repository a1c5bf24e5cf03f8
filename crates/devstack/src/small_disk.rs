//! A small disk in memory for the servers' data, which can be filled: what a full disk does to PostgreSQL and nats-server.

use crate::{dirs, postgres::run};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command as Blocking,
};
use tokio::process::Command;

/// Filled by so much at once.
const BLOCK: usize = 1 << 20;

/// Unmounted when dropped; whoever uses it is stopped first.
#[derive(Debug)]
pub struct SmallDisk {
    dir: PathBuf,
}

impl SmallDisk {
    /// Mounts one of `mib` MiB at a new folder; None where this user may not mount.
    ///
    /// # Errors
    /// When the folder can't be created.
    pub(crate) async fn mount(dir: PathBuf, mib: u32) -> Result<Option<Self>> {
        dirs::create_dir(&dir)?;
        let size = format!("size={mib}m,mode=0711");
        let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(&dir)).await;
        if let Err(error) = &mounted {
            tracing::info!(error = format!("{error:#}"), "a small disk can't be mounted here");
        }
        Ok(mounted.is_ok().then_some(Self { dir }))
    }

    /// Moves a folder onto it, and leaves a link in its place.
    ///
    /// # Errors
    /// When there is no room, or the folder can't be replaced.
    pub(crate) async fn take(&self, folder: &Path) -> Result<()> {
        let target = self.dir.join(folder.file_name().context("the folder has no name")?);
        run(Command::new("cp").arg("-a").arg(folder).arg(&target)).await?;
        fs::remove_dir_all(folder).with_context(|| format!("{} can't be removed", folder.display()))?;
        symlink(&target, folder).with_context(|| format!("{} can't become a link", folder.display()))
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// When it can't be written to for another reason than that it is full.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.ballast())?;
        let block = vec![0; BLOCK];
        loop {
            match ballast.write(&block) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("the small disk can't be filled"),
            }
        }
    }

    /// Frees what [`SmallDisk::fill`] took.
    ///
    /// # Errors
    /// When it wasn't filled.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.ballast()).context("the small disk can't be freed")
    }

    fn ballast(&self) -> PathBuf {
        self.dir.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        match Blocking::new("umount").arg("-l").arg(&self.dir).status() {
            Ok(status) if status.success() => {}
            other => tracing::warn!(dir = %self.dir.display(), ?other, "a small disk can't be unmounted: umount it by hand"),
        }
    }
}
