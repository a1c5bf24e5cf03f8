//! Connects a professional account by the page that it belongs to.

use crate::graph::meta_login::{MetaLogin, PageEntry};
use crate::{Account, AccountError, Connect, Fault, RemoteAccount, Secret, Tokens};
use url::Url;

const SCOPES: &str = "instagram_basic,instagram_content_publish,pages_show_list,pages_read_engagement";

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
        let pages = self.login.pages(tokens, "id,name,access_token,instagram_business_account{id,username}").await?;
        Ok(pages.into_iter().filter_map(linked).collect())
    }
}

/// The account of a page that has one, with the page's token.
fn linked(entry: PageEntry) -> Option<RemoteAccount> {
    let account = entry.instagram_business_account?;
    Some(RemoteAccount {
        settings: vec![("ig_user_id", account.id.clone())],
        external_id: account.id,
        handle: if account.username.is_empty() { entry.name } else { format!("@{}", account.username) },
        access_token: Some(Secret::new(entry.access_token?)),
    })
}
