//! A message as Twilio posts it: a form, signed over the URL and its pairs.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::Url;

use super::{Post, Writing};
use crate::callbacks::sign;
use crate::config::Twilio;
use crate::message::Channel;

const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
const MAX_MEDIA: usize = 10;

type Params = Vec<(String, String)>;

pub(super) fn post(twilio: &Twilio, writing: &Writing) -> Result<(String, Post), &'static str> {
    let url = writing.url.as_deref().or(twilio.inbound_url.as_deref()).ok_or("twilio.inbound_url is not configured")?;
    if writing.reaction.is_some() {
        return Err("Twilio tells of no reactions");
    }
    if writing.media.len() > MAX_MEDIA {
        return Err("at most 10 media");
    }
    let id = writing.id.clone().unwrap_or_else(|| format!("SM{}", uuid::Uuid::new_v4().simple()));
    let params = params(twilio, writing, &id);
    let mut url = Url::parse(url).map_err(|_| "url is none")?;
    // A fragment holds settings for Twilio itself. It is neither sent nor signed.
    url.set_fragment(None);
    let pairs: Vec<(&str, &str)> = params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let signature = sign::twilio(&twilio.auth_token, url.as_str(), &pairs);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("TwilioProxy/1.1"));
    headers.insert(SIGNATURE, HeaderValue::from_str(&signature).map_err(|_| "it can't be signed")?);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish().into_bytes();
    Ok((id, Post { url: url.into(), headers, body }))
}

fn params(twilio: &Twilio, writing: &Writing, id: &str) -> Params {
    let is_whatsapp = writing.channel == Channel::Whatsapp;
    let address = |of: &str| if is_whatsapp { format!("whatsapp:{of}") } else { of.to_owned() };
    let from = writing.from.as_deref().or(writing.user_id.as_deref()).unwrap_or_default();
    let pairs = [
        ("AccountSid", twilio.account_sid.clone()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("Body", writing.text.clone()),
        ("From", address(from)),
        ("To", address(&writing.to)),
        ("MessageSid", id.to_owned()),
        ("SmsMessageSid", id.to_owned()),
        ("SmsSid", id.to_owned()),
        ("SmsStatus", "received".to_owned()),
        ("NumSegments", "1".to_owned()),
        ("NumMedia", writing.media.len().to_string()),
    ];
    let mut params: Params = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for (index, medium) in writing.media.iter().enumerate() {
        let account = &twilio.account_sid;
        let sid = medium.id.clone().unwrap_or_else(|| format!("ME{}", uuid::Uuid::new_v4().simple()));
        params
            .push((format!("MediaUrl{index}"), format!("https://api.twilio.com/2010-04-01/Accounts/{account}/Messages/{id}/Media/{sid}")));
        params.push((format!("MediaContentType{index}"), medium.media_type.clone()));
    }
    let mut add = |name: &str, value: Option<&str>| params.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    add("OriginalRepliedMessageSid", writing.reply_to.as_deref());
    if is_whatsapp {
        let kind = if writing.button.is_some() { "button" } else { "text" };
        add("MessageType", Some(kind));
        add("ProfileName", Some(writing.name.as_deref().unwrap_or("Sandbox Recipient")));
        add("WaId", writing.from.as_deref().map(|from| from.trim_start_matches('+')));
        add("ExternalUserId", writing.user_id.as_deref());
        add("ButtonPayload", writing.button.as_deref());
        add("ButtonText", writing.button.as_ref().map(|_| writing.text.as_str()));
    }
    params
}
