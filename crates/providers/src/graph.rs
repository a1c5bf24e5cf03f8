//! The frame of the Graph API that pages and professional accounts share: addresses, the bearer token, and what its errors mean.
//!
//! The token goes in the header; the API would take it in the query as well, where it would end up in logs. For the same reason the
//! `next` address of a list is not followed: only its cursor is taken.
//! Sources: the Graph API's error reference; those of 2207xxx, 9004 and 9007 are the error codes of Instagram's content publishing, as
//! far as they are known to us. An unknown code is judged by its status and kept.

pub(crate) mod meta_login;

pub(crate) use meta_login::{is_id, time, version};

use crate::errors::{self, PAUSE, PERMANENT, RETRY, Row, THROTTLE, retry_after, row, throttle_for};
use crate::http_client::{self, Answer};
use crate::settings::endpoint;
use crate::{AccountError, Fault, FaultAction, Secret, posts};
use http::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;
use url::Url;

pub(crate) const BASE_URL: &str = "https://graph.facebook.com";
pub(crate) const VERSION: &str = "v25.0";

/// One token at one host.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    base_url: Url,
    version: String,
    token: Secret,
    client: Client,
    pub(crate) deadline: Duration,
}

impl Graph {
    /// # Errors
    /// When TLS can't be set up on this machine.
    pub(crate) fn new(base_url: Url, version: String, token: Secret, deadline: Duration) -> Result<Self, AccountError> {
        Ok(Self { base_url, version, token, client: http_client::shared()?, deadline })
    }

    /// The same host with another token.
    pub(crate) fn with_token(&self, token: Secret) -> Self {
        Self { token, ..self.clone() }
    }

    pub(crate) fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<RequestBuilder, Fault> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self.call(Method::GET, url))
    }

    pub(crate) fn post(&self, path: &[&str]) -> Result<RequestBuilder, Fault> {
        Ok(self.call(Method::POST, self.url(path)?))
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// Whatever keeps the question from being answered.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let answer = http_client::ask(request, self.deadline, fault).await?;
        serde_json::from_slice(&answer.body).map_err(|_| posts::unreadable())
    }

    fn url(&self, path: &[&str]) -> Result<Url, Fault> {
        let segments: Vec<_> = [self.version.as_str()].into_iter().chain(path.iter().copied()).collect();
        endpoint(&self.base_url, &segments).map_err(|error| Fault::content(&error.remedy))
    }

    fn call(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url).bearer_auth(self.token.expose())
    }
}

/// An object that was made: its id.
#[derive(Debug, Deserialize)]
pub(crate) struct Made {
    pub id: String,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub data: Vec<T>,
    #[serde(default)]
    paging: Paging,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Paging {
    cursors: Cursors,
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cursors {
    after: Option<String>,
}

impl<T> List<T> {
    /// Where the list goes on; None at its end.
    pub(crate) fn after(&self) -> Option<&str> {
        self.paging.next.as_ref().and(self.paging.cursors.after.as_deref())
    }

    /// Whether there is more that can't be reached.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.paging.next.is_some() && self.paging.cursors.after.is_none()
    }
}

#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    error: ApiError,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ApiError {
    code: Option<u32>,
    error_subcode: Option<u32>,
    message: String,
    is_transient: bool,
}

/// What an answer below 500 that isn't a success means.
pub(crate) fn fault(answer: &Answer) -> Fault {
    let error = serde_json::from_slice(&answer.body).map(|body: ErrorBody| body.error).unwrap_or_default();
    // The finer one decides where it is known.
    let fine = error.error_subcode.and_then(|code| Some((code, errors::find(TABLE, code)?)));
    let (code, known) = match fine {
        Some((code, row)) => (Some(code), Some(row)),
        None => (error.code, error.code.and_then(find)),
    };
    let fault = http_client::fault(answer, code.map(named), known, &error.message);
    let action = match fault.action {
        FaultAction::Throttle { after: None } => FaultAction::Throttle { after: regain(&answer.headers) },
        FaultAction::Permanent | FaultAction::PauseSender if error.is_transient => RETRY,
        action => action,
    };
    Fault { action, ..fault }
}

