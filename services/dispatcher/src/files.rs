//! Files that e-mails carry, kept once for all messages of a process: what a file's id names never changes.

use domain::{AttachmentId, WorkspaceId, content::EmailFile};
use providers::Attachment;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use store::{Db, attachment};
use tokio::sync::OnceCell;

/// Bytes kept at most; what was used last longest ago goes first.
const MAX_BYTES: usize = 128 << 20;
/// How long it is believed that there is no such file.
const MISSING_FOR: Duration = Duration::from_secs(10);

/// A file, or that there is none.
type Found = Option<Arc<Stored>>;

struct Stored {
    name: String,
    media_type: String,
    bytes: Arc<[u8]>,
}

struct Kept {
    found: Arc<OnceCell<Found>>,
    since: Instant,
    used: Instant,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.found.get().and_then(|found| Some(found.as_ref()?.bytes.len())).unwrap_or_default()
    }

    fn is_stale(&self) -> bool {
        matches!(self.found.get(), Some(None)) && self.since.elapsed() > MISSING_FOR
    }
}

/// The files in use.
#[derive(Default)]
pub(crate) struct Files(Mutex<HashMap<(WorkspaceId, AttachmentId), Kept>>);

impl Files {
    /// The files that an e-mail names, in their order. None: one of them isn't there.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn get(&self, db: &Db, workspace: WorkspaceId, files: &[EmailFile]) -> store::Result<Option<Vec<Attachment>>> {
        let mut attachments = Vec::with_capacity(files.len());
        for file in files {
            let Ok(id) = file.id.parse() else { return Ok(None) };
            let Some(stored) = self.find(db, workspace, id).await? else { return Ok(None) };
            attachments.push(Attachment {
                name: stored.name.clone(),
                media_type: stored.media_type.clone(),
                content_id: Some(file.content_id.clone()).filter(|id| !id.is_empty()),
                bytes: stored.bytes.clone(),
            });
        }
        Ok(Some(attachments))
    }

    async fn find(&self, db: &Db, workspace: WorkspaceId, id: AttachmentId) -> store::Result<Found> {
        let slot = self.slot((workspace, id));
        // Of many messages at once, one asks the database and the others wait for it.
        let read = || async {
            let content = attachment::content(&mut *db.acquire().await?, workspace, id).await?;
            Ok::<_, store::Error>(
                content.map(|content| Arc::new(Stored { name: content.name, media_type: content.media_type, bytes: content.bytes.into() })),
            )
        };
        slot.get_or_try_init(read).await.cloned()
    }

    fn slot(&self, key: (WorkspaceId, AttachmentId)) -> Arc<OnceCell<Found>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, one| !one.is_stale());
        let now = Instant::now();
        let one = kept.entry(key).or_insert_with(|| Kept { found: Arc::default(), since: now, used: now });
        one.used = now;
        let found = one.found.clone();
        let mut total: usize = kept.values().map(Kept::bytes).sum();
        while total > MAX_BYTES {
            let oldest = kept.iter().filter(|(other, _)| **other != key).min_by_key(|(_, one)| one.used).map(|(other, _)| *other);
            let Some(gone) = oldest.and_then(|oldest| kept.remove(&oldest)) else { break };
            total -= gone.bytes();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(files: &Files, id: AttachmentId, workspace: WorkspaceId, mib: usize) {
        let stored = Stored { name: String::new(), media_type: String::new(), bytes: vec![0; mib << 20].into() };
        assert!(files.slot((workspace, id)).set(Some(Arc::new(stored))).is_ok());
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (files, workspace) = (Files::default(), WorkspaceId::new());
        let ids: Vec<_> = (0..3).map(|_| AttachmentId::new()).collect();
        fill(&files, ids[0], workspace, 60);
        fill(&files, ids[1], workspace, 60);
        files.slot((workspace, ids[0]));
        fill(&files, ids[2], workspace, 60);
        files.slot((workspace, ids[2]));
        let kept = files.0.lock().unwrap();
        assert_eq!(ids.iter().map(|id| kept.contains_key(&(workspace, *id))).collect::<Vec<_>>(), [true, false, true]);
    }
}
