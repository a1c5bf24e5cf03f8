//! `fanfare access user`, and who is asking.

use super::{role_name, role_number};
use crate::{
    args::Role,
    paging,
    session::{Session, request_id},
};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use proto::workspace::{
    CreateUserRequest, DeleteUserRequest, GetCallerRequest, GetCallerResponse, ListUsersRequest, UpdateUserRequest, User,
};
use serde_json::json;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List a person: from then on this role counts, whatever the token says
    Add {
        /// The `sub` of the person's tokens
        subject: String,
        /// What they may do
        #[arg(long = "as", value_enum, value_name = "ROLE")]
        may: Role,
        #[arg(long, default_value = "")]
        name: String,
        #[arg(long, default_value = "")]
        email: String,
    },
    /// Show the people of the list
    List {
        /// How many at most; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Change what is given
    Update {
        /// Subject or id
        user: String,
        #[command(flatten)]
        changes: Changes,
    },
    /// Take a person off the list: the role of their token counts again. To lock somebody out, disable them
    Remove {
        /// Subject or id
        user: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Changes {
    /// What they may do
    #[arg(long = "as", value_enum, value_name = "ROLE")]
    may: Option<Role>,
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    email: Option<String>,
    /// Whether every call of theirs is refused
    #[arg(long, value_name = "BOOL")]
    disabled: Option<bool>,
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    let user = match verb {
        Verb::Add { subject, may, name, email } => {
            let request = CreateUserRequest { subject, name, email, role: role_number(may), request_id: request_id() };
            session.users().create_user(request).await?.into_inner().user
        }
        Verb::Update { user, changes } => {
            let request = UpdateUserRequest {
                id: find(session, &user).await?,
                name: changes.name,
                email: changes.email,
                role: changes.may.map_or(0, role_number),
                disabled: changes.disabled,
            };
            session.users().update_user(request).await?.into_inner().user
        }
        Verb::List { limit } => {
            return session.output.rows(["id", "subject", "name", "e-mail", "role", "state"], &all(session, limit).await?, row);
        }
        Verb::Remove { user } => {
            session.users().delete_user(DeleteUserRequest { id: find(session, &user).await? }).await?;
            return session.output.value(&json!({"removed": user}), &format!("{user} is not listed any more"));
        }
    };
    session.output.message(&user.context("the hub's answer has no user")?, describe)
}

/// Says who is calling.
///
/// # Errors
/// When the hub refuses.
pub async fn whoami(session: &Session) -> Result<()> {
    let caller = session.users().get_caller(GetCallerRequest {}).await?.into_inner();
    session.output.message(&caller, |caller: &GetCallerResponse| {
        format!("{}, {} of the workspace {}", caller.subject, role_name(caller.role), caller.workspace_id)
    })
}

async fn all(session: &Session, limit: usize) -> Result<Vec<User>> {
    let users = paging::collect(limit, |page_size, page_token| async move {
        let page = session.users().list_users(ListUsersRequest { page_size, page_token }).await?.into_inner();
        Ok((page.users, page.next_page_token))
    });
    Ok(users.await?)
}

async fn find(session: &Session, text: &str) -> Result<String> {
    // A subject may look like an id.
    let users = all(session, 0).await?;
    match users.into_iter().find(|user| user.subject == text || user.id == text) {
        Some(user) => Ok(user.id),
        None if Uuid::parse_str(text).is_ok() => Ok(text.to_owned()),
        None => bail!("the workspace lists no {text:?}: `fanfare access user list` shows whom it lists"),
    }
}

fn state(user: &User) -> &'static str {
    if user.disabled { "disabled" } else { "may call" }
}

fn describe(user: &User) -> String {
    format!("{}  {} ({}), {}", user.id, user.subject, role_name(user.role), state(user))
}

fn row(user: &User) -> [String; 6] {
    let cells = [&user.id, &user.subject, &user.name, &user.email].map(Clone::clone);
    let [id, subject, name, email] = cells;
    [id, subject, name, email, role_name(user.role).to_owned(), state(user).to_owned()]
}
