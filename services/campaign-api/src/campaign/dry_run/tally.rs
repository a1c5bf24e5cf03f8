//! The counts of a dry run, and what its caller sees of them.

use super::Plan;
use domain::{Channel, ContactId, content::Rendered};
use proto::{
    campaign::{ChannelDryRun, DryRunCampaignResponse, SampleRendering},
    convert::channel_number,
};
use std::collections::{BTreeMap, HashMap};

/// What was counted so far. Of bounded size, however large the audience is.
pub struct Tally {
    pub judged: u64,
    channels: BTreeMap<Channel, OfChannel>,
    samples: usize,
}

#[derive(Default)]
struct OfChannel {
    target: u64,
    passed: u64,
    deferred: HashMap<String, u64>,
    suppressed: HashMap<String, u64>,
    cost_micros: i64,
    price_micros: i64,
    samples: Vec<SampleRendering>,
}

impl Tally {
    pub fn new(plan: &Plan) -> Self {
        let of =
            |channel: &Channel| OfChannel { price_micros: plan.prices.get(channel).copied().unwrap_or_default(), ..OfChannel::default() };
        let channels = plan.campaign.settings.channels.keys().map(|channel| (*channel, of(channel))).collect();
        Self { judged: 0, channels, samples: plan.samples }
    }

    /// One that would not be sent.
    pub fn suppress(&mut self, channel: Channel, reason: &str) {
        let of = self.channels.entry(channel).or_default();
        of.target += 1;
        *of.suppressed.entry(reason.to_owned()).or_default() += 1;
    }

    /// One that would be sent, now or later for a reason. Without a cost of its own it costs its sender's price.
    pub fn send(&mut self, channel: Channel, later: Option<&str>, contact: ContactId, content: Rendered, cost_micros: Option<i64>) {
        let of = self.channels.entry(channel).or_default();
        of.target += 1;
        of.cost_micros = of.cost_micros.saturating_add(cost_micros.unwrap_or(of.price_micros));
        match later {
            Some(reason) => *of.deferred.entry(reason.to_owned()).or_default() += 1,
            None => of.passed += 1,
        }
        if of.samples.len() < self.samples {
            of.samples.push(sample(contact, content));
        }
    }

    /// An answer; only the last has the samples.
    pub fn present(&self, plan: &Plan, done: bool) -> DryRunCampaignResponse {
        DryRunCampaignResponse {
            judged: self.judged,
            contacts: plan.contacts,
            channels: self.channels.iter().map(|(channel, of)| of.present(*channel, done)).collect(),
            done,
            within_budget: self.is_within_budget(plan),
        }
    }

    fn is_within_budget(&self, plan: &Plan) -> bool {
        let settings = &plan.campaign.settings;
        let fits = |limit: Option<i64>, part: Option<Channel>, cost: i64| {
            let spent = plan.spent.get(&part).copied().unwrap_or_default();
            limit.is_none_or(|limit| spent.saturating_add(cost) <= limit)
        };
        let total = self.channels.values().map(|of| of.cost_micros).fold(0, i64::saturating_add);
        fits(settings.budget_micros, None, total)
            && self.channels.iter().all(|(channel, of)| {
                let limit = settings.channels.get(channel).and_then(|settings| settings.budget_micros);
                fits(limit, Some(*channel), of.cost_micros)
            })
    }
}

impl OfChannel {
    fn present(&self, channel: Channel, done: bool) -> ChannelDryRun {
        ChannelDryRun {
            channel: channel_number(channel),
            target: self.target,
            passed: self.passed,
            deferred: self.deferred.clone(),
            suppressed: self.suppressed.clone(),
            cost_micros: self.cost_micros,
            samples: if done { self.samples.clone() } else { Vec::new() },
        }
    }
}

fn sample(contact: ContactId, content: Rendered) -> SampleRendering {
    let (subject, body) = match content {
        Rendered::Email(email) => (email.subject, email.html),
        Rendered::Sms(sms) => (String::new(), sms.text),
        // What is registered at the provider isn't known here: the template's name and its variables.
        Rendered::Whatsapp(whatsapp) => (String::new(), serde_json::to_string(&whatsapp).unwrap_or_default()),
        Rendered::Push(push) => (push.title, push.body),
        Rendered::Social(social) => (String::new(), social.text),
        Rendered::Free(free) => (free.subject, free.text),
    };
    SampleRendering { contact_id: contact.to_string(), subject, body }
}
