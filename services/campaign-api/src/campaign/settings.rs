//! The settings in a request: read, and checked against what the workspace has.

use super::{guards, selection, tracking};
use domain::{
    CampaignId, WorkspaceId,
    campaign::{Gap, ScheduleText, Settings, Status as CampaignStatus, gaps},
};
use runtime::status::{self, Violations};
use std::str::FromStr;
use store::{
    PgConnection,
    campaign::{self, Campaign},
};
use time::OffsetDateTime;
use tonic::Status;
use uuid::Uuid;

pub const MAX_NAME: usize = 200;
const MAX_DESCRIPTION: usize = 10_000;
const DEFAULT_EXPIRY_HOURS: u32 = 72;
const MAX_EXPIRY_HOURS: u32 = 366 * 24;

/// Reads settings. A draft may be unfinished, but it may not refer to what isn't there.
///
/// # Errors
/// INVALID_ARGUMENT with everything that is wrong.
pub async fn read(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    settings: Option<proto::campaign::Settings>,
) -> Result<Settings, Status> {
    let settings = settings.ok_or_else(|| status::invalid("settings", "must be given"))?;
    let (mut settings, mut wrong) = parse(settings);
    let facts = campaign::facts(connection, workspace, &[&settings]).await.map_err(status::store)?;
    for gap in gaps(&settings, &facts).into_iter().filter(|gap| gap.wrong) {
        // What can't be read doesn't exist either: that is said once.
        if !wrong.iter().any(|known| known.field == gap.field) {
            wrong.push(gap);
        }
    }
    check(wrong)?;
    selection::tidy(&mut settings);
    Ok(settings)
}

fn check(wrong: Vec<Gap>) -> Result<(), Status> {
    let mut violations = Violations::new();
    for gap in wrong {
        violations.add(gap.field, gap.problem);
    }
    violations.check()
}

/// A new draft.
pub fn draft(workspace: WorkspaceId, settings: Settings, created_by: String, now: OffsetDateTime) -> Campaign {
    Campaign {
        campaign_id: CampaignId::new(),
        workspace_id: workspace,
        settings,
        status: CampaignStatus::Draft,
        paused_from: None,
        status_reason: String::new(),
        template_version: None,
        due_at: None,
        revision: 1,
        approved_by: String::new(),
        approved_at: None,
        created_by,
        created_at: now,
        updated_at: now,
        started_at: None,
        completed_at: None,
        traceparent: String::new(),
        run_id: None,
    }
}

/// What can't be read.
#[derive(Default)]
pub struct Wrong(Vec<Gap>);

impl Wrong {
    pub fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Gap { field: field.into(), problem: problem.into(), wrong: true });
    }

    /// An id; one that can't be read is noted, and stands for something that isn't there.
    pub fn id<Id: FromStr + From<Uuid>>(&mut self, field: &str, text: &str) -> Id {
        text.parse().unwrap_or_else(|_| {
            self.add(field, "must be an id");
            Uuid::nil().into()
        })
    }

    /// Up to so many ids.
    pub fn ids<Id: FromStr + From<Uuid>>(&mut self, field: &str, texts: &[String], (most, noun): (usize, &str)) -> Vec<Id> {
        if texts.len() > most {
            self.add(field, format!("must be at most {most} {noun}"));
        }
        texts.iter().take(most).enumerate().map(|(index, text)| self.id(&format!("{field}[{index}]"), text)).collect()
    }

    /// Notes those of a field that aren't there. What can't be read was noted before.
    pub fn strangers<Id>(&mut self, field: &str, ids: &[Id], is_there: impl Fn(&Id) -> bool, problem: &str) {
        for (index, _) in ids.iter().enumerate().filter(|(_, id)| !is_there(id)) {
            let field = format!("{field}[{index}]");
            if !self.0.iter().any(|known| known.field == field) {
                self.add(field, problem);
            }
        }
    }

    /// # Errors
    /// INVALID_ARGUMENT with all that was noted.
    pub fn check(self) -> Result<(), Status> {
        check(self.0)
    }
}

fn parse(settings: proto::campaign::Settings) -> (Settings, Vec<Gap>) {
    let mut wrong = Wrong::default();
    let name = settings.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME {
        wrong.add("settings.name", format!("must have 1 to {MAX_NAME} characters"));
    }
    if settings.description.chars().count() > MAX_DESCRIPTION {
        wrong.add("settings.description", format!("must be at most {MAX_DESCRIPTION} characters"));
    }
    if settings.expires_after_hours > MAX_EXPIRY_HOURS {
        wrong.add("settings.expires_after_hours", format!("must be at most {MAX_EXPIRY_HOURS}"));
    }
    let expires_after_hours = if settings.expires_after_hours == 0 { DEFAULT_EXPIRY_HOURS } else { settings.expires_after_hours };
    let audience = selection::of_settings(&settings, &mut wrong);
    let freeze = selection::freeze(settings.freeze, &mut wrong);
    let template_id = (!settings.template_id.is_empty()).then(|| wrong.id("settings.template_id", &settings.template_id));
    let channels = guards::channels(&settings.channels, &mut wrong);
    let budget_micros = guards::budget(settings.budget_micros);
    let lane = guards::lane(settings.lane, &mut wrong);
    let rules = guards::rules(&settings.rules, &mut wrong);
    let tracking = tracking::read(settings.tracking, &mut wrong);
    let topic_id = (!settings.topic_id.is_empty()).then(|| wrong.id("settings.topic_id", &settings.topic_id));
    let confirm_list_id = (!settings.confirm_list_id.is_empty()).then(|| wrong.id("settings.confirm_list_id", &settings.confirm_list_id));
    let schedule = settings.schedule.map(|schedule| ScheduleText { local_time: schedule.local_time, timezone: schedule.timezone });
    let settings = Settings {
        name,
        description: settings.description,
        template_id,
        channels,
        list_ids: audience.lists,
        exclude_list_ids: audience.exclude_lists,
        segment_ids: audience.segments,
        exclude_segment_ids: audience.exclude_segments,
        freeze,
        schedule,
        expires_after_hours: expires_after_hours.min(MAX_EXPIRY_HOURS),
        budget_micros,
        lane,
        rules,
        tracking,
        topic_id,
        confirm_list_id,
    };
    (settings, wrong.0)
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
