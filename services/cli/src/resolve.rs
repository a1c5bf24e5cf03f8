//! From what a person types, a name or an id, to the id.

use crate::{paging, session::Session};
use anyhow::{Result, bail};
use domain::Channel;
use proto::{
    campaign::{Campaign, CampaignStatus, ListCampaignsRequest},
    contact,
    convert::channel_number,
    sender, template,
};
use uuid::Uuid;

/// A list's id.
///
/// # Errors
/// When there is none of that name.
pub async fn list(session: &Session, text: &str) -> Result<String> {
    match find_list(session, text).await? {
        Some(id) => Ok(id),
        None => bail!("there is no list {text:?}: `fanfare list list` shows them"),
    }
}

/// The id of the list, if there is one.
///
/// # Errors
/// When the hub doesn't answer.
pub async fn find_list(session: &Session, text: &str) -> Result<Option<String>> {
    if is_id(text) {
        return Ok(Some(text.to_owned()));
    }
    let lists = paging::collect(0, |page_size, page_token| async move {
        let request = contact::ListListsRequest { page_size, page_token, include_archived: true };
        let page = session.lists().list_lists(request).await?.into_inner();
        Ok((page.lists, page.next_page_token))
    });
    Ok(lists.await?.into_iter().find(|list| list.name == text).map(|list| list.id))
}

/// The ids of several lists.
///
/// # Errors
/// Names the first that there isn't.
pub async fn lists(session: &Session, texts: &[String]) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(texts.len());
    for text in texts {
        ids.push(list(session, text).await?);
    }
    Ok(ids)
}

/// A segment's id.
///
/// # Errors
/// When there is none of that name.
pub async fn segment(session: &Session, text: &str) -> Result<String> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    let segments = paging::collect(0, |page_size, page_token| async move {
        let request = contact::ListSegmentsRequest { page_size, page_token, include_archived: true };
        let page = session.segments().list_segments(request).await?.into_inner();
        Ok((page.segments, page.next_page_token))
    });
    match segments.await?.into_iter().find(|segment| segment.name == text) {
        Some(segment) => Ok(segment.id),
        None => bail!("there is no segment {text:?}: `fanfare segment list` shows them"),
    }
}

/// The ids of several segments.
///
/// # Errors
/// Names the first that there isn't.
pub async fn segments(session: &Session, texts: &[String]) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(texts.len());
    for text in texts {
        ids.push(segment(session, text).await?);
    }
    Ok(ids)
}

/// A template's id.
///
/// # Errors
/// When there is none of that name.
pub async fn template(session: &Session, text: &str) -> Result<String> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    let templates = paging::collect(0, |page_size, page_token| async move {
        let request = template::ListTemplatesRequest { page_size, page_token, include_archived: true };
        let page = session.templates().list_templates(request).await?.into_inner();
        Ok((page.templates, page.next_page_token))
    });
    match templates.await?.into_iter().find(|template| template.name == text) {
        Some(template) => Ok(template.id),
        None => bail!("there is no template {text:?}: `fanfare template list` shows them"),
    }
}

/// All senders.
///
/// # Errors
/// When the hub doesn't answer.
pub async fn senders(session: &Session) -> Result<Vec<sender::Sender>> {
    let senders = paging::collect(0, |page_size, page_token| async move {
        let page = session.senders().list_senders(sender::ListSendersRequest { page_size, page_token }).await?.into_inner();
        Ok((page.senders, page.next_page_token))
    });
    Ok(senders.await?)
}

/// A sender's id.
///
/// # Errors
/// When there is none of that name.
pub async fn sender(session: &Session, text: &str) -> Result<String> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    match senders(session).await?.into_iter().find(|sender| sender.name == text) {
        Some(sender) => Ok(sender.id),
        None => bail!("there is no sender {text:?}: `fanfare sender list` shows them"),
    }
}

/// The sender of a channel that goes by this name or id.
///
/// # Errors
/// When there is none.
pub fn sender_of<'a>(senders: &'a [sender::Sender], channel: Channel, named: &str) -> Result<&'a sender::Sender> {
    let mut fitting = senders.iter().filter(|sender| sender.channel == channel_number(channel));
    match fitting.find(|sender| sender.name == named || sender.id == named) {
        Some(sender) => Ok(sender),
        None => bail!("there is no {channel} sender {named:?}: `fanfare sender list` shows them"),
    }
}

/// Up to `limit` campaigns (0: all) in one state (UNSPECIFIED: any).
///
/// # Errors
/// When the hub doesn't answer.
pub async fn campaigns(session: &Session, limit: usize, status: CampaignStatus) -> Result<Vec<Campaign>> {
    let campaigns = paging::collect(limit, |page_size, page_token| async move {
        let request = ListCampaignsRequest { page_size, page_token, status: status.into() };
        let page = session.campaigns().list_campaigns(request).await?.into_inner();
        Ok((page.campaigns, page.next_page_token))
    });
    Ok(campaigns.await?)
}

/// A campaign's id. Names of campaigns may repeat, then only an id will do.
///
/// # Errors
/// When there is none of that name, or more than one.
pub async fn campaign(session: &Session, text: &str) -> Result<String> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    let named = |campaign: &Campaign| campaign.settings.as_ref().is_some_and(|settings| settings.name == text);
    let mut found = campaigns(session, 0, CampaignStatus::Unspecified).await?.into_iter().filter(named);
    match (found.next(), found.next()) {
        (Some(campaign), None) => Ok(campaign.id),
        (None, _) => bail!("there is no campaign {text:?}: `fanfare campaign list` shows them"),
        (Some(_), Some(_)) => bail!("more than one campaign is called {text:?}: give the id, `fanfare campaign list` shows it"),
    }
}

/// A topic's id.
///
/// # Errors
/// When there is none of that name.
pub async fn topic(session: &Session, text: &str) -> Result<String> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    match crate::topic::read(session, true).await?.into_iter().find(|topic| topic.name == text) {
        Some(topic) => Ok(topic.id),
        None => bail!("there is no topic {text:?}: `fanfare topic list` shows them"),
    }
}

/// The ids of several topics.
///
/// # Errors
/// Names the first that there isn't.
pub async fn topics(session: &Session, texts: &[String]) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(texts.len());
    for text in texts {
        ids.push(topic(session, text).await?);
    }
    Ok(ids)
}

/// Whether it is an id, and no name.
#[must_use]
pub fn is_id(text: &str) -> bool {
    Uuid::parse_str(text).is_ok()
}
