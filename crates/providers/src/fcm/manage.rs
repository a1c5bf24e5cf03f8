//! Tries the account out: a message that is only to be checked, for a device that can't exist.

use super::{Config, send::Sender, wire};
use crate::errors::RETRY;
use crate::manage::{Checked, Manage};
use crate::{AccountError, Fault, Outcome, fcm::errors};
use std::time::Duration;

/// No token of Firebase's: each has a colon and some 150 characters.
const NOBODY: &str = "test-of-the-account";

pub(super) struct Manager {
    project_id: String,
    sender: Sender,
}

impl Manager {
    pub(super) fn new(config: Config, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { project_id: config.project_id.clone(), sender: Sender::new(config, deadline)? })
    }
}

#[async_trait::async_trait]
impl Manage for Manager {
    /// Firebase looks at who asks before it looks at what is asked: a complaint about the token means that the account may send.
    async fn check(&self) -> Result<Checked, Fault> {
        let answer = match self.sender.call(&wire::trial(NOBODY)).await {
            Ok(answer) => answer,
            Err(Outcome::Refused(fault) | Outcome::Uncertain(fault)) => return Err(fault),
            Err(_) => return Err(Fault::new("garbage", RETRY, "the provider's answer can't be read")),
        };
        let about_the_token = matches!(wire::error(&answer).fcm_code(), Some("INVALID_ARGUMENT" | "UNREGISTERED" | "SENDER_ID_MISMATCH"));
        if answer.status.is_success() || about_the_token {
            return Ok(Checked { handle: self.project_id.clone(), external_id: self.project_id.clone(), ..Checked::default() });
        }
        if answer.status.is_server_error() {
            return Err(Fault::new(format!("http_{}", answer.status.as_u16()), RETRY, "the provider had an error of its own"));
        }
        Err(errors::fault(&answer))
    }
}
