//! Reads who opted out at the provider, and whose address it has given up, and writes that into the register with what the provider calls it.
//!
//! An address that the provider merely gave up goes there only if some contact has it: such lists are of everybody's numbers. An entry that is
//! there already stays as it is, so reading a list twice changes nothing.

use super::Job;
use anyhow::bail;
use domain::{
    Channel,
    address::{self, PhoneRules},
    consent::{Evidence, source},
};
use providers::{RemoteOptOut, RemoteOptOutKind};
use std::{collections::BTreeSet, time::Duration};
use store::{
    optout::{self, OptOut},
    sender_task::Ended,
};
use time::OffsetDateTime;

const EVERY: Duration = Duration::from_secs(24 * 3600);
/// Entries that are written in one transaction.
const CHUNK: usize = 5_000;

pub(super) async fn run(job: &Job<'_>) -> anyhow::Result<Ended> {
    let Some(manage) = job.manage()? else { return Ok(Ended::Over) };
    // The first time all that the provider knows.
    let since = job.task.since.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let found = match manage.opt_outs(since).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Ended::Over),
        Err(fault) => bail!("the provider doesn't say who opted out ({}: {})", fault.code, fault.detail),
    };
    let mut added = 0;
    for chunk in found.chunks(CHUNK) {
        added += keep(job, chunk).await?;
    }
    if added > 0 {
        tracing::info!(sender.id = %job.sender.sender_id, told = found.len(), added, "opt-outs were taken over from the provider");
    }
    Ok(Ended::Done { next_at: job.state.clock.now() + EVERY, since: Some(job.now) })
}

async fn keep(job: &Job<'_>, found: &[RemoteOptOut]) -> anyhow::Result<usize> {
    let (workspace, channel) = (job.sender.workspace_id, job.sender.channel);
    let mut entries: Vec<_> = found.iter().filter_map(|one| Some((one.kind, entry(channel, one, job.now)?))).collect();
    let given_up: Vec<String> = of_kind(&entries).collect();
    let mut tx = job.state.db.tenant(workspace).await?;
    let known: BTreeSet<String> = optout::of_contacts(&mut tx, workspace, channel, &given_up).await?.into_iter().collect();
    entries.retain(|(kind, entry)| *kind != RemoteOptOutKind::Invalid || known.contains(&entry.address_key));
    let entries: Vec<OptOut> = entries.into_iter().map(|(_, entry)| entry).collect();
    // Nobody of ours did it.
    let added = optout::add(&mut tx, workspace, &entries, "").await?;
    tx.commit().await.map_err(store::Error::from)?;
    Ok(added.len())
}

fn of_kind(entries: &[(RemoteOptOutKind, OptOut)]) -> impl Iterator<Item = String> + '_ {
    entries.iter().filter(|(kind, _)| *kind == RemoteOptOutKind::Invalid).map(|(_, entry)| entry.address_key.clone())
}

/// The register's entry; None for an address that can't be read.
fn entry(channel: Channel, one: &RemoteOptOut, now: OffsetDateTime) -> Option<OptOut> {
    // Providers write phones with their country.
    let rules = PhoneRules::default();
    let address = if channel.uses_phone() { address::phone(&one.address, &rules) } else { address::email(&one.address) };
    let source = match one.kind {
        RemoteOptOutKind::OptedOut => source::PROVIDER,
        RemoteOptOutKind::Complained => source::COMPLAINT,
        RemoteOptOutKind::Invalid if channel.uses_phone() => source::DEACTIVATED,
        RemoteOptOutKind::Invalid => source::BOUNCE,
    };
    Some(OptOut {
        channel: Some(channel),
        address_key: address.key?,
        source: source.to_owned(),
        reason: String::new(),
        // A provider's clock may be ahead.
        created_at: one.since.map_or(now, |since| since.min(now)),
        evidence: Evidence { code: one.source.clone(), ..Evidence::default() }.bounded(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_says_becomes_an_entry_with_its_evidence() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let one = |address: &str, kind| RemoteOptOut { address: address.to_owned(), kind, source: "list".to_owned(), since: Some(now) };
        let sms = entry(Channel::Sms, &one("+12025550143", RemoteOptOutKind::Invalid), now).unwrap();
        assert_eq!((sms.address_key.as_str(), sms.source.as_str(), sms.evidence.code.as_str()), ("+12025550143", "deactivated", "list"));
        let email = entry(Channel::Email, &one("Sara@Example.com", RemoteOptOutKind::Invalid), now).unwrap();
        assert_eq!((email.address_key.as_str(), email.source.as_str()), ("sara@example.com", "bounce"));
        let stopped = entry(Channel::Sms, &RemoteOptOut { since: None, ..one("+12025550143", RemoteOptOutKind::OptedOut) }, now).unwrap();
        assert_eq!((stopped.source.as_str(), stopped.created_at), ("provider", now));
        let ahead = RemoteOptOut { since: Some(now + Duration::from_secs(60)), ..one("+12025550143", RemoteOptOutKind::Complained) };
        assert_eq!(entry(Channel::Sms, &ahead, now).unwrap().created_at, now);
        assert_eq!(entry(Channel::Sms, &one("nobody", RemoteOptOutKind::OptedOut), now), None);
    }
}
