//! How a workspace wants it known who followed its messages' links, on the wire and in the domain.

use domain::tracking::{DEFAULT_ATTRIBUTION_HOURS, Utm, WorkspaceTracking};
use proto::workspace::{Tracking, UtmParameters};
use runtime::status::Violations;

/// The settings in a request, in the form in which they are kept.
pub fn read(settings: Tracking, violations: &mut Violations) -> WorkspaceTracking {
    let entered = WorkspaceTracking {
        base_url: settings.base_url,
        opens: !settings.without_opens,
        clicks: !settings.without_clicks,
        utm: settings.utm.map(utm).unwrap_or_default(),
        link_hosts: settings.link_hosts,
        conversion_parameter: settings.conversion_parameter,
        attribution_hours: if settings.attribution_hours == 0 { DEFAULT_ATTRIBUTION_HOURS } else { settings.attribution_hours },
    };
    let (settings, problems) = entered.checked();
    for problem in problems {
        violations.add(format!("tracking.{}", problem.field), problem.remedy);
    }
    settings
}

/// The settings as callers see them.
pub fn present(settings: &WorkspaceTracking) -> Tracking {
    Tracking {
        base_url: settings.base_url.clone(),
        without_opens: !settings.opens,
        without_clicks: !settings.clicks,
        utm: present_utm(&settings.utm),
        link_hosts: settings.link_hosts.clone(),
        conversion_parameter: settings.conversion_parameter.clone(),
        attribution_hours: settings.attribution_hours,
    }
}

/// Parameters, without blanks around them.
pub fn utm(utm: UtmParameters) -> Utm {
    let trimmed = |text: String| text.trim().to_owned();
    Utm {
        source: trimmed(utm.source),
        medium: trimmed(utm.medium),
        campaign: trimmed(utm.campaign),
        term: trimmed(utm.term),
        content: trimmed(utm.content),
    }
}

/// Parameters as callers see them; left out when there are none.
pub fn present_utm(utm: &Utm) -> Option<UtmParameters> {
    let Utm { source, medium, campaign, term, content } = utm.clone();
    (!utm.is_empty()).then_some(UtmParameters { source, medium, campaign, term, content })
}
