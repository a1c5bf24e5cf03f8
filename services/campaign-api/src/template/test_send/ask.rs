//! What a caller asks to be sent, by whom and to whom.

use crate::{contact::read_phone_rules, sender::health_of, template::get::find};
use domain::{
    CampaignId, Channel, SenderId, WorkspaceId,
    address::{self, PhoneRules},
    content::Rendered,
};
use proto::template::TestSendTemplateRequest;
use runtime::status::{self, Violations};
use serde_json::Value;
use std::collections::BTreeSet;
use store::{
    PgConnection,
    campaign::{self, Campaign},
    sender::{self, Sender},
    template::Template,
    test_send::Recipient,
};
use tonic::Status;

const MAX_ADDRESSES: usize = 10;

/// A request, read and found to make sense.
pub struct Asked {
    pub channel: Channel,
    pub template: Template,
    pub campaign: Option<Campaign>,
    pub sender: Sender,
    pub recipients: Vec<Recipient>,
}

impl Asked {
    /// # Errors
    /// INVALID_ARGUMENT with what is missing or doesn't fit; NOT_FOUND for what the workspace doesn't have; FAILED_PRECONDITION when the
    /// sender is paused.
    pub async fn read(connection: &mut PgConnection, workspace: WorkspaceId, request: TestSendTemplateRequest) -> Result<Self, Status> {
        let channel = proto::convert::channel(request.channel);
        let channel = channel.ok_or_else(|| status::invalid("channel", "must be given: email, sms, whatsapp or push"))?;
        if !channel.has_contact() {
            return Err(status::invalid("channel", "a post can't be tried on a few: everybody would see it; look at its preview instead"));
        }
        let campaign = campaign(connection, workspace, &request.campaign_id).await?;
        let template = template(connection, workspace, &request, campaign.as_ref()).await?;
        let sender = sender(connection, workspace, &request.sender_id, channel, campaign.as_ref()).await?;
        let rules = read_phone_rules(connection, workspace).await?;
        let recipients = recipients(&request.addresses, channel, &rules)?;
        Ok(Self { channel, template, campaign, sender, recipients })
    }

    /// What the message calls its campaign.
    pub fn occasion_name(&self) -> String {
        self.campaign.as_ref().map_or_else(|| self.template.name.clone(), |campaign| campaign.settings.name.clone())
    }

    /// A rendered message as the dispatcher reads it.
    ///
    /// # Errors
    /// FAILED_PRECONDITION when a WhatsApp variant has nothing for the sender's provider.
    pub fn for_provider(&self, rendered: &Rendered) -> Result<Value, Status> {
        let json = serde_json::to_value(rendered).map_err(|error| status::internal(&error))?;
        // The keys of a WhatsApp variant are the providers' slugs, see `domain::content::WhatsappVariant`.
        let provider = &self.sender.provider;
        if self.channel == Channel::Whatsapp && !json["whatsapp"][provider].is_object() {
            let message = format!("the template's whatsapp variant has nothing for {provider}, the sender's provider");
            return Err(status::precondition("NO_VARIANT", message));
        }
        Ok(json)
    }
}

async fn campaign(connection: &mut PgConnection, workspace: WorkspaceId, id: &str) -> Result<Option<Campaign>, Status> {
    if id.is_empty() {
        return Ok(None);
    }
    let id: CampaignId = status::id("campaign_id", id)?;
    let campaign = campaign::get(connection, workspace, id).await.map_err(status::store)?;
    campaign.map(Some).ok_or_else(|| status::not_found("campaign"))
}

async fn template(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    request: &TestSendTemplateRequest,
    campaign: Option<&Campaign>,
) -> Result<Template, Status> {
    let of_campaign = campaign.and_then(|campaign| campaign.settings.template_id).map(|id| id.to_string());
    let (id, version) = match (request.id.as_str(), of_campaign) {
        ("", None) => return Err(status::invalid("id", "name a template, or a campaign that has one")),
        ("", Some(id)) => (id, campaign.and_then(|campaign| campaign.template_version)),
        (id, Some(own)) if id == own => (own, campaign.and_then(|campaign| campaign.template_version)),
        (id, _) => (id.to_owned(), None),
    };
    let version = if request.version == 0 { version.map(i32::unsigned_abs).unwrap_or_default() } else { request.version };
    find(connection, workspace, &id, version).await
}

async fn sender(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: &str,
    channel: Channel,
    campaign: Option<&Campaign>,
) -> Result<Sender, Status> {
    let of_campaign = campaign.and_then(|campaign| campaign.settings.channels.get(&channel)).map(|of| of.sender_id);
    let id: SenderId = match (id, of_campaign) {
        ("", None) => return Err(status::invalid("sender_id", format!("name a sender for {channel}"))),
        ("", Some(own)) => own,
        (id, _) => status::id("sender_id", id)?,
    };
    let sender = sender::get(connection, workspace, id).await.map_err(status::store)?;
    let sender = sender.ok_or_else(|| status::not_found("sender"))?;
    if sender.channel != channel {
        return Err(status::invalid("sender_id", format!("this sender is for {}, not for {channel}", sender.channel)));
    }
    if health_of(connection, &sender).await?.paused_at.is_some() {
        return Err(status::precondition("SENDER_PAUSED", "the sender is paused: resume it, or use another one"));
    }
    Ok(sender)
}

/// Addresses in the form of the channel, each once.
fn recipients(written: &[String], channel: Channel, rules: &PhoneRules) -> Result<Vec<Recipient>, Status> {
    let mut violations = Violations::new();
    violations.expect((1..=MAX_ADDRESSES).contains(&written.len()), "addresses", "must be 1 to 10");
    let (mut recipients, mut seen) = (Vec::new(), BTreeSet::new());
    for (index, written) in written.iter().take(MAX_ADDRESSES).enumerate() {
        let read = address::of_channel(channel, written, rules);
        let Some(key) = read.key else {
            let problem = if read.problem.is_empty() { "is empty".to_owned() } else { read.problem };
            violations.add(format!("addresses[{index}]"), problem);
            continue;
        };
        if seen.insert(key.clone()) {
            recipients.push(Recipient { address: read.shown, key });
        }
    }
    violations.check()?;
    Ok(recipients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt as _;

    fn read(written: &[&str], channel: Channel) -> Result<Vec<String>, Vec<String>> {
        let written: Vec<_> = written.iter().map(|address| (*address).to_owned()).collect();
        let read = recipients(&written, channel, &PhoneRules::default());
        let fields = |status: Status| status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
        read.map(|recipients| recipients.into_iter().map(|recipient| recipient.key).collect()).map_err(fields)
    }

    #[test]
    fn addresses_are_those_of_the_channel_and_each_comes_once() {
        assert_eq!(read(&["Me@Example.com", "me@EXAMPLE.com"], Channel::Email).unwrap().len(), 1);
        assert_eq!(read(&["+971501234567", "00971501234567"], Channel::Sms).unwrap(), ["+971501234567"]);
        assert_eq!(read(&["me@example.com", "+971501234567", ""], Channel::Sms).unwrap_err(), ["addresses[0]", "addresses[2]"]);
        assert_eq!(read(&[], Channel::Email).unwrap_err(), ["addresses"]);
        assert_eq!(read(&["a@example.com"; 11], Channel::Email).unwrap_err(), ["addresses"]);
    }
}
