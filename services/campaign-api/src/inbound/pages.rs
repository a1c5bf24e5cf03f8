//! What the pages behind links post: a person's preferences, and the confirmation of a list.

use super::act::unsubscribed_fact;
use domain::{
    Channel, ContactId, DeliveryId, ListId, TopicId, WorkspaceId,
    consent::{Evidence, Kind, REVOCABLE, source},
};
use proto::event::{Fact, Inbound, Preferences};
use store::{
    PgConnection, Result,
    consent::{
        self, Event,
        event::About,
        list,
        person::{self, Person},
        prefer, topic,
    },
    optout::{self, OptOut},
};
use time::OffsetDateTime;

/// How the evidence of a message is kept.
pub fn evidence(inbound: &Inbound) -> Evidence {
    let origin = inbound.origin.clone().unwrap_or_default();
    Evidence {
        ip: origin.ip,
        user_agent: origin.user_agent,
        text: inbound.text.clone(),
        code: origin.code,
        delivery_id: (inbound.delivery_id != 0).then_some(inbound.delivery_id),
        language: origin.language,
        wording_version: inbound.confirmation.as_ref().map(|confirmation| confirmation.wording_version),
    }
    .bounded()
}

/// Acts on what pages posted, in the order in which people did it. Answers with the facts that follow.
///
/// # Errors
/// When the database fails.
pub async fn apply(tx: &mut PgConnection, workspace: WorkspaceId, messages: &[Inbound], now: OffsetDateTime) -> Result<Vec<Fact>> {
    let is_posted = |message: &&Inbound| message.preferences.is_some() || message.confirmation.is_some();
    let mut posted: Vec<_> = messages.iter().filter(is_posted).collect();
    posted.sort_by_key(|message| message.occurred_at_ms);
    let mut facts = Vec::new();
    for message in posted {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(message.occurred_at_ms) * 1_000_000);
        let (Ok(contact), Ok(at)) = (message.contact_id.parse::<ContactId>(), at) else {
            tracing::warn!("what a page posted names no contact, and is dropped");
            continue;
        };
        let post = Post { workspace, contact, at, now, message };
        if let Some(preferences) = &message.preferences {
            facts.extend(post.prefer(&mut *tx, preferences).await?);
        }
        if let Some(confirmation) = &message.confirmation
            && let Ok(list) = confirmation.list_id.parse()
        {
            post.confirm(&mut *tx, list).await?;
        }
    }
    Ok(facts)
}

/// One form, posted.
struct Post<'a> {
    workspace: WorkspaceId,
    contact: ContactId,
    /// When the person did it.
    at: OffsetDateTime,
    now: OffsetDateTime,
    message: &'a Inbound,
}

