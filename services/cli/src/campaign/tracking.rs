//! How a campaign's tracking is written on the command line, where it differs from the workspace's.

use clap::Args;
use proto::{
    campaign::{CampaignTracking, Settings},
    workspace::UtmParameters,
};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tracking")]
pub struct TrackingArgs {
    /// Whether e-mails carry a pixel, whatever the workspace does
    #[arg(long, value_name = "BOOL")]
    track_opens: Option<bool>,
    /// Whether links are led through the hub, whatever the workspace does
    #[arg(long, value_name = "BOOL")]
    track_clicks: Option<bool>,
    /// A parameter of its links, such as source=newsletter; {channel}, {campaign} and {campaign_id} may stand in it. Repeat for more
    #[arg(long = "utm", value_name = "NAME=VALUE", value_parser = parameter)]
    utm: Vec<(Parameter, String)>,
    /// No such parameters in its links
    #[arg(long, conflicts_with = "utm")]
    no_utm: bool,
}

/// A UTM parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    Source,
    Medium,
    Campaign,
    Term,
    Content,
}

/// `source=newsletter`, `utm_medium={channel}`.
///
/// # Errors
/// When it names no such parameter.
pub fn parameter(text: &str) -> Result<(Parameter, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it like source=newsletter")?;
    let parameter = match name.strip_prefix("utm_").unwrap_or(name) {
        "source" => Parameter::Source,
        "medium" => Parameter::Medium,
        "campaign" => Parameter::Campaign,
        "term" => Parameter::Term,
        "content" => Parameter::Content,
        _ => return Err("use source, medium, campaign, term or content".to_owned()),
    };
    Ok((parameter, value.to_owned()))
}

/// Puts parameters in the place of those of the same name.
pub fn set(utm: &mut Option<UtmParameters>, parameters: Vec<(Parameter, String)>) {
    for (parameter, value) in parameters {
        let utm = utm.get_or_insert_default();
        let place = match parameter {
            Parameter::Source => &mut utm.source,
            Parameter::Medium => &mut utm.medium,
            Parameter::Campaign => &mut utm.campaign,
            Parameter::Term => &mut utm.term,
            Parameter::Content => &mut utm.content,
        };
        *place = value;
    }
}

/// `source=newsletter, medium={channel}`.
pub fn describe_utm(utm: Option<&UtmParameters>) -> String {
    let Some(utm) = utm else { return String::new() };
    let parameters =
        [("source", &utm.source), ("medium", &utm.medium), ("campaign", &utm.campaign), ("term", &utm.term), ("content", &utm.content)];
    let given = parameters.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

impl TrackingArgs {
    /// Changes what was given, and nothing else.
    pub fn change(self, settings: &mut Settings) {
        if self.track_opens.is_none() && self.track_clicks.is_none() && self.utm.is_empty() && !self.no_utm {
            return;
        }
        let tracking = settings.tracking.get_or_insert_default();
        tracking.opens = self.track_opens.or(tracking.opens);
        tracking.clicks = self.track_clicks.or(tracking.clicks);
        if self.no_utm {
            tracking.without_utm = true;
            tracking.utm = None;
        } else if !self.utm.is_empty() {
            tracking.without_utm = false;
            set(&mut tracking.utm, self.utm);
        }
    }
}

/// What a campaign does differently, for people; empty when it is nothing.
pub fn describe(tracking: Option<&CampaignTracking>) -> String {
    let Some(tracking) = tracking else { return String::new() };
    let switch = |what: &str, on: Option<bool>| on.map(|on| format!("{what} {}", if on { "counted" } else { "not counted" }));
    let utm = if tracking.without_utm { "none".to_owned() } else { describe_utm(tracking.utm.as_ref()) };
    let utm = (!utm.is_empty()).then(|| format!("UTM parameters: {utm}"));
    [switch("opens", tracking.opens), switch("clicks", tracking.clicks), utm].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_given_changes() {
        let mut settings = Settings::default();
        TrackingArgs::default().change(&mut settings);
        assert_eq!(settings.tracking, None);
        let utm = vec![parameter("source=a").unwrap(), parameter("utm_medium={channel}").unwrap()];
        TrackingArgs { utm, track_opens: Some(false), ..TrackingArgs::default() }.change(&mut settings);
        TrackingArgs { utm: vec![parameter("source=b=c").unwrap()], ..TrackingArgs::default() }.change(&mut settings);
        assert_eq!(describe(settings.tracking.as_ref()), "opens not counted; UTM parameters: source=b=c, medium={channel}");
        TrackingArgs { no_utm: true, ..TrackingArgs::default() }.change(&mut settings);
        assert_eq!(describe(settings.tracking.as_ref()), "opens not counted; UTM parameters: none");
        for text in ["source", "id=1", "=x"] {
            assert!(parameter(text).is_err(), "{text}");
        }
    }
}
