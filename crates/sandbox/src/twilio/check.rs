//! Reading a create-message form, and refusing it with the code that Twilio's error dictionary has for the fault.

use serde_json::Value;

use crate::message::Channel;
use crate::twilio::Refusal;

/// Longest `Body`, in characters.
const MAX_BODY_CHARS: usize = 1_600;
const MAX_MEDIA: usize = 10;
const WHATSAPP: &str = "whatsapp:";

/// The number of a Messaging Service's pool that the sandbox sends from.
const POOL_NUMBER: &str = "+15005550006";

pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(body: &[u8]) -> Self {
        Form(url::form_urlencoded::parse(body).into_owned().collect())
    }

    /// A parameter's value; an empty one counts as absent.
    pub fn get(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub fn channel(&self) -> Channel {
        if self.get("To").is_some_and(|to| to.starts_with(WHATSAPP)) { Channel::Whatsapp } else { Channel::Sms }
    }

    /// The recipient's number, right or wrong.
    pub fn recipient(&self) -> &str {
        let to = self.get("To").unwrap_or_default();
        to.strip_prefix(WHATSAPP).unwrap_or(to)
    }

    /// The sender's own token: `d` in the query of the status callback.
    pub fn correlation(&self) -> String {
        let url = self.get("StatusCallback").and_then(|url| url::Url::parse(url).ok());
        url.and_then(|url| url.query_pairs().find(|(name, _)| name == "d").map(|(_, token)| token.into_owned())).unwrap_or_default()
    }
}

/// A request with nothing wrong with it.
#[derive(Debug)]
pub struct Request {
    /// `+E164`, also for WhatsApp.
    pub to: String,
    pub to_as_given: String,
    pub to_whatsapp: bool,
    /// As given, with `whatsapp:`.
    pub from: Option<String>,
    pub messaging_service_sid: Option<String>,
    pub body: Option<String>,
    pub media: Vec<String>,
    pub content_sid: Option<String>,
    pub variables: Option<Value>,
    pub status_callback: Option<String>,
    pub correlation: String,
}

impl Request {
    /// The number it is sent from, without `whatsapp:`.
    pub fn sender(&self) -> &str {
        self.from.as_deref().map_or(POOL_NUMBER, |from| from.strip_prefix(WHATSAPP).unwrap_or(from))
    }

    pub fn is_free_form_whatsapp(&self, channel: Channel) -> bool {
        channel == Channel::Whatsapp && self.content_sid.is_none()
    }

    pub fn segments(&self) -> usize {
        segments(self.body.as_deref().unwrap_or_default())
    }
}

/// SMS segments of a body: 160 GSM-7 characters or 70 UTF-16 units alone, 153 or 67 each when joined. No character is cut in two.
pub fn segments(body: &str) -> usize {
    let gsm: Option<Vec<usize>> = body.chars().map(gsm_units).collect();
    let (takes, alone, joined) = match gsm {
        Some(takes) => (takes, 160, 153),
        None => (body.chars().map(char::len_utf16).collect(), 70, 67),
    };
    if takes.iter().sum::<usize>() <= alone {
        return 1;
    }
    let (mut segments, mut used) = (1, 0);
    for units in takes {
        if used + units > joined {
            segments += 1;
            used = 0;
        }
        used += units;
    }
    segments
}

/// How many of the 160 a character takes; none if GSM 03.38 does not have it.
fn gsm_units(c: char) -> Option<usize> {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ\
        ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    match c {
        c if BASIC.contains(c) => Some(1),
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => Some(2),
        _ => None,
    }
}

pub fn request(form: &Form) -> Result<Request, Refusal> {
    let to_as_given = form.get("To").ok_or_else(|| Refusal::bad_request(21604, "A 'To' phone number is required."))?;
    let to = form.recipient();
    if !is_e164(to) {
        return Err(Refusal::bad_request(21211, format!("The 'To' number {to} is not a valid phone number.")));
    }
    let channel = form.channel();
    let (from, messaging_service_sid) = sender(form, channel)?;
    super::sms::check(form, channel)?;
    let (content_sid, variables) = content(form)?;
    let (body, media) = text(form)?;
    if body.is_none() && media.is_empty() && content_sid.is_none() {
        return Err(Refusal::bad_request(21602, "Message body is required."));
    }
    if channel == Channel::Whatsapp && from.as_deref() == Some(to_as_given) {
        return Err(Refusal::bad_request(63031, "Channels message cannot have same From and To"));
    }
    Ok(Request {
        to: to.to_owned(),
        to_as_given: to_as_given.to_owned(),
        to_whatsapp: channel == Channel::Whatsapp,
        from,
        messaging_service_sid,
        body,
        media,
        content_sid,
        variables,
        status_callback: status_callback(form)?,
        correlation: form.correlation(),
    })
}

type Sender = (Option<String>, Option<String>);

