//! `fanfare list`: named sets of contacts.

use crate::{
    output::number,
    paging, resolve,
    session::{Session, request_id},
};
use anyhow::{Context, Result};
use clap::Subcommand;
use proto::contact::{
    AddListMembersRequest, ContactList, CreateListRequest, GetListRequest, ListListsRequest, RemoveListMembersRequest, UpdateListRequest,
};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make an empty list
    Create { name: String },
    /// Show all lists
    List {
        /// Archived ones too
        #[arg(long)]
        archived: bool,
    },
    /// Show one list
    Show {
        /// Name or id
        list: String,
    },
    /// Give a list another name
    Rename {
        /// Name or id
        list: String,
        name: String,
    },
    /// Put a list aside
    Archive {
        /// Name or id
        list: String,
        /// Take it out again
        #[arg(long)]
        undo: bool,
    },
    /// Add contacts; those already in it stay once
    Add {
        /// Name or id
        list: String,
        /// Ids of contacts
        #[arg(required = true)]
        contacts: Vec<String>,
    },
    /// Take contacts out of a list
    Remove {
        /// Name or id
        list: String,
        /// Ids of contacts
        #[arg(required = true)]
        contacts: Vec<String>,
    },
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Create { name } => {
            let answer = session.lists().create_list(CreateListRequest { name, request_id: request_id() }).await?;
            show(session, answer.into_inner().list)
        }
        Verb::List { archived } => all(session, archived).await,
        Verb::Show { list } => {
            let id = resolve::list(session, &list).await?;
            show(session, session.lists().get_list(GetListRequest { id }).await?.into_inner().list)
        }
        Verb::Rename { list, name } => update(session, &list, Some(name), None).await,
        Verb::Archive { list, undo } => update(session, &list, None, Some(!undo)).await,
        Verb::Add { list, contacts } => add(session, &list, contacts).await,
        Verb::Remove { list, contacts } => remove(session, &list, contacts).await,
    }
}

async fn all(session: &Session, include_archived: bool) -> Result<()> {
    let lists = paging::collect(0, |page_size, page_token| async move {
        let page = session.lists().list_lists(ListListsRequest { page_size, page_token, include_archived }).await?.into_inner();
        Ok((page.lists, page.next_page_token))
    });
    session.output.rows(["id", "name", "members", ""], &lists.await?, |list| {
        let archived = if list.archived { "archived" } else { "" };
        [list.id.clone(), list.name.clone(), number::count(list.member_count), archived.to_owned()]
    })
}

fn show(session: &Session, list: Option<ContactList>) -> Result<()> {
    session.output.message(&list.context("the hub's answer has no list")?, |list| {
        let archived = if list.archived { ", archived" } else { "" };
        let archived = format!("{}{archived}", if list.double_opt_in { ", double opt-in" } else { "" });
        format!("{}  {} ({}{archived})", list.id, list.name, number::of(list.member_count, "member", "members"))
    })
}

async fn update(session: &Session, list: &str, name: Option<String>, archived: Option<bool>) -> Result<()> {
    let id = resolve::list(session, list).await?;
    show(session, session.lists().update_list(UpdateListRequest { id, name, archived }).await?.into_inner().list)
}

async fn add(session: &Session, list: &str, contact_ids: Vec<String>) -> Result<()> {
    let list_id = resolve::list(session, list).await?;
    let answer = session.lists().add_list_members(AddListMembersRequest { list_id, contact_ids }).await?.into_inner();
    session.output.message(&answer, |answer| {
        let pending = if answer.pending > 0 { format!("; {} yet to confirm", number::count(answer.pending)) } else { String::new() };
        format!("added {}{pending}", number::of(answer.added, "contact", "contacts"))
    })
}

async fn remove(session: &Session, list: &str, contact_ids: Vec<String>) -> Result<()> {
    let list_id = resolve::list(session, list).await?;
    let answer = session.lists().remove_list_members(RemoveListMembersRequest { list_id, contact_ids }).await?.into_inner();
    session.output.message(&answer, |answer| format!("removed {}", number::of(answer.removed, "contact", "contacts")))
}
