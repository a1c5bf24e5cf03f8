//! Tokens that a provider doesn't take any more: refreshed at once where that can be done, and a person's business where it can't.

use crate::{Dispatcher, health::Case};
use domain::SenderId;
use store::{PgConnection, sender_task};
use time::OffsetDateTime;

impl Dispatcher {
    /// Asks for the token to be refreshed now, once; a token that is refused again right after that, or that nobody can refresh, pauses
    /// its sender.
    pub(crate) async fn reconnect(
        &self,
        connection: &mut PgConnection,
        sender: SenderId,
        case: Case<'_>,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        if sender_task::ask_refresh(connection, sender, now).await? {
            tracing::warn!(sender.id = %sender, code = case.code, "the sender's token isn't taken any more: it is refreshed");
            return Ok(());
        }
        self.pause_sender(connection, sender, case, now).await
    }
}
