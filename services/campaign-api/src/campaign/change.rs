//! One change of one campaign by a person: read under lock, changed, written guarded, audited, in one transaction.

use super::view;
use crate::{audit, convert::commit, state::State};
use domain::{
    CampaignId,
    campaign::{self as lifecycle, Action, IllegalMove},
};
use runtime::{Caller, status};
use store::{
    Tx,
    campaign::{self, Campaign},
    run_content,
    workspace::{self, Workspace},
};
use time::OffsetDateTime;
use tonic::Status;

/// The campaign after a change, and how callers see it.
pub type Changed = (Campaign, proto::campaign::Campaign);

/// A change under way; nothing is written before [`Change::commit`].
pub struct Change<'a> {
    pub tx: Tx,
    pub workspace: Workspace,
    /// As it is to be written.
    pub campaign: Campaign,
    pub now: OffsetDateTime,
    pub caller: &'a Caller,
    before: Campaign,
    verb: &'static str,
}

impl<'a> Change<'a> {
    /// Locks a campaign of the caller's workspace.
    ///
    /// # Errors
    /// NOT_FOUND when that workspace has no such campaign.
    pub async fn begin(state: &State, caller: &'a Caller, id: &str) -> Result<Self, Status> {
        let id: CampaignId = status::id("id", id)?;
        let tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
        Self::lock(state, caller, tx, id).await
    }

    /// Locks also its run, for a change that may be of both.
    ///
    /// # Errors
    /// As [`Change::begin`].
    pub async fn begin_with_run(state: &State, caller: &'a Caller, id: &str) -> Result<Self, Status> {
        let id: CampaignId = status::id("id", id)?;
        let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
        run_content::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
        Self::lock(state, caller, tx, id).await
    }

    async fn lock(state: &State, caller: &'a Caller, mut tx: Tx, id: CampaignId) -> Result<Self, Status> {
        let before = campaign::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
        let before = before.ok_or_else(|| status::not_found("campaign"))?;
        let workspace = workspace::get(&mut tx, caller.workspace).await.map_err(status::store)?;
        let workspace = workspace.ok_or_else(|| status::not_found("workspace"))?;
        Ok(Self { tx, workspace, campaign: before.clone(), now: state.clock.now(), caller, before, verb: "" })
    }

    /// Moves the campaign along its life.
    ///
    /// # Errors
    /// FAILED_PRECONDITION, with its status, when the lifecycle has no such move.
    pub fn step(&mut self, action: Action) -> Result<(), Status> {
        // What has begun can't be a draft again.
        if action == Action::Edit && self.before.run_id.is_some() {
            return Err(illegal(&IllegalMove { status: self.before.status, action }));
        }
        self.campaign.status =
            lifecycle::next(self.before.status, action, self.workspace.approval_required).map_err(|error| illegal(&error))?;
        self.verb = action.as_str();
        Ok(())
    }

    /// Answers with the campaign as it is; nothing is written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unchanged(mut self) -> Result<Changed, Status> {
        let view = view::one(&mut self.tx, &self.before).await?;
        Ok((self.before, view))
    }

    /// Writes its state, and with an edit its settings too; of those of one that has begun only what may still be edited.
    ///
    /// # Errors
    /// ABORTED when the scheduler moved it meanwhile; nothing is written then.
    pub async fn commit(mut self) -> Result<Changed, Status> {
        self.campaign.updated_at = self.now;
        let (tx, from, campaign) = (&mut self.tx, self.before.status, &self.campaign);
        let written = if self.before.settings == campaign.settings && self.before.revision == campaign.revision {
            campaign::save_state(tx, from, campaign).await
        } else if campaign.run_id.is_some() {
            campaign::save_running(tx, from, campaign).await
        } else {
            campaign::save_settings(tx, from, campaign).await
        };
        if !written.map_err(status::store)? {
            return Err(status::conflict("CAMPAIGN_CHANGED", "the campaign was changed meanwhile: read it again"));
        }
        let change = audit::Change {
            workspace: campaign.workspace_id,
            caller: self.caller,
            action: &format!("campaign.{}", self.verb),
            id: campaign.campaign_id.0,
            before: Some(&self.before),
            after: Some(campaign),
            at: self.now,
        };
        change.record(&mut self.tx).await?;
        let view = view::one(&mut self.tx, &self.campaign).await?;
        commit(self.tx).await?;
        Ok((self.campaign, view))
    }
}

/// What a move that the lifecycle hasn't got means to the caller.
pub fn illegal(error: &IllegalMove) -> Status {
    let facts = [("status", error.status.as_str()), ("action", error.action.as_str())];
    status::precondition_with("ILLEGAL_MOVE", error.to_string(), facts)
}
