//! Posts of providers: verified over the raw body, decoded, stored, then answered.

use crate::{
    App,
    commit::ANSWER_WITHIN,
    now,
    problem::Problem,
    senders::Sender,
    translate::{Translated, translate},
    unread,
};
use axum::{
    body::Bytes,
    extract::{FromRequest, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::SenderId;
use providers::WebhookRequest;
use runtime::seal;
use std::{collections::BTreeMap, sync::Arc};
use store::unread_post::New;
use tokio::time::timeout;
use tracing::Instrument;

type Place = Path<(String, String)>;
type NamedPlace = Path<(String, String, String)>;

/// A post to the one address of a provider.
pub(crate) async fn bare(State(app): State<App>, Path((provider, sender)): Place, request: Request) -> Result<Response, Problem> {
    post(&app, (&provider, ""), &sender, request).await
}

/// A post to one of a provider's several addresses.
pub(crate) async fn named(
    State(app): State<App>,
    Path((provider, sender, name)): NamedPlace,
    request: Request,
) -> Result<Response, Problem> {
    if name.is_empty() {
        return Err(Problem::NotFound);
    }
    post(&app, (&provider, &name), &sender, request).await
}

/// Some providers ask once, when the webhook is set up.
pub(crate) async fn challenge(State(app): State<App>, Path((provider, sender)): Place, request: Request) -> Result<Response, Problem> {
    let provider = providers::find(&provider).filter(|provider| provider.hook("").is_some()).ok_or(Problem::NotFound)?;
    let Some(challenge) = provider.challenge else {
        return Ok((StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response());
    };
    let sender = find(&app, provider.slug, &sender).await?;
    let answer = challenge(&sender.account, request.uri().query().unwrap_or_default()).map_err(|error| {
        tracing::error!(%error, sender.id = %sender.id, "the sender can't be used as stored");
        Problem::Unavailable
    })?;
    Ok(([(header::CONTENT_TYPE, "text/plain")], answer?).into_response())
}

async fn post(app: &App, (provider, name): (&str, &str), sender: &str, request: Request) -> Result<Response, Problem> {
    let provider = providers::find(provider).ok_or(Problem::NotFound)?;
    let hook = provider.hook(name).ok_or(Problem::NotFound)?;
    take(app, provider.slug, sender, request).await?;
    let status = StatusCode::from_u16(hook.status).unwrap_or(StatusCode::OK);
    Ok(match hook.content_type {
        "" => status.into_response(),
        content_type => (status, [(header::CONTENT_TYPE, content_type)], hook.body).into_response(),
    })
}

async fn take(app: &App, provider: &'static str, sender: &str, request: Request) -> Result<(), Problem> {
    let span = tracing::info_span!("webhook_ingest.post.receive", provider, sender.id = sender);
    let outcome = accept(app, provider, sender, request).instrument(span).await;
    if let Err(problem) = outcome {
        tracing::warn!(provider, sender.id = sender, problem = problem.as_str(), "a post was not taken");
    }
    outcome
}

async fn accept(app: &App, provider: &'static str, sender: &str, request: Request) -> Result<(), Problem> {
    // A signature and a body cost much more than a refusal: what comes again and again must not keep the rest from being stored.
    app.commits.admit()?;
    let sender = find(app, provider, sender).await?;
    let url = format!("{}{}", app.public_url, request.uri().path_and_query().map_or("/", |path| path.as_str()));
    let headers = readable(request.headers());
    let body = Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        _ => Problem::Unreadable,
    })?;
    let request = WebhookRequest { url: &url, headers: &headers, body: &body, now: now() };
    sender.webhook.verify(&request)?;
    let decoded = sender.webhook.decode(&request).map_err(|error| {
        tracing::error!(%error, "a genuine post can't be read");
        Problem::Unreadable
    })?;
    let unread = unread::post(app.senders.kek(), &sender, &body, decoded.unknown).map_err(|error| unsealed(&error))?;
    let translated = translate(&sender, &app.links, app.senders.kek(), decoded).map_err(|error| unsealed(&error))?;
    if translated.left_out > 0 {
        tracing::info!(count = translated.left_out, "parts of a post are of no use to the hub");
    }
    store(app, &sender, translated, unread).await
}

async fn find(app: &App, provider: &str, sender: &str) -> Result<Arc<Sender>, Problem> {
    let id: SenderId = sender.parse().map_err(|_| Problem::NotFound)?;
    let found = timeout(ANSWER_WITHIN, app.senders.find(id)).await.map_err(|_| Problem::Unavailable)?.map_err(|error| {
        tracing::error!(error = format!("{error:#}"), sender.id = %id, "a sender could not be loaded");
        Problem::Unavailable
    })?;
    found.filter(|sender| sender.provider == provider).ok_or(Problem::NotFound)
}

/// The headers by lower-case name; of a repeated one, the first. What isn't text is no signature.
fn readable(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers.keys().filter_map(|name| Some((name.as_str().to_owned(), headers.get(name)?.to_str().ok()?.to_owned()))).collect()
}

async fn store(app: &App, sender: &Sender, mut translated: Translated, unread: Option<New>) -> Result<(), Problem> {
    for (mut stop, message_id) in translated.to_find {
        let find = async { store::ingest::delivery_of(&mut *app.db.acquire().await?, sender.id, &message_id).await };
        let found = timeout(ANSWER_WITHIN, find).await.map_err(|_| Problem::Unavailable)?;
        match found.map_err(|error| unavailable(&error))? {
            Some(delivery) => {
                stop.delivery_id = delivery.0;
                translated.inbound.push(stop);
            }
            None => tracing::warn!(sender.id = %sender.id, source = stop.source, "an opt-out is about a message that isn't ours"),
        }
    }
    Ok(app.commits.commit_post(translated.facts, translated.inbound, unread).await?)
}

fn unsealed(error: &seal::Error) -> Problem {
    tracing::error!(%error, "a post can't be sealed");
    Problem::Unavailable
}

fn unavailable(error: &store::Error) -> Problem {
    tracing::error!(%error, "the database failed");
    Problem::Unavailable
}
