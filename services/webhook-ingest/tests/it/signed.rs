//! Posts signed as each provider signs them.

use crate::support::{APP_SECRET, AUTH_TOKEN, Ingest, PUBLIC_URL, base64};
use domain::SenderId;
use reqwest::{RequestBuilder, StatusCode};
use ring::{hmac, rand::SystemRandom};
use std::{env, fmt::Write, fs, path::PathBuf};
use time::OffsetDateTime;

/// What a post's signature is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signature {
    Good,
    /// One bit of it is flipped.
    Flipped,
    /// Good for another body.
    OfAnotherBody,
    None,
}

pub const FORGED: [(Signature, StatusCode); 3] = [
    (Signature::Flipped, StatusCode::FORBIDDEN),
    (Signature::OfAnotherBody, StatusCode::FORBIDDEN),
    (Signature::None, StatusCode::UNAUTHORIZED),
];

/// A file of the providers' contracts, beside the repository or where `FANFARE_CONTRACTS` says.
pub fn contract(file: &str) -> String {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts");
    let path = env::var_os("FANFARE_CONTRACTS").map_or_else(beside, PathBuf::from).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{} can't be read ({error}): set FANFARE_CONTRACTS", path.display()))
}

impl Ingest {
    /// A post of Twilio to `path`, which starts at the sender's folder: "/status?d=…".
    pub async fn twilio(&self, path: &str, form: &[(&str, &str)], signature: Signature) -> StatusCode {
        self.twilio_for(self.twilio, path, form, signature).await
    }

    pub async fn twilio_for(&self, sender: SenderId, path: &str, form: &[(&str, &str)], signature: Signature) -> StatusCode {
        let path = format!("/webhooks/twilio/{sender}{path}");
        // Twilio's security page: the URL, then each parameter's name and value in order of names.
        let mut params = form.to_vec();
        if signature == Signature::OfAnotherBody {
            params.pop();
        }
        params.sort_unstable();
        let signed = params.iter().fold(format!("{PUBLIC_URL}{path}"), |text, (name, value)| text + name + value);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, AUTH_TOKEN.as_bytes());
        let mac = flip(hmac::sign(&key, signed.as_bytes()).as_ref(), signature);
        let post = self.client.post(format!("{}{path}", self.base)).form(form);
        send(post, signature, &[("x-twilio-signature", base64(mac))]).await
    }

    pub async fn meta(&self, body: &str, signature: Signature) -> StatusCode {
        let signed = if signature == Signature::OfAnotherBody { "{}" } else { body };
        let key = hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes());
        let mac = flip(hmac::sign(&key, signed.as_bytes()).as_ref(), signature);
        let hex = mac.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        let post = self.client.post(format!("{}/webhooks/meta/{}", self.base, self.meta)).body(body.to_owned());
        send(post, signature, &[("x-hub-signature-256", format!("sha256={hex}"))]).await
    }

    pub async fn sendgrid(&self, body: &str, signature: Signature) -> StatusCode {
        self.sendgrid_at(body, signature, OffsetDateTime::now_utc()).await
    }

    pub async fn sendgrid_at(&self, body: &str, signature: Signature, at: OffsetDateTime) -> StatusCode {
        let stamp = at.unix_timestamp().to_string();
        let signed = if signature == Signature::OfAnotherBody { "[]" } else { body };
        let made = self.sendgrid_key.sign(&SystemRandom::new(), format!("{stamp}{signed}").as_bytes()).unwrap();
        let made = base64(flip(made.as_ref(), signature));
        let post = self.client.post(format!("{}/webhooks/sendgrid/{}", self.base, self.sendgrid)).body(body.to_owned());
        let headers = [("x-twilio-email-event-webhook-signature", made), ("x-twilio-email-event-webhook-timestamp", stamp)];
        send(post, signature, &headers).await
    }
}

fn flip(mac: &[u8], signature: Signature) -> Vec<u8> {
    let mut mac = mac.to_vec();
    if signature == Signature::Flipped {
        *mac.last_mut().unwrap() ^= 1;
    }
    mac
}

async fn send(mut post: RequestBuilder, signature: Signature, headers: &[(&str, String)]) -> StatusCode {
    if signature != Signature::None {
        for (name, value) in headers {
            post = post.header(*name, value);
        }
    }
    post.send().await.unwrap().status()
}
