//! Connects an account: OAuth 2.0 with PKCE. The one account is the person's own.

use super::{Api, BASE_URL, lookup};
use crate::http_client::{self, DEADLINE};
use crate::oauth::{App, ClientAuth};
use crate::{Account, AccountError, Connect, Fault, RemoteAccount, Secret, Tokens};
use url::Url;

/// Where people are asked, and where tokens are given out, as X's OpenAPI description says.
const AUTHORIZE: &str = "https://api.x.com/2/oauth2/authorize";
const TOKEN: &str = "https://api.x.com/2/oauth2/token";
const SCOPES: &str = "tweet.read tweet.write users.read media.write offline.access";

#[derive(Debug)]
pub(super) struct Connector {
    app: App,
    base_url: Url,
}

impl Connector {
    pub(super) fn new(account: &Account) -> Result<Self, AccountError> {
        Ok(Self { app: App::read(account, (AUTHORIZE, TOKEN), ClientAuth::Basic)?, base_url: account.base_url(BASE_URL)? })
    }
}

#[async_trait::async_trait]
impl Connect for Connector {
    fn authorize_url(&self, state: &str, challenge: &str, redirect: &str) -> Url {
        self.app.authorize(SCOPES, state, challenge, redirect)
    }

    async fn exchange(&self, code: &Secret, verifier: &Secret, redirect: &str) -> Result<Tokens, Fault> {
        self.app.exchange(code, verifier, redirect).await
    }

    async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, Fault> {
        self.app.refresh(refresh_token).await
    }

    async fn accounts(&self, tokens: &Tokens) -> Result<Vec<RemoteAccount>, Fault> {
        let client = http_client::shared().map_err(|error| Fault::content(&error.remedy))?;
        let access_token = tokens.access_token.clone();
        let api = Api { user_id: None, base_url: self.base_url.clone(), access_token, client, deadline: DEADLINE };
        let user = lookup::me(&api).await?;
        let handle = if user.username.is_empty() { user.id.clone() } else { format!("@{}", user.username) };
        Ok(vec![RemoteAccount { settings: vec![("user_id", user.id.clone())], external_id: user.id, handle, access_token: None }])
    }
}
