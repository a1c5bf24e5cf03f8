//! A campaign as callers see it.

use super::{
    alert, approvals,
    guards::{present_channel, present_rule},
    tracking,
};
use crate::convert::timestamp;
use domain::campaign::{Facts, Settings, Status as CampaignStatus, gaps};
use proto::{
    campaign::{AudienceState, Campaign as Wire, CampaignStatus as WireStatus, CampaignType, Schedule, Settings as WireSettings},
    convert::{freeze_number, lane_number},
};
use runtime::status;
use store::{
    PgConnection,
    campaign::{self, AudienceNote, Campaign, Notes},
};
use tonic::Status;

/// One campaign.
///
/// # Errors
/// When the database fails.
pub async fn one(connection: &mut PgConnection, campaign: &Campaign) -> Result<Wire, Status> {
    let facts = campaign::facts(connection, campaign.workspace_id, &[&campaign.settings]).await.map_err(status::store)?;
    let notes = campaign::notes(connection, campaign.workspace_id, &[campaign]).await.map_err(status::store)?;
    Ok(present(campaign, &facts, notes.into_iter().next().unwrap_or_default()))
}

/// Campaigns of one workspace, with as many statements as for one.
///
/// # Errors
/// When the database fails.
pub async fn many(connection: &mut PgConnection, campaigns: &[Campaign]) -> Result<Vec<Wire>, Status> {
    let Some(first) = campaigns.first() else { return Ok(Vec::new()) };
    let settings: Vec<_> = campaigns.iter().map(|campaign| &campaign.settings).collect();
    let facts = campaign::facts(connection, first.workspace_id, &settings).await.map_err(status::store)?;
    let all: Vec<_> = campaigns.iter().collect();
    let notes = campaign::notes(connection, first.workspace_id, &all).await.map_err(status::store)?;
    Ok(campaigns.iter().zip(notes).map(|(campaign, notes)| present(campaign, &facts, notes)).collect())
}

fn present(campaign: &Campaign, facts: &Facts, notes: Notes) -> Wire {
    Wire {
        id: campaign.campaign_id.to_string(),
        r#type: CampaignType::OneTime.into(),
        status: wire_status(campaign.status).into(),
        settings: Some(present_settings(&campaign.settings)),
        ready: gaps(&campaign.settings, facts).iter().all(|gap| gap.is_no_audience() && notes.audience.own_contacts > 0),
        status_reason: campaign.status_reason.clone(),
        run_id: campaign.run_id.map(|id| id.to_string()).unwrap_or_default(),
        approved_by: campaign.approved_by.clone(),
        approved_at: campaign.approved_at.map(timestamp),
        created_at: Some(timestamp(campaign.created_at)),
        started_at: campaign.started_at.map(timestamp),
        completed_at: campaign.completed_at.map(timestamp),
        revision: campaign.revision.unsigned_abs(),
        alerts: notes.alerts.into_iter().map(alert::present).collect(),
        spent_micros: notes.spent_micros,
        audience: Some(present_audience(notes.audience)),
        template_version: campaign.template_version.unwrap_or_default().unsigned_abs(),
        content_version: notes.content_version.unsigned_abs(),
        review: notes.review.as_ref().map(approvals::present),
        proposed: notes.review.and_then(|review| review.proposed).as_ref().map(present_settings),
    }
}

fn present_audience(audience: AudienceNote) -> AudienceState {
    AudienceState {
        own_contacts: audience.own_contacts,
        frozen_at: audience.frozen.map(|(at, _)| timestamp(at)),
        frozen_contacts: audience.frozen.map_or(0, |(_, contacts)| contacts),
    }
}

fn present_settings(settings: &Settings) -> WireSettings {
    let schedule = |schedule: &domain::campaign::ScheduleText| Schedule {
        local_time: schedule.local_time.clone(),
        timezone: schedule.timezone.clone(),
    };
    WireSettings {
        name: settings.name.clone(),
        description: settings.description.clone(),
        template_id: settings.template_id.map(|id| id.to_string()).unwrap_or_default(),
        channels: settings.channels.iter().map(present_channel).collect(),
        list_ids: settings.list_ids.iter().map(ToString::to_string).collect(),
        exclude_list_ids: settings.exclude_list_ids.iter().map(ToString::to_string).collect(),
        segment_ids: settings.segment_ids.iter().map(ToString::to_string).collect(),
        exclude_segment_ids: settings.exclude_segment_ids.iter().map(ToString::to_string).collect(),
        freeze: freeze_number(settings.freeze),
        schedule: settings.schedule.as_ref().map(schedule),
        expires_after_hours: settings.expires_after_hours,
        budget_micros: settings.budget_micros.unwrap_or_default(),
        lane: lane_number(settings.lane),
        rules: settings.rules.iter().map(present_rule).collect(),
        tracking: tracking::present(&settings.tracking),
        topic_id: settings.topic_id.map(|id| id.to_string()).unwrap_or_default(),
        confirm_list_id: settings.confirm_list_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}

/// The state on the wire.
pub fn wire_status(status: CampaignStatus) -> WireStatus {
    match status {
        CampaignStatus::Draft => WireStatus::Draft,
        CampaignStatus::InReview => WireStatus::InReview,
        CampaignStatus::Approved => WireStatus::Approved,
        CampaignStatus::Scheduled => WireStatus::Scheduled,
        CampaignStatus::Active => WireStatus::Active,
        CampaignStatus::Paused => WireStatus::Paused,
        CampaignStatus::Completed => WireStatus::Completed,
        CampaignStatus::Cancelled => WireStatus::Cancelled,
        CampaignStatus::Failed => WireStatus::Failed,
    }
}

/// The status that a filter names; None for all.
///
/// # Errors
/// INVALID_ARGUMENT when this version has no such status.
pub fn status_filter(number: i32) -> Result<Option<CampaignStatus>, Status> {
    let wire = WireStatus::try_from(number).map_err(|_| status::invalid("status", "is not a campaign status"))?;
    Ok(CampaignStatus::ALL.into_iter().find(|status| wire_status(*status) == wire))
}
