//! `fanfare topic`: what campaigns can be about.

use crate::{
    paging, resolve,
    session::{Session, request_id},
};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use proto::consent::{CreateTopicRequest, ListTopicsRequest, Topic, TopicText, UpdateTopicRequest};
use std::collections::HashMap;

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a topic (admin)
    Create {
        name: String,
        #[command(flatten)]
        texts: Texts,
    },
    /// Show all topics
    List {
        /// Archived ones too
        #[arg(long)]
        archived: bool,
    },
    /// Change a topic (admin)
    Update {
        /// Name or id
        topic: String,
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        texts: Texts,
    },
    /// Put a topic aside: people are no longer offered it, and who has left it stays out (admin)
    Archive {
        /// Name or id
        topic: String,
        /// Take it out again
        #[arg(long)]
        undo: bool,
    },
}

#[derive(Debug, Args)]
pub struct Texts {
    /// What people read about it
    #[arg(long)]
    description: Option<String>,
    /// What it is called in a language, as ar=NAME or ar=NAME|DESCRIPTION; repeat for more. Replaces the translations
    #[arg(long = "translation", value_name = "LANGUAGE=NAME", value_parser = translation)]
    translations: Option<Vec<(String, TopicText)>>,
}

fn translation(text: &str) -> Result<(String, TopicText), String> {
    let (language, text) = text.split_once('=').ok_or("write it like ar=NAME or ar=NAME|DESCRIPTION")?;
    let (name, description) = text.split_once('|').unwrap_or((text, ""));
    Ok((language.trim().to_owned(), TopicText { name: name.trim().to_owned(), description: description.trim().to_owned() }))
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Create { name, texts } => {
            let request = CreateTopicRequest {
                name,
                description: texts.description.unwrap_or_default(),
                translations: texts.translations.unwrap_or_default().into_iter().collect(),
                request_id: request_id(),
            };
            show(session, session.topics().create_topic(request).await?.into_inner().topic)
        }
        Verb::List { archived } => all(session, archived).await,
        Verb::Update { topic, name, texts } => {
            let request = UpdateTopicRequest {
                id: resolve::topic(session, &topic).await?,
                name,
                description: texts.description,
                replace_translations: texts.translations.is_some(),
                translations: texts.translations.unwrap_or_default().into_iter().collect::<HashMap<_, _>>(),
                archived: None,
            };
            show(session, session.topics().update_topic(request).await?.into_inner().topic)
        }
        Verb::Archive { topic, undo } => {
            let id = resolve::topic(session, &topic).await?;
            let request = UpdateTopicRequest { id, archived: Some(!undo), ..UpdateTopicRequest::default() };
            show(session, session.topics().update_topic(request).await?.into_inner().topic)
        }
    }
}

/// All topics.
///
/// # Errors
/// When the hub doesn't answer.
pub async fn read(session: &Session, include_archived: bool) -> Result<Vec<Topic>> {
    let topics = paging::collect(0, |page_size, page_token| async move {
        let page = session.topics().list_topics(ListTopicsRequest { page_size, page_token, include_archived }).await?.into_inner();
        Ok((page.topics, page.next_page_token))
    });
    Ok(topics.await?)
}

async fn all(session: &Session, archived: bool) -> Result<()> {
    session.output.rows(["id", "name", "languages", ""], &read(session, archived).await?, |topic| {
        let archived = if topic.archived { "archived" } else { "" };
        [topic.id.clone(), topic.name.clone(), languages(topic), archived.to_owned()]
    })
}

fn languages(topic: &Topic) -> String {
    let mut languages: Vec<_> = topic.translations.keys().map(String::as_str).collect();
    languages.sort_unstable();
    languages.join(", ")
}

fn show(session: &Session, topic: Option<Topic>) -> Result<()> {
    session.output.message(&topic.context("the hub's answer has no topic")?, |topic| {
        let archived = if topic.archived { " (archived)" } else { "" };
        format!("{}  {}{archived}  {}  {}", topic.id, topic.name, topic.description, languages(topic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_translation_may_have_a_description() {
        let text = |name: &str, description: &str| TopicText { name: name.to_owned(), description: description.to_owned() };
        assert_eq!(translation("ar=عروض").unwrap(), ("ar".to_owned(), text("عروض", "")));
        assert_eq!(translation("ru=Акции | Раз в неделю").unwrap(), ("ru".to_owned(), text("Акции", "Раз в неделю")));
        assert!(translation("Offers").is_err());
    }
}
