//! Explanations on the wire.

use domain::DeliveryId;
use proto::{
    analytics::{ChannelExplanation, ExplainRequest, ExplainResponse, Happening},
    convert,
};
use runtime::status::{self, Violations};
use store::explain::{Part, Story, Who};
use tonic::Status;

/// The longest name of a contact.
const MAX_NAME_CHARS: usize = 320;

/// Who is asked about: exactly one field names the contact.
///
/// # Errors
/// INVALID_ARGUMENT when none does, or several do.
pub(crate) fn who(request: &ExplainRequest) -> Result<Who, Status> {
    let named = [&request.contact_id, &request.external_id, &request.address];
    let mut violations = Violations::new();
    violations.expect(
        named.iter().filter(|name| !name.is_empty()).count() == 1,
        "contact_id",
        "give one of contact_id, external_id, address",
    );
    for (field, name) in ["contact_id", "external_id", "address"].iter().zip(named) {
        violations.expect(name.chars().count() <= MAX_NAME_CHARS, field, "is longer than any of ours");
    }
    violations.check()?;
    if !request.contact_id.is_empty() {
        return Ok(Who::Id(status::id("contact_id", &request.contact_id)?));
    }
    let external = !request.external_id.is_empty();
    Ok(if external { Who::ExternalId(request.external_id.clone()) } else { Who::Address(request.address.clone()) })
}

pub(crate) fn present(story: Story) -> ExplainResponse {
    ExplainResponse {
        contact_id: story.contact_id.to_string(),
        contact_name: story.contact_name,
        campaign_status: story.campaign_status,
        selection: story.selection,
        selected: story.selected,
        channels: story.channels.into_iter().map(channel).collect(),
    }
}

fn channel(part: Part) -> ChannelExplanation {
    let happening = |one: store::explain::Happening| Happening {
        at: Some(convert::timestamp(one.at)),
        what: one.what,
        reason: one.reason,
        rule: one.rule,
        attempt: one.attempt,
    };
    ChannelExplanation {
        channel: convert::channel_number(part.channel),
        delivery_id: part.delivery_id.map(|DeliveryId(id)| id.to_string()).unwrap_or_default(),
        status: part.status.to_owned(),
        reason: part.reason,
        rule: part.rule,
        timeline: part.timeline.into_iter().map(happening).collect(),
        content_version: part.content_version,
    }
}
