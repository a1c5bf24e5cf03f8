//! One person's preferences: what their page shows, and what the hub answers about them.

use super::topic::Text;
use crate::{Result, optout::read_channel};
use domain::{
    Channel, ContactId, DeliveryId, ListId, TopicId, WorkspaceId,
    channel::AddressKind,
    consent::REVOCABLE,
    link::{Confirmation, LinkKey, Recipient},
};
use sqlx::{PgConnection, types::Json};
use std::collections::BTreeMap;

/// Topics on a page at most.
const MAX_TOPICS: i64 = 200;

/// A person, as far as their preferences go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub workspace_id: WorkspaceId,
    pub workspace_name: String,
    pub contact_id: ContactId,
    pub locale: String,
    pub email_key: Option<String>,
    pub phone_key: Option<String>,
    pub whatsapp_key: Option<String>,
    /// Of all devices together; None when there are none.
    pub push_key: Option<String>,
    /// Those that the workspace sends on and the contact has an address for.
    pub channels: Vec<OnChannel>,
    /// Those that are offered, oldest first; 200 at most.
    pub topics: Vec<OnTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnChannel {
    pub channel: Channel,
    pub address_key: String,
    pub opted_out: bool,
    /// Whether the person may take it back themselves.
    pub revocable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnTopic {
    pub topic_id: TopicId,
    pub name: String,
    pub description: String,
    /// By language.
    pub translations: BTreeMap<String, Text>,
    pub left: bool,
}

impl Person {
    /// The address that the channel uses.
    #[must_use]
    pub fn key(&self, channel: Channel) -> Option<&str> {
        match channel.address_kind() {
            AddressKind::Email => self.email_key.as_deref(),
            AddressKind::Phone => self.phone_key.as_deref(),
            AddressKind::Whatsapp => self.phone_key.as_deref().or(self.whatsapp_key.as_deref()),
            AddressKind::Device => self.push_key.as_deref(),
            AddressKind::Account => None,
        }
    }

    /// All addresses whose opt-outs hold for the channel, that one first: on WhatsApp a number and the id that stands in for it are one person.
    #[must_use]
    pub fn keys_of(&self, channel: Channel) -> Vec<&str> {
        let key = self.key(channel);
        let other = self.whatsapp_key.as_deref().filter(|other| channel.address_kind() == AddressKind::Whatsapp && key != Some(*other));
        key.into_iter().chain(other).collect()
    }

    /// Every address, each once.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        [&self.email_key, &self.phone_key, &self.whatsapp_key, &self.push_key].into_iter().flatten().cloned().collect()
    }
}

/// Whose page a link names. None: they aren't there any more, or never were.
///
/// # Errors
/// When the statement fails.
pub async fn of_recipient(connection: &mut PgConnection, recipient: Recipient) -> Result<Option<ContactId>> {
    match recipient {
        Recipient::Contact(contact) => Ok(Some(contact)),
        Recipient::Delivery(delivery) => Ok(of_delivery(connection, delivery).await?.map(|(contact, _)| contact)),
    }
}

/// Who got a message, and at which address.
async fn of_delivery(connection: &mut PgConnection, delivery: DeliveryId) -> Result<Option<(ContactId, Option<String>)>> {
    let row = sqlx::query!("SELECT contact_id, address_key FROM send.delivery WHERE delivery_id = $1", delivery.0)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| (row.contact_id.into(), row.address_key)))
}

/// The locale of a message's recipient and the name of the workspace; None when either is gone.
///
/// # Errors
/// When the statement fails.
pub async fn greeting(connection: &mut PgConnection, delivery: DeliveryId) -> Result<Option<(String, String)>> {
    let row = sqlx::query!(
        "SELECT c.locale, w.name FROM send.delivery d JOIN core.contact c USING (contact_id)
         JOIN core.workspace w ON w.workspace_id = c.workspace_id WHERE d.delivery_id = $1",
        delivery.0
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.locale, row.name)))
}

/// A person's preferences as they are; of one workspace, or with None of the one that the contact is in.
///
/// # Errors
/// When a statement fails.
pub async fn get(connection: &mut PgConnection, workspace: Option<WorkspaceId>, contact: ContactId) -> Result<Option<Person>> {
    let row = sqlx::query!(
        "SELECT c.workspace_id, w.name, c.locale, c.email_key, c.phone_key, c.whatsapp_key, c.push_key
         FROM core.contact c JOIN core.workspace w USING (workspace_id)
         WHERE c.contact_id = $1 AND ($2::uuid IS NULL OR c.workspace_id = $2)",
        contact.0,
        workspace.map(|id| id.0)
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut person = Person {
        workspace_id: row.workspace_id.into(),
        workspace_name: row.name,
        contact_id: contact,
        locale: row.locale,
        email_key: row.email_key,
        phone_key: row.phone_key,
        whatsapp_key: row.whatsapp_key,
        push_key: row.push_key,
        channels: Vec::new(),
        topics: Vec::new(),
    };
    person.channels = channels(&mut *connection, &person).await?;
    person.topics = topics(connection, &person).await?;
    Ok(Some(person))
}

async fn channels(connection: &mut PgConnection, person: &Person) -> Result<Vec<OnChannel>> {
    let used = sqlx::query_scalar!("SELECT DISTINCT channel FROM core.sender WHERE workspace_id = $1", person.workspace_id.0)
        .fetch_all(&mut *connection)
        .await?;
    let rows = sqlx::query!(
        "SELECT channel, address_key, source FROM core.opt_out WHERE workspace_id = $1 AND address_key = ANY($2)",
        person.workspace_id.0,
        &person.keys()
    )
    .fetch_all(connection)
    .await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        entries.push((read_channel(&row.channel)?, row.address_key, row.source));
    }
    let on = |channel: Channel| {
        let key = person.key(channel).filter(|_| used.iter().any(|used| used == channel.as_str()))?;
        let keys = person.keys_of(channel);
        let holds = |of: Option<Channel>, address: &str| of.is_none_or(|of| of == channel) && keys.contains(&address);
        let mut forbids = entries.iter().filter(|(of, address, _)| holds(*of, address)).peekable();
        let opted_out = forbids.peek().is_some();
        let revocable = forbids.all(|(_, _, source)| REVOCABLE.contains(&source.as_str()));
        Some(OnChannel { channel, address_key: key.to_owned(), opted_out, revocable })
    };
    Ok(Channel::ALL.into_iter().filter_map(on).collect())
}

