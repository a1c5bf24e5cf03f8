//! Messages to a domain that is held wait until it isn't any more.

use super::{claim::Candidate, mark::Verdict};
use crate::{PgConnection, Result, domain_hold};
use domain::{SenderId, delivery::reason::DOMAIN_HELD};
use time::{Duration, OffsetDateTime};

/// So many of those that wait for a domain come back at a time: a tenth each, over a tenth of the time that they have waited.
const WAVES: i64 = 10;

/// Puts off those whose domain is held; answers with the others.
pub(super) async fn defer(
    connection: &mut PgConnection,
    sender: SenderId,
    go: Vec<Candidate>,
    verdicts: &mut Vec<Verdict>,
    now: OffsetDateTime,
) -> Result<Vec<Candidate>> {
    let mut domains: Vec<String> = go.iter().filter_map(|candidate| domain(&candidate.claimed.address)).collect();
    domains.sort_unstable();
    domains.dedup();
    let held = domain_hold::held(connection, sender, &domains, now).await?;
    if held.is_empty() {
        return Ok(go);
    }
    let mut free = Vec::with_capacity(go.len());
    for candidate in go {
        let until = domain(&candidate.claimed.address).and_then(|domain| held.get(&domain).copied());
        match until {
            None => free.push(candidate),
            Some(until) => {
                let id = candidate.claimed.delivery_id;
                let again = until + spread(id.0, until - now);
                verdicts.push(Verdict::defer(id, again, DOMAIN_HELD, "its domain takes mail too slowly, and is held".to_owned()));
            }
        }
    }
    Ok(free)
}

/// Not all of them in the same second, or the domain would be held again at once.
fn spread(id: i64, waited: Duration) -> Duration {
    let wave = i32::try_from(id.rem_euclid(WAVES)).unwrap_or_default();
    waited * wave / 100
}

fn domain(address: &str) -> Option<String> {
    address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_waited_come_back_in_waves() {
        let waited = Duration::minutes(10);
        assert_eq!(spread(20, waited), Duration::ZERO);
        assert_eq!(spread(29, waited), Duration::seconds(54));
        assert_eq!(spread(-1, waited), Duration::seconds(54), "a test has a number below zero");
        assert_eq!(domain("a@b@Example.NET").as_deref(), Some("example.net"));
        assert_eq!(domain("+15551234"), None);
    }
}
