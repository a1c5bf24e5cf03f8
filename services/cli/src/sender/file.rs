//! A sender's file: the fields of `CreateSenderRequest`, the channel by its short name.

use crate::{output::json, session::request_id};
use anyhow::{Context, Result};
use domain::Channel;
use proto::{convert::channel_number, sender::CreateSenderRequest};
use serde_json::Value;
use std::{io::Read, path::Path};

pub fn read(path: &Path) -> Result<CreateSenderRequest> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("the standard input can't be read")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    }
    parse(&text).with_context(|| format!("{} is not a sender", path.display()))
}

fn parse(text: &str) -> Result<CreateSenderRequest> {
    let mut value: Value = serde_json::from_str(text)?;
    if let Some(Value::String(name)) = value.get("channel")
        && let Ok(channel) = name.parse::<Channel>()
        && let Some(fields) = value.as_object_mut()
    {
        fields.insert("channel".to_owned(), channel_number(channel).into());
    }
    Ok(CreateSenderRequest { request_id: request_id(), ..json::from_value(&value)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_its_short_name() {
        let sender = parse(r#"{"name": "SMS", "channel": "sms", "provider": "twilio", "secrets": {"auth_token": "t"}}"#).unwrap();
        assert_eq!(sender.channel, channel_number(Channel::Sms));
        assert_eq!(sender.secrets["auth_token"], "t");
        assert!(!sender.request_id.is_empty());
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        assert!(format!("{:#}", parse(r#"{"name": "SMS", "secret": {}}"#).unwrap_err()).contains("secret"));
    }
}
