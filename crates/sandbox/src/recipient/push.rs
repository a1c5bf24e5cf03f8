//! What a device does with a notification: tells that it was shown, and that it was opened, and follows its link.

use axum::http::{HeaderMap, HeaderValue, header};
use reqwest::Method;

use crate::behaviour::Step;
use crate::callbacks::{Journey, Outgoing};

pub fn request(journey: &Journey) -> Option<Outgoing> {
    let parcel = &journey.parcel;
    match journey.next()? {
        Step::Delivered => receipt(parcel.status_callback.as_deref()?, "delivered"),
        Step::Read => receipt(parcel.status_callback.as_deref()?, "opened"),
        Step::Click => super::outgoing(Method::GET, parcel.links.click.as_deref()?, HeaderMap::new(), ""),
        Step::Sent | Step::Failed | Step::Stop => None,
    }
}

fn receipt(url: &str, event: &str) -> Option<Outgoing> {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    super::outgoing(Method::POST, url, headers, event)
}