fn sender(form: &Form, channel: Channel) -> Result<Sender, Refusal> {
    let (from, service) = (form.get("From"), form.get("MessagingServiceSid"));
    if from.is_none() && service.is_none() {
        let message = "A 'From' or 'MessagingServiceSid' parameter is required to send a message";
        return Err(Refusal::bad_request(21603, message));
    }
    if let Some(service) = service.filter(|service| !is_sid(service, "MG")) {
        return Err(Refusal::bad_request(21705, format!("The Messaging Service Sid {service} is invalid.")));
    }
    match (from, channel) {
        (Some(from), Channel::Whatsapp) if !from.strip_prefix(WHATSAPP).is_some_and(is_e164) => {
            let message = "Twilio could not find a Channel with the specified From address";
            return Err(Refusal::bad_request(63007, message));
        }
        (Some(from), Channel::Sms) if !is_sms_sender(from) => {
            return Err(Refusal::bad_request(21212, format!("The 'From' number {from} is not a valid phone number.")));
        }
        _ => {}
    }
    Ok((from.map(Into::into), service.map(Into::into)))
}

fn content(form: &Form) -> Result<(Option<String>, Option<Value>), Refusal> {
    let (sid, variables) = (form.get("ContentSid"), form.get("ContentVariables"));
    match (sid, variables) {
        (Some(sid), _) if !is_sid(sid, "HX") => {
            return Err(Refusal::bad_request(21655, format!("The ContentSid {sid} is Invalid")));
        }
        (None, Some(_)) => return Err(Refusal::bad_request(21654, "ContentSid Required")),
        _ => {}
    }
    let variables = variables.map(content_variables).transpose()?;
    Ok((sid.map(Into::into), variables))
}

/// A JSON object as a string, from names or positions to text. WhatsApp takes no line breaks, tabs or long
/// runs of spaces in it.
fn content_variables(json: &str) -> Result<Value, Refusal> {
    let invalid = |why: &str| Refusal::bad_request(21656, format!("The ContentVariables Parameter is invalid: {why}"));
    let value: Value = serde_json::from_str(json).map_err(|_| invalid("not JSON"))?;
    let Value::Object(variables) = &value else { return Err(invalid("not an object")) };
    for (name, value) in variables {
        let Some(text) = value.as_str() else { return Err(invalid(&format!("{name} is not a string"))) };
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !named || text.is_empty() || text.contains(['\n', '\r', '\t']) || text.contains("     ") {
            return Err(invalid(&format!("{name} has no acceptable value")));
        }
    }
    Ok(value)
}

fn text(form: &Form) -> Result<(Option<String>, Vec<String>), Refusal> {
    let body = form.get("Body");
    if body.is_some_and(|body| body.chars().count() > MAX_BODY_CHARS) {
        return Err(Refusal::bad_request(21617, "The concatenated message body exceeds the 1600 character limit"));
    }
    let media: Vec<String> = form.all("MediaUrl").map(Into::into).collect();
    if media.len() > MAX_MEDIA {
        return Err(Refusal::bad_request(21623, "Number of media files exceeds allowed limit"));
    }
    if let Some(url) = media.iter().find(|url| !crate::config::is_http_url(url)) {
        return Err(Refusal::bad_request(21620, format!("Invalid media URL(s): {url}")));
    }
    Ok((body.map(Into::into), media))
}

/// "URL must contain a valid hostname and underscores are not allowed."
fn status_callback(form: &Form) -> Result<Option<String>, Refusal> {
    let Some(url) = form.get("StatusCallback") else { return Ok(None) };
    let parsed = url::Url::parse(url).ok().filter(|_| crate::config::is_http_url(url));
    match parsed.as_ref().and_then(|url| url.host_str()) {
        Some(host) if !host.contains('_') => Ok(Some(url.to_owned())),
        _ => Err(Refusal::bad_request(21609, format!("The StatusCallback URL {url} is not a valid URL."))),
    }
}

/// `+` and 7 to 15 digits, the first of them not 0.
pub fn is_e164(number: &str) -> bool {
    number
        .strip_prefix('+')
        .is_some_and(|digits| (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// A number, a short code, or an alphanumeric sender id (up to 11 characters with a letter).
fn is_sms_sender(from: &str) -> bool {
    let short_code = (3..=8).contains(&from.len()) && from.bytes().all(|b| b.is_ascii_digit());
    let alphanumeric = from.len() <= 11
        && from.bytes().all(|b| b.is_ascii_alphanumeric() || b" +-_&".contains(&b))
        && from.bytes().any(|b| b.is_ascii_alphabetic());
    is_e164(from) || short_code || alphanumeric
}

pub fn is_sid(sid: &str, prefix: &str) -> bool {
    sid.strip_prefix(prefix).is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(body: &str) -> usize {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("To", "+971501234567"), ("From", "Fanfare"), ("Body", body)])
            .finish();
        request(&Form::parse(form.as_bytes())).unwrap().segments()
    }

    #[test]
    fn segments_are_counted_as_the_networks_do() {
        assert_eq!(segments(&"a".repeat(160)), 1);
        assert_eq!(segments(&"a".repeat(161)), 2);
        assert_eq!(segments(&"€".repeat(80)), 1);
        assert_eq!(segments(&"€".repeat(81)), 2);
        assert_eq!(segments(&"€".repeat(153)), 3);
        assert_eq!(segments(&"م".repeat(70)), 1);
        assert_eq!(segments(&"م".repeat(71)), 2);
        assert_eq!(segments(&"👍".repeat(36)), 2);
    }

    #[test]
    fn numbers_are_e164() {
        assert!(is_e164("+971501234567"));
        for bad in ["971501234567", "+0501234567", "+97150", "+9715012345678901", "+97150 1234567", "", "+"] {
            assert!(!is_e164(bad), "{bad}");
        }
    }
}
