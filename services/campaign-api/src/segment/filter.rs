//! The filter in a request: read, and checked against what the workspace has.

use crate::state::State;
use domain::{WorkspaceId, filter::Filter};
use runtime::status::{self, Violations};
use std::collections::BTreeSet;
use store::{PgConnection, segment};
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;
use uuid::Uuid;

/// Reads a filter. It may not refer to lists and campaigns that aren't the workspace's.
///
/// # Errors
/// INVALID_ARGUMENT with everything that is wrong, by its path.
pub async fn read(connection: &mut PgConnection, workspace: WorkspaceId, filter: &proto::contact::Filter) -> Result<Filter, Status> {
    let filter = proto::filter::read(filter, "filter").map_err(|problems| {
        let mut violations = Violations::new();
        for problem in problems {
            violations.add(problem.field, problem.problem);
        }
        violations.check().err().unwrap_or_else(|| status::invalid("filter", "can't be read"))
    })?;
    let (lists, campaigns) = (filter.lists("filter"), filter.campaigns("filter"));
    let list_ids: Vec<Uuid> = lists.iter().map(|(_, id)| id.0).collect();
    let campaign_ids: Vec<Uuid> = campaigns.iter().map(|(_, id)| id.0).collect();
    let strangers = segment::strangers(connection, workspace, &list_ids, &campaign_ids).await.map_err(status::store)?;
    let strangers: BTreeSet<Uuid> = strangers.into_iter().collect();
    let mut violations = Violations::new();
    for (field, _) in lists.into_iter().filter(|(_, id)| strangers.contains(&id.0)) {
        violations.add(field, "is no list of this workspace");
    }
    for (field, _) in campaigns.into_iter().filter(|(_, id)| strangers.contains(&id.0)) {
        violations.add(field, "is no campaign of this workspace");
    }
    violations.check()?;
    Ok(filter)
}

/// The filter that a request is about: a segment's, or one that isn't saved.
///
/// # Errors
/// NOT_FOUND when the workspace has no such segment; INVALID_ARGUMENT when the filter can't be used, or it isn't clear which is meant.
pub async fn choose(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: &str,
    filter: Option<&proto::contact::Filter>,
) -> Result<Filter, Status> {
    match (id, filter) {
        ("", Some(filter)) => read(connection, workspace, filter).await,
        ("", None) => Err(status::invalid("filter", "must be given, or the id of a segment")),
        (_, Some(_)) => Err(status::invalid("filter", "must be left out when a segment is named by its id")),
        (id, None) => {
            let found = segment::get(connection, workspace, status::id("id", id)?).await.map_err(status::store)?;
            Ok(found.ok_or_else(|| status::not_found("segment"))?.filter)
        }
    }
}

/// Waits for room for a statement that looks at all of a workspace's contacts.
///
/// # Errors
/// When the process is about to end.
pub async fn room(state: &State) -> Result<OwnedSemaphorePermit, Status> {
    state.counts.clone().acquire_owned().await.map_err(|error| status::internal(&error))
}
