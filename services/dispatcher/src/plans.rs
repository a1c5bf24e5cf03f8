//! By whom runs are sent on this channel, read once a run. What they send is in [`crate::contents`].

use domain::{
    CampaignId, Channel, ListId, RunId, SenderId, WorkspaceId,
    sms::Pricing,
    tracking::{Occasion, Tracking},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};
use store::{
    Db,
    gate::{self, Fallback},
    sender::price,
    tracking,
};
use time::OffsetDateTime;
use tokio::sync::OnceCell;

/// Runs kept at most.
const MAX_KEPT: usize = 256;

/// A run's senders, and what is done to its links. It never changes, so it is read once.
pub(crate) struct Plan {
    pub(crate) run_id: RunId,
    pub(crate) campaign_id: CampaignId,
    pub(crate) campaign_name: String,
    pub(crate) workspace: WorkspaceId,
    pub(crate) workspace_id: String,
    /// What is done to links; as it was set when this was read.
    pub(crate) tracking: Tracking,
    /// The list that its messages ask to confirm.
    pub(crate) confirm_list: Option<ListId>,
    sender: Fallback,
    fallback: Option<Fallback>,
    /// Where a channel has several senders, each sends its own part, and none stands in for another.
    several: Vec<Fallback>,
    /// What texts cost by each sender, where that depends on the text; empty on other channels.
    pub(crate) prices: BTreeMap<SenderId, Pricing>,
    /// When what of the run hasn't left yet is dropped; as it was when this was read.
    pub(crate) expires_at: OffsetDateTime,
}

impl Plan {
    /// By whom what waits for `first` may go, in the order in which they are asked.
    pub(crate) fn senders(&self, first: SenderId) -> Vec<SenderId> {
        if !self.several.is_empty() {
            return vec![first];
        }
        let others = [Some(self.sender), self.fallback].into_iter().flatten().map(|sender| sender.sender_id);
        let other = others.into_iter().find(|other| *other != first).filter(|_| self.fallback.is_some());
        [Some(first), other].into_iter().flatten().collect()
    }

    /// What one message costs by that sender.
    pub(crate) fn price_micros(&self, sender: SenderId) -> i64 {
        if let Some(one) = self.several.iter().find(|one| one.sender_id == sender) {
            return one.price_micros;
        }
        let fallback = self.fallback.filter(|fallback| fallback.sender_id == sender && sender != self.sender.sender_id);
        fallback.unwrap_or(self.sender).price_micros
    }
}

/// The runs in work.
pub(crate) struct Plans {
    db: Db,
    channel: Channel,
    /// Where links lead through in a workspace without a domain of its own.
    hub_url: String,
    /// Of all that need a run one asks the database, and nobody waits for another run's answer.
    kept: Mutex<HashMap<RunId, Arc<OnceCell<Arc<Plan>>>>>,
}

impl Plans {
    pub(crate) fn new(db: Db, channel: Channel, hub_url: &str) -> Self {
        Self { db, channel, hub_url: hub_url.to_owned(), kept: Mutex::default() }
    }

    /// The plan of a run; None when there is no such run.
    pub(crate) async fn get(&self, run: RunId) -> anyhow::Result<Option<Arc<Plan>>> {
        let place = self.place(run);
        match place.get_or_try_init(|| self.read(run)).await {
            Ok(plan) => Ok(Some(plan.clone())),
            Err(Missing::Run) => Ok(None),
            Err(Missing::Failed(error)) => Err(error),
        }
    }

    fn place(&self, run: RunId) -> Arc<OnceCell<Arc<Plan>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT && !kept.contains_key(&run) {
            kept.clear();
        }
        kept.entry(run).or_default().clone()
    }

    async fn read(&self, run: RunId) -> Result<Arc<Plan>, Missing> {
        let read = async {
            let mut connection = self.db.acquire().await?;
            let plan = gate::plan(&mut connection, run, self.channel).await?;
            let prices = price::of_run(&mut connection, run, self.channel).await?;
            Ok::<_, store::Error>((plan, tracking::of_run(&mut connection, run).await?, prices))
        };
        let (plan, tracking, prices) = read.await.map_err(anyhow::Error::from)?;
        let (plan, (workspace, campaign)) = plan.zip(tracking).ok_or(Missing::Run)?;
        let occasion = Occasion { campaign_id: plan.campaign_id, campaign_name: &plan.campaign_name, channel: self.channel };
        let tracking = Tracking::of(&workspace, &campaign, &occasion, &self.hub_url);
        Ok(Arc::new(Plan { prices, ..Plan::new(run, plan, tracking) }))
    }
}

/// Why there is no plan; not kept.
enum Missing {
    Run,
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Missing {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Plan {
    fn new(run_id: RunId, plan: gate::Plan, tracking: Tracking) -> Self {
        Self {
            run_id,
            campaign_id: plan.campaign_id,
            campaign_name: plan.campaign_name,
            workspace: plan.workspace_id,
            workspace_id: plan.workspace_id.to_string(),
            tracking,
            confirm_list: plan.confirm_list_id,
            sender: Fallback { sender_id: plan.sender_id, price_micros: plan.price_micros },
            fallback: plan.fallback,
            several: plan.several,
            prices: BTreeMap::new(),
            expires_at: plan.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::tracking::{CampaignTracking, WorkspaceTracking};

    #[test]
    fn either_sender_stands_in_for_the_other() {
        let (first, second) = (SenderId::new(), SenderId::new());
        let sender = |sender_id, price_micros| Fallback { sender_id, price_micros };
        let occasion = Occasion { campaign_id: CampaignId::new(), campaign_name: "", channel: Channel::Sms };
        let tracking = || Tracking::of(&WorkspaceTracking::default(), &CampaignTracking::default(), &occasion, "https://hub.example");
        let plan = |fallback| Plan {
            run_id: RunId::new(),
            campaign_id: CampaignId::new(),
            campaign_name: String::new(),
            workspace: WorkspaceId::new(),
            workspace_id: String::new(),
            tracking: tracking(),
            confirm_list: None,
            sender: sender(first, 5),
            fallback,
            several: Vec::new(),
            prices: BTreeMap::new(),
            expires_at: OffsetDateTime::UNIX_EPOCH,
        };
        let both = plan(Some(sender(second, 9)));
        assert_eq!(both.senders(first), [first, second]);
        assert_eq!(both.senders(second), [second, first], "a retry of what the second one sent");
        assert_eq!((both.price_micros(first), both.price_micros(second)), (5, 9));
        assert_eq!(plan(None).senders(first), [first]);
        let several = Plan { several: vec![sender(first, 5), sender(second, 9)], ..plan(None) };
        assert_eq!(several.senders(second), [second], "each sends its own part");
        assert_eq!((several.price_micros(first), several.price_micros(second)), (5, 9));
    }
}
