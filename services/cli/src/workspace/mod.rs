//! `fanfare workspace`: the settings of the caller's own workspace.

mod tracking;

use crate::{campaign::guards, output::number, session::Session};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use domain::Channel;
use proto::{
    convert::{channel, channel_number},
    workspace::{FrequencyCap, GetWorkspaceRequest, QuietHours, UpdateWorkspaceRequest, Workspace},
};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show its settings
    Show,
    /// Change settings; those left out stay
    Update(UpdateArgs),
    /// How it is known who followed a message's links: show it, or change what is given
    Tracking(tracking::TrackingArgs),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct UpdateArgs {
    #[arg(long)]
    name: Option<String>,
    /// The most contacts that one run may have
    #[arg(long)]
    max_recipients: Option<u32>,
    /// Whether a campaign needs an admin's approval
    #[arg(long, value_name = "BOOL")]
    approval_required: Option<bool>,
    /// Whether an admin may approve what they have submitted themselves
    #[arg(long, value_name = "BOOL")]
    self_approval: Option<bool>,
    /// A word that opts out, beside STOP and its like; repeat for more. Replaces the list
    #[arg(long = "opt-out-keyword", value_name = "WORD")]
    opt_out_keywords: Option<Vec<String>>,
    /// A word that opts in again, beside START; repeat for more. Replaces the list
    #[arg(long = "opt-in-keyword", value_name = "WORD")]
    opt_in_keywords: Option<Vec<String>>,
    /// A word that asks who this is, beside HELP; repeat for more. Replaces the list
    #[arg(long = "help-keyword", value_name = "WORD")]
    help_keywords: Option<Vec<String>>,
    /// What HELP is to be answered with
    #[arg(long, value_name = "TEXT")]
    help_text: Option<String>,
    /// How many hard bounces put an e-mail address into the opt-out register
    #[arg(long, value_name = "N")]
    bounces_before_opt_out: Option<u32>,
    /// IANA zone for contacts whose own isn't known, such as Asia/Dubai
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Hours of the contact's own day in which marketing waits, such as 21:00-08:00; "none" for none
    #[arg(long, value_name = "START-END", value_parser = quiet_hours)]
    quiet_hours: Option<QuietHours>,
    /// The most messages that a contact gets, such as sms=2/24h or all=5/7d; repeat for more. Replaces the caps
    #[arg(long = "cap", value_name = "CHANNEL=N/SPAN", value_parser = cap)]
    caps: Option<Vec<FrequencyCap>>,
    /// Take all frequency caps away
    #[arg(long, conflicts_with = "caps")]
    no_caps: bool,
}

fn quiet_hours(text: &str) -> Result<QuietHours, String> {
    if text == "none" {
        return Ok(QuietHours::default());
    }
    let (start, end) = text.split_once('-').ok_or("write it like 21:00-08:00, or none")?;
    Ok(QuietHours { start: start.trim().to_owned(), end: end.trim().to_owned() })
}

fn cap(text: &str) -> Result<FrequencyCap, String> {
    let parts = text.split_once('=').and_then(|(channel, rest)| Some((channel, rest.split_once('/')?)));
    let (on, (messages, span)) = parts.ok_or("write it like sms=2/24h or all=5/7d")?;
    let channel = match on {
        "all" => 0,
        channel => channel_number(channel.parse().map_err(|error| format!("{error}, or all"))?),
    };
    let max_messages = messages.parse().map_err(|_| format!("{messages:?} is no number of messages"))?;
    Ok(FrequencyCap { channel, max_messages, window_hours: guards::hours(span)? })
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    let workspace = match verb {
        Verb::Show => session.workspaces().get_workspace(GetWorkspaceRequest {}).await?.into_inner().workspace,
        Verb::Tracking(args) => return tracking::run(args, session).await,
        Verb::Update(args) => session.workspaces().update_workspace(request(args)).await?.into_inner().workspace,
    };
    session.output.message(&workspace.context("the hub's answer has no workspace")?, describe)
}

fn request(args: UpdateArgs) -> UpdateWorkspaceRequest {
    UpdateWorkspaceRequest {
        name: args.name,
        max_recipients: args.max_recipients,
        approval_required: args.approval_required,
        self_approval: args.self_approval,
        replace_opt_out_keywords: args.opt_out_keywords.is_some(),
        opt_out_keywords: args.opt_out_keywords.unwrap_or_default(),
        timezone: args.timezone,
        quiet_hours: args.quiet_hours,
        replace_frequency_caps: args.caps.is_some() || args.no_caps,
        frequency_caps: args.caps.unwrap_or_default(),
        tracking: None,
        help_text: args.help_text,
        replace_opt_in_keywords: args.opt_in_keywords.is_some(),
        opt_in_keywords: args.opt_in_keywords.unwrap_or_default(),
        replace_help_keywords: args.help_keywords.is_some(),
        help_keywords: args.help_keywords.unwrap_or_default(),
        bounces_before_opt_out: args.bounces_before_opt_out,
    }
}

fn describe(workspace: &Workspace) -> String {
    format!(
        "{}  {}\n  phones without a country code  +{} (stripped: {})\n  most recipients of a run       {}\n  \
         approval by an admin           {}\n  of one's own submissions       {}\n  own opt-out words              {}\n  time zone                      {}\n  \
         quiet hours                    {}\n  most messages to a contact     {}\n  own opt-in words               {}\n  \
         own words for help             {}\n  answer to HELP                 {}\n  hard bounces until opted out   {}",
        workspace.id,
        workspace.name,
        workspace.default_country_code,
        workspace.phone_strip_prefixes.join(", "),
        number::count(workspace.max_recipients.into()),
        if workspace.approval_required { "required" } else { "not required" },
        if workspace.self_approval { "allowed" } else { "not allowed: another admin's" },
        keywords(&workspace.opt_out_keywords),
        workspace.timezone,
        workspace.quiet_hours.as_ref().map_or_else(|| "none".to_owned(), |quiet| format!("{}-{}", quiet.start, quiet.end)),
        caps(&workspace.frequency_caps),
        keywords(&workspace.opt_in_keywords),
        keywords(&workspace.help_keywords),
        if workspace.help_text.is_empty() { "none" } else { &workspace.help_text },
        workspace.bounces_before_opt_out,
    )
}

fn keywords(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn caps(caps: &[FrequencyCap]) -> String {
    if caps.is_empty() {
        return "no cap".to_owned();
    }
    let cap = |cap: &FrequencyCap| {
        format!(
            "{} {} in {} h",
            number::count(cap.max_messages.into()),
            channel(cap.channel).map_or("in all", Channel::as_str),
            cap.window_hours
        )
    };
    caps.iter().map(cap).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_and_quiet_hours_are_short_words() {
        let sms = cap("sms=2/24h").unwrap();
        assert_eq!((sms.channel, sms.max_messages, sms.window_hours), (channel_number(Channel::Sms), 2, 24));
        assert_eq!(caps(&[sms, cap("all=5/7d").unwrap()]), "2 sms in 24 h, 5 in all in 168 h");
        for text in ["sms=2", "2/24h", "fax=2/24h", "sms=x/24h", "sms=2/24"] {
            assert!(cap(text).is_err(), "{text}");
        }
        assert_eq!(quiet_hours("21:00-08:00").unwrap(), QuietHours { start: "21:00".into(), end: "08:00".into() });
        assert_eq!(quiet_hours("none").unwrap(), QuietHours::default());
        assert!(quiet_hours("at night").is_err());
    }
}
