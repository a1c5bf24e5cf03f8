//! What a change of a campaign that runs may be.

use crate::{campaign::change::Change, template};
use domain::{
    Channel, TemplateId,
    campaign::{Gap, Settings, approval::settings_changes, gaps},
};
use runtime::status::{self, Violations};
use store::{campaign, run_content::Current};
use time::Duration;
use tonic::Status;

/// What a change would make of a campaign.
pub struct Wanted {
    pub settings: Settings,
    pub template_version: i32,
}

impl Wanted {
    /// Whether it changes anything.
    pub fn changes(&self, before: &Settings, current: &Current) -> bool {
        self.settings != *before || self.content(current).is_some()
    }

    pub fn changes_only_budgets(&self, before: &Settings, current: &Current) -> bool {
        self.settings.without_budgets() == before.without_budgets() && self.content(current).is_none()
    }

    /// The template's version that makes the run's content, when it is another one.
    pub fn content(&self, current: &Current) -> Option<(TemplateId, i32)> {
        let wanted = (self.settings.template_id?, self.template_version);
        (wanted != (current.template_id, current.template_version)).then_some(wanted)
    }

    pub fn changes_budgets(&self, before: &Settings) -> bool {
        let of = |settings: &Settings, channel| settings.channels.get(channel).and_then(|of| of.budget_micros);
        self.settings.budget_micros != before.budget_micros
            || before.channels.keys().any(|channel| of(before, channel) != of(&self.settings, channel))
    }

    pub fn later_by_hours(&self, before: &Settings) -> i32 {
        self.settings.expires_after_hours.cast_signed().saturating_sub(before.expires_after_hours.cast_signed())
    }
}

/// Reads what is asked for; `asked` is the version of the template, 0 for the one that is sent or the newest of another template.
///
/// # Errors
/// INVALID_ARGUMENT with everything that can't be.
pub async fn wanted(change: &mut Change<'_>, settings: Settings, asked: u32, current: &Current) -> Result<Wanted, Status> {
    fixed(&change.campaign.settings, &settings)?;
    budgets(&change.campaign.settings, &settings)?;
    let version = match asked {
        0 if settings.template_id == Some(current.template_id) => Some(current.template_version),
        0 => None,
        version => Some(i32::try_from(version).unwrap_or(i32::MAX)),
    };
    let template_version = content(change, &settings, version, current).await?;
    let wanted = Wanted { settings, template_version };
    expiry(change, &wanted, current)?;
    Ok(wanted)
}

/// Looks once more at what was asked for a while ago.
///
/// # Errors
/// INVALID_ARGUMENT with everything that can't be any more.
pub async fn still_fits(change: &mut Change<'_>, wanted: &Wanted, current: &Current) -> Result<(), Status> {
    content(change, &wanted.settings, Some(wanted.template_version), current).await?;
    expiry(change, wanted, current)
}

/// Whom it is for, over what and when: that is settled.
fn fixed(before: &Settings, after: &Settings) -> Result<(), Status> {
    let mut violations = Violations::new();
    for path in settings_changes(&before.fixed(), &after.fixed()).map_err(|error| status::internal(&error))? {
        violations.add(field(&path), "can't be changed once the campaign has begun: clone it for that");
    }
    violations.check()
}

/// `channels.sms.sender_id` as requests have it: `settings.channels[sms].sender_id`.
fn field(path: &str) -> String {
    let of_channel = path.strip_prefix("channels.").map(|rest| rest.split_once('.').unwrap_or((rest, "")));
    match of_channel {
        Some((channel, "")) => format!("settings.channels[{channel}]"),
        Some((channel, name)) => format!("settings.channels[{channel}].{name}"),
        None => format!("settings.{path}"),
    }
}

/// Spending is counted only where there is a budget: one that came later would not know of what has left before. A total counts every
/// channel too.
fn budgets(before: &Settings, after: &Settings) -> Result<(), Status> {
    let had: Vec<_> = before.budgets().collect();
    let counted = |budget: &Option<Channel>| had.contains(budget) || had.contains(&None);
    let Some(new) = after.budgets().find(|budget| !counted(budget)) else { return Ok(()) };
    let field = new.map_or("settings.budget_micros".to_owned(), |channel| format!("settings.channels[{channel}].budget_micros"));
    let remedy = "it began without this budget, so what it has spent was not counted; only a budget that it has can be changed";
    Err(status::invalid(&field, remedy))
}

/// Whether the campaign is as complete with that version of its template as it was. Answers with the version: the newest for None.
async fn content(change: &mut Change<'_>, settings: &Settings, version: Option<i32>, current: &Current) -> Result<i32, Status> {
    let workspace = change.campaign.workspace_id;
    let facts = campaign::facts_at(&mut change.tx, workspace, settings, version).await.map_err(status::store)?;
    let found = settings.template_id.map(|id| facts.templates.get(&id).map(|template| template.version));
    if let (Some(None), Some(version)) = (found, version) {
        return Err(status::invalid("template_version", format!("this template has no version {version}")));
    }
    let before = campaign::facts_at(&mut change.tx, workspace, &change.campaign.settings, Some(current.template_version)).await;
    let known = gaps(&change.campaign.settings, &before.map_err(status::store)?);
    let mut violations = Violations::new();
    // A list that was archived since is no fault of the change.
    for Gap { field, problem, .. } in gaps(settings, &facts).into_iter().filter(|gap| !known.contains(gap)) {
        violations.add(field, problem);
    }
    violations.check()?;
    let version = found.flatten().unwrap_or(current.template_version);
    if let Some(id) = settings.template_id.filter(|id| (*id, version) != (current.template_id, current.template_version)) {
        template::must_be_usable(&mut change.tx, workspace, (id, version), settings.channels.keys().copied()).await?;
    }
    Ok(version)
}

fn expiry(change: &Change<'_>, wanted: &Wanted, current: &Current) -> Result<(), Status> {
    let hours = wanted.later_by_hours(&change.campaign.settings);
    if hours < 0 && current.expires_at + Duration::hours(hours.into()) <= change.now {
        return Err(status::invalid("settings.expires_after_hours", "it would have expired already: cancel it instead"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_as_in_requests() {
        assert_eq!(field("list_ids"), "settings.list_ids");
        assert_eq!(field("channels.sms"), "settings.channels[sms]");
        assert_eq!(field("channels.sms.sender_id"), "settings.channels[sms].sender_id");
    }
}