/// The code as it is kept; a post that is there already has one name on all networks.
fn named(code: u32) -> String {
    if code == DUPLICATE_POST { posts::DUPLICATE.to_owned() } else { code.to_string() }
}

pub(crate) fn find(code: u32) -> Option<&'static Row> {
    // 200 to 299 are permissions of many kinds.
    errors::find(TABLE, if (200..300).contains(&code) { 200 } else { code })
}

/// How long the API says that it takes until calls are taken again: minutes, by use case, in `X-Business-Use-Case-Usage`.
fn regain(headers: &HeaderMap) -> Option<Duration> {
    const MAX_MINUTES: u64 = 24 * 60;
    let usage: serde_json::Value = serde_json::from_str(headers.get("x-business-use-case-usage")?.to_str().ok()?).ok()?;
    let cases = usage.as_object()?.values().filter_map(|cases| cases.as_array()).flatten();
    let minutes = cases.filter_map(|case| case.get("estimated_time_to_regain_access")?.as_u64()).max()?;
    (minutes > 0).then(|| Duration::from_secs(minutes.min(MAX_MINUTES) * 60))
}

const DUPLICATE_POST: u32 = 506;
/// A moving day has so many posts; an hour later one of them may be out of it.
const QUOTA_SECONDS: u64 = 60 * 60;

