//! Connects a page: the person says yes, and the page's own token is fetched with the person's.

use crate::graph::meta_login::{MetaLogin, PageEntry};
use crate::{Account, AccountError, Connect, Fault, RemoteAccount, Secret, Tokens};
use url::Url;

const SCOPES: &str = "pages_show_list,pages_manage_posts,pages_read_engagement";

#[derive(Debug)]
pub(super) struct Connector {
    login: MetaLogin,
}

impl Connector {
    pub(super) fn new(account: &Account) -> Result<Self, AccountError> {
        Ok(Self { login: MetaLogin::read(account)? })
    }
}

#[async_trait::async_trait]
impl Connect for Connector {
    fn authorize_url(&self, state: &str, challenge: &str, redirect: &str) -> Url {
        self.login.authorize_url(SCOPES, state, challenge, redirect)
    }

    async fn exchange(&self, code: &Secret, verifier: &Secret, redirect: &str) -> Result<Tokens, Fault> {
        self.login.exchange(code, verifier, redirect).await
    }

    async fn refresh(&self, _refresh_token: &Secret) -> Result<Tokens, Fault> {
        Err(MetaLogin::not_refreshed())
    }

    async fn accounts(&self, tokens: &Tokens) -> Result<Vec<RemoteAccount>, Fault> {
        let pages = self.login.pages(tokens, "id,name,access_token").await?;
        Ok(pages.into_iter().filter_map(page).collect())
    }
}

/// A page that the person may not post as has no token.
fn page(entry: PageEntry) -> Option<RemoteAccount> {
    Some(RemoteAccount {
        settings: vec![("page_id", entry.id.clone())],
        external_id: entry.id,
        handle: entry.name,
        access_token: Some(Secret::new(entry.access_token?)),
    })
}
