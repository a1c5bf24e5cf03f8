//! Any message of the protocol as JSON and back, by its descriptor: the fields have the names that `proto/` gives them.

use anyhow::{Context, Result};
use prost::Message;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use proto::{analytics, campaign, consent, contact, conversation, device, operations, optout, sender, template, workspace};
use serde_json::Value;
use std::sync::OnceLock;

/// A message whose full name is known here.
pub trait Wire: Message + Default {
    const NAME: &'static str;
}

macro_rules! wire {
    ($($area:ident::$name:ident),* $(,)?) => {
        $(impl Wire for $area::$name {
            const NAME: &'static str = concat!("fanfare.", stringify!($area), ".v1.", stringify!($name));
        })*

        #[cfg(test)]
        const NAMES: &[&str] = &[$(<$area::$name as Wire>::NAME),*];
    };
}

wire!(
    analytics::CampaignStats,
    analytics::Delivery,
    analytics::ExplainResponse,
    analytics::RebuildStatsResponse,
    analytics::RecountCampaignResponse,
    analytics::VersionStats,
    campaign::Alert,
    campaign::Approval,
    campaign::Campaign,
    campaign::CancelCampaignResponse,
    campaign::ClearCampaignContactsResponse,
    campaign::Conversion,
    campaign::ConversionTotal,
    campaign::CopyListsToCampaignResponse,
    campaign::DryRunCampaignResponse,
    campaign::PreviewAudienceResponse,
    campaign::RecordConversionResponse,
    campaign::RetryFailedResponse,
    campaign::SettleUnknownResponse,
    consent::ConfirmationLink,
    consent::ConsentEvent,
    consent::ListConsent,
    consent::PendingMember,
    consent::Preferences,
    consent::RecordConsentResponse,
    consent::Topic,
    contact::AddListMembersResponse,
    contact::Contact,
    contact::ContactList,
    contact::EraseContactResponse,
    contact::CountSegmentResponse,
    contact::Filter,
    contact::Import,
    contact::ImportContactsResponse,
    contact::RemoveListMembersResponse,
    contact::Segment,
    conversation::Conversation,
    conversation::Message,
    device::CreateDeviceLinkResponse,
    device::Device,
    operations::DeadLetter,
    operations::DropDeadLettersResponse,
    operations::GetDeadLetterResponse,
    operations::ReplayDeadLettersResponse,
    optout::AddOptOutsResponse,
    optout::ImportOptOutsResponse,
    optout::OptOut,
    sender::CountryPrice,
    sender::CreateSenderRequest,
    sender::Provider,
    sender::Sender,
    sender::UnreadPost,
    template::Attachment,
    template::Content,
    template::CreateTemplateRequest,
    template::DiffTemplateVersionsResponse,
    template::Layout,
    template::ProviderTemplate,
    template::SyncProviderTemplatesResponse,
    template::Template,
    template::TemplateUse,
    template::TemplateVersion,
    template::TestSend,
    template::UpdateLayoutResponse,
    template::ValidateTemplateResponse,
    workspace::ApiKey,
    workspace::AuditEntry,
    workspace::CreateApiKeyResponse,
    workspace::GetCallerResponse,
    workspace::Tracking,
    workspace::User,
    workspace::Workspace,
);

fn descriptor(name: &str) -> Result<MessageDescriptor> {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| DescriptorPool::decode(proto::DESCRIPTORS).ok());
    pool.as_ref().and_then(|pool| pool.get_message_by_name(name)).with_context(|| format!("{name} is not in the protocol"))
}

/// A message as JSON: every field is there, 64-bit numbers are numbers.
///
/// # Errors
/// When the message isn't part of the protocol.
pub fn to_value<M: Wire>(message: &M) -> Result<Value> {
    let dynamic = DynamicMessage::decode(descriptor(M::NAME)?, message.encode_to_vec().as_slice())?;
    let options = SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true).skip_default_fields(false);
    Ok(dynamic.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// A message from JSON.
///
/// # Errors
/// Names the field that is unknown or of the wrong kind.
pub fn from_value<M: Wire>(value: &Value) -> Result<M> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let dynamic = DynamicMessage::deserialize_with_options(descriptor(M::NAME)?, value, &options)?;
    Ok(M::decode(dynamic.encode_to_vec().as_slice())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_name_is_in_the_protocol() {
        for name in NAMES {
            descriptor(name).unwrap();
        }
    }

    #[test]
    fn a_message_comes_back_from_its_json() {
        let list = contact::ContactList { id: "l".into(), name: "Readers".into(), member_count: 4_812, ..Default::default() };
        let value = to_value(&list).unwrap();
        assert_eq!(value["member_count"], json!(4_812));
        assert_eq!(value["archived"], json!(false));
        assert_eq!(from_value::<contact::ContactList>(&value).unwrap(), list);
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let error = from_value::<template::Content>(&json!({"sms": {"txt": "Hi"}})).unwrap_err();
        assert!(error.to_string().contains("txt"), "{error}");
    }
}
