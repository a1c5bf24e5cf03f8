//! Tests the connection: whose token it is.

use super::{Api, lookup};
use crate::{Checked, Fault, Manage};

#[derive(Debug)]
pub(super) struct Manager(pub(super) Api);

#[async_trait::async_trait]
impl Manage for Manager {
    async fn check(&self) -> Result<Checked, Fault> {
        let user = lookup::me(&self.0).await?;
        let handle = if user.username.is_empty() { String::new() } else { format!("@{}", user.username) };
        Ok(Checked { handle, external_id: user.id, ..Checked::default() })
    }
}
