//! Making the requests, and deciding what an answer means.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use reqwest::{Client, Method, StatusCode, Url};

use crate::behaviour::{Step, StepSet};
use crate::callbacks::{Journey, Lane, Scheduler, Stopped};
use crate::config::{Active, Live};
use crate::ledger::{Ending, Ledger};
use crate::{meta, recipient, sendgrid, twilio};

/// Tries of one step. With the waits below they take about two minutes.
const MAX_TRIES: u32 = 12;
const FIRST_WAIT_MS: u64 = 200;
const MAX_WAIT_MS: u64 = 30_000;

/// Twilio documents 5 s to connect and 15 s to read; the others are taken to be as patient.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);

/// What is read of an answer, so that its connection can be used again.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A request to the hub.
#[derive(Clone)]
pub struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// A redirect is the answer that was hoped for. It is not followed.
    pub redirect_is_done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Done,
    Refused,
    Again,
}

pub struct Courier {
    client: Client,
    live: Arc<Live>,
    ledger: Ledger,
    scheduler: Scheduler,
    stopped: Arc<Stopped>,
    allow_remote: bool,
}

impl Courier {
    pub fn new(live: Arc<Live>, ledger: Ledger, scheduler: Scheduler, stopped: Arc<Stopped>, allow_remote: bool) -> anyhow::Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(64)
            .tcp_nodelay(true)
            .build()?;
        Ok(Courier { client, live, ledger, scheduler, stopped, allow_remote })
    }

    /// Plays the next step of these journeys in one request, and sends them on.
    pub async fn carry(self: Arc<Self>, lane: Lane, mut batch: Vec<Journey>) {
        let epoch = self.ledger.epoch();
        batch.retain(|journey| journey.parcel.entry.epoch == epoch);
        if batch.is_empty() {
            return;
        }
        let active = self.live.get();
        let verdict = match request(lane, &active, &batch) {
            Some(outgoing) => {
                let verdict = self.send(outgoing.clone()).await;
                self.make_mischief(lane, &active, &batch, outgoing).await;
                verdict
            }
            None => Verdict::Refused,
        };
        for mut journey in batch {
            if let Some(told) = journey.told.take() {
                // Nobody may be waiting any more.
                let _nobody = told.send(());
            }
            self.send_on(&active, journey, verdict).await;
        }
    }

    /// More posts than there is reason for. What is answered to them doesn't matter.
    async fn make_mischief(&self, lane: Lane, active: &Active, batch: &[Journey], outgoing: Outgoing) {
        if lane == Lane::Recipient {
            return;
        }
        for _ in 1..active.config.behaviour.callbacks.copies {
            self.send(outgoing.clone()).await;
        }
        let invents = |journey: &&Journey| {
            let fate = active.config.behaviour.fate(active.config.seed, journey.parcel.entry.channel, &journey.parcel.to);
            journey.next().is_some_and(|step| step != Step::Stop && fate.invents(step))
        };
        let invented: Vec<Journey> = batch.iter().filter(invents).map(Journey::invented).collect();
        if !invented.is_empty()
            && let Some(outgoing) = request(lane, active, &invented)
        {
            self.send(outgoing).await;
        }
    }

    async fn send_on(&self, active: &Active, mut journey: Journey, verdict: Verdict) {
        let Some(step) = journey.next() else { return };
        let ending = match verdict {
            Verdict::Done => Ending::Done,
            Verdict::Refused => Ending::Refused,
            Verdict::Again if journey.tries + 1 >= MAX_TRIES => Ending::GivenUp,
            Verdict::Again => {
                let wait = backoff(journey.tries);
                journey.tries += 1;
                self.scheduler.put(journey, wait);
                return;
            }
        };
        let parcel = &journey.parcel;
        if step == Step::Stop && ending == Ending::Done {
            self.stopped.add(parcel.entry.channel, &parcel.to, &parcel.from);
        }
        if let Err(error) = self.ledger.settle(parcel.entry, step, ending).await {
            tracing::error!(%error, "cannot record an outcome");
        }
        journey.todo = journey.todo.without(StepSet::of(&[step]));
        journey.tries = 0;
        let Some(next) = journey.next() else { return };
        let parcel = &journey.parcel;
        let fate = active.config.behaviour.fate(active.config.seed, parcel.entry.channel, &parcel.to);
        let delay = fate.delay(next);
        self.scheduler.put(journey, delay);
    }

    async fn send(&self, outgoing: Outgoing) -> Verdict {
        let Outgoing { method, url, headers, body, redirect_is_done } = outgoing;
        if !self.allow_remote && !is_loopback(&url) {
            tracing::warn!(host = url.host_str().unwrap_or_default(), "not calling another machine: see --allow-remote");
            return Verdict::Refused;
        }
        match self.client.request(method, url).headers(headers).body(body).send().await {
            Ok(mut answer) => {
                let status = answer.status();
                let mut read = 0;
                while let Ok(Some(chunk)) = answer.chunk().await {
                    read += chunk.len();
                    if read > MAX_ANSWER_BYTES {
                        break;
                    }
                }
                verdict(status, redirect_is_done)
            }
            Err(error) => {
                tracing::debug!(%error, "a callback got no answer");
                Verdict::Again
            }
        }
    }
}

fn request(lane: Lane, active: &Active, batch: &[Journey]) -> Option<Outgoing> {
    match lane {
        Lane::Twilio => twilio::callback::request(active, batch.first()?),
        Lane::Recipient => recipient::request(batch.first()?),
        Lane::SendGrid => sendgrid::events::request(active, batch),
        Lane::Meta => meta::webhook::request(active, batch),
    }
}

fn verdict(status: StatusCode, redirect_is_done: bool) -> Verdict {
    match status {
        status if status.is_success() => Verdict::Done,
        status if status.is_redirection() && redirect_is_done => Verdict::Done,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Verdict::Again,
        status if status.is_client_error() => Verdict::Refused,
        _ => Verdict::Again,
    }
}

fn backoff(tries: u32) -> Duration {
    Duration::from_millis((FIRST_WAIT_MS << tries.min(16)).min(MAX_WAIT_MS))
}

/// Whether a URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called() {
        let loopback = |url: &str| is_loopback(&Url::parse(url).unwrap());
        assert!(loopback("http://127.0.0.1:80/x") && loopback("http://[::1]/x") && loopback("http://localhost:9/x"));
        assert!(!loopback("http://10.0.0.1/x") && !loopback("http://127.0.0.1.example.com/x"));
        assert!(!loopback("http://localhost.example.com/x"));
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        let waits: Vec<u128> = (0..MAX_TRIES).map(|tries| backoff(tries).as_millis()).collect();
        assert_eq!(waits[..4], [200, 400, 800, 1_600]);
        assert_eq!(waits[11], 30_000);
    }

    #[test]
    fn only_a_4xx_is_final() {
        let of = |code: u16| verdict(StatusCode::from_u16(code).unwrap(), false);
        assert_eq!([200, 204].map(of), [Verdict::Done; 2]);
        assert_eq!([400, 401, 403, 404, 410].map(of), [Verdict::Refused; 5]);
        assert_eq!([302, 408, 429, 500, 503].map(of), [Verdict::Again; 5]);
        assert_eq!(verdict(StatusCode::FOUND, true), Verdict::Done);
    }
}
