//! What a workspace says about opting in and out.

use crate::Result;
use domain::WorkspaceId;
use serde::Serialize;
use sqlx::PgConnection;

/// Settings about consent. What is serialised is what the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsentSettings {
    /// Words that opt in, beside START and its like.
    pub opt_in_keywords: Vec<String>,
    /// Words that ask who we are, beside HELP.
    pub help_keywords: Vec<String>,
    /// What HELP is to be answered with.
    pub help_text: String,
    /// How many hard bounces put an address into the opt-out register; 1 to 100.
    pub bounces_before_opt_out: i32,
}

impl Default for ConsentSettings {
    fn default() -> Self {
        Self { opt_in_keywords: Vec::new(), help_keywords: Vec::new(), help_text: String::new(), bounces_before_opt_out: 1 }
    }
}

pub(super) async fn get(connection: &mut PgConnection, id: WorkspaceId) -> Result<ConsentSettings> {
    Ok(sqlx::query_as!(
        ConsentSettings,
        "SELECT opt_in_keywords, help_keywords, help_text, bounces_before_opt_out FROM core.workspace WHERE workspace_id = $1",
        id.0
    )
    .fetch_one(connection)
    .await?)
}

pub(super) async fn put(connection: &mut PgConnection, id: WorkspaceId, settings: &ConsentSettings) -> Result<()> {
    sqlx::query!(
        "UPDATE core.workspace SET opt_in_keywords = $2, help_keywords = $3, help_text = $4, bounces_before_opt_out = $5
         WHERE workspace_id = $1",
        id.0,
        &settings.opt_in_keywords,
        &settings.help_keywords,
        settings.help_text,
        settings.bounces_before_opt_out
    )
    .execute(connection)
    .await?;
    Ok(())
}
