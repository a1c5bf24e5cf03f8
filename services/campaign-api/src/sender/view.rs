//! A sender as callers see it.

use crate::{convert::timestamp, state::State};
use proto::{convert::channel_number, sender::Sender};
use std::collections::HashMap;

pub fn present(state: &State, sender: store::sender::Sender) -> Sender {
    Sender {
        id: sender.sender_id.to_string(),
        name: sender.name,
        channel: channel_number(sender.channel),
        settings: sender.settings.into_iter().collect(),
        secret_names: sender.secret_names,
        rate_per_second: sender.rate_per_second,
        price_micros: sender.price_micros,
        currency: sender.currency,
        created_at: Some(timestamp(sender.created_at)),
        webhook_urls: webhook_urls(&state.public_url, &sender.provider, &sender.sender_id.to_string()),
        provider: sender.provider,
    }
}

/// The paths are webhook-ingest's. Twilio posts reports and messages to different ones.
fn webhook_urls(base: &str, provider: &str, sender: &str) -> HashMap<String, String> {
    let url = |end: &str| format!("{base}/webhooks/{provider}/{sender}{end}");
    let urls: &[(&str, &str)] = match provider {
        "twilio" => &[("status", "/status"), ("inbound", "/inbound")],
        _ if providers::find(provider).is_some_and(|provider| provider.webhook.is_some()) => &[("webhook", "")],
        _ => &[],
    };
    urls.iter().map(|(name, end)| ((*name).to_owned(), url(end))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_that_posts_has_its_urls() {
        let urls = webhook_urls("https://hub.example", "twilio", "1");
        assert_eq!(urls["status"], "https://hub.example/webhooks/twilio/1/status");
        assert_eq!(urls["inbound"], "https://hub.example/webhooks/twilio/1/inbound");
        assert_eq!(webhook_urls("https://hub.example", "meta", "1")["webhook"], "https://hub.example/webhooks/meta/1");
        assert!(webhook_urls("https://hub.example", "smtp", "1").is_empty());
        for provider in providers::registry::PROVIDERS {
            assert_eq!(webhook_urls("x", provider.slug, "1").is_empty(), provider.webhook.is_none(), "{}", provider.slug);
        }
    }
}
