//! Whether a campaign's registered templates may be sent, as far as their providers have said.

use domain::{
    Channel, TemplateId, WorkspaceId,
    campaign::{Facts, Settings},
    content::Registered,
};
use runtime::status::Violations;
use store::{
    PgConnection, Result,
    provider_template::{self, APPROVED},
};

const FIELD: &str = "settings.template_id";

/// Adds what keeps the campaign's WhatsApp messages from being sent: a template that isn't approved, or that isn't in a list that was read
/// to its end. Of a sender whose templates were never read or heard of, nothing is known and nothing said.
///
/// # Errors
/// When the database fails.
pub async fn problems(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    settings: &Settings,
    template: (TemplateId, i32),
    facts: &Facts,
    violations: &mut Violations,
) -> Result<()> {
    let Some(channel) = settings.channels.get(&Channel::Whatsapp) else { return Ok(()) };
    let registered = provider_template::registered(&mut *connection, workspace, template.0, template.1).await?;
    for sender in channel.senders() {
        let Some(provider) = facts.senders.get(&sender).map(|sender| sender.provider.as_str()) else { continue };
        let is_read = provider_template::synced_at(&mut *connection, workspace, sender).await?.is_some();
        for one in registered.iter().filter(|one| one.provider() == provider) {
            match provider_template::known(&mut *connection, sender, one).await? {
                Some((status, ..)) if status == APPROVED || status.is_empty() => {}
                Some((status, reason, _)) => {
                    let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
                    violations.add(
                        FIELD,
                        format!("{} is {} at {provider}{why}: choose an approved one, or wait", named(one), status.to_lowercase()),
                    );
                }
                None if is_read => {
                    violations.add(
                        FIELD,
                        format!(
                            "{} isn't among the sender's templates at {provider}: register it there, or sync the sender's templates",
                            named(one)
                        ),
                    );
                }
                None => {}
            }
        }
    }
    Ok(())
}

fn named(registered: &Registered) -> String {
    match registered {
        Registered::Twilio { content_sid } => format!("the Content template {content_sid}"),
        Registered::Meta { name, language } => format!("the template {name} in {language}"),
    }
}
