//! Who may be messaged, worked out from the file alone with the hub's own rules for addresses, to hold against what was sent.

use crate::hub::sandbox::Logged;
use anyhow::{Context, Result, bail};
use domain::{
    Channel,
    address::{self, PhoneRules},
};
use proto::{
    campaign::PreviewAudienceResponse,
    convert::{channel, channel_number},
    optout::OptOut,
};
use serde::Deserialize;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io::Read,
};

/// The column that says who has opted out: a channel's name, or `ALL`. No contact field, so the import leaves it out.
const OPTED_OUT: &str = "opted_out";

/// People who get a device.
const WITH_DEVICE: usize = 2_000;

#[derive(Debug, Deserialize)]
struct Row {
    external_id: String,
    email: String,
    phone: String,
    #[serde(default)]
    opted_out: String,
}

/// What the file says.
#[derive(Debug, Default)]
pub struct Audience {
    contacts: u64,
    /// Addresses that are valid, each with the channels that its owner, whoever that is, has not left.
    valid: HashSet<(Channel, String)>,
    /// None as channel: all of them.
    opted_out: BTreeSet<(Option<Channel>, String)>,
    /// The external ids of the first of those who have left no channel.
    with_device: Vec<String>,
}

/// What can be reached without an address, once it is known.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// As the sandbox's log names them.
    pub devices: HashSet<String>,
    /// Pages and profiles that are posted on.
    pub accounts: u64,
}

impl Audience {
    /// Reads the file as a new workspace would, without any setting of its own.
    pub fn read(file: impl Read) -> Result<Self> {
        let rules = PhoneRules::default();
        let mut audience = Self::default();
        let mut ids = HashSet::new();
        for (index, row) in csv::Reader::from_reader(file).deserialize::<Row>().enumerate() {
            let row = row.with_context(|| format!("row {}", index + 1))?;
            if !ids.insert(row.external_id.clone()) {
                bail!("row {}: the demo wants every row to have an external_id of its own", index + 1);
            }
            audience.add(&row, &rules).with_context(|| format!("row {}", index + 1))?;
        }
        Ok(audience)
    }

    fn add(&mut self, row: &Row, rules: &PhoneRules) -> Result<()> {
        self.contacts += 1;
        let left = match row.opted_out.trim() {
            "" => None,
            all if all.eq_ignore_ascii_case("all") => Some(None),
            name => Some(Some(name.to_lowercase().parse::<Channel>()?)),
        };
        if left.is_none() && self.with_device.len() < WITH_DEVICE {
            self.with_device.push(row.external_id.clone());
        }
        let (email, phone) = (address::email(&row.email).key, address::phone(&row.phone, rules).key);
        for channel in Channel::BY_ADDRESS {
            let key = if channel.uses_phone() { &phone } else { &email };
            let Some(key) = key else { continue };
            self.valid.insert((channel, key.clone()));
            if let Some(scope) = left.filter(|scope| scope.is_none_or(|only| only == channel)) {
                self.opted_out.insert((scope, key.clone()));
            }
        }
        Ok(())
    }

    fn has_opted_out(&self, channel: Channel, key: &str) -> bool {
        [None, Some(channel)].into_iter().any(|scope| self.opted_out.contains(&(scope, key.to_owned())))
    }

    /// The people who get a device, by their external ids.
    pub fn with_device(&self) -> &[String] {
        &self.with_device
    }

    /// The register's entries.
    pub fn opt_outs(&self) -> Vec<OptOut> {
        let entry = |(scope, key): &(Option<Channel>, String)| OptOut {
            channel: scope.map_or(0, channel_number),
            address: key.clone(),
            reason: "said so before this list was made".to_owned(),
            ..OptOut::default()
        };
        self.opted_out.iter().map(entry).collect()
    }

    /// For the importer: columns that are no contact field.
    pub fn columns_left_out(&self) -> HashMap<String, String> {
        HashMap::from([(OPTED_OUT.to_owned(), String::new())])
    }

    /// What the file, the devices and the accounts come to: all, and those that can be reached.
    fn expected(&self, channel: Channel, reach: &Reach) -> (u64, u64) {
        match channel {
            Channel::Push => (self.contacts, reach.devices.len() as u64),
            Channel::Social => (reach.accounts, reach.accounts),
            Channel::Email | Channel::Sms | Channel::Whatsapp => (self.contacts, self.reachable(channel)),
        }
    }

    fn reachable(&self, wanted: Channel) -> u64 {
        let here = self.valid.iter().filter(|(channel, key)| *channel == wanted && !self.has_opted_out(wanted, key));
        here.count() as u64
    }