impl Post<'_> {
    fn event(&self, kind: Kind, about: About, address_key: Option<String>) -> Event {
        Event {
            at: self.at,
            kind,
            about,
            address_key,
            contact_id: Some(self.contact),
            source: self.message.source.clone(),
            actor: String::new(),
            evidence: evidence(self.message),
        }
    }

    async fn confirm(&self, tx: &mut PgConnection, id: ListId) -> Result<()> {
        let confirmed = list::confirm(&mut *tx, self.workspace, id, &[self.contact.0], self.at, self.now).await?;
        let events: Vec<_> =
            confirmed.into_iter().map(|confirmed| self.event(Kind::ListConfirmed, About::List(id), confirmed.address_key)).collect();
        consent::note(tx, self.workspace, &events).await
    }

    /// Does what a person changed on their page; what they may not take back stays. Of a page that is told later than a newer one only what
    /// it left counts: nobody is to get what they once said no to because two posts have overtaken one another.
    async fn prefer(&self, tx: &mut PgConnection, preferences: &Preferences) -> Result<Option<Fact>> {
        let Some(person) = person::get(&mut *tx, Some(self.workspace), self.contact).await? else { return Ok(None) };
        let only_left = if prefer::is_newest(&mut *tx, self.workspace, self.contact, self.at).await? {
            None
        } else {
            let Preferences { channels_off, topics_off, all_off, .. } = preferences.clone();
            Some(Preferences { channels_off, topics_off, all_off, ..Preferences::default() })
        };
        let preferences = only_left.as_ref().unwrap_or(preferences);
        let fact = if preferences.all_off {
            self.leave_all(&mut *tx, &person).await?
        } else {
            self.choose_channels(&mut *tx, &person, preferences).await?
        };
        self.choose_topics(&mut *tx, &person, preferences).await?;
        if let Some(locale) = new_locale(&person.locale, &preferences.language) {
            prefer::set_locale(tx, self.workspace, self.contact, locale, self.now).await?;
        }
        Ok(fact)
    }

    /// No channel, nor any that there will be.
    async fn leave_all(&self, tx: &mut PgConnection, person: &Person) -> Result<Option<Fact>> {
        let entries: Vec<_> = person.keys().into_iter().map(|key| self.entry(None, key)).collect();
        let added = optout::add(&mut *tx, self.workspace, &entries, "").await?;
        if added.is_empty() {
            return Ok(None);
        }
        Ok(self.delivery().map(|delivery| unsubscribed_fact(delivery, self.message.occurred_at_ms, &self.message.traceparent)))
    }

    async fn choose_channels(&self, tx: &mut PgConnection, person: &Person, preferences: &Preferences) -> Result<Option<Fact>> {
        let (on, mut off) = (channels(&preferences.channels_on), channels(&preferences.channels_off));
        off.extend(self.take_back(&mut *tx, person, &on).await?);
        let entries = off.iter().filter_map(|channel| Some(self.entry(Some(*channel), person.key(*channel)?.to_owned())));
        let added = optout::add(&mut *tx, self.workspace, &entries.collect::<Vec<_>>(), "").await?;
        let Some(delivery) = self.delivery() else { return Ok(None) };
        let addressees = optout::addressees(tx, self.workspace, &[delivery.0]).await?;
        let left = |channel: Channel| added.iter().any(|(of, _)| *of == Some(channel));
        let has_left = addressees.get(&delivery).is_some_and(|addressee| left(addressee.channel));
        Ok(has_left.then(|| unsubscribed_fact(delivery, self.message.occurred_at_ms, &self.message.traceparent)))
    }

    /// Takes opt-outs of these channels back. Where one of all channels had to go, answers with the channels that it must still hold for.
    async fn take_back(&self, tx: &mut PgConnection, person: &Person, on: &[Channel]) -> Result<Vec<Channel>> {
        let sources = REVOCABLE.map(str::to_owned);
        let (mut events, mut still_off) = (Vec::new(), Vec::new());
        for channel in on {
            for (key, scope) in person.keys_of(*channel).into_iter().flat_map(|key| [(key, Some(*channel)), (key, None)]) {
                let taken = optout::take_back(&mut *tx, self.workspace, scope, key, &sources, self.at).await?;
                let Some(taken) = taken else { continue };
                events.push(self.event(Kind::OptedIn, About::Channel(scope), Some(taken.address_key)));
                if scope.is_none() {
                    still_off.extend(Channel::ALL.into_iter().filter(|other| person.key(*other) == Some(key) && !on.contains(other)));
                }
            }
        }
        consent::note(tx, self.workspace, &events).await?;
        Ok(still_off)
    }

    async fn choose_topics(&self, tx: &mut PgConnection, person: &Person, preferences: &Preferences) -> Result<()> {
        let (on, off) = (topics(&preferences.topics_on), topics(&preferences.topics_off));
        let left = topic::leave(&mut *tx, self.workspace, self.contact, &off, &self.message.source, self.at).await?;
        let joined = topic::rejoin(&mut *tx, self.workspace, self.contact, &on, self.at).await?;
        let key = || person.email_key.clone().or_else(|| person.phone_key.clone());
        let events = left.into_iter().map(|id| (Kind::TopicLeft, id)).chain(joined.into_iter().map(|id| (Kind::TopicJoined, id)));
        let events: Vec<_> = events.map(|(kind, id)| self.event(kind, About::Topic(id), key())).collect();
        consent::note(tx, self.workspace, &events).await
    }

    fn entry(&self, channel: Option<Channel>, address_key: String) -> OptOut {
        OptOut {
            channel,
            address_key,
            source: source::PREFERENCE_PAGE.to_owned(),
            reason: String::new(),
            created_at: self.at,
            evidence: evidence(self.message),
        }
    }

    /// The message whose link led to the page; a test's message is none that counts.
    fn delivery(&self) -> Option<DeliveryId> {
        (self.message.delivery_id > 0).then_some(DeliveryId(self.message.delivery_id))
    }
}

fn channels(names: &[String]) -> Vec<Channel> {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

fn topics(ids: &[String]) -> Vec<TopicId> {
    ids.iter().filter_map(|id| id.parse().ok()).collect()
}

/// The locale to set; None when the contact's own is in that language already, perhaps with a region that is not to be lost.
fn new_locale<'a>(locale: &str, language: &'a str) -> Option<&'a str> {
    // Serbian is written in two scripts, and each is a language of the pages.
    let of = |tag: &str| {
        let tag = tag.to_ascii_lowercase();
        let parts: Vec<_> = tag.split(['-', '_']).collect();
        (parts[0].to_owned(), parts.contains(&"latn"))
    };
    (!language.is_empty() && of(locale) != of(language)).then_some(language)
}

#[cfg(test)]
mod tests {
    use super::new_locale;

    #[test]
    fn a_locale_keeps_its_region() {
        assert_eq!(new_locale("ar-AE", "ar"), None);
        assert_eq!(new_locale("ar_AE", "AR"), None);
        assert_eq!(new_locale("ar-AE", ""), None);
        assert_eq!(new_locale("ar-AE", "en"), Some("en"));
        assert_eq!(new_locale("", "sr"), Some("sr"));
        assert_eq!(new_locale("sr-Latn-RS", "sr-Latn"), None);
        assert_eq!(new_locale("sr-Latn-RS", "sr"), Some("sr"), "another script is another choice");
    }
}
