//! What a campaign says about consent, on the command line.

use crate::{resolve, session::Session};
use anyhow::Result;
use clap::Args;
use proto::campaign::Settings;

/// What is left out stays as it is.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Consent")]
pub struct ConsentArgs {
    /// What it is about (name or id): who has left that topic gets none of it; "none" for no topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// The list with double opt-in (name or id) that its {{ confirm_link }} confirms; "none" for none
    #[arg(long, value_name = "LIST")]
    confirm_list: Option<String>,
}

impl ConsentArgs {
    /// Puts them into settings.
    ///
    /// # Errors
    /// When there is no such topic or list.
    pub async fn apply(&self, settings: &mut Settings, session: &Session) -> Result<()> {
        match self.topic.as_deref() {
            None => {}
            Some("none") => settings.topic_id.clear(),
            Some(topic) => settings.topic_id = resolve::topic(session, topic).await?,
        }
        match self.confirm_list.as_deref() {
            None => {}
            Some("none") => settings.confirm_list_id.clear(),
            Some(list) => settings.confirm_list_id = resolve::list(session, list).await?,
        }
        Ok(())
    }
}

/// What is set, for people.
pub fn describe(settings: &Settings) -> Vec<(&'static str, String)> {
    vec![("topic", settings.topic_id.clone()), ("confirms", settings.confirm_list_id.clone())]
}
