//! Figures as they are shown.

use domain::{
    CampaignId, Channel,
    facts::{Metric, Tally, rate},
};
use proto::{
    analytics::{CampaignStats, ChannelStats, Delivery},
    convert,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::stats::Head;
use time::OffsetDateTime;

/// The figures of one campaign at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figures {
    pub head: Head,
    pub tallies: BTreeMap<Channel, Tally>,
}

/// How the statuses of a campaign that sends nothing more are called.
const ENDED: [&str; 3] = ["COMPLETED", "CANCELLED", "FAILED"];

impl Figures {
    pub fn has_ended(&self) -> bool {
        ENDED.contains(&self.head.status.as_str())
    }

    /// On the wire, with a line for each channel of the campaign even when nothing is counted there yet.
    pub fn present(&self, campaign: CampaignId, now: OffsetDateTime) -> CampaignStats {
        let channels: BTreeSet<_> = self.head.channels.iter().chain(self.tallies.keys()).copied().collect();
        let nothing = Tally::default();
        CampaignStats {
            campaign_id: campaign.to_string(),
            campaign_status: self.head.status.clone(),
            channels: channels.into_iter().map(|channel| line(channel, self.tallies.get(&channel).unwrap_or(&nothing))).collect(),
            as_of: Some(convert::timestamp(now)),
        }
    }
}

/// The figures of one channel.
pub(crate) fn line(channel: Channel, tally: &Tally) -> ChannelStats {
    let get = |metric| tally.get(metric);
    ChannelStats {
        channel: convert::channel_number(channel),
        target: size(get(Metric::Target)),
        suppressed: by_code(tally, Metric::Suppressed),
        pending: size(tally.pending()),
        sent: size(get(Metric::Sent)),
        delivered: size(get(Metric::Delivered)),
        failed: size(get(Metric::Failed)),
        failed_by_code: by_code(tally, Metric::Failed),
        rejected: size(get(Metric::Rejected)),
        uncertain: size(get(Metric::Uncertain)),
        cancelled: size(get(Metric::Cancelled)),
        expired: size(get(Metric::Expired)),
        read: size(get(Metric::Read)),
        clicked: size(get(Metric::Clicked)),
        unsubscribed: size(get(Metric::Unsubscribed)),
        complained: size(get(Metric::Complained)),
        cost_micros: get(Metric::Cost),
        delivery_rate: rate(get(Metric::Delivered), get(Metric::Sent)),
        open_rate: rate(get(Metric::Read), get(Metric::Delivered)),
        click_rate: rate(get(Metric::Clicked), get(Metric::Read)),
        unknown: size(get(Metric::Unknown)),
        machine_opened: size(get(Metric::MachineOpened)),
        machine_clicked: size(get(Metric::MachineClicked)),
        replied: size(get(Metric::Replied)),
        converted: size(get(Metric::Converted)),
        rescued: size(get(Metric::Rescued)),
    }
}

fn by_code(tally: &Tally, metric: Metric) -> HashMap<String, u64> {
    tally.by_code(metric).into_iter().map(|(code, value)| (code.to_owned(), size(value))).collect()
}

/// A count is below zero only for the moment in which a delivery's report has overtaken the count of its chunk.
fn size(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

pub(crate) fn delivery(delivery: store::stats::Delivery) -> Delivery {
    Delivery {
        id: delivery.delivery_id.to_string(),
        // In the ledger the account's sender stands in its place.
        contact_id: if delivery.channel.has_contact() { delivery.contact_id.to_string() } else { String::new() },
        channel: convert::channel_number(delivery.channel),
        address: delivery.address,
        status: delivery.status.to_owned(),
        reason: delivery.reason.unwrap_or_default(),
        attempts: delivery.attempts,
        provider_message_id: delivery.provider_message_id.unwrap_or_default(),
        updated_at: Some(convert::timestamp(delivery.updated_at)),
        content_version: delivery.content_version,
        permalink: delivery.permalink.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::facts::Bits;

    #[test]
    fn a_channel_without_counts_is_shown_and_has_no_rates() {
        let mut email = Tally::default();
        email.add_deliveries(Bits::ACCEPTED | Bits::DELIVERED, None, 5, 3);
        email.add_deliveries(Bits::ACCEPTED, None, 5, 1);
        email.add_deliveries(Bits::REJECTED, Some("550"), 5, 1);
        email.add_deliveries(Bits::NONE, None, 5, 2);
        let figures = Figures {
            head: Head { status: "ACTIVE".to_owned(), channels: vec![Channel::Email, Channel::Sms] },
            tallies: BTreeMap::from([(Channel::Email, email)]),
        };
        let shown = figures.present(CampaignId::new(), OffsetDateTime::UNIX_EPOCH);
        let [email, sms] = shown.channels.as_slice() else { panic!("two channels") };
        assert_eq!((email.target, email.pending, email.sent, email.delivered, email.failed), (7, 2, 4, 3, 1));
        assert_eq!((email.delivery_rate, email.open_rate, email.click_rate), (Some(0.75), Some(0.0), None));
        assert_eq!(email.failed_by_code, HashMap::from([("550".to_owned(), 1)]));
        assert_eq!(email.cost_micros, 20);
        assert_eq!((sms.target, sms.delivery_rate), (0, None));
    }
}
