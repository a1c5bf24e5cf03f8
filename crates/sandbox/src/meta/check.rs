//! Reading a message request, and refusing it with the code of Meta's error list.

use serde_json::{Map, Value};

use crate::meta::Refusal;
use crate::twilio::is_e164;

const MAX_OPAQUE_CHARS: usize = 512;
const MAX_TEXT_CHARS: usize = 4_096;
/// All the text parameters of a template's body together.
const MAX_BODY_PARAMETER_CHARS: usize = 1_024;
const MAX_TEMPLATE_NAME_CHARS: usize = 512;
const MAX_COUPON_CHARS: usize = 15;

/// A request with nothing wrong with it.
pub struct Request {
    /// `+E164`.
    pub to: String,
    pub to_as_given: String,
    /// `template`, `text`, `image`, …
    pub kind: String,
    /// The object of that name.
    pub content: Value,
    pub text: Option<String>,
    pub correlation: String,
}

type Check<T = ()> = Result<T, Refusal>;
type Object = Map<String, Value>;

fn missing(details: impl Into<String>) -> Refusal {
    Refusal::bad_request(131_008, "Required parameter is missing", details)
}

fn invalid(details: impl Into<String>) -> Refusal {
    Refusal::bad_request(131_009, "Parameter value is not valid", details)
}

fn mismatch(details: impl Into<String>) -> Refusal {
    Refusal::bad_request(132_012, "Parameter format does not match format in the created template", details)
}

pub fn request(body: &[u8], templates_only: bool) -> Check<Request> {
    let value: Value = serde_json::from_slice(body).map_err(|_| Refusal::bad_request(100, "Invalid parameter", "The body is not JSON."))?;
    let Value::Object(fields) = value else {
        return Err(Refusal::bad_request(100, "Invalid parameter", "The body is not an object."));
    };
    if text(&fields, "messaging_product") != Some("whatsapp") {
        return Err(Refusal::bad_request(100, "Invalid parameter", "messaging_product must be whatsapp."));
    }
    let (to_as_given, to) = recipient(&fields, templates_only)?;
    let correlation = match fields.get("biz_opaque_callback_data") {
        None => "",
        Some(Value::String(data)) if data.chars().count() <= MAX_OPAQUE_CHARS => data,
        Some(_) => return Err(invalid("biz_opaque_callback_data must be a string of at most 512 characters.")),
    };
    let kind = text(&fields, "type").ok_or_else(|| missing("The parameter type is required."))?;
    if templates_only && kind != "template" {
        return Err(Refusal::bad_request(100, "Invalid parameter", "Message must be a template message."));
    }
    if templates_only && text(&fields, "recipient_type") != Some("individual") {
        return Err(missing("The parameter recipient_type is required, and must be individual."));
    }
    let content = fields.get(kind);
    let shown = content_of(kind, content)?;
    Ok(Request {
        to_as_given: to_as_given.to_owned(),
        kind: kind.to_owned(),
        content: content.cloned().unwrap_or_default(),
        text: shown,
        correlation: correlation.to_owned(),
        to,
    })
}

/// To whom it goes: a number, or the id of somebody who hides theirs, which marketing messages don't take.
fn recipient(fields: &Object, marketing: bool) -> Check<(&str, String)> {
    if let Some(given) = text(fields, "to") {
        let to = number(given);
        return if is_e164(&to) { Ok((given, to)) } else { Err(invalid(format!("to: {given} is not a phone number."))) };
    }
    match text(fields, "recipient").filter(|_| !marketing) {
        Some(id) if is_user_id(id) => Ok((id, id.to_owned())),
        Some(id) => Err(invalid(format!("recipient: {id} is not a user id."))),
        None => Err(missing("The parameter to is required.")),
    }
}

/// A country, a dot, and letters and digits, perhaps in parts.
fn is_user_id(id: &str) -> bool {
    let rest = |rest: &str| rest.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    id.split_once('.').is_some_and(|(country, id)| country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) && rest(id))
}

