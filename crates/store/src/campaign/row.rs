//! From a row to a campaign.

use super::Campaign;
use crate::{Error, Result};
use domain::{
    Channel,
    campaign::{ChannelSettings, EngagementRule, ScheduleText, Settings, Status, UnknownFreeze, UnknownLane, UnknownStatus},
    tracking::CampaignTracking,
};
use serde::Deserialize;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

pub struct Row {
    pub campaign_id: Uuid,
    pub workspace_id: Uuid,
    pub name: String,
    pub description: String,
    pub status: String,
    pub paused_from: Option<String>,
    pub status_reason: String,
    pub template_id: Option<Uuid>,
    pub template_version: Option<i32>,
    pub schedule_local_time: Option<String>,
    pub schedule_timezone: Option<String>,
    pub due_at: Option<OffsetDateTime>,
    pub expires_after_hours: i32,
    pub revision: i32,
    pub approved_by: String,
    pub approved_at: Option<OffsetDateTime>,
    pub created_by: String,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    pub started_at: Option<OffsetDateTime>,
    pub completed_at: Option<OffsetDateTime>,
    pub traceparent: String,
    pub run_id: Option<Uuid>,
    pub budget_micros: Option<i64>,
    pub lane: String,
    pub tracking: Json<CampaignTracking>,
    pub topic_id: Option<Uuid>,
    pub confirm_list_id: Option<Uuid>,
    pub channels: Vec<Json<ChannelRow>>,
    pub rules: Vec<Json<EngagementRule>>,
    pub list_ids: Vec<Uuid>,
    pub exclude_list_ids: Vec<Uuid>,
    pub audience_freeze: String,
    pub segment_ids: Vec<Uuid>,
    pub exclude_segment_ids: Vec<Uuid>,
}

/// A row of core.campaign_channel, whose columns are named as the settings are.
#[derive(Debug, Deserialize)]
pub struct ChannelRow {
    channel: Channel,
    #[serde(flatten)]
    settings: ChannelSettings,
}

impl TryFrom<Row> for Campaign {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self> {
        let schedule = row.schedule_local_time.zip(row.schedule_timezone);
        let lane = row.lane.parse().map_err(|error: UnknownLane| Error::Corrupt { what: "campaign lane", reason: error.to_string() })?;
        let freeze = row
            .audience_freeze
            .parse()
            .map_err(|error: UnknownFreeze| Error::Corrupt { what: "freeze point", reason: error.to_string() })?;
        let settings = Settings {
            name: row.name,
            description: row.description,
            template_id: row.template_id.map(Into::into),
            channels: row.channels.into_iter().map(|Json(row)| (row.channel, row.settings)).collect(),
            list_ids: row.list_ids.into_iter().map(Into::into).collect(),
            exclude_list_ids: row.exclude_list_ids.into_iter().map(Into::into).collect(),
            segment_ids: row.segment_ids.into_iter().map(Into::into).collect(),
            exclude_segment_ids: row.exclude_segment_ids.into_iter().map(Into::into).collect(),
            freeze,
            schedule: schedule.map(|(local_time, timezone)| ScheduleText { local_time, timezone }),
            expires_after_hours: row.expires_after_hours.unsigned_abs(),
            budget_micros: row.budget_micros,
            lane,
            rules: row.rules.into_iter().map(|Json(rule)| rule).collect(),
            tracking: row.tracking.0,
            topic_id: row.topic_id.map(Into::into),
            confirm_list_id: row.confirm_list_id.map(Into::into),
        };
        Ok(Self {
            campaign_id: row.campaign_id.into(),
            workspace_id: row.workspace_id.into(),
            settings,
            status: status(&row.status)?,
            paused_from: row.paused_from.as_deref().map(status).transpose()?,
            status_reason: row.status_reason,
            template_version: row.template_version,
            due_at: row.due_at,
            revision: row.revision,
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
            started_at: row.started_at,
            completed_at: row.completed_at,
            traceparent: row.traceparent,
            run_id: row.run_id.map(Into::into),
        })
    }
}

fn status(text: &str) -> Result<Status> {
    text.parse().map_err(|error: UnknownStatus| Error::Corrupt { what: "campaign status", reason: error.to_string() })
}
