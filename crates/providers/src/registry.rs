//! The providers there are. A new one is one folder and one line here.

use crate::{Account, AccountError, Connect, DeviceKind, Mailbox, Manage, Refused, Send, Webhook};
use domain::Channel;
use std::sync::Arc;

type MakeSender = fn(&Account, Channel) -> Result<Arc<dyn Send>, AccountError>;
type MakeWebhook = fn(&Account) -> Result<Arc<dyn Webhook>, AccountError>;
type MakeManage = fn(&Account, Channel) -> Result<Arc<dyn Manage>, AccountError>;
type MakeConnect = fn(&Account) -> Result<Arc<dyn Connect>, AccountError>;
type MakeMailbox = fn(&Account) -> Result<Option<Arc<dyn Mailbox>>, AccountError>;
/// What to answer (200, as plain text) to a GET with this query string at the first of the provider's [`Hook`]s, or why to refuse it.
type Challenge = fn(&Account, &str) -> Result<Result<String, Refused>, AccountError>;

/// What the rest of the hub knows of a provider.
pub struct Provider {
    /// Its name in SQL, proto and URLs: `twilio`, `sendgrid`, `meta`, `smtp`. Lower-case letters and digits, a letter first.
    pub slug: &'static str,
    pub channels: &'static [Channel],
    /// Names of the settings it takes, with whether each is required and what it is.
    pub settings: &'static [Field],
    /// Names of the credentials it takes.
    pub secrets: &'static [Field],
    /// Builds the sending half for one account and channel; checks every field.
    pub sender: MakeSender,
    /// Builds the receiving half; None for a provider that posts nothing.
    pub webhook: Option<MakeWebhook>,
    /// Where it posts to; none without a webhook.
    pub hooks: &'static [Hook],
    /// Answers the question that some ask when a webhook is set up.
    pub challenge: Option<Challenge>,
    /// Tests the connection and reads what the provider keeps; None: it can't be tested.
    pub manage: Option<MakeManage>,
    /// Connects an account by OAuth 2.0; None: credentials are pasted.
    pub connect: Option<MakeConnect>,
    /// Reads bounces from a mailbox, where the account names one.
    pub mailbox: Option<MakeMailbox>,
    /// Kinds of devices that it reaches; none unless it carries push.
    pub devices: &'static [DeviceKind],
}

/// One address that a provider posts to, and what it wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    /// What people call it: `status`.
    pub name: &'static str,
    /// What follows the sender's id in the URL: `/status`, or nothing. At most one part.
    pub end: &'static str,
    /// The HTTP status of the answer to a post that was taken.
    pub status: u16,
    /// The type of the answer's body; empty for none.
    pub content_type: &'static str,
    pub body: &'static str,
}

impl Hook {
    /// The one address of a provider that posts everything to the same place, answered with an empty 200.
    pub const ONLY: Self = Self { name: "webhook", end: "", status: 200, content_type: "", body: "" };
}

impl Provider {
    /// What a provider needn't say of itself: `Provider { slug: …, ..Provider::BASE }`.
    pub const BASE: Self = Self {
        slug: "",
        channels: &[],
        settings: &[],
        secrets: &[],
        sender: |_, _| Err(AccountError::new("provider", "it sends nothing")),
        webhook: None,
        hooks: &[],
        challenge: None,
        manage: None,
        connect: None,
        mailbox: None,
        devices: &[],
    };

    /// The hook with that name in the URL (`status` of `/webhooks/twilio/<sender>/status`; empty for the bare address).
    #[must_use]
    pub fn hook(&self, name: &str) -> Option<&'static Hook> {
        self.hooks.iter().find(|hook| hook.end.strip_prefix('/').unwrap_or_default() == name)
    }
}

/// One setting or credential.
pub struct Field {
    pub name: &'static str,
    pub required: bool,
    pub help: &'static str,
}

impl Field {
    pub(crate) const fn required(name: &'static str, help: &'static str) -> Self {
        Self { name, required: true, help }
    }

    pub(crate) const fn optional(name: &'static str, help: &'static str) -> Self {
        Self { name, required: false, help }
    }
}

/// Every provider.
pub static PROVIDERS: &[&Provider] = &[
    &crate::facebook::PROVIDER,
    &crate::fcm::PROVIDER,
    &crate::instagram::PROVIDER,
    &crate::linkedin::PROVIDER,
    &crate::mailgun::PROVIDER,
    &crate::meta::PROVIDER,
    &crate::sendgrid::PROVIDER,
    &crate::smtp::PROVIDER,
    &crate::twilio::PROVIDER,
    &crate::webpush::PROVIDER,
    &crate::x::PROVIDER,
];

/// The provider of that slug, if there is one.
#[must_use]
pub fn find(slug: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().copied().find(|provider| provider.slug == slug)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_provider_is_found_by_its_own_name() {
        for provider in PROVIDERS {
            assert!(std::ptr::eq(find(provider.slug).unwrap(), *provider));
            assert!(!provider.channels.is_empty());
            let fields = || provider.settings.iter().chain(provider.secrets);
            assert_eq!(fields().map(|field| field.name).collect::<BTreeSet<_>>().len(), fields().count());
            assert!(fields().all(|field| !field.help.is_empty()));
            assert_eq!(provider.channels.contains(&Channel::Push), !provider.devices.is_empty(), "{}", provider.slug);
            assert_eq!(provider.webhook.is_none(), provider.hooks.is_empty(), "{}", provider.slug);
            for hook in provider.hooks {
                assert_eq!(provider.hook(hook.end.trim_start_matches('/')), Some(hook), "{}", provider.slug);
                assert!((200..300).contains(&hook.status) && hook.end.matches('/').count() <= 1);
            }
        }
        assert!(find("fax").is_none());
    }

    #[test]
    fn empty_account_is_refused_with_a_remedy() {
        let account = Account { settings: [].into(), secrets: [].into() };
        for provider in PROVIDERS {
            let error = (provider.sender)(&account, provider.channels[0]).err().unwrap();
            let fields: Vec<_> = provider.settings.iter().chain(provider.secrets).map(|field| field.name).collect();
            assert!(fields.contains(&error.field.as_str()), "{error}");
            assert!(!error.remedy.is_empty());
        }
    }
}
