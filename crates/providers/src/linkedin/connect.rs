//! Connects an author: the person, or an organization that the person administers.

use super::{Api, BASE_URL, is_author, manage, version};
use crate::http_client::{self, DEADLINE};
use crate::oauth::{App, ClientAuth};
use crate::{Account, AccountError, Connect, Fault, FaultAction, RemoteAccount, Secret, Tokens};
use reqwest::Method;
use serde::Deserialize;
use url::Url;

const AUTHORIZE: &str = "https://www.linkedin.com/oauth/v2/authorization";
const TOKEN: &str = "https://www.linkedin.com/oauth/v2/accessToken";
const SCOPES: &str = "openid profile w_member_social w_organization_social r_organization_social rw_organization_admin";
/// Organizations whose names are read; more are listed by their number.
const NAMES_MAX: usize = 20;
const ORGANIZATIONS_MAX: &str = "100";

#[derive(Debug)]
pub(super) struct Connector {
    app: App,
    base_url: Url,
    version: String,
}

#[derive(Debug, Deserialize)]
struct Roles {
    elements: Vec<RoleOf>,
}

#[derive(Debug, Deserialize)]
struct RoleOf {
    organization: String,
}

impl Connector {
    pub(super) fn new(account: &Account) -> Result<Self, AccountError> {
        let app = App::read(account, (AUTHORIZE, TOKEN), ClientAuth::Body)?;
        Ok(Self { app, base_url: account.base_url(BASE_URL)?, version: version(account)? })
    }

    fn api(&self, tokens: &Tokens) -> Result<Api, Fault> {
        Ok(Api {
            author: String::new(),
            version: self.version.clone(),
            base_url: self.base_url.clone(),
            access_token: tokens.access_token.clone(),
            client: http_client::shared().map_err(|error| Fault::content(&error.remedy))?,
            deadline: DEADLINE,
        })
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
        let api = self.api(tokens)?;
        let person = manage::person(&api).await?;
        let mut accounts: Vec<_> = author(format!("urn:li:person:{}", person.sub), person.name).into_iter().collect();
        for (index, urn) in organizations(&api).await?.into_iter().enumerate() {
            let id = urn.rsplit(':').next().unwrap_or_default().to_owned();
            let named = if index < NAMES_MAX { manage::organization(&api, &id).await.ok() } else { None };
            accounts.extend(author(urn, named.map_or(id, |organization| organization.name)));
        }
        Ok(accounts)
    }
}

/// The organizations that the person administers; none where the app may not ask.
async fn organizations(api: &Api) -> Result<Vec<String>, Fault> {
    let parameters = [("q", "roleAssignee"), ("role", "ADMINISTRATOR"), ("state", "APPROVED"), ("count", ORGANIZATIONS_MAX)];
    let request = api.call(Method::GET, &["rest", "organizationAcls"])?.query(&parameters);
    match api.ask::<Roles>(request).await {
        Ok(roles) => Ok(roles.elements.into_iter().map(|role| role.organization).collect()),
        Err(fault) if fault.action == FaultAction::PauseSender => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

fn author(urn: String, handle: String) -> Option<RemoteAccount> {
    let handle = if handle.is_empty() { urn.clone() } else { handle };
    is_author(&urn).then(|| RemoteAccount { settings: vec![("author", urn.clone())], external_id: urn, handle, access_token: None })
}
