//! One page of an audience through everything that decides about a message before it leaves.

use super::{PAGE, Plan, tally::Tally};
use crate::state::State;
use domain::{
    Channel, ContactId,
    content::Rendered,
    delivery::reason,
    gate::{Decision, decide},
    render::{Person, RenderError, email},
};
use runtime::status;
use std::{collections::BTreeMap, sync::Arc};
use store::{
    dry_run::{self, Candidate, Page},
    gate::{self, Subject},
};
use tonic::Status;
use uuid::Uuid;

/// What the gate says of one candidate.
struct Judged {
    candidate: Candidate,
    decision: Decision,
}

/// Judges the contacts after `after`. Answers with the counts so far, and where the next page begins.
pub async fn page(state: &State, plan: &Arc<Plan>, mut tally: Tally, after: Option<Uuid>) -> Result<(Tally, Option<Uuid>), Status> {
    let mut tx = state.db.tenant(plan.campaign.workspace_id).await.map_err(status::store)?;
    let channels: Vec<_> = plan.policies.keys().copied().collect();
    let found = dry_run::page(&mut tx, &plan.audience, &channels, after, PAGE).await.map_err(status::store)?;
    let Page { contacts, candidates, next } = found;
    tally.judged += contacts.len() as u64;
    let mut judged = Vec::with_capacity(candidates.len());
    let now = state.clock.now();
    for (channel, policy) in &plan.policies {
        let (unreachable, reachable): (Vec<_>, Vec<_>) =
            candidates.iter().filter(|candidate| candidate.channel == *channel).cloned().partition(|one| one.unreachable.is_some());
        for candidate in unreachable {
            tally.suppress(*channel, candidate.unreachable.as_deref().unwrap_or_default());
        }
        let subjects: Vec<_> = reachable.iter().map(subject).collect();
        let known = gate::judge(&mut tx, plan.campaign.campaign_id, policy, &subjects, now).await.map_err(status::store)?;
        judged
            .extend(reachable.into_iter().zip(known).map(|(candidate, known)| Judged { candidate, decision: decide(policy, &known, now) }));
    }
    drop(tx);
    let plan = plan.clone();
    // Rendering a page takes a good part of a second.
    let tally = tokio::task::spawn_blocking(move || {
        for judged in judged {
            count(&plan, &mut tally, judged, &contacts);
        }
        tally
    });
    Ok((tally.await.map_err(|error| status::internal(&error))?, next))
}

fn subject(candidate: &Candidate) -> Subject<'_> {
    Subject { contact_id: candidate.contact_id, address_key: &candidate.address_key, tried: None, doubtful: false }
}

fn count(plan: &Plan, tally: &mut Tally, judged: Judged, contacts: &BTreeMap<ContactId, Person>) {
    let Judged { candidate: Candidate { contact_id, channel, .. }, decision } = judged;
    let later = match decision {
        Decision::Suppress { reason, .. } => return tally.suppress(channel, reason),
        Decision::Pass | Decision::AlreadySent => None,
        Decision::Defer { reason, .. } => Some(reason),
    };
    let rendered = contacts.get(&contact_id).map(|person| render(plan, channel, person));
    match rendered {
        Some(Ok(content)) => tally.send(channel, later, contact_id, content),
        Some(Err(error)) => tally.suppress(channel, reason::of_unrendered(&error)),
        None => tally.suppress(channel, reason::CONTACT_DELETED),
    }
}

/// As the dispatcher does it, links made our own included; shown is what it was before that.
fn render(plan: &Plan, channel: Channel, person: &Person) -> Result<Rendered, RenderError> {
    let content = plan.renderer.render(channel, person, &plan.occasion)?;
    if let Rendered::Email(variant) = &content {
        email::track(&variant.html, &plan.occasion.unsubscribe_url, &str::to_owned, "")?;
    }
    Ok(content)
}
