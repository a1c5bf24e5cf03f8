//! PreviewAudience: of a campaign, or of lists and segments that no campaign has yet.

use super::{selection, settings::Wrong};
use crate::{segment::filter::room, state::State};
use domain::{
    CampaignId, Channel, SenderId,
    campaign::{ChannelSettings, Lane, Settings},
    role::Role,
};
use proto::{
    campaign::{Audience as Wire, ChannelAudience, PreviewAudienceRequest, PreviewAudienceResponse},
    convert::{channel as read_channel, channel_number},
};
use runtime::{
    Caller, auth,
    status::{self, Violations},
};
use store::{
    PgConnection,
    audience::{self, Audience, Choice, Terms},
    campaign, workspace,
};
use tonic::{Request, Status};

/// What is previewed.
struct Plan {
    audience: Audience,
    channels: Vec<Channel>,
    transactional: bool,
    /// By whose devices a notification may go; empty: by anybody's.
    apps: Vec<SenderId>,
    /// Accounts that a post goes to.
    accounts: u64,
    max_recipients: u64,
}

pub async fn run(state: &State, request: Request<PreviewAudienceRequest>) -> Result<PreviewAudienceResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let plan = plan(state, &caller, &request).await?;
    let _room = room(state).await?;
    let mut tx = state.db.tenant(plan.audience.workspace).await.map_err(status::store)?;
    let terms = Terms { channels: &plan.channels, transactional: plan.transactional, apps: &plan.apps, accounts: plan.accounts };
    let found = audience::preview(&mut tx, &plan.audience, terms).await.map_err(status::store)?;
    let channels = found.channels.into_iter().map(|(channel, reach)| ChannelAudience {
        channel: channel_number(channel),
        target: reach.target,
        reachable: reach.reachable,
        unreachable: reach.unreachable.into_iter().collect(),
    });
    Ok(PreviewAudienceResponse { channels: channels.collect(), contacts: found.contacts, max_recipients: plan.max_recipients })
}

async fn plan(state: &State, caller: &Caller, request: &PreviewAudienceRequest) -> Result<Plan, Status> {
    let (id, now) = (caller.workspace, state.clock.now());
    let mut tx = state.db.tenant(id).await.map_err(status::store)?;
    let workspace = workspace::get(&mut tx, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("workspace"))?;
    let max_recipients = u64::from(workspace.max_recipients.unsigned_abs());
    let chosen = match &request.audience {
        Some(wire) => {
            let choice = choice(&mut tx, caller, wire).await?;
            Some(audience::of_choice(&mut tx, id, choice, now).await.map_err(status::store)?)
        }
        None => None,
    };
    if request.id.is_empty() {
        let audience = chosen.ok_or_else(|| status::invalid("audience", "must be given, or the id of a campaign"))?;
        let channels = channels(&request.channels)?;
        return Ok(Plan { audience, channels, transactional: false, apps: Vec::new(), accounts: 0, max_recipients });
    }
    if !request.channels.is_empty() {
        return Err(status::invalid("channels", "must be left out when a campaign is named: it has its own"));
    }
    let campaign: CampaignId = status::id("id", &request.id)?;
    let campaign = campaign::get(&mut tx, id, campaign).await.map_err(status::store)?.ok_or_else(|| status::not_found("campaign"))?;
    let own = audience::of_campaign(&mut tx, id, campaign.campaign_id, now).await.map_err(status::store)?;
    let audience = match chosen {
        Some(chosen) => Audience { topic: own.topic, ..chosen },
        None => own,
    };
    let channels = campaign.settings.channels.keys().copied().collect();
    let parts = |channel: Channel| campaign.settings.channels.get(&channel).into_iter().flat_map(ChannelSettings::parts);
    let (apps, accounts) = (parts(Channel::Push).collect(), parts(Channel::Social).count() as u64);
    let transactional = campaign.settings.lane == Lane::Transactional;
    Ok(Plan { audience, channels, transactional, apps, accounts, max_recipients })
}

fn channels(numbers: &[i32]) -> Result<Vec<Channel>, Status> {
    if numbers.is_empty() {
        return Ok(Channel::BY_ADDRESS.to_vec());
    }
    let mut violations = Violations::new();
    let mut channels = Vec::new();
    for (index, number) in numbers.iter().enumerate().take(Channel::ALL.len() + 1) {
        match read_channel(*number) {
            Some(channel) if !channels.contains(&channel) => channels.push(channel),
            Some(_) => drop(violations.add(format!("channels[{index}]"), "is there twice")),
            None => drop(violations.add(format!("channels[{index}]"), "is no channel")),
        }
    }
    violations.check()?;
    Ok(channels)
}

/// Reads an audience; what it refers to must be there.
async fn choice(connection: &mut PgConnection, caller: &Caller, wire: &Wire) -> Result<Choice, Status> {
    let mut wrong = Wrong::default();
    let choice = selection::of_audience(wire, &mut wrong);
    let named = Settings {
        list_ids: choice.lists.clone(),
        exclude_list_ids: choice.exclude_lists.clone(),
        segment_ids: choice.segments.clone(),
        exclude_segment_ids: choice.exclude_segments.clone(),
        ..Settings::default()
    };
    let facts = campaign::facts(connection, caller.workspace, &[&named]).await.map_err(status::store)?;
    let (no_list, no_segment) = ("is no list of this workspace", "is no segment of this workspace");
    wrong.strangers("audience.list_ids", &choice.lists, |id| facts.lists.contains_key(id), no_list);
    wrong.strangers("audience.exclude_list_ids", &choice.exclude_lists, |id| facts.lists.contains_key(id), no_list);
    wrong.strangers("audience.segment_ids", &choice.segments, |id| facts.segments.contains_key(id), no_segment);
    wrong.strangers("audience.exclude_segment_ids", &choice.exclude_segments, |id| facts.segments.contains_key(id), no_segment);
    wrong.check()?;
    Ok(choice)
}