/// Recipient and token of a request that was refused, as far as they can be made out.
pub fn addressee(body: &[u8]) -> (String, String) {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let to = if field("to").is_empty() { field("recipient").to_owned() } else { number(field("to")) };
    (to, field("biz_opaque_callback_data").to_owned())
}

/// Meta takes numbers with and without the plus sign.
fn number(given: &str) -> String {
    format!("+{}", given.trim_start_matches('+'))
}

/// Checks the object of the message's type, and returns its text if it is one that the recipient can read.
fn content_of(kind: &str, content: Option<&Value>) -> Check<Option<String>> {
    const KINDS: [&str; 11] =
        ["template", "text", "image", "video", "document", "audio", "sticker", "interactive", "location", "contacts", "reaction"];
    if !KINDS.contains(&kind) {
        return Err(Refusal::bad_request(131_051, "Unsupported message type", format!("type: {kind}")));
    }
    if kind == "contacts" && content.is_some_and(Value::is_array) {
        return Ok(None);
    }
    let Some(Value::Object(content)) = content else {
        return Err(missing(format!("The parameter {kind} is required.")));
    };
    match kind {
        "template" => template(content).map(|()| None),
        "image" | "video" | "document" | "audio" | "sticker" => {
            media(content, kind)?;
            Ok(text(content, "caption").map(Into::into))
        }
        "text" => match text(content, "body") {
            None => Err(missing("The parameter text['body'] is required.")),
            Some(body) if body.chars().count() > MAX_TEXT_CHARS => {
                Err(Refusal::bad_request(100, "Invalid parameter", "text['body'] must be at most 4096 characters long."))
            }
            Some(body) => Ok(Some(body.into())),
        },
        _ => Ok(None),
    }
}

fn template(template: &Object) -> Check {
    let name = text(template, "name").ok_or_else(|| missing("The parameter template['name'] is required."))?;
    let code = template.get("language").and_then(Value::as_object).and_then(|language| text(language, "code"));
    let code = code.ok_or_else(|| missing("The parameter template['language']['code'] is required."))?;
    let well_named =
        name.len() <= MAX_TEMPLATE_NAME_CHARS && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !well_named || !is_language(code) {
        let details = format!("template name ({name}) does not exist in {code}");
        return Err(Refusal::bad_request(132_001, "Template name does not exist in the translation", details));
    }
    let components = match template.get("components") {
        None => return Ok(()),
        Some(Value::Array(components)) => components,
        Some(_) => return Err(mismatch("template['components'] must be an array.")),
    };
    let mut seen = Vec::new();
    for component in components {
        let Value::Object(component) = component else { return Err(mismatch("A component must be an object.")) };
        let kind = text(component, "type").ok_or_else(|| missing("A component needs a type."))?.to_lowercase();
        if kind != "button" && seen.contains(&kind) {
            return Err(mismatch(format!("There can be only one {kind} component.")));
        }
        self::component(&kind, component)?;
        seen.push(kind);
    }
    Ok(())
}

fn component(kind: &str, component: &Object) -> Check {
    match kind {
        "header" | "body" | "footer" | "limited_time_offer" | "order_status" => {}
        // Its cards are templates of their own; the sandbox does not look into them.
        "carousel" => return Ok(()),
        "button" => {
            if text(component, "sub_type").is_none() {
                return Err(missing("A button component needs a sub_type."));
            }
            let index = component.get("index");
            let numeric = index.and_then(Value::as_str).is_some_and(|index| index.parse::<u8>().is_ok());
            if !numeric && !index.is_some_and(Value::is_u64) {
                return Err(missing("A button component needs an index."));
            }
        }
        other => return Err(mismatch(format!("Unknown component type {other}."))),
    }
    let parameters = match component.get("parameters") {
        None => return Ok(()),
        Some(Value::Array(parameters)) => parameters,
        Some(_) => return Err(mismatch(format!("The parameters of {kind} must be an array."))),
    };
    if kind == "header" && parameters.len() > 1 {
        return Err(Refusal::bad_request(132_000, "Number of parameters does not match", "header: at most 1 parameter"));
    }
    let mut chars = 0;
    for value in parameters {
        let Value::Object(value) = value else { return Err(mismatch("A parameter must be an object.")) };
        chars += parameter(value)?;
    }
    if kind == "body" && chars > MAX_BODY_PARAMETER_CHARS {
        return Err(Refusal::bad_request(132_005, "Translated text too long", "The body's text is too long."));
    }
    Ok(())
}

