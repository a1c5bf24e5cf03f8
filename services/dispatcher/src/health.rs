//! What tries say of their sender: whether its provider is up, whether it goes too fast, whether it may send at all.

use crate::{
    Dispatcher, ORIGIN,
    outcome::{Done, Effect, Sign},
};
use domain::{CampaignId, DeliveryId, SenderId, WorkspaceId};
use std::time::Duration;
use store::{
    PgConnection,
    alert::{Raise, kind},
    sender_state,
};
use time::OffsetDateTime;

/// One delivery, for what the sender did to it or it to the sender.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) delivery_id: DeliveryId,
    /// Where it was to go.
    pub(crate) address: &'a str,
    pub(crate) code: &'a str,
    /// The provider's own words.
    pub(crate) detail: &'a str,
}

impl<'a> From<&'a Done> for Case<'a> {
    fn from(done: &'a Done) -> Self {
        Self { delivery_id: done.delivery_id(), address: &done.address, code: done.code(), detail: &done.detail }
    }
}

impl Dispatcher {
    /// Tells the ledger what a sub-batch says of its sender, each thing once. Last in its transaction: it locks what all replicas share.
    pub(crate) async fn judge_sender(
        &self,
        connection: &mut PgConnection,
        sender: SenderId,
        done: &[Done],
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let silent = || done.iter().filter(|done| done.sign == Sign::Silent);
        if done.iter().any(|done| done.sign == Sign::Answered) {
            if sender_state::answered(connection, sender, now).await? {
                tracing::info!(sender.id = %sender, "the provider answers again");
            }
        } else if let Some(first) = silent().next() {
            let count = u32::try_from(silent().count()).unwrap_or(u32::MAX);
            let opened = sender_state::unanswered(connection, sender, first.delivery_id(), count, now).await?;
            if let Some(workspace) = opened {
                self.sender_is_down(connection, workspace, sender, first.into(), now).await?;
            }
        }
        for pause in [Effect::Reconnect, Effect::PauseSender, Effect::PauseTemplate, Effect::Warn] {
            if let Some(first) = done.iter().find(|done| done.effect == Some(pause)) {
                self.apply(connection, sender, first.into(), pause, now).await?;
            }
        }
        self.judge_domains(connection, sender, done, now).await?;
        let slowest = done.iter().filter_map(|done| Some((slow_down(done.effect?)?, done))).max_by_key(|(wait, _)| *wait);
        if let Some((wait, first)) = slowest {
            self.apply(connection, sender, first.into(), Effect::SlowDown(wait), now).await?;
        }
        Ok(())
    }

    /// What one fault does to all of its sender, or to all of its template.
    pub(crate) async fn apply(
        &self,
        connection: &mut PgConnection,
        sender: SenderId,
        case: Case<'_>,
        effect: Effect,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        match effect {
            Effect::SlowDown(wait) => {
                tracing::warn!(sender.id = %sender, code = case.code, "the provider says that the sender goes too fast: it slows down");
                sender_state::slow_down(connection, sender, case.delivery_id, wait, now).await?;
            }
            Effect::PauseSender => self.pause_sender(connection, sender, case, now).await?,
            Effect::PauseTemplate => {
                let paused = sender_state::pause_template(connection, case.delivery_id, case.code, now).await?;
                if let Some((workspace, campaign)) = paused {
                    tracing::error!(campaign.id = %campaign, code = case.code, detail = case.detail, "the template is paused until a person mends it");
                    let alert = about(workspace, kind::TEMPLATE_PAUSED, case.code, case.detail);
                    let campaign_id: Option<CampaignId> = Some(campaign);
                    self.raise(connection, &Raise { campaign_id, channel: Some(self.channel), ..alert }, now).await?;
                }
            }
            Effect::Warn => self.warn(connection, sender, case, now).await?,
            Effect::Reconnect => self.reconnect(connection, sender, case, now).await?,
            Effect::SlowDomain(after) => self.slow_domain(connection, sender, case, after, now).await?,
        }
        Ok(())
    }

    /// Nothing leaves by the sender until a person has mended it.
    pub(crate) async fn pause_sender(
        &self,
        connection: &mut PgConnection,
        sender: SenderId,
        case: Case<'_>,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let Some(workspace) = sender_state::pause(connection, sender, case.code, case.detail, now).await? else { return Ok(()) };
        tracing::error!(sender.id = %sender, code = case.code, detail = case.detail, "the sender is paused until a person mends it");
        let alert = about(workspace, kind::SENDER_PAUSED, case.code, case.detail);
        self.raise(connection, &Raise { sender_id: Some(sender), ..alert }, now).await
    }

    /// Messages are lost that a person could save, and the sender goes on.
    async fn warn(&self, connection: &mut PgConnection, sender: SenderId, case: Case<'_>, now: OffsetDateTime) -> anyhow::Result<()> {
        let Some(of) = store::sender::find(connection, sender).await? else { return Ok(()) };
        tracing::warn!(sender.id = %sender, code = case.code, detail = case.detail, "the provider refuses messages for want of a setting");
        let alert = about(of.workspace_id, kind::SENDER_WARNED, case.code, case.detail);
        self.raise(connection, &Raise { sender_id: Some(sender), channel: Some(self.channel), ..alert }, now).await
    }

    async fn sender_is_down(
        &self,
        connection: &mut PgConnection,
        workspace: WorkspaceId,
        sender: SenderId,
        case: Case<'_>,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        tracing::error!(sender.id = %sender, code = case.code, "the provider doesn't answer: only a probe is sent now and then");
        let detail = "the provider doesn't answer; it is tried again by itself";
        let alert = about(workspace, kind::SENDER_DOWN, case.code, detail);
        self.raise(connection, &Raise { sender_id: Some(sender), ..alert }, now).await
    }

    /// Raises an alert, with its news.
    pub(crate) async fn raise(&self, connection: &mut PgConnection, alert: &Raise<'_>, now: OffsetDateTime) -> anyhow::Result<()> {
        outbox::raise_alert(connection, ORIGIN, alert, &runtime::traceparent::current(), now).await?;
        Ok(())
    }
}

fn about<'a>(workspace_id: WorkspaceId, kind: &'static str, code: &'a str, detail: &'a str) -> Raise<'a> {
    Raise { workspace_id, campaign_id: None, sender_id: None, channel: None, kind, code, detail }
}

const fn slow_down(effect: Effect) -> Option<Duration> {
    match effect {
        Effect::SlowDown(wait) => Some(wait),
        Effect::PauseSender | Effect::PauseTemplate | Effect::Warn | Effect::Reconnect | Effect::SlowDomain(_) => None,
    }
}
