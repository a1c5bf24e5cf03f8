//! What Twilio posts: status callbacks to the URL given with the message, replies to the configured one.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Method, Url};
use ring::digest::{SHA256, digest};

use crate::behaviour::Step;
use crate::callbacks::{Journey, Outgoing, Parcel, sign};
use crate::config::{Active, Twilio};
use crate::message::Channel;

const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");

type Params = Vec<(&'static str, String)>;

pub fn request(active: &Active, journey: &Journey) -> Option<Outgoing> {
    let twilio = active.config.twilio.as_ref()?;
    let (parcel, step) = (&journey.parcel, journey.next()?);
    let (url, params) = match step {
        Step::Stop => (twilio.inbound_url.as_deref()?, reply(twilio, parcel, "STOP")),
        _ => (parcel.status_callback.as_deref()?, status(twilio, parcel, step)),
    };
    signed(&twilio.auth_token, url, &params)
}

fn signed(auth_token: &str, url: &str, params: &Params) -> Option<Outgoing> {
    let mut url = Url::parse(url).ok()?;
    // A fragment holds settings for Twilio itself. It is neither sent nor signed.
    url.set_fragment(None);
    let params: Vec<(&str, &str)> = params.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let signature = sign::twilio(auth_token, url.as_str(), &params);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("TwilioProxy/1.1"));
    headers.insert(SIGNATURE, HeaderValue::from_str(&signature).ok()?);
    Some(Outgoing { method: Method::POST, url, headers, body: body.into_bytes(), redirect_is_done: false })
}

fn status(twilio: &Twilio, parcel: &Parcel, step: Step) -> Params {
    let status = match step {
        Step::Sent => "sent",
        Step::Delivered => "delivered",
        Step::Read | Step::Click | Step::Stop => "read",
        // These never left Twilio; all else was refused further on.
        Step::Failed if matches!(parcel.fails_with.as_deref(), Some("30450" | "63032")) => "failed",
        Step::Failed => "undelivered",
    };
    let mut params: Params = vec![
        ("AccountSid", twilio.account_sid.clone()),
        ("ApiVersion", "2010-04-01".into()),
        ("From", address(parcel, &parcel.from)),
        ("To", address(parcel, &parcel.to)),
        ("MessageSid", parcel.provider_message_id.clone()),
        ("MessageStatus", status.into()),
        ("SmsSid", parcel.provider_message_id.clone()),
        ("SmsStatus", status.into()),
    ];
    if let Some(service) = &parcel.messaging_service_sid {
        params.push(("MessagingServiceSid", service.clone()));
    }
    if let (Step::Failed, Some(code)) = (step, &parcel.fails_with) {
        params.push(("ErrorCode", code.clone()));
    }
    if parcel.entry.channel == Channel::Whatsapp {
        params.push(("ChannelPrefix", "whatsapp".into()));
        params.push(("ChannelToAddress", masked(&parcel.to)));
        params.push(("ChannelInstallSid", format!("XE{}", hex_of("install", &twilio.account_sid))));
        params.push(("StructuredMessage", "false".into()));
        if step != Step::Sent {
            params.push(("EventType", status.to_uppercase()));
        }
    } else if step != Step::Sent {
        params.push(("RawDlrDoneDate", delivery_date()));
    }
    params
}

/// A reply of the recipient. Its id depends on the message alone: a second try is the same reply.
fn reply(twilio: &Twilio, parcel: &Parcel, body: &str) -> Params {
    let sid = format!("SM{}", hex_of("reply", &parcel.provider_message_id));
    let mut params: Params = vec![
        ("AccountSid", twilio.account_sid.clone()),
        ("ApiVersion", "2010-04-01".into()),
        ("Body", body.into()),
        ("From", address(parcel, &parcel.to)),
        ("To", address(parcel, &parcel.from)),
        ("MessageSid", sid.clone()),
        ("NumMedia", "0".into()),
        ("NumSegments", "1".into()),
        ("SmsMessageSid", sid.clone()),
        ("SmsSid", sid),
        ("SmsStatus", "received".into()),
    ];
    if let Some(service) = &parcel.messaging_service_sid {
        params.push(("MessagingServiceSid", service.clone()));
    }
    if parcel.entry.channel == Channel::Whatsapp {
        params.push(("MessageType", "text".into()));
        params.push(("ProfileName", "Sandbox Recipient".into()));
        params.push(("WaId", parcel.to.trim_start_matches('+').into()));
    }
    params
}

fn address(parcel: &Parcel, number: &str) -> String {
    match parcel.entry.channel {
        Channel::Whatsapp => format!("whatsapp:{number}"),
        _ => number.to_owned(),
    }
}

fn masked(number: &str) -> String {
    let shown = number.len().saturating_sub(4);
    format!("{}XXXX", number.get(..shown).unwrap_or_default())
}

/// 32 hex digits that stand for `of`, the same at every try.
fn hex_of(purpose: &str, of: &str) -> String {
    let hash = digest(&SHA256, format!("{purpose}:{of}").as_bytes());
    hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// YYMMDDhhmm.
fn delivery_date() -> String {
    crate::clock::rfc3339().chars().filter(char::is_ascii_digit).skip(2).take(10).collect()
}
