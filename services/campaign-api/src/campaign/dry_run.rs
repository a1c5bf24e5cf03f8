//! DryRunCampaign: what would become of a campaign if it were sent now, decided by the code that decides it then: expansion's reasons,
//! the gate's judge and rules, the dispatcher's renderer. Nothing is written, and no provider is asked.
//!
//! The audience is judged a page at a time in a task of its own, which ends when its caller goes away.

mod judge;
mod tally;

use super::complete;
use crate::state::State;
use domain::{
    CampaignId, Channel, SenderId, WorkspaceId,
    campaign::ChannelSettings,
    content::Network,
    gate::Policy,
    render::{Occasion, Renderer},
    role::Role,
    sms::Pricing,
};
use proto::campaign::{DryRunCampaignRequest, DryRunCampaignResponse};
use runtime::{Caller, auth, status};
use std::{collections::BTreeMap, sync::Arc};
use store::{
    PgConnection,
    audience::{self, Audience},
    campaign::{self, Campaign},
    gate, sender, template, workspace,
};
use tally::Tally;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};
use tracing::Instrument as _;

/// The stream of a dry run's answers.
pub type Answers = ReceiverStream<Result<DryRunCampaignResponse, Status>>;

/// Dry runs at the same time at most, in one process.
pub const AT_ONCE: usize = 4;
/// Contacts judged between two answers.
const PAGE: u32 = 2_000;
/// Answers that wait for a slow caller.
const WAITING: usize = 4;
const DEFAULT_SAMPLES: u32 = 3;
const MAX_SAMPLES: u32 = 20;

pub async fn run(state: &State, request: Request<DryRunCampaignRequest>) -> Result<Answers, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    if request.samples > MAX_SAMPLES {
        return Err(status::invalid("samples", format!("must be at most {MAX_SAMPLES}, or 0 for {DEFAULT_SAMPLES}")));
    }
    let samples = if request.samples == 0 { DEFAULT_SAMPLES } else { request.samples } as usize;
    let plan = plan(state, &caller, &request.id, samples).await?;
    let room = state.dry_runs.clone().try_acquire_owned();
    let room = room.map_err(|_| status::exhausted("TOO_MANY_DRY_RUNS", "other dry runs are under way: try again in a moment"))?;
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(answer(state.clone(), plan, sender, room).in_current_span());
    Ok(ReceiverStream::new(receiver))
}

/// An account that a post goes to.
struct Posting {
    sender_id: SenderId,
    /// Whose text it gets.
    network: Option<Network>,
    price_micros: i64,
}

/// What a dry run judges by, read once.
struct Plan {
    campaign: Campaign,
    contacts: u64,
    /// As of when the dry run began.
    audience: Audience,
    /// Of the channels that people are selected for.
    policies: BTreeMap<Channel, Policy>,
    /// By whose devices a notification may go.
    apps: Vec<SenderId>,
    /// That a post goes to.
    accounts: Vec<Posting>,
    /// Of one message, in millionths.
    prices: BTreeMap<Channel, i64>,
    /// What texts cost by their sender.
    texts: Option<Pricing>,
    /// What earlier messages hold of the budgets; None: all channels together.
    spent: BTreeMap<Option<Channel>, i64>,
    renderer: Renderer,
    occasion: Occasion,
    samples: usize,
}

async fn plan(state: &State, caller: &Caller, id: &str, samples: usize) -> Result<Plan, Status> {
    let id: CampaignId = status::id("id", id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let campaign = campaign::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let campaign = campaign.ok_or_else(|| status::not_found("campaign"))?;
    let workspace = workspace::get(&mut tx, caller.workspace).await.map_err(status::store)?;
    let workspace = workspace.ok_or_else(|| status::not_found("workspace"))?;
    let (newest, contacts) = complete::check(&mut tx, &workspace, &campaign, state.clock.now()).await?;
    let audience = audience::of_campaign(&mut tx, caller.workspace, id, state.clock.now()).await.map_err(status::store)?;
    let renderer = renderer(&mut tx, &campaign, campaign.template_version.unwrap_or(newest)).await?;
    let (mut policies, mut prices) = (BTreeMap::new(), BTreeMap::new());
    let (mut apps, mut accounts) = (Vec::new(), Vec::new());
    for (channel, of) in &campaign.settings.channels {
        let sender = sender::get(&mut tx, caller.workspace, of.sender_id).await.map_err(status::store)?;
        prices.insert(*channel, sender.map_or(0, |sender| sender.price_micros));
        match channel {
            Channel::Social => accounts = prices_of(&mut tx, caller.workspace, of).await?,
            Channel::Push => apps = of.parts().collect(),
            Channel::Email | Channel::Sms | Channel::Whatsapp => {}
        }
        if !of.rescue_only && channel.has_contact() {
            policies.insert(*channel, gate::policy(&mut tx, id, *channel).await.map_err(status::store)?);
        }
    }
    let texts = match campaign.settings.channels.get(&Channel::Sms) {
        Some(of) => sender::price::of_campaign(&mut tx, id).await.map_err(status::store)?.remove(&of.sender_id),
        None => None,
    };
    let spent = campaign::spent_by_channel(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let unsubscribe_url = format!("{}/u/preview", state.public_url);
    let occasion = Occasion { campaign_name: campaign.settings.name.clone(), unsubscribe_url, ..Occasion::default() };
    Ok(Plan { campaign, contacts, audience, policies, apps, accounts, prices, texts, spent, renderer, occasion, samples })
}

/// Each account that a channel posts by, with what a post costs there.
async fn prices_of(connection: &mut PgConnection, workspace: WorkspaceId, of: &ChannelSettings) -> Result<Vec<Posting>, Status> {
    let mut prices = Vec::new();
    for id in of.parts() {
        let sender = sender::get(connection, workspace, id).await.map_err(status::store)?;
        let network = sender.as_ref().and_then(|sender| sender.provider.parse().ok());
        prices.push(Posting { sender_id: id, network, price_micros: sender.map_or(0, |sender| sender.price_micros) });
    }
    Ok(prices)
}

async fn renderer(connection: &mut PgConnection, campaign: &Campaign, version: i32) -> Result<Renderer, Status> {
    let not_found = || status::not_found("template");
    let id = campaign.settings.template_id.ok_or_else(not_found)?;
    let template = template::get(connection, campaign.workspace_id, id, Some(version)).await.map_err(status::store)?;
    Renderer::new(&template.ok_or_else(not_found)?.content).map_err(|problems| {
        let problem = problems.into_iter().next().map(|problem| format!("{}: {}", problem.field, problem.message)).unwrap_or_default();
        status::precondition("TEMPLATE_INVALID", problem)
    })
}

/// Sends answers with growing counts until all are judged, or the caller has gone away.
async fn answer(state: State, plan: Plan, answers: mpsc::Sender<Result<DryRunCampaignResponse, Status>>, room: OwnedSemaphorePermit) {
    let plan = Arc::new(plan);
    let mut tally = Tally::new(&plan);
    judge::posts(&plan, &mut tally);
    let mut after = None;
    loop {
        let judged = tokio::select! {
            judged = judge::page(&state, &plan, tally, after) => judged,
            () = answers.closed() => break,
        };
        let next = match judged {
            Ok((counted, next)) => {
                tally = counted;
                next
            }
            Err(failure) => {
                // The caller has gone away when this fails.
                answers.send(Err(failure)).await.ok();
                break;
            }
        };
        let done = next.is_none();
        if answers.send(Ok(tally.present(&plan, done))).await.is_err() || done {
            break;
        }
        after = next;
    }
    drop(room);
}
