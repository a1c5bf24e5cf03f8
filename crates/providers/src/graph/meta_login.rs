//! How people connect pages and professional accounts: Facebook Login, whose short token is traded for a long one, with which each page's
//! own token is fetched. A page's token that was fetched so has no end of its own (Meta, "Access tokens"), so there is nothing to refresh.

use super::{BASE_URL, Graph, List, VERSION};
use crate::oauth::{App, ClientAuth};
use crate::{Account, AccountError, Fault, Secret, Tokens, http_client};
use serde::Deserialize;
use time::OffsetDateTime;
use url::Url;

const PAGES_MAX: usize = 4;
const PAGE: &str = "100";

#[derive(Debug)]
pub(crate) struct MetaLogin {
    app: App,
    graph: Graph,
}

/// A page that the person manages.
#[derive(Deserialize)]
pub(crate) struct PageEntry {
    pub id: String,
    #[serde(default)]
    pub name: String,
    pub access_token: Option<String>,
    pub instagram_business_account: Option<Linked>,
}

/// The Instagram account that belongs to a page.
#[derive(Debug, Deserialize)]
pub(crate) struct Linked {
    pub id: String,
    #[serde(default)]
    pub username: String,
}

impl MetaLogin {
    pub(crate) fn read(account: &Account) -> Result<Self, AccountError> {
        let version = super::version(account)?;
        let (authorize, token) =
            (format!("https://www.facebook.com/{version}/dialog/oauth"), format!("{BASE_URL}/{version}/oauth/access_token"));
        let app = App::read(account, (&authorize, &token), ClientAuth::Body)?;
        let graph = Graph::new(account.base_url(BASE_URL)?, version, Secret::new(""), http_client::DEADLINE)?;
        Ok(Self { app, graph })
    }

    pub(crate) fn authorize_url(&self, scopes: &str, state: &str, challenge: &str, redirect: &str) -> Url {
        self.app.authorize(scopes, state, challenge, redirect)
    }

    /// Trades the code, and the short token that comes for a long one.
    pub(crate) async fn exchange(&self, code: &Secret, verifier: &Secret, redirect: &str) -> Result<Tokens, Fault> {
        let short = self.app.exchange(code, verifier, redirect).await?;
        let form = [("grant_type", "fb_exchange_token"), ("fb_exchange_token", short.access_token.expose())];
        let long = self.app.token(&form).await?;
        Ok(Tokens { refresh_token: None, ..long })
    }

    pub(crate) fn not_refreshed() -> Fault {
        Fault::new("not_refreshable", crate::errors::PAUSE, "this token can't be refreshed: connect the account again")
    }

    /// The pages that the person manages, at most 400.
    pub(crate) async fn pages(&self, tokens: &Tokens, fields: &str) -> Result<Vec<PageEntry>, Fault> {
        let graph = self.graph.with_token(tokens.access_token.clone());
        let (mut pages, mut after) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let mut parameters = vec![("fields", fields), ("limit", PAGE)];
            if let Some(after) = &after {
                parameters.push(("after", after.as_str()));
            }
            let mut list: List<PageEntry> = graph.ask(graph.get(&["me", "accounts"], &parameters)?).await?;
            pages.append(&mut list.data);
            match list.after() {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(pages)
    }
}

/// A Graph API version such as `v25.0`.
///
/// # Errors
/// When what is set is none.
pub(crate) fn version(account: &Account) -> Result<String, AccountError> {
    let digits = |part: &str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    let fits = |text: &str| text.strip_prefix('v').and_then(|rest| rest.split_once('.')).is_some_and(|(a, b)| digits(a) && digits(b));
    Ok(account.optional("version", fits, "enter a version such as v25.0")?.unwrap_or_else(|| VERSION.to_owned()))
}

/// `2026-03-01T09:00:00+0000`, as the API writes times; RFC 3339 is read as well.
pub(crate) fn time(text: &str) -> Option<OffsetDateTime> {
    use time::{format_description::well_known::Rfc3339, macros::format_description};
    let own = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][offset_hour sign:mandatory][offset_minute]");
    OffsetDateTime::parse(text, own).or_else(|_| OffsetDateTime::parse(text, &Rfc3339)).ok()
}

/// An object's id: digits.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        let expected = OffsetDateTime::from_unix_timestamp(1_772_355_600).unwrap();
        assert_eq!(["2026-03-01T09:00:00+0000", "2026-03-01T09:00:00Z", "2026-03-01T11:00:00+0200"].map(time), [Some(expected); 3]);
        assert_eq!(time("yesterday"), None);
    }
}
