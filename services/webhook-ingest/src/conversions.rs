//! Conversions that a site tells of, by a picture in its page or a post of its own. The token is the one that a click brought to the site;
//! it says who it was, and everything else is only said: campaign-api decides what it counts for.

use crate::{App, agent, links, now, problem::Problem};
use axum::{
    body::{Body, Bytes},
    extract::{Form, FromRequest, Path, Query, Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use domain::{
    conversion::{BadWorth, Worth, order_id},
    facts::key,
};
use proto::event::{Conversion, Inbound};
use runtime::traceparent;
use std::collections::BTreeMap;

/// More than any order needs.
const MAX_BODY_BYTES: usize = 16 << 10;

/// Fields by name; of a repeated one, the last.
type Fields = BTreeMap<String, String>;

/// Always the picture: a page must not look broken because of it.
pub(crate) async fn pixel(State(app): State<App>, Path(token): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    if !agent::is_machine(&headers) {
        let told = Query::<Fields>::try_from_uri(&uri).map_err(|_| "the query can't be read").and_then(|Query(fields)| read(&fields));
        match (told, message(&app, &token)) {
            (Ok(told), Some(message)) => {
                if let Err(error) = app.commits.commit(Vec::new(), vec![with(message, told)]).await {
                    tracing::warn!(%error, "a conversion may be lost");
                }
            }
            (Err(problem), Some(_)) => tracing::info!(problem, "a pixel's conversion is left out"),
            (_, None) => {}
        }
    }
    links::picture()
}

/// For who asks without wanting the picture.
pub(crate) async fn pixel_for_machine() -> Response {
    links::picture()
}

/// From a site's server or script, as a form or JSON; durable once answered.
pub(crate) async fn post(State(app): State<App>, Path(token): Path<String>, request: Request) -> Result<Response, Problem> {
    app.commits.admit()?;
    let message = message(&app, &token).ok_or(Problem::NotFound)?;
    let told = match fields(request).await.and_then(|fields| read(&fields)) {
        Ok(told) => told,
        Err(problem) => return Ok((StatusCode::BAD_REQUEST, problem).into_response()),
    };
    app.commits.commit(Vec::new(), vec![with(message, told)]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn fields(request: Request) -> Result<Fields, &'static str> {
    let (parts, body) = request.into_parts();
    let unread = "the body must be a form or a JSON object of at most 16 KiB, with order, value and currency";
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await.map_err(|_| unread)?;
    if body.len() > MAX_BODY_BYTES {
        return Err(unread);
    }
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A page's beacon sends JSON as plain text.
    if ["application/json", "text/plain"].iter().any(|json| content_type.starts_with(json)) {
        let object: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&body).map_err(|_| unread)?;
        return object.into_iter().map(|(name, value)| Some((name, scalar(value)?))).collect::<Option<_>>().ok_or(unread);
    }
    if body.is_empty() {
        return Ok(Fields::new());
    }
    let form = Form::<Fields>::from_request(Request::from_parts(parts, Body::from(body)), &()).await;
    form.map(|Form(fields)| fields).map_err(|_| unread)
}

fn scalar(value: serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Null => Some(String::new()),
        _ => None,
    }
}

/// What is told of the order; a sentence about what is wrong with it.
fn read(fields: &Fields) -> Result<Conversion, &'static str> {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let order = [field("order"), field("order_id")].into_iter().find(|order| !order.is_empty()).unwrap_or_default();
    let order = order_id(order).ok_or("order must be at most 128 characters in one line")?;
    let worth = Worth::parse(field("value"), field("currency")).map_err(|problem| match problem {
        BadWorth::Amount => "value must be a number such as 129.90, up to 1000000000 and with at most six decimals",
        BadWorth::Currency => "currency must be an ISO 4217 code such as USD or AED when there is a value",
    })?;
    Ok(Conversion {
        order_id: order.to_owned(),
        value_micros: worth.map_or(0, |worth| worth.micros),
        currency: worth.map_or("", |worth| worth.currency.as_str()).to_owned(),
        clicked_at_ms: 0,
    })
}

/// What a token says; None when it isn't ours.
fn message(app: &App, token: &str) -> Option<Inbound> {
    let (delivery, clicked_at) = app.links.read_conversion(token)?;
    Some(Inbound {
        delivery_id: delivery.0,
        source: "pixel".to_owned(),
        occurred_at_ms: outbox::millis(now()),
        traceparent: tracing::info_span!("webhook_ingest.conversion.receive").in_scope(traceparent::current),
        conversion: Some(Conversion { clicked_at_ms: outbox::millis(clicked_at), ..Conversion::default() }),
        ..Inbound::default()
    })
}

/// The same order told again by the same click is the same message.
fn with(message: Inbound, told: Conversion) -> Inbound {
    let clicked_at_ms = message.conversion.as_ref().map_or(0, |conversion| conversion.clicked_at_ms);
    let name = format!("conversion/{}/{}", message.delivery_id, told.order_id);
    Inbound { key: key(&name).to_vec(), conversion: Some(Conversion { clicked_at_ms, ..told }), ..message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fields: &[(&str, &str)]) -> Result<(String, i64, String), &'static str> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(&fields).map(|told| (told.order_id, told.value_micros, told.currency))
    }

    #[test]
    fn an_order_is_read_as_sites_tell_it() {
        assert_eq!(told(&[]), Ok((String::new(), 0, String::new())));
        assert_eq!(told(&[("order", " A-1 "), ("value", "12.5"), ("currency", "aed")]), Ok(("A-1".into(), 12_500_000, "AED".into())));
        assert_eq!(told(&[("order_id", "7"), ("other", "x")]), Ok(("7".into(), 0, String::new())));
        for wrong in [[("value", "12"), ("currency", "")], [("value", "-1"), ("currency", "USD")], [("order", "a\nb"), ("value", "")]] {
            assert!(told(&wrong).is_err(), "{wrong:?}");
        }
    }
}
