//! `fanfare workspace tracking`: how it is known who followed the workspace's links.

use crate::{
    campaign::{
        guards,
        tracking::{Parameter, describe_utm, parameter, set},
    },
    session::Session,
};
use anyhow::{Context, Result};
use clap::Args;
use proto::workspace::{GetWorkspaceRequest, Tracking, UpdateWorkspaceRequest};

/// What is left out stays. Without any option, shows the settings.
#[derive(Debug, Default, Args)]
pub struct TrackingArgs {
    /// Host name of your own that points to the hub and that links lead through, such as links.example.com; "none" for the hub's own
    #[arg(long, value_name = "HOST")]
    domain: Option<String>,
    /// Whether e-mails carry a pixel
    #[arg(long, value_name = "BOOL")]
    opens: Option<bool>,
    /// Whether links are led through the hub
    #[arg(long, value_name = "BOOL")]
    clicks: Option<bool>,
    /// A parameter that links get, such as source=fanfare or medium={channel}; repeat for more
    #[arg(long = "utm", value_name = "NAME=VALUE", value_parser = parameter)]
    utm: Vec<(Parameter, String)>,
    /// Take all such parameters away
    #[arg(long, conflicts_with = "utm")]
    no_utm: bool,
    /// Host whose links get parameters, with what is below it; repeat for more. Replaces the list
    #[arg(long = "link-host", value_name = "HOST")]
    link_hosts: Option<Vec<String>>,
    /// Links to any host get parameters
    #[arg(long, conflicts_with = "link_hosts")]
    any_link_host: bool,
    /// Query parameter by which your site learns which click brought a visitor; "none" for none
    #[arg(long, value_name = "NAME")]
    conversion_parameter: Option<String>,
    /// How far back from a conversion the message that caused it is looked for, such as 7d
    #[arg(long, value_name = "SPAN", value_parser = guards::hours)]
    attribution: Option<u32>,
}

/// # Errors
/// When the hub refuses.
pub async fn run(args: TrackingArgs, session: &Session) -> Result<()> {
    let no_workspace = "the hub's answer has no workspace";
    let workspace = session.workspaces().get_workspace(GetWorkspaceRequest {}).await?.into_inner().workspace.context(no_workspace)?;
    let before = workspace.tracking.unwrap_or_default();
    let after = args.changed(before.clone());
    if after == before {
        return session.output.message(&after, describe);
    }
    let request = UpdateWorkspaceRequest { tracking: Some(after), ..UpdateWorkspaceRequest::default() };
    let workspace = session.workspaces().update_workspace(request).await?.into_inner().workspace.context(no_workspace)?;
    session.output.message(&workspace.tracking.unwrap_or_default(), describe)
}

impl TrackingArgs {
    fn changed(self, before: Tracking) -> Tracking {
        let given = |text: Option<String>, before: String| match text.as_deref() {
            None => before,
            Some("none") => String::new(),
            Some(text) => text.to_owned(),
        };
        let mut utm = if self.no_utm { None } else { before.utm };
        set(&mut utm, self.utm);
        Tracking {
            base_url: given(self.domain, before.base_url),
            without_opens: self.opens.map_or(before.without_opens, |on| !on),
            without_clicks: self.clicks.map_or(before.without_clicks, |on| !on),
            utm,
            link_hosts: if self.any_link_host { Vec::new() } else { self.link_hosts.unwrap_or(before.link_hosts) },
            conversion_parameter: given(self.conversion_parameter, before.conversion_parameter),
            attribution_hours: self.attribution.unwrap_or(before.attribution_hours),
        }
    }
}

fn describe(tracking: &Tracking) -> String {
    let counted = |off: bool| if off { "not counted" } else { "counted" };
    let or = |text: String, none: &str| if text.is_empty() { none.to_owned() } else { text };
    format!(
        "links lead through   {}\nopens of e-mails     {}\nclicks               {}\nUTM parameters       {}\n  in links to        {}\n\
         conversion parameter {}\nattribution window   {} h",
        or(tracking.base_url.clone(), "the hub"),
        counted(tracking.without_opens),
        counted(tracking.without_clicks),
        or(describe_utm(tracking.utm.as_ref()), "none"),
        or(tracking.link_hosts.join(", "), "any host"),
        or(tracking.conversion_parameter.clone(), "none"),
        tracking.attribution_hours,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_stays() {
        let before = Tracking {
            base_url: "https://links.example.com".to_owned(),
            without_opens: true,
            link_hosts: vec!["example.com".to_owned()],
            attribution_hours: 24,
            ..Tracking::default()
        };
        assert_eq!(TrackingArgs::default().changed(before.clone()), before);
        let args = TrackingArgs {
            domain: Some("none".to_owned()),
            clicks: Some(false),
            utm: vec![parameter("source=f").unwrap()],
            any_link_host: true,
            ..TrackingArgs::default()
        };
        let after = args.changed(before);
        assert_eq!((after.base_url.as_str(), after.without_opens, after.without_clicks), ("", true, true));
        assert!(after.link_hosts.is_empty() && describe(&after).contains("source=f") && describe(&after).ends_with("24 h"));
    }
}
