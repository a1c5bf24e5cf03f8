//! Many contacts at once, in a fixed number of statements.
//!
//! How a row finds its person, and what it does to one who is known, is the import's [`Policy`]. An empty field leaves what is known.
//! Rows of one batch are treated as if they came one after the other, so that the result doesn't depend on where batches end, and
//! importing a file twice changes nothing the second time. A dry run: [`rehearse`].

mod find;
mod fold;
mod policy;
mod rehearse;
mod write;

pub use policy::{MatchBy, OnMatch, Policy};
pub use rehearse::{forget, rehearse};

use super::Draft;
use crate::{Result, list};
use domain::{ListId, WorkspaceId};
use find::Sought;
use fold::Outcome;
use sqlx::PgConnection;
use time::OffsetDateTime;
use write::Columns;

/// What became of the rows: together they are as many as there were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub created: u64,
    pub updated: u64,
    /// About people who are known and were to be left alone.
    pub skipped: u64,
    /// Rows that can't be taken, by their index, and why.
    pub refused: Vec<(usize, &'static str)>,
}

impl Counts {
    fn of(outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for (index, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Outcome::Created => counts.created += 1,
                Outcome::Updated => counts.updated += 1,
                Outcome::Skipped => counts.skipped += 1,
                Outcome::Refused(reason) => counts.refused.push((index, reason)),
            }
        }
        counts
    }
}

/// Adds or updates a contact for each row, and makes all of them members of a list.
///
/// # Errors
/// When a statement fails; the caller rolls back.
pub async fn import(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    list: Option<ListId>,
    policy: Policy,
    rows: Vec<Draft>,
    now: OffsetDateTime,
) -> Result<Counts> {
    // Two imports at once must not both miss a person and add it.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('import ' || $1::text, 0))", workspace.0.to_string())
        .execute(&mut *connection)
        .await?;
    look_up_by_index(connection).await?;
    let known = find::contacts(connection, workspace, &Sought::by(policy, &rows)).await?;
    let (people, outcomes) = fold::by_person(known, rows, policy);
    let mut counts = Counts::of(&outcomes);
    let (matched, new, mut members) = Columns::split(people);
    write::update(connection, &matched, policy.on_match, now).await?;
    check_by_one_plan(connection).await?;
    let written = write::insert(connection, workspace, &new, now).await?;
    // Somebody else may have added one, with the same external id, in the meantime.
    let found_there = counts.created.saturating_sub(written.created);
    counts.created -= found_there;
    counts.updated += found_there;
    if let Some(list) = list {
        members.extend(matched.contact_id);
        members.extend(written.ids);
        list::add_members(connection, workspace, list, &members, now).await?;
    }
    Ok(counts)
}

/// A batch looks up a couple of thousand rows among perhaps millions, in a table that grows faster than its statistics. By its guesses
/// the planner would read all of it each time, and a plan from when it was empty would use any index of the workspace's.
async fn look_up_by_index(connection: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        "SELECT set_config(name, value, true)
         FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'plan_cache_mode'],
                     ARRAY['off', 'off', 'off', 'force_custom_plan']) AS setting(name, value)"
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Each row that is added is checked against its workspace, each member against its contact. The plans of these checks are kept too, and
/// with the setting above would be made anew for every row.
async fn check_by_one_plan(connection: &mut PgConnection) -> Result<()> {
    sqlx::query!("SELECT set_config('plan_cache_mode', 'auto', true)").fetch_all(connection).await?;
    Ok(())
}

/// Has the database count anew what contacts and lists are like. After a large import it would plan by what they were before, until it
/// looks by itself, in a minute or so.
///
/// # Errors
/// When the statement fails.
pub async fn refresh_statistics(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("ANALYZE core.contact, core.list_member").execute(connection).await?;
    Ok(())
}

/// Lets no import of the workspace write until the transaction ends, without keeping others out who ask for the same.
///
/// # Errors
/// When the statement fails.
pub async fn keep_out(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock_shared(hashtextextended('import ' || $1::text, 0))", workspace.0.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
