//! The clock stepped by an hour: not played, and why.

use super::Brief;
use crate::report::Outcome;
use anyhow::Result;

/// A process's clock can only be stepped with the whole machine's, which is not ours to change; leases, pace and what is due are
/// judged by the database's clock, and tests of those rules pass their own.
pub async fn play(brief: Brief) -> Result<Outcome> {
    Ok(Outcome::skipped(
        brief.scenario,
        "stepping the clock needs the whole machine's; rules that read it are tested with clocks of their own",
    ))
}