    /// What the hub would reach that the file doesn't say, or the other way round.
    pub fn compare(&self, preview: &PreviewAudienceResponse, reach: &Reach) -> Vec<String> {
        let mut faults = Vec::new();
        for (part, channel) in preview.channels.iter().filter_map(|part| Some((part, channel(part.channel)?))) {
            let (target, reachable) = self.expected(channel, reach);
            if (part.target, part.reachable) != (target, reachable) {
                let file = format!("there are {target} and {reachable} reachable");
                faults.push(format!("{channel}: {file}, the hub says {} and {}", part.target, part.reachable));
            }
        }
        faults
    }

    /// Messages that must not have been sent.
    pub fn trespasses(&self, log: &[Logged], reach: &Reach) -> Vec<String> {
        let fault = |message: &Logged| {
            let Logged { channel, to, seq, .. } = message;
            let wrong = match channel {
                Channel::Social => return None,
                Channel::Push if reach.devices.contains(to) => return None,
                Channel::Push => "not a registered device",
                _ if self.has_opted_out(*channel, to) => "has opted out",
                _ if self.valid.contains(&(*channel, to.clone())) => return None,
                _ => "not a valid address of the file",
            };
            Some(format!("{channel} to {to} (log line {seq}): {wrong}"))
        };
        log.iter().filter_map(fault).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::campaign::ChannelAudience;

    const FILE: &str = "external_id,name,email,phone,opted_out\n\
        1,Sara,Sara@Example.com,050 123 4567,\n\
        2,Sara again,sara@example.com,+971501234567,sms\n\
        3,Omar,omar@example.com,,ALL\n\
        4,Ann,ann@@example.com,n/a,\n";

    fn sent(channel: Channel, to: &str) -> Logged {
        Logged { seq: 1, channel, provider: String::new(), to: to.to_owned(), from: String::new() }
    }

    #[test]
    fn two_spellings_are_one_address_and_an_opt_out_of_one_holds_for_both() {
        let audience = Audience::read(FILE.as_bytes()).unwrap();
        let reachable = Channel::BY_ADDRESS.map(|channel| audience.reachable(channel));
        assert_eq!((audience.contacts, reachable), (4, [1, 0, 1]));
        let opt_outs: Vec<_> = audience.opt_outs().into_iter().map(|entry| (entry.channel, entry.address)).collect();
        assert_eq!(opt_outs, [(0, "omar@example.com".to_owned()), (2, "+971501234567".to_owned())]);
    }

    #[test]
    fn whoever_must_not_be_messaged_is_found_in_the_log() {
        let audience = Audience::read(FILE.as_bytes()).unwrap();
        let log = [
            sent(Channel::Email, "sara@example.com"),
            sent(Channel::Whatsapp, "+971501234567"),
            sent(Channel::Sms, "+971501234567"),
            sent(Channel::Email, "omar@example.com"),
            sent(Channel::Email, "ann@@example.com"),
            sent(Channel::Push, "sim-1"),
            sent(Channel::Push, "sim-2"),
            sent(Channel::Social, "1234"),
        ];
        let reach = Reach { devices: ["sim-1".to_owned()].into(), accounts: 1 };
        let faults = audience.trespasses(&log, &reach);
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults[3].contains("sim-2"), "{faults:?}");
        assert!(faults[0].contains("sms") && faults[1].contains("omar") && faults[2].contains("not a valid address"), "{faults:?}");
    }

    #[test]
    fn another_audience_than_the_files_is_a_fault() {
        let audience = Audience::read(FILE.as_bytes()).unwrap();
        let preview = |reachable| PreviewAudienceResponse {
            channels: vec![ChannelAudience { channel: channel_number(Channel::Email), target: 4, reachable, ..Default::default() }],
            ..Default::default()
        };
        let reach = Reach { devices: ["sim-1".to_owned()].into(), accounts: 4 };
        assert!(audience.compare(&preview(1), &reach).is_empty());
        assert_eq!(audience.compare(&preview(2), &reach), ["email: there are 4 and 1 reachable, the hub says 4 and 2"]);
        let part =
            |channel, target, reachable| ChannelAudience { channel: channel_number(channel), target, reachable, ..Default::default() };
        let channels = vec![part(Channel::Push, 4, 1), part(Channel::Social, 4, 4)];
        assert!(audience.compare(&PreviewAudienceResponse { channels, ..Default::default() }, &reach).is_empty());
    }

    #[test]
    fn the_example_can_be_read() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/contacts.csv");
        let audience = Audience::read(std::fs::File::open(path).unwrap()).unwrap();
        assert_eq!(audience.contacts, 5_000);
        assert!(audience.opted_out.len() > 50);
        assert_eq!(audience.with_device().len(), WITH_DEVICE);
    }

    #[test]
    fn rows_that_would_overwrite_each_other_are_refused() {
        assert!(Audience::read("external_id,email,phone\n1,a@example.com,\n1,b@example.com,\n".as_bytes()).is_err());
    }
}
