//! The providers there are. A new one is one folder and one line here.

use crate::{Account, AccountError, Send, Webhook};
use domain::Channel;
use std::sync::Arc;

type MakeSender = fn(&Account, Channel) -> Result<Arc<dyn Send>, AccountError>;
type MakeWebhook = fn(&Account) -> Result<Arc<dyn Webhook>, AccountError>;

/// What the rest of the hub knows of a provider.
pub struct Provider {
    /// Its name in SQL, proto and URLs: `twilio`, `sendgrid`, `meta`, `smtp`.
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
pub static PROVIDERS: &[&Provider] =
    &[&crate::meta::PROVIDER, &crate::sendgrid::PROVIDER, &crate::smtp::PROVIDER, &crate::twilio::PROVIDER];

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
