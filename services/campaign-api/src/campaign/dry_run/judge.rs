//! One page of an audience through everything that decides about a message before it leaves.

use super::{PAGE, Plan, tally::Tally};
use crate::state::State;
use domain::{
    Channel, ContactId,
    content::Rendered,
    delivery::reason,
    gate::{Decision, decide},
    render::{Person, RenderError, email, sms::Segments},
    sms::{Unpriced, country},
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
    let found = dry_run::page(&mut tx, &plan.audience, (&channels, &plan.apps), after, PAGE).await.map_err(status::store)?;
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

/// What would be posted, by each account: nobody in particular gets it, so no rule about contacts holds.
pub fn posts(plan: &Plan, tally: &mut Tally) {
    for account in &plan.accounts {
        match plan.renderer.render(Channel::Social, &Person::default(), &plan.occasion) {
            Ok(mut content) => {
                if let (Rendered::Social(post), Some(network)) = (&mut content, account.network) {
                    post.text = post.text_on(network).to_owned();
                }
                tally.send(Channel::Social, None, ContactId(account.sender_id.0), content, Some(account.price_micros));
            }
            Err(error) => tally.suppress(Channel::Social, reason::of_unrendered(&error)),
        }
    }
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
        Some(Ok(content)) => match cost(plan, contacts.get(&contact_id), &content) {
            Ok(cost_micros) => tally.send(channel, later, contact_id, content, cost_micros),
            Err(unpriced) => tally.suppress(channel, unpriced.reason()),
        },
        Some(Err(error)) => tally.suppress(channel, reason::of_unrendered(&error)),
        None => tally.suppress(channel, reason::CONTACT_DELETED),
    }
}

/// What a text costs and whether it is sent at all, as the dispatcher finds it out, but for the length of its short links and for what the
/// provider is asked to put in the place of rare characters. None: the sender's price, whatever it says.
fn cost(plan: &Plan, person: Option<&Person>, content: &Rendered) -> Result<Option<i64>, Unpriced> {
    let (Rendered::Sms(sms), Some(pricing), Some(person)) = (content, &plan.texts, person) else { return Ok(None) };
    let segments = u32::try_from(Segments::of(&sms.text).segments).unwrap_or(u32::MAX);
    pricing.quote(country::of(&person.phone), segments, !sms.media_urls.is_empty()).map(|quote| Some(quote.cost_micros))
}

/// As the dispatcher does it, links made our own included; shown is what it was before that.
fn render(plan: &Plan, channel: Channel, person: &Person) -> Result<Rendered, RenderError> {
    let content = plan.renderer.render(channel, person, &plan.occasion)?;
    if let Rendered::Email(variant) = &content {
        email::track(&variant.html, &plan.occasion.unsubscribe_url, &str::to_owned, "")?;
    }
    Ok(content)
}
