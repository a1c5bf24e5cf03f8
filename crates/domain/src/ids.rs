//! Newtype ids, so that one kind can't be passed for another.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl $name {
            /// A new time-ordered id (UUIDv7).
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    )*};
}

uuid_id! {
    /// A tenant.
    WorkspaceId,
    /// A person that can receive messages.
    ContactId,
    /// A named set of contacts.
    ListId,
    /// A saved filter over contacts.
    SegmentId,
    /// What a campaign is about.
    TopicId,
    /// An app or a browser of a contact that notifications go to.
    DeviceId,
    /// Named, versioned content.
    TemplateId,
    /// Named HTML that e-mails are set into.
    LayoutId,
    /// A file that e-mails carry.
    AttachmentId,
    /// A message to a few addresses, to be looked at.
    TestSendId,
    /// A configured provider account.
    SenderId,
    /// What is sent, to whom, over which channels, when.
    CampaignId,
    /// One execution of a campaign.
    RunId,
    /// A batch of deliveries on the wire.
    JobId,
    /// One dispatcher process, for fencing.
    WorkerId,
    /// A program's way in.
    ApiKeyId,
    /// A person whom a workspace lists.
    UserId,
    /// The thread between one person and one sender.
    ConversationId,
    /// A message of a conversation.
    MessageId,
}

/// One message to one contact on one channel in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub i64);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
