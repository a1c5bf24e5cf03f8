//! What of Twilio's form is only an SMS's: by which name it comes, its media, how it is encoded and how long Twilio keeps it.
//!
//! A message with media is an MMS, which Twilio carries in the United States and Canada; elsewhere it is refused here, because what would
//! come of it is not known. Names of letters are no senders there, and get no answers anywhere.

use super::Config;
use crate::errors::PERMANENT;
use crate::registry::Field;
use crate::{Account, AccountError, Cost, Fault, Message};
use domain::{
    content::Rendered,
    render::sms::{Segments, with_look_alikes},
    sms::{Countries, MAX_MEDIA, country},
};

/// Where Twilio carries MMS unless the account says otherwise.
const MMS_COUNTRIES: &str = "US,CA";
/// Countries whose carriers take no names of letters.
const NO_NAMES: [&str; 2] = ["US", "CA"];
/// `ValidityPeriod`, in seconds.
const VALIDITY_MAX_SECONDS: u64 = 36_000;
/// Twilio recommends more than 5.
const VALIDITY_MIN_SECONDS: u64 = 6;
/// Characters of `Body`.
const BODY_MAX_CHARS: usize = 1_600;

pub(super) const ALPHA_SENDER: Field = Field::optional(
    "alpha_sender",
    "a name of up to 11 letters, digits and blanks that texts to alpha_countries come from; with a Messaging Service it must be in its pool",
);
pub(super) const ALPHA_COUNTRIES: Field =
    Field::optional("alpha_countries", "the countries where it is used, such as AE,SA,GB; elsewhere the number or service sends");
pub(super) const MMS: Field = Field::optional("mms_countries", "the countries that messages with media may go to; US,CA unless set");
pub(super) const SMART_ENCODING: Field =
    Field::optional("smart_encoding", "true lets Twilio put look-alikes in the place of characters that would make a text longer");

/// What an account sets for texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    alpha_sender: Option<String>,
    alpha_countries: Countries,
    mms_countries: Countries,
    smart_encoding: bool,
}

impl Settings {
    pub(super) fn read(account: &Account) -> Result<Self, AccountError> {
        let remedy = "enter a name of 1 to 11 letters, digits and blanks, with a letter in it";
        let alpha_sender = account.optional(ALPHA_SENDER.name, is_name, remedy)?;
        let alpha_countries = countries(account, &ALPHA_COUNTRIES, "")?;
        if alpha_sender.is_some() == alpha_countries.is_empty() {
            let remedy = "a name for texts and the countries where it is used go together: enter both or neither";
            return Err(AccountError::new(if alpha_sender.is_some() { ALPHA_COUNTRIES.name } else { ALPHA_SENDER.name }, remedy));
        }
        if NO_NAMES.into_iter().any(|country| alpha_countries.has(Some(country))) {
            return Err(AccountError::new(ALPHA_COUNTRIES.name, "leave out US and CA: texts come from numbers there"));
        }
        let mms_countries = countries(account, &MMS, MMS_COUNTRIES)?;
        Ok(Self { alpha_sender, alpha_countries, mms_countries, smart_encoding: account.flag(SMART_ENCODING.name)? })
    }
}

fn countries(account: &Account, field: &Field, default: &str) -> Result<Countries, AccountError> {
    let text = account.setting(field.name)?.unwrap_or(default);
    Countries::parse(text).map_err(|error| AccountError::new(field.name, error.to_string()))
}

/// A name of letters, digits and blanks with a letter in it.
pub(super) fn is_name(text: &str) -> bool {
    (1..=11).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

fn country_of(message: &Message) -> Option<&'static str> {
    message.country.or_else(|| country::of(&message.to))
}

/// Whom the text comes from: the name where it is used, else the account's number, if it has one.
pub(super) fn from<'a>(config: &'a Config, message: &Message) -> Option<&'a str> {
    let settings = &config.sms;
    let name = settings.alpha_sender.as_deref().filter(|_| settings.alpha_countries.has(country_of(message)));
    name.or(config.from.as_deref())
}

/// Whether some texts come from a name: a look-up by the number would miss those.
pub(super) const fn has_name(config: &Config) -> bool {
    config.sms.alpha_sender.is_some()
}

pub(super) fn fields(config: &Config, message: &Message) -> Result<Vec<(&'static str, String)>, Fault> {
    let (text, media) = match &message.content {
        Rendered::Sms(sms) => (sms.text.as_str(), sms.media_urls.as_slice()),
        Rendered::Free(free) => (free.text.as_str(), std::slice::from_ref(&free.media_url)),
        _ => return Err(Fault::content("the content is for another channel")),
    };
    let media: Vec<&String> = media.iter().filter(|url| !url.is_empty()).collect();
    let mut fields = Vec::new();
    match text.chars().count() {
        0 if media.is_empty() => return Err(Fault::content("the text is empty")),
        0 => {}
        1..=BODY_MAX_CHARS => fields.push(("Body", text.to_owned())),
        _ => return Err(Fault::new("21617", PERMANENT, "the text is longer than 1,600 characters")),
    }
    if media.len() > MAX_MEDIA {
        return Err(Fault::new("21623", PERMANENT, "more than 10 media files"));
    }
    if !media.is_empty() && !config.sms.mms_countries.has(country_of(message)) {
        return Err(Fault::new("no_media_there", PERMANENT, "messages with media are not sent to the number's country"));
    }
    fields.extend(media.into_iter().map(|url| ("MediaUrl", url.clone())));
    if config.sms.smart_encoding {
        fields.push(("SmartEncoded", "true".to_owned()));
    }
    if let Some(validity) = message.valid_for {
        let seconds = validity.as_secs().clamp(VALIDITY_MIN_SECONDS, VALIDITY_MAX_SECONDS);
        fields.push(("ValidityPeriod", seconds.to_string()));
    }
    Ok(fields)
}

/// The messages that a text makes, and where it goes.
pub(super) fn cost(config: &Config, message: &Message) -> Option<Cost> {
    let text = match &message.content {
        Rendered::Sms(sms) => &sms.text,
        Rendered::Free(free) => &free.text,
        _ => return None,
    };
    let counted = if config.sms.smart_encoding { Segments::of(&with_look_alikes(text)) } else { Segments::of(text) };
    let units = u32::try_from(counted.segments).unwrap_or(u32::MAX).max(1);
    Some(Cost { units, country: country_of(message).map(str::to_owned) })
}
