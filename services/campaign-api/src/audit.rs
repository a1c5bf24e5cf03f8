//! The audit log's entries, written in the transaction of the change itself.

use domain::WorkspaceId;
use runtime::{Caller, status};
use serde::Serialize;
use store::{PgConnection, audit};
use time::OffsetDateTime;
use tonic::Status;
use uuid::Uuid;

/// One change by a person.
pub struct Change<'a, T> {
    pub workspace: WorkspaceId,
    pub caller: &'a Caller,
    /// The object's type and the verb: `campaign.approve`.
    pub action: &'a str,
    pub id: Uuid,
    /// What it was; None for something new.
    pub before: Option<&'a T>,
    /// What it is; None for something that is gone.
    pub after: Option<&'a T>,
    pub at: OffsetDateTime,
}

impl<T: Serialize> Change<'_, T> {
    /// Adds it to the log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(self, connection: &mut PgConnection) -> Result<(), Status> {
        let json = |value: Option<&T>| value.map(serde_json::to_value).transpose().map_err(|error| status::internal(&error));
        let entry = audit::Entry {
            workspace: self.workspace,
            actor: &self.caller.subject,
            action: self.action,
            object_type: self.action.split_once('.').map_or(self.action, |(object, _)| object),
            object_id: self.id,
            before: json(self.before)?,
            after: json(self.after)?,
            at: self.at,
        };
        audit::record(connection, entry).await.map_err(status::store)
    }
}
