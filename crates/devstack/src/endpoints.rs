//! `endpoints.json`: where a running hub is and how to talk to it, for programs beside it. It holds secrets: mode 0600.

use crate::{dirs, secrets::Secrets};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Base URLs have no slash at their end.
#[derive(Clone, Serialize, Deserialize)]
pub struct Endpoints {
    pub campaign_api: String,
    pub scheduler: String,
    pub analytics: String,
    pub webhook_ingest: String,
    pub sandbox: String,
    pub admin_token: String,
    pub agent_token: String,
    pub workspace_id: Uuid,
    pub webhooks: Webhooks,
    pub secrets: EndpointSecrets,
}

/// Where each provider posts to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhooks {
    pub twilio_status: String,
    pub twilio_inbound: String,
    pub meta: String,
    pub sendgrid: String,
}

impl Webhooks {
    /// Those of a workspace's senders below webhook-ingest's base URL.
    #[must_use]
    pub fn new(base: &str, twilio_sender: Uuid, meta_sender: Uuid, sendgrid_sender: Uuid) -> Self {
        Self {
            twilio_status: format!("{base}/webhooks/twilio/{twilio_sender}/status"),
            twilio_inbound: format!("{base}/webhooks/twilio/{twilio_sender}/inbound"),
            meta: format!("{base}/webhooks/meta/{meta_sender}"),
            sendgrid: format!("{base}/webhooks/sendgrid/{sendgrid_sender}"),
        }
    }
}

/// What a program needs to post as a provider would.
#[derive(Clone, Serialize, Deserialize)]
pub struct EndpointSecrets {
    pub twilio_account_sid: String,
    pub twilio_auth_token: String,
    pub meta_app_secret: String,
    pub meta_verify_token: String,
    pub sendgrid_private_key_pem: String,
}

impl From<&Secrets> for EndpointSecrets {
    fn from(secrets: &Secrets) -> Self {
        Self {
            twilio_account_sid: secrets.twilio_account_sid.clone(),
            twilio_auth_token: secrets.twilio_auth_token.clone(),
            meta_app_secret: secrets.meta_app_secret.clone(),
            meta_verify_token: secrets.meta_verify_token.clone(),
            sendgrid_private_key_pem: secrets.sendgrid_private_key_pem.clone(),
        }
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints")
            .field("campaign_api", &self.campaign_api)
            .field("workspace_id", &self.workspace_id)
            .finish_non_exhaustive()
    }
}

impl Endpoints {
    /// The file's place in a state folder.
    #[must_use]
    pub fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("endpoints.json")
    }

    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, state_dir: &Path) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        dirs::write_private(&Self::path(state_dir), &json)
    }

    /// # Errors
    /// When there is none, or it isn't one.
    pub fn read(state_dir: &Path) -> Result<Self> {
        let path = Self::path(state_dir);
        let text = fs::read(&path).with_context(|| format!("no running hub was found ({}); `make up` starts one", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged; restart the hub", path.display()))
    }

    /// Removes the file, if it is there, once the hub has stopped.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn remove(state_dir: &Path) -> Result<()> {
        match fs::remove_file(Self::path(state_dir)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateDir;

    #[test]
    fn what_is_written_is_read_again_and_shown_without_secrets() {
        let state = StateDir::scratch_blocking().unwrap();
        let base = "http://127.0.0.1:1".to_owned();
        let secrets = Secrets::generate().unwrap();
        let endpoints = Endpoints {
            campaign_api: base.clone(),
            scheduler: base.clone(),
            analytics: base.clone(),
            webhook_ingest: base.clone(),
            sandbox: base.clone(),
            admin_token: "very-secret".to_owned(),
            agent_token: "very-secret".to_owned(),
            workspace_id: Uuid::nil(),
            webhooks: Webhooks::new(&base, Uuid::nil(), Uuid::nil(), Uuid::nil()),
            secrets: (&secrets).into(),
        };
        assert!(Endpoints::read(state.path()).unwrap_err().to_string().contains("make up"));
        endpoints.write(state.path()).unwrap();
        let read = Endpoints::read(state.path()).unwrap();
        assert_eq!(read.webhooks, endpoints.webhooks);
        assert!(!format!("{read:?}").contains("very-secret"));
        Endpoints::remove(state.path()).unwrap();
        Endpoints::remove(state.path()).unwrap();
    }
}
