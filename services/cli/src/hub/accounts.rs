//! The provider accounts of a local hub, all of them the sandbox's.

use devstack::{Secrets, hub::Addresses, secrets::Social};
use domain::Channel;
use proto::{convert::channel_number, sender::CreateSenderRequest};
use std::collections::HashMap;

/// As much as the sandbox takes; a real account's rate is the provider's.
const RATE_PER_SECOND: f64 = 2_000.0;
/// A network takes a hundred posts a day; the first few may go at once.
const POSTS_PER_SECOND: f64 = 10.0;
/// A number that nobody has (the range kept for fiction).
const PHONE: &str = "+12025550142";

pub const SMTP: &str = "SMTP (sandbox)";
pub const SENDGRID: &str = "SendGrid (sandbox)";
pub const TWILIO_SMS: &str = "Twilio SMS (sandbox)";
pub const TWILIO_WHATSAPP: &str = "Twilio WhatsApp (sandbox)";
pub const META: &str = "Meta WhatsApp (sandbox)";
pub const FCM: &str = "App (sandbox)";
pub const WEBPUSH: &str = "Website (sandbox)";
pub const FACEBOOK: &str = "Facebook (sandbox)";
pub const INSTAGRAM: &str = "Instagram (sandbox)";
pub const X: &str = "X (sandbox)";
pub const LINKEDIN: &str = "LinkedIn (sandbox)";

/// Where the push messages of a campaign go, the first of them its main sender.
pub const PUSH: [&str; 2] = [FCM, WEBPUSH];
/// Where posts are put up, the first of them a campaign's main sender.
pub const SOCIAL: [&str; 4] = [FACEBOOK, INSTAGRAM, X, LINKEDIN];

/// What to create, or to bring up to date: the sandbox has other ports at every start.
pub fn senders(secrets: &Secrets, addresses: &Addresses) -> [CreateSenderRequest; 11] {
    [
        smtp(secrets, addresses),
        sendgrid(secrets, addresses),
        twilio_sms(secrets, addresses),
        twilio_whatsapp(secrets, addresses),
        meta(secrets, addresses),
        fcm(secrets, addresses),
        webpush(secrets),
        facebook(secrets, addresses),
        instagram(secrets, addresses),
        x(secrets, addresses),
        linkedin(secrets, addresses),
    ]
}

fn smtp(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let port = addresses.sandbox_smtp_port.to_string();
    let settings = [
        ("host", "127.0.0.1"),
        ("port", &port),
        ("tls", "none"),
        ("from", "hello@lumen.example"),
        ("from_name", "Lumen"),
        // What can't be delivered comes back to the hub.
        ("bounce_address", "bounces@bounces.lumen.example"),
    ];
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

fn fcm(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let file = secrets.push.service_account(&addresses.sandbox);
    sender(FCM, Channel::Push, "fcm", &[("base_url", &addresses.sandbox)], &[("service_account", &file)], 0)
}

fn webpush(secrets: &Secrets) -> CreateSenderRequest {
    let settings = [
        ("vapid_public_key", secrets.push.vapid_public_key.as_str()),
        ("subject", "mailto:web@lumen.example"),
        ("push_services", "127.0.0.1"),
    ];
    sender(WEBPUSH, Channel::Push, "webpush", &settings, &[("vapid_private_key", &secrets.push.vapid_private_key)], 0)
}

fn facebook(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let Social { facebook_page_id, facebook_access_token, .. } = &secrets.social;
    network(FACEBOOK, "facebook", ("page_id", facebook_page_id), facebook_access_token, addresses)
}

fn instagram(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let Social { instagram_user_id, instagram_access_token, .. } = &secrets.social;
    network(INSTAGRAM, "instagram", ("ig_user_id", instagram_user_id), instagram_access_token, addresses)
}

fn x(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let Social { x_user_id, x_access_token, .. } = &secrets.social;
    network(X, "x", ("user_id", x_user_id), x_access_token, addresses)
}

fn linkedin(secrets: &Secrets, addresses: &Addresses) -> CreateSenderRequest {
    let Social { linkedin_author, linkedin_access_token, .. } = &secrets.social;
    network(LINKEDIN, "linkedin", ("author", linkedin_author), linkedin_access_token, addresses)
}

fn network(name: &str, provider: &str, account: (&str, &str), token: &str, addresses: &Addresses) -> CreateSenderRequest {
    let settings = [account, ("base_url", addresses.sandbox.as_str())];
    let request = sender(name, Channel::Social, provider, &settings, &[("access_token", token)], 0);
    CreateSenderRequest { rate_per_second: POSTS_PER_SECOND, ..request }
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
