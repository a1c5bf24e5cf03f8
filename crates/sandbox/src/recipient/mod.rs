//! What the recipient of an e-mail does: opens it (fetches the pixel), clicks one link, unsubscribes.
//!
//! Replies by SMS and WhatsApp go through the provider, so they are made there.

pub mod links;
mod push;

use axum::http::{HeaderMap, HeaderValue, header};
use reqwest::{Method, Url};

use crate::behaviour::Step;
use crate::callbacks::{Journey, Outgoing};
use crate::message::Channel;

/// What a mail reader calls itself.
const USER_AGENT: HeaderValue = HeaderValue::from_static("Mozilla/5.0 (FanfareSandbox; a recipient)");

pub fn request(journey: &Journey) -> Option<Outgoing> {
    if journey.parcel.entry.channel == Channel::Push {
        return push::request(journey);
    }
    let links = &journey.parcel.links;
    let get = |url: &Option<String>| outgoing(Method::GET, url.as_deref()?, HeaderMap::new(), "");
    match journey.next()? {
        Step::Read => get(&links.open),
        Step::Click => get(&links.click),
        Step::Stop => {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, form)]);
            // RFC 8058: no cookies, no login, and a redirect is not an answer.
            let body = "List-Unsubscribe=One-Click";
            outgoing(Method::POST, links.unsubscribe.as_deref()?, headers, body)
        }
        Step::Sent | Step::Delivered | Step::Failed => None,
    }
}

fn outgoing(method: Method, url: &str, mut headers: HeaderMap, body: &str) -> Option<Outgoing> {
    headers.insert(header::USER_AGENT, USER_AGENT);
    let redirect_is_done = method == Method::GET;
    Some(Outgoing { method, url: Url::parse(url).ok()?, headers, body: body.into(), redirect_is_done })
}