#[rustfmt::skip]
pub(crate) static TABLE: &[Row] = &[
    row(1, RETRY, "an unknown error at Meta"),
    row(2, RETRY, "Meta is overloaded or down"),
    row(4, THROTTLE, "the app calls too often"),
    row(10, PAUSE, "the app lacks a permission"),
    row(17, THROTTLE, "the account calls too often"),
    row(32, THROTTLE, "the page is called too often"),
    row(33, PAUSE, "the page or account doesn't exist, or the token may not see it"),
    row(100, PERMANENT, "a parameter is missing or not valid"),
    row(102, FaultAction::Reconnect, "the session has ended: connect the account again"),
    row(190, FaultAction::Reconnect, "the access token has expired or was withdrawn"),
    row(200, PAUSE, "the token lacks a permission"),
    row(341, THROTTLE, "the app's limit is reached"),
    row(368, PAUSE, "the account is restricted for a policy violation"),
    row(DUPLICATE_POST, RETRY, "the same post was made just before"),
    row(613, THROTTLE, "calls come too fast"),
    row(9_004, PERMANENT, "the media can't be fetched: its link must be public"),
    row(9_007, retry_after(30), "the media isn't ready yet"),
    row(80_001, THROTTLE, "the page is called too often"),
    row(80_002, THROTTLE, "the Instagram account is called too often"),
    row(1_609_005, PERMANENT, "the link can't be fetched"),
    row(2_207_001, RETRY, "an error at Instagram"),
    row(2_207_003, RETRY, "the media took too long to be fetched"),
    row(2_207_004, PERMANENT, "the picture is too large"),
    row(2_207_005, PERMANENT, "the picture's format isn't supported: use JPEG"),
    row(2_207_006, RETRY, "the media container is gone"),
    row(2_207_008, RETRY, "a passing error: the media container is made anew"),
    row(2_207_009, PERMANENT, "the picture's sides don't fit: 4:5 to 1.91:1"),
    row(2_207_010, PERMANENT, "the caption is too long"),
    row(2_207_020, RETRY, "the media container has expired"),
    row(2_207_023, PERMANENT, "the kind of media is unknown"),
    row(2_207_026, PERMANENT, "the video's format isn't supported"),
    row(2_207_027, retry_after(30), "the media isn't ready yet"),
    row(2_207_028, PERMANENT, "the carousel's media don't fit"),
    row(2_207_032, RETRY, "the media container couldn't be made"),
    row(2_207_042, throttle_for(QUOTA_SECONDS), "the account has posted as often as it may in a day"),
    row(2_207_050, PAUSE, "the Instagram account is restricted"),
    row(2_207_051, PAUSE, "Instagram takes the posts for spam"),
    row(2_207_052, PERMANENT, "the media can't be fetched: its link must be public"),
    row(2_207_053, RETRY, "an error while the media was fetched"),
    row(2_207_057, PERMANENT, "the thumbnail's place isn't within the video"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts;
    use http::StatusCode;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Answer {
        let name = |name: &'static str| http::HeaderName::from_static(name);
        let headers = headers.iter().map(|&(n, value)| (name(n), http::HeaderValue::from_static(value))).collect();
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.to_vec() }
    }

    fn of(code: u32) -> FaultAction {
        fault(&answer(400, &[], format!(r#"{{"error":{{"code":{code},"message":"no"}}}}"#).as_bytes())).action
    }

    /// The codes of FACTS.md, section 8, with what it says to do.
    #[test]
    fn every_code_leads_to_its_action() {
        assert!(TABLE.is_sorted_by(|a, b| a.code < b.code));
        assert_eq!([190, 102].map(of), [FaultAction::Reconnect; 2]);
        assert_eq!([10, 200, 210, 299, 368].map(of), [PAUSE; 5]);
        assert_eq!([4, 17, 32, 613, 80_001, 80_002].map(of), [THROTTLE; 6]);
        assert_eq!([1, 2].map(of), [RETRY; 2]);
        assert_eq!([100, 9_004].map(of), [PERMANENT; 2]);
        assert_eq!(of(9_007), retry_after(30));
        assert_eq!(fault(&answer(400, &[], br#"{"error":{"code":506}}"#)).code, posts::DUPLICATE);
        for row in TABLE {
            assert_eq!(of(row.code), row.action, "{}", row.code);
        }
    }

    #[test]
    fn unknown_codes_are_kept_and_judged_by_their_status() {
        let strange = br#"{"error":{"code":987654,"message":"what?","new":{}},"more":[]}"#;
        let fault_of = |status| fault(&answer(status, &[], strange));
        assert_eq!(fault_of(400).code, "987654");
        assert_eq!([400, 403, 429].map(|status| fault_of(status).action), [PERMANENT, PAUSE, THROTTLE]);
        assert_eq!(fault(&answer(400, &[], b"<html>")).code, "http_400");
    }

    #[test]
    fn the_finer_code_decides_and_what_passes_is_tried_again() {
        let quota = br#"{"error":{"code":9,"error_subcode":2207042,"message":"too many"}}"#;
        let quota = fault(&answer(400, &[], quota));
        assert_eq!((quota.code.as_str(), quota.action), ("2207042", throttle_for(QUOTA_SECONDS)));
        let passing = br#"{"error":{"code":100,"message":"hm","is_transient":true}}"#;
        assert_eq!(fault(&answer(400, &[], passing)).action, RETRY);
    }

    #[test]
    fn a_throttle_says_how_long_where_the_usage_header_does() {
        let usage = r#"{"17":[{"type":"pages","call_count":100,"estimated_time_to_regain_access":7},{"type":"x"}]}"#;
        let body = br#"{"error":{"code":32,"message":"too many"}}"#;
        let throttled = fault(&answer(400, &[("x-business-use-case-usage", usage)], body));
        assert_eq!(throttled.action, FaultAction::Throttle { after: Some(Duration::from_secs(420)) });
        assert_eq!(fault(&answer(400, &[("x-business-use-case-usage", "junk")], body)).action, THROTTLE);
    }

    #[test]
    fn published_errors_are_understood() {
        let sample = |name: &str| fault(&answer(400, &[], &contracts::bytes(&format!("facebook-page/samples/{name}.json"))));
        assert_eq!((sample("error_190").code.as_str(), sample("error_190").action), ("190", FaultAction::Reconnect));
        assert_eq!((sample("error_368").code.as_str(), sample("error_368").action), ("368", PAUSE));
    }
}
