//! Domains that take mail too slowly: what a sub-batch says of them.

use crate::{
    Dispatcher,
    health::Case,
    outcome::{Done, Effect},
};
use domain::SenderId;
use std::{collections::BTreeMap, time::Duration};
use store::{
    PgConnection,
    domain_hold::{self, Slow},
};
use time::OffsetDateTime;

impl Dispatcher {
    /// Tells the ledger of each domain that asked to be spared, once.
    pub(crate) async fn judge_domains(
        &self,
        connection: &mut PgConnection,
        sender: SenderId,
        done: &[Done],
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let mut asked: BTreeMap<&str, (Option<Duration>, &Done)> = BTreeMap::new();
        for one in done {
            if let (Some(Effect::SlowDomain(after)), Some(domain)) = (one.effect, domain_of(&one.address)) {
                let longest = asked.entry(domain).or_insert((after, one));
                longest.0 = longest.0.max(after);
            }
        }
        for (after, first) in asked.into_values() {
            self.apply(connection, sender, first.into(), Effect::SlowDomain(after), now).await?;
        }
        Ok(())
    }

    /// Slows down for the domain of one message.
    pub(crate) async fn slow_domain(
        &self,
        connection: &mut PgConnection,
        sender: SenderId,
        case: Case<'_>,
        after: Option<Duration>,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let Some(domain) = domain_of(case.address) else { return Ok(()) };
        let until = domain_hold::hold(connection, sender, Slow { domain, after, code: case.code }, now).await?;
        if let Some(until) = until {
            tracing::warn!(sender.id = %sender, code = case.code, domain, %until, "a domain takes mail too slowly: nothing leaves for it until then");
        }
        Ok(())
    }
}

/// What follows the last `@` of an address.
pub(crate) fn domain_of(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
}