async fn topics(connection: &mut PgConnection, person: &Person) -> Result<Vec<OnTopic>> {
    let mut subjects = person.keys();
    subjects.push(person.contact_id.to_string());
    let rows = sqlx::query!(
        r#"SELECT t.topic_id, t.name, t.description, t.translations AS "translations: Json<BTreeMap<String, Text>>",
                  EXISTS (SELECT FROM core.topic_opt_out o WHERE o.topic_id = t.topic_id AND o.subject = ANY($2)) AS "left!"
           FROM core.topic t WHERE t.workspace_id = $1 AND t.archived_at IS NULL ORDER BY t.topic_id LIMIT $3"#,
        person.workspace_id.0,
        &subjects,
        MAX_TOPICS
    )
    .fetch_all(connection)
    .await?;
    let topic = rows.into_iter().map(|row| OnTopic {
        topic_id: row.topic_id.into(),
        name: row.name,
        description: row.description,
        translations: row.translations.0,
        left: row.left,
    });
    Ok(topic.collect())
}

/// What a confirmation page asks, and whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub workspace_id: WorkspaceId,
    pub workspace_name: String,
    pub list_id: ListId,
    pub contact_id: ContactId,
    pub locale: String,
    /// Language → what the person agrees to; empty: the built-in wording.
    pub wording: BTreeMap<String, String>,
    pub wording_version: u32,
    pub confirmed: bool,
}

/// What a confirmation link asks. None when the person, their address or the list isn't there any more: who has an old address of
/// somebody confirms nothing for them.
///
/// # Errors
/// When a statement fails.
pub async fn question(connection: &mut PgConnection, link: &Confirmation, key: &LinkKey) -> Result<Option<Question>> {
    let (contact, sent_to) = match link.recipient {
        Recipient::Contact(contact) => (contact, None),
        Recipient::Delivery(delivery) => match of_delivery(&mut *connection, delivery).await? {
            Some((contact, Some(address))) => (contact, Some(address)),
            _ => return Ok(None),
        },
    };
    let row = sqlx::query!(
        r#"SELECT w.workspace_id, w.name, c.contact_id, c.locale, c.email_key, c.phone_key, l.wording_version,
                  coalesce(t.texts, '{}') AS "texts!: Json<BTreeMap<String, String>>", a.confirmed_at IS NOT NULL AS "confirmed!"
           FROM core.contact c JOIN core.workspace w USING (workspace_id)
           JOIN core.list l ON l.list_id = $2 AND l.workspace_id = c.workspace_id AND l.archived_at IS NULL
           LEFT JOIN core.list_wording t ON t.list_id = l.list_id AND t.version = l.wording_version
           LEFT JOIN core.list_consent a ON a.list_id = l.list_id AND a.contact_id = c.contact_id
           WHERE c.contact_id = $1"#,
        contact.0,
        link.list_id.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let is_meant = |address: &String| match (&sent_to, link.address) {
        (Some(sent_to), _) => address == sent_to,
        (None, Some(fingerprint)) => key.fingerprint(address) == fingerprint,
        (None, None) => false,
    };
    if ![&row.email_key, &row.phone_key].into_iter().flatten().any(is_meant) {
        return Ok(None);
    }
    Ok(Some(Question {
        workspace_id: row.workspace_id.into(),
        workspace_name: row.name,
        list_id: link.list_id,
        contact_id: row.contact_id.into(),
        locale: row.locale,
        wording: row.texts.0,
        wording_version: row.wording_version.unsigned_abs(),
        confirmed: row.confirmed,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_whatsapp_a_number_and_its_id_are_one_person() {
        let keys = |phone_key: Option<&str>, channel| {
            let person = Person {
                workspace_id: WorkspaceId::new(),
                workspace_name: String::new(),
                contact_id: ContactId::new(),
                locale: String::new(),
                email_key: None,
                phone_key: phone_key.map(str::to_owned),
                whatsapp_key: Some("wa:AE.1".to_owned()),
                push_key: None,
                channels: Vec::new(),
                topics: Vec::new(),
            };
            person.keys_of(channel).join(" ")
        };
        assert_eq!(keys(Some("+971500000001"), Channel::Whatsapp), "+971500000001 wa:AE.1");
        assert_eq!(keys(None, Channel::Whatsapp), "wa:AE.1");
        assert_eq!(keys(Some("+971500000001"), Channel::Sms), "+971500000001");
    }
}
