//! What a campaign does differently so that it is known who followed its links, on the wire and in the domain.

use super::settings::Wrong;
use crate::workspace::tracking::{present_utm, utm};
use domain::tracking::CampaignTracking;
use proto::campaign::CampaignTracking as Wire;

pub fn read(tracking: Option<Wire>, wrong: &mut Wrong) -> CampaignTracking {
    let Some(tracking) = tracking else { return CampaignTracking::default() };
    let utm = tracking.utm.map(utm).unwrap_or_default();
    for problem in utm.problems() {
        wrong.add(format!("settings.tracking.{}", problem.field), problem.remedy);
    }
    if tracking.without_utm && !utm.is_empty() {
        wrong.add("settings.tracking.utm", "must be left out when there are to be no UTM parameters");
    }
    CampaignTracking { opens: tracking.opens, clicks: tracking.clicks, without_utm: tracking.without_utm, utm }
}

/// As callers see it; left out when nothing is done differently.
pub fn present(tracking: &CampaignTracking) -> Option<Wire> {
    let wire =
        || Wire { opens: tracking.opens, clicks: tracking.clicks, without_utm: tracking.without_utm, utm: present_utm(&tracking.utm) };
    (*tracking != CampaignTracking::default()).then(wire)
}
