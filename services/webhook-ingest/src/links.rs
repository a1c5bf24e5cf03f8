//! The pixel and the links in messages.

use crate::{App, agent, now, problem::Problem};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{DeliveryId, facts::key, tracking::Destination};
use proto::event::{Fact, FactKind};
use runtime::traceparent;
use std::fmt::Write;

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
/// A transparent GIF of one pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// Always the picture: nobody learns from it whether a token is good, and no mail shows a broken one.
pub(crate) async fn open(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    opened(&app, &token, agent::is_machine(&headers)).await
}

pub(crate) async fn open_by_machine(State(app): State<App>, Path(token): Path<String>) -> Response {
    opened(&app, &token, true).await
}

async fn opened(app: &App, token: &str, by_machine: bool) -> Response {
    match (app.links.read_open(token), by_machine) {
        (Some(delivery), true) => record(app, FactKind::MachineOpened, delivery, &format!("machine-open/{delivery}")).await,
        (Some(delivery), false) => record(app, FactKind::Opened, delivery, &format!("open/{delivery}")).await,
        (None, _) => {}
    }
    picture()
}

/// The pixel.
pub(crate) fn picture() -> Response {
    ([(header::CONTENT_TYPE, "image/gif")], PIXEL).into_response()
}

/// Leads on to the URL that the token names and to no other. A scanner is led there too, and is told from a person.
pub(crate) async fn click(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    clicked(&app, &token, agent::is_machine_following(&headers)).await
}

pub(crate) async fn click_by_machine(State(app): State<App>, Path(token): Path<String>) -> Result<Response, Problem> {
    clicked(&app, &token, true).await
}

async fn clicked(app: &App, token: &str, by_machine: bool) -> Result<Response, Problem> {
    let (delivery, destination) = app.links.read_click(token).ok_or(Problem::NotFound)?;
    lead_on(app, delivery, &destination, by_machine).await
}

/// As [`click`], with a token that fits into a text message.
pub(crate) async fn short(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    followed(&app, &token, agent::is_machine_following(&headers)).await
}

pub(crate) async fn short_by_machine(State(app): State<App>, Path(token): Path<String>) -> Result<Response, Problem> {
    followed(&app, &token, true).await
}

async fn followed(app: &App, token: &str, by_machine: bool) -> Result<Response, Problem> {
    let (link, delivery) = app.links.read_short(token).ok_or(Problem::NotFound)?;
    let destination = app.short_links.find(link).await?.ok_or(Problem::NotFound)?;
    lead_on(app, delivery, &destination, by_machine).await
}

async fn lead_on(app: &App, delivery: DeliveryId, to: &Destination, by_machine: bool) -> Result<Response, Problem> {
    if by_machine {
        let response = redirect(&to.url)?;
        record(app, FactKind::MachineClicked, delivery, &format!("machine-click/{delivery}")).await;
        return Ok(response);
    }
    let response = redirect(&to.told(&app.links.conversion_token(delivery, now())))?;
    record(app, FactKind::Clicked, delivery, &format!("click/{delivery}/{}", to.url)).await;
    Ok(response)
}

/// The same delivery gives the same fact however often it asks. The person isn't kept waiting or turned away for it: a fact that the
/// database hasn't taken in time is still being tried.
pub(crate) async fn record(app: &App, kind: FactKind, delivery: DeliveryId, name: &str) {
    let fact = Fact {
        key: key(name).to_vec(),
        kind: kind.into(),
        occurred_at_ms: outbox::millis(now()),
        delivery_id: delivery.0,
        traceparent: tracing::info_span!("webhook_ingest.link.follow", kind = kind.as_str_name()).in_scope(traceparent::current),
        ..Fact::default()
    };
    if let Err(error) = app.commits.commit(vec![fact], Vec::new()).await {
        tracing::warn!(%error, "an open or a click may be lost");
    }
}

fn redirect(url: &str) -> Result<Response, Problem> {
    let web = ["http://", "https://"].iter().any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let location = HeaderValue::from_str(&ascii(url)).ok().filter(|_| web).ok_or(Problem::NotFound)?;
    // A search engine that finds the link lists the page behind it, not the link.
    let headers = [(header::LOCATION, location), (ROBOTS, HeaderValue::from_static("noindex"))];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// The URL as it is, but for what no header may carry (RFC 3987 section 3.1: such characters by their UTF-8 bytes).
fn ascii(url: &str) -> String {
    let mut text = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() {
            text.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            write!(text, "%{byte:02X}").ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> Option<String> {
        let response = redirect(url).ok()?;
        assert_eq!(response.status(), StatusCode::FOUND);
        Some(response.headers()[header::LOCATION].to_str().unwrap().to_owned())
    }

    #[test]
    fn a_link_leads_exactly_where_it_says() {
        for url in ["https://example.com/a?b=c%20d&e='f'#g", "http://example.com", "HTTPS://EXAMPLE.COM/"] {
            assert_eq!(location(url).as_deref(), Some(url));
        }
        assert_eq!(location("https://example.com/é b").as_deref(), Some("https://example.com/%C3%A9%20b"));
        assert_eq!(location("https://example.com/\r\nSet-Cookie: a=b").as_deref(), Some("https://example.com/%0D%0ASet-Cookie:%20a=b"));
    }

    #[test]
    fn only_the_web_is_led_to() {
        for url in ["javascript:alert(1)", "data:text/html,x", "//example.com", "", "é"] {
            assert_eq!(location(url), None, "{url}");
        }
    }

    #[test]
    fn the_pixel_is_one_gif_pixel() {
        assert_eq!(&PIXEL[..6], b"GIF89a");
        assert_eq!(&PIXEL[6..10], [1, 0, 1, 0]);
        assert_eq!(PIXEL.last(), Some(&b';'));
    }
}
