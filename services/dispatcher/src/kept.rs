//! What a provider keeps for a sender that a message refers to: the category of a registered template, and files by their ids.
//!
//! Both are asked of the database at most once in a while, by one of all messages that need them. A file is fetched from where its link
//! leads, as a stranger's URL is, and left with the provider once; when that can't be done, the link itself is sent, as without any of this.

use crate::job::Work;
use domain::{
    SenderId,
    content::{MetaTemplate, Registered},
};
use providers::public_net;
use ring::digest::{SHA256, digest};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use store::{Db, provider_media, provider_template};
use time::OffsetDateTime;
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

/// Of each kind kept at most.
const MAX_KEPT: usize = 10_000;
/// How long a category is taken for true.
const CATEGORY_FRESH: Duration = Duration::from_secs(60);
/// How long a file's id is used before the database is asked again, and how long a link goes as it is after its file couldn't be left.
const FILE_FRESH: Duration = Duration::from_secs(600);
/// The largest file: WhatsApp takes videos of 16 MB, and smaller pictures.
const FILE_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Files in memory at once, on their way to a provider: a link may be another one for each contact.
const FILES_AT_ONCE: usize = 4;
/// How long a file counts as kept: Meta keeps it for 30 days.
const KEPT_FOR: time::Duration = time::Duration::days(25);
/// An id must be good for the retries of a message too.
const STILL_GOOD: time::Duration = time::Duration::days(3);
/// After that long a link is looked at again: what is behind it may have changed.
const LOOK_AGAIN: time::Duration = time::Duration::hours(24);

/// One answer, asked for once, until it is stale.
struct Asked<T> {
    since: Instant,
    answer: OnceCell<T>,
}

type Answers<K, T> = Mutex<HashMap<K, Arc<Asked<T>>>>;

/// What providers keep, as far as it was asked lately.
pub(crate) struct Kept {
    db: Db,
    categories: Answers<(SenderId, String, String), String>,
    files: Answers<(SenderId, String), Option<String>>,
    leaving: Semaphore,
}

impl Kept {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, categories: Mutex::default(), files: Mutex::default(), leaving: Semaphore::new(FILES_AT_ONCE) }
    }

    /// The category of a template, as its provider has it; empty when that isn't known.
    pub(crate) async fn category(&self, sender: SenderId, template: &MetaTemplate) -> String {
        let key = (sender, template.name.clone(), template.language.clone());
        let asked = place(&self.categories, key, CATEGORY_FRESH);
        let read = async {
            let registered = Registered::Meta { name: template.name.clone(), language: template.language.clone() };
            let known = provider_template::known(&mut *self.db.acquire().await?, sender, &registered).await?;
            Ok::<_, store::Error>(known.map(|(_, _, category)| category).unwrap_or_default())
        };
        asked.answer.get_or_try_init(|| read).await.cloned().unwrap_or_else(|error| {
            tracing::warn!(%error, "a template's category could not be read");
            String::new()
        })
    }

    /// The provider's id of the file behind a link; None: the link goes as it is.
    pub(crate) async fn file(&self, work: &Work, link: &str) -> Option<String> {
        let asked = place(&self.files, (work.sender_id, link.to_owned()), FILE_FRESH);
        asked.answer.get_or_init(|| self.leave(work, link)).await.clone()
    }

    async fn leave(&self, work: &Work, link: &str) -> Option<String> {
        match self.try_leave(work, link).await {
            Ok(id) => Some(id),
            Err(error) => {
                // Not the link: it may be somebody's own.
                tracing::warn!(error = format!("{error:#}"), sender.id = %work.sender_id, "a file couldn't be left with the provider; its link is sent");
                None
            }
        }
    }

    async fn try_leave(&self, work: &Work, link: &str) -> anyhow::Result<String> {
        let (sender, workspace) = (work.sender_id, work.plan.workspace);
        let link_hash = digest(&SHA256, link.as_bytes());
        let now = OffsetDateTime::now_utc();
        let known = provider_media::of_link(&mut *self.db.acquire().await?, sender, link_hash.as_ref(), now, now + STILL_GOOD).await?;
        if let Some(id) = known {
            return Ok(id);
        }
        let _one_of_few = self.leaving.acquire().await?;
        let file = public_net::fetch(&Url::parse(link)?, FILE_MAX_BYTES, &[]).await.map_err(refused)?;
        let hash = digest(&SHA256, &file.bytes);
        let known = provider_media::of_file(&mut *self.db.acquire().await?, sender, hash.as_ref(), now + STILL_GOOD).await?;
        let id = match known {
            Some(id) => id,
            None => {
                let id = work.ready.send.keep_media(&file.media_type, &file.bytes).await.map_err(refused)?;
                let kept = provider_media::Kept {
                    sha256: hash.as_ref(),
                    provider_id: &id,
                    media_type: &file.media_type,
                    size_bytes: i64::try_from(file.bytes.len()).unwrap_or(i64::MAX),
                    expires_at: now + KEPT_FOR,
                };
                provider_media::keep(&mut *self.db.acquire().await?, workspace, sender, &kept).await?;
                id
            }
        };
        let fresh_until = now + LOOK_AGAIN;
        provider_media::link(&mut *self.db.acquire().await?, workspace, sender, link_hash.as_ref(), hash.as_ref(), fresh_until).await?;
        Ok(id)
    }
}

fn refused(fault: providers::Fault) -> anyhow::Error {
    anyhow::anyhow!("{}: {}", fault.code, fault.detail)
}

/// Where the answer is, or will be once one of those who need it has asked.
fn place<K: Eq + Hash, T>(answers: &Answers<K, T>, key: K, fresh: Duration) -> Arc<Asked<T>> {
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(asked) = answers.get(&key).filter(|asked| asked.since.elapsed() < fresh) {
        return asked.clone();
    }
    if answers.len() >= MAX_KEPT {
        answers.clear();
    }
    let asked = Arc::new(Asked { since: Instant::now(), answer: OnceCell::new() });
    answers.insert(key, asked.clone());
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_asked_for_once_while_it_is_fresh() {
        let answers: Answers<u8, u8> = Mutex::default();
        let first = place(&answers, 1, Duration::from_secs(60));
        assert!(Arc::ptr_eq(&first, &place(&answers, 1, Duration::from_secs(60))));
        assert!(!Arc::ptr_eq(&first, &place(&answers, 2, Duration::from_secs(60))));
        assert!(!Arc::ptr_eq(&first, &place(&answers, 1, Duration::ZERO)), "a stale one is asked for again");
    }
}
