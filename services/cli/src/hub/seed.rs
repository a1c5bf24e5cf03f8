//! What a local hub needs before it can send: a workspace, its senders, and a sandbox that knows their accounts.

use super::{Place, accounts, sandbox::Sandbox};
use crate::{
    output::Output,
    resolve,
    session::{Addresses, Session},
};
use anyhow::{Context, Result};
use devstack::{Endpoints, Secrets, endpoints::Webhooks, secrets::TokenRole};
use proto::{
    sender::{CreateSenderRequest, Sender, UpdateSenderRequest},
    workspace::{CreateWorkspaceRequest, GetWorkspaceRequest},
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};
use time::OffsetDateTime;
use uuid::Uuid;

const TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// Room for anything that one tries at home.
const MAX_RECIPIENTS: u32 = 1_000_000;
/// Which recipient does what; another seed, another run.
const SEED: u64 = 7;

/// A workspace that is ready to send, and two people in it.
pub struct Seeded {
    pub workspace_id: Uuid,
    pub admin: Session,
    pub agent: Session,
    /// Ids of its senders, by name.
    pub senders: BTreeMap<String, String>,
    pub sandbox: Sandbox,
}

impl Place {
    fn token(&self, role: TokenRole, workspace: Uuid) -> Result<String> {
        self.secrets.mint_token(role, workspace, OffsetDateTime::now_utc(), TOKEN_LIFETIME)
    }

    fn session(&self, role: TokenRole, workspace: Uuid, output: Output) -> Result<Session> {
        let (campaign_api, analytics) = (self.addresses.campaign_api.clone(), self.addresses.analytics.clone());
        let addresses = Addresses { campaign_api, analytics, admin_token: String::new(), agent_token: String::new() };
        Session::new(&addresses, &self.token(role, workspace)?, output)
    }

    /// Whether the workspace is in this hub's database.
    pub async fn has_workspace(&self, workspace: Uuid, output: Output) -> Result<bool> {
        let session = self.session(TokenRole::Agent, workspace, output)?;
        match session.workspaces().get_workspace(GetWorkspaceRequest {}).await {
            Ok(_) => Ok(true),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(false),
            Err(status) => Err(status).context("the workspace of the last time can't be looked up"),
        }
    }

    /// Makes a workspace.
    pub async fn create_workspace(&self, name: &str, output: Output) -> Result<Uuid> {
        let session = self.session(TokenRole::Internal, Uuid::nil(), output)?;
        let request = CreateWorkspaceRequest { name: name.to_owned(), max_recipients: MAX_RECIPIENTS, ..CreateWorkspaceRequest::default() };
        let workspace = session.workspaces().create_workspace(request).await.context("the workspace can't be made")?.into_inner().workspace;
        Ok(workspace.context("the hub's answer has no workspace")?.id.parse()?)
    }

    /// Brings senders and sandbox up to date with `accounts`, and writes the endpoints file.
    pub async fn seed(&self, workspace_id: Uuid, accounts: &Secrets, behaviour: &Value, output: Output) -> Result<Seeded> {
        let admin = self.session(TokenRole::Admin, workspace_id, output)?;
        let agent = self.session(TokenRole::Agent, workspace_id, output)?;
        let senders = self.senders(&admin, accounts).await?;
        let id = |name: &str| -> Result<Uuid> { Ok(senders.get(name).context("a sender is missing")?.parse()?) };
        let base = &self.addresses.webhook_ingest;
        let webhooks = Webhooks::new(base, id(accounts::TWILIO_SMS)?, id(accounts::META)?, id(accounts::SENDGRID)?);
        let sandbox = Sandbox::new(&self.addresses.sandbox)?;
        sandbox.configure(&accounts.sandbox_config(SEED, &webhooks, behaviour)).await?;
        self.endpoints(workspace_id, accounts, webhooks)?.write(&self.state_dir)?;
        Ok(Seeded { workspace_id, admin, agent, senders, sandbox })
    }

    async fn senders(&self, admin: &Session, accounts: &Secrets) -> Result<BTreeMap<String, String>> {
        let existing = resolve::senders(admin).await?;
        let mut ids = BTreeMap::new();
        for wanted in accounts::senders(accounts, &self.addresses) {
            let name = wanted.name.clone();
            let known = existing.iter().find(|sender| sender.name == name);
            let sender = ensure(admin, known, wanted).await.with_context(|| format!("the sender {name:?}"))?;
            ids.insert(name, sender.id);
        }
        Ok(ids)
    }

    fn endpoints(&self, workspace_id: Uuid, accounts: &Secrets, webhooks: Webhooks) -> Result<Endpoints> {
        Ok(Endpoints {
            campaign_api: self.addresses.campaign_api.clone(),
            scheduler: self.addresses.scheduler.clone(),
            analytics: self.addresses.analytics.clone(),
            webhook_ingest: self.addresses.webhook_ingest.clone(),
            sandbox: self.addresses.sandbox.clone(),
            admin_token: self.token(TokenRole::Admin, workspace_id)?,
            agent_token: self.token(TokenRole::Agent, workspace_id)?,
            workspace_id,
            webhooks,
            secrets: accounts.into(),
        })
    }
}

/// Creates a sender, or changes the one there is.
async fn ensure(admin: &Session, known: Option<&Sender>, wanted: CreateSenderRequest) -> Result<Sender> {
    let sender = match known {
        None => admin.senders().create_sender(wanted).await?.into_inner().sender,
        Some(sender) => {
            let CreateSenderRequest { settings, secrets, .. } = wanted;
            let request = UpdateSenderRequest { id: sender.id.clone(), settings, secrets, ..UpdateSenderRequest::default() };
            admin.senders().update_sender(request).await?.into_inner().sender
        }
    };
    sender.context("the hub's answer has no sender")
}
