//! What is known when all is over: the oracle's log, the hub's word on every delivery, and the figures of both.

use crate::{oracle::Arrived, stage::Stage, watch, watch::Watched};
use anyhow::{Context, Result};
use devstack::Secrets;
use domain::{Channel, link::LinkKey};
use e2e::{Campaign, Desk};
use proto::{
    analytics::{Delivery, ListDeliveriesRequest},
    convert::channel,
    optout::ListOptOutsRequest,
};
use std::collections::{HashMap, HashSet};

const PAGE: u32 = 500;

pub struct Evidence {
    pub people: usize,
    pub channels: Vec<Channel>,
    pub arrived: Vec<Arrived>,
    pub deliveries: Vec<Ledger>,
    pub watched: Watched,
    /// Addresses in the register, with the channel; none: all channels.
    opt_outs: HashSet<(Option<Channel>, String)>,
    links: LinkKey,
}

/// The hub's word on one delivery.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub id: i64,
    pub channel: Channel,
    pub address: String,
    pub status: String,
    pub reason: String,
}

impl Evidence {
    pub async fn gather(stage: &Stage, campaign: &Campaign, people: usize, watched: Watched) -> Result<Self> {
        Ok(Self {
            people,
            channels: campaign.channels.clone(),
            arrived: watch::oracle(stage)?.log().await?,
            deliveries: deliveries(&stage.desk, campaign).await?,
            watched,
            opt_outs: opt_outs(&stage.desk).await?,
            links: link_key(&stage.machines.hub.secrets)?,
        })
    }

    /// Whether the person has opted out of the channel by now.
    pub fn is_opted_out(&self, row: &Ledger) -> bool {
        [Some(row.channel), None].into_iter().any(|channel| self.opt_outs.contains(&(channel, row.address.clone())))
    }

    /// How often something arrived on each channel for each address.
    pub fn arrivals(&self) -> HashMap<(Channel, &str), usize> {
        let mut arrivals = HashMap::new();
        for message in &self.arrived {
            *arrivals.entry((message.channel, message.to.as_str())).or_default() += 1;
        }
        arrivals
    }

    /// Messages beyond the first for one delivery, as the tokens in them say.
    pub fn repeated_deliveries(&self) -> Vec<i64> {
        let mut seen = HashMap::<i64, usize>::new();
        for id in self.arrived.iter().filter_map(|message| message.delivery(&self.links)) {
            *seen.entry(id).or_default() += 1;
        }
        seen.into_iter().filter(|(_, count)| *count > 1).map(|(id, _)| id).collect()
    }
}

fn link_key(secrets: &Secrets) -> Result<LinkKey> {
    Ok(LinkKey::from_base64(&secrets.link_key)?)
}

async fn deliveries(desk: &Desk, campaign: &Campaign) -> Result<Vec<Ledger>> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            ListDeliveriesRequest { campaign_id: campaign.id.clone(), page_size: PAGE, page_token, ..ListDeliveriesRequest::default() };
        let answer = desk.seeded.agent.analytics().list_deliveries(request).await?.into_inner();
        for delivery in answer.deliveries {
            all.push(read(delivery)?);
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn opt_outs(desk: &Desk) -> Result<HashSet<(Option<Channel>, String)>> {
    let mut all = HashSet::new();
    let mut page_token = String::new();
    loop {
        let request = ListOptOutsRequest { page_size: PAGE, page_token, ..ListOptOutsRequest::default() };
        let answer = desk.seeded.agent.opt_outs().list_opt_outs(request).await?.into_inner();
        all.extend(answer.opt_outs.into_iter().map(|entry| (channel(entry.channel), entry.address)));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

fn read(delivery: Delivery) -> Result<Ledger> {
    Ok(Ledger {
        id: delivery.id.parse()?,
        channel: channel(delivery.channel).context("a delivery has no channel")?,
        address: delivery.address,
        status: delivery.status,
        reason: delivery.reason,
    })
}
