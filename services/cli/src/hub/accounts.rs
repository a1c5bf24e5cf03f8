//! The five provider accounts of a local hub, all of them the sandbox's.

use devstack::{Secrets, hub::Addresses};
use domain::Channel;
use proto::{convert::channel_number, sender::CreateSenderRequest};
use std::collections::HashMap;

/// As much as the sandbox takes; a real account's rate is the provider's.
const RATE_PER_SECOND: f64 = 2_000.0;
/// A number that nobody has (the range kept for fiction).
const PHONE: &str = "+12025550142";

pub const SMTP: &str = "SMTP (sandbox)";
pub const SENDGRID: &str = "SendGrid (sandbox)";
pub const TWILIO_SMS: &str = "Twilio SMS (sandbox)";
pub const TWILIO_WHATSAPP: &str = "Twilio WhatsApp (sandbox)";
pub const META: &str = "Meta WhatsApp (sandbox)";

/// What to create, or to bring up to date: the sandbox has other ports at every start.
pub fn senders(secrets: &Secrets, addresses: &Addresses) -> [CreateSenderRequest; 5] {
    [
        smtp(secrets, addresses),
        sendgrid(secrets, addresses),
        twilio_sms(secrets, addresses),
        twilio_whatsapp(secrets, addresses),
        meta(secrets, addresses),
    ]
}

fn smtp(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let port = addresses.sandbox_smtp_port.to_string();
    let settings = [("host", "127.0.0.1"), ("port", &port), ("tls", "none"), ("from", "hello@lumen.example"), ("from_name", "Lumen")];
    let secrets = [("username", secrets.smtp_username.as_str()), ("password", &secrets.smtp_password)];
    sender(SMTP, Channel::Email, "smtp", &settings, &secrets, 50)
}

fn sendgrid(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let settings = [
        ("from", "hello@lumen.example"),
        ("from_name", "Lumen"),
        ("webhook_public_key", &secrets.sendgrid_public_key),
        ("base_url", &addresses.sandbox),
    ];
    sender(SENDGRID, Channel::Email, "sendgrid", &settings, &[("api_key", &secrets.sendgrid_api_key)], 100)
}

fn twilio_sms(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    sender(TWILIO_SMS, Channel::Sms, "twilio", &twilio(secrets, addresses), &[("auth_token", &secrets.twilio_auth_token)], 7_900)
}

fn twilio_whatsapp(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let token = [("auth_token", secrets.twilio_auth_token.as_str())];
    sender(TWILIO_WHATSAPP, Channel::Whatsapp, "twilio", &twilio(secrets, addresses), &token, 30_000)
}

fn twilio<'a>(secrets: &'a Secrets, addresses: &'a Addresses) -> [(&'a str, &'a str); 3] {
    [("account_sid", &secrets.twilio_account_sid), ("from", PHONE), ("base_url", &addresses.sandbox)]
}

fn meta(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let settings = [("phone_number_id", secrets.meta_phone_number_id.as_str()), ("base_url", &addresses.sandbox)];
    let secrets = [
        ("access_token", secrets.meta_access_token.as_str()),
        ("app_secret", &secrets.meta_app_secret),
        ("verify_token", &secrets.meta_verify_token),
    ];
    sender(META, Channel::Whatsapp, "meta", &settings, &secrets, 25_000)
}

fn sender(
    name: &str,
    channel: Channel,
    provider: &str,
    settings: &[(&str, &str)],
    secrets: &[(&str, &str)],
    price_micros: i64,
) -> CreateSenderRequest {
    let map = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    CreateSenderRequest {
        name: name.to_owned(),
        channel: channel_number(channel),
        provider: provider.to_owned(),
        settings: map(settings),
        secrets: map(secrets),
        rate_per_second: RATE_PER_SECOND,
        price_micros,
        currency: "USD".to_owned(),
        request_id: crate::session::request_id(),
    }
}