/// Checks one parameter, and returns the characters of its text.
fn parameter(parameter: &Object) -> Check<usize> {
    let kind = text(parameter, "type").ok_or_else(|| missing("A parameter needs a type."))?;
    let object = |name: &str| parameter.get(name).and_then(Value::as_object).ok_or_else(|| mismatch(format!("{kind}: {name} is missing.")));
    match kind {
        // Quick-reply buttons of Meta's own examples carry booleans as text.
        "text" if parameter.get("text").is_some_and(Value::is_boolean) => Ok(0),
        "text" => template_text(text(parameter, "text").unwrap_or_default()),
        "payload" => text(parameter, "payload").map(|_| 0).ok_or_else(|| mismatch("payload is missing.")),
        "currency" => {
            let currency = object("currency")?;
            let whole = text(currency, "fallback_value").is_some()
                && text(currency, "code").is_some()
                && currency.get("amount_1000").is_some_and(Value::is_i64);
            if whole { Ok(0) } else { Err(mismatch("currency needs fallback_value, code and amount_1000.")) }
        }
        "date_time" => match text(object("date_time")?, "fallback_value") {
            Some(_) => Ok(0),
            None => Err(mismatch("date_time needs a fallback_value.")),
        },
        "image" | "video" | "document" => media(object(kind)?, kind).map(|()| 0),
        "coupon_code" => match text(parameter, "coupon_code") {
            Some(code) if code.chars().count() <= MAX_COUPON_CHARS => Ok(0),
            _ => Err(mismatch("coupon_code must have 1 to 15 characters.")),
        },
        "limited_time_offer" => match object(kind)?.get("expiration_time_ms") {
            Some(time) if time.is_u64() => Ok(0),
            _ => Err(mismatch("limited_time_offer needs expiration_time_ms.")),
        },
        "action" | "location" | "order_status" | "product" | "tts" => object(kind).map(|_| 0),
        other => Err(mismatch(format!("Unknown parameter type {other}."))),
    }
}

fn template_text(value: &str) -> Check<usize> {
    if value.is_empty() {
        return Err(missing("A text parameter needs text."));
    }
    if value.contains(['\n', '\r', '\t']) || value.contains("     ") {
        let details = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces";
        return Err(Refusal::bad_request(132_018, "There is an issue with the parameters in your template", details));
    }
    Ok(value.chars().count())
}

/// Media is named by an id, or by a link.
fn media(media: &Object, kind: &str) -> Check {
    match (text(media, "id"), text(media, "link")) {
        (Some(_), _) => Ok(()),
        (None, Some(link)) if crate::config::is_http_url(link) => Ok(()),
        (None, Some(link)) => Err(Refusal::bad_request(131_053, "Media upload error", format!("{kind}: cannot fetch {link}"))),
        (None, None) => Err(missing(format!("{kind} needs an id or a link."))),
    }
}

/// `en`, `fil`, `en_US`, `zh_CN`.
fn is_language(code: &str) -> bool {
    let (language, region) = code.split_once('_').unwrap_or((code, "XX"));
    let lower = language.bytes().all(|b| b.is_ascii_lowercase());
    let upper = region.bytes().all(|b| b.is_ascii_uppercase());
    lower && upper && (2..=3).contains(&language.len()) && (2..=3).contains(&region.len())
}

/// A string field; an empty one counts as absent.
fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|value| !value.is_empty())
}
