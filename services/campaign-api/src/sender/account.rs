//! A sender's settings and secrets: checked by the provider that will use them, and sealed.

use domain::{Channel, SenderId};
use providers::{Account, AccountError, Provider, Secret, registry::Field};
use runtime::{
    seal::Kek,
    status::{self, Violations},
};
use std::collections::{BTreeMap, HashMap};
use tonic::Status;

/// Longest value that is taken; a PEM file is the longest that any provider wants.
const MAX_VALUE: usize = 16 * 1024;

/// Merges new values into those that are there. An empty value takes one away.
pub fn merge<T>(old: &mut BTreeMap<String, T>, new: HashMap<String, String>, wrap: impl Fn(String) -> T) {
    for (name, value) in new {
        if value.is_empty() {
            old.remove(&name);
        } else {
            old.insert(name, wrap(value));
        }
    }
}

/// Notes every field that the provider doesn't know, misses or can't use.
pub fn check(provider: &Provider, channel: Channel, account: &Account, violations: &mut Violations) {
    let mut found = Vec::new();
    names("settings", provider, provider.settings, account.settings.iter().map(|(name, value)| (name.as_str(), value.len())), &mut found);
    let secrets = account.secrets.iter().map(|(name, value)| (name.as_str(), value.expose().len()));
    names("secrets", provider, provider.secrets, secrets, &mut found);
    // The provider's own checks name one field at a time, and take the others to be there.
    if found.is_empty() {
        found.extend(build(provider, channel, account).err().map(|error| (field(provider, &error.field), error.remedy)));
    }
    for (field, problem) in found {
        violations.add(field, problem);
    }
}

/// Whether an account that people connect in the browser has no token. `secrets` are the names of those that there are.
pub fn is_disconnected<'a>(provider: &Provider, mut secrets: impl Iterator<Item = &'a str>) -> bool {
    provider.connect.is_some() && !secrets.any(|name| name == providers::oauth::ACCESS_TOKEN)
}

fn build(provider: &Provider, channel: Channel, account: &Account) -> Result<(), AccountError> {
    // One that is to be connected yet sends nothing; but its app must be there.
    if let Some(connect) = provider.connect.filter(|_| is_disconnected(provider, account.secrets.keys().map(String::as_str))) {
        connect(account)?;
        return Ok(());
    }
    (provider.sender)(account, channel)?;
    if let Some(webhook) = provider.webhook {
        webhook(account)?;
    }
    Ok(())
}

fn names<'a>(
    part: &str,
    provider: &Provider,
    known: &[Field],
    given: impl Iterator<Item = (&'a str, usize)>,
    found: &mut Vec<(String, String)>,
) {
    let mut there = Vec::new();
    for (name, length) in given {
        there.push(name);
        if !known.iter().any(|field| field.name == name) {
            let names: Vec<_> = known.iter().map(|field| field.name).collect();
            found.push((format!("{part}.{name}"), format!("{} has no such field; it takes {}", provider.slug, names.join(", "))));
        } else if length > MAX_VALUE {
            found.push((format!("{part}.{name}"), "must be at most 16 KiB".to_owned()));
        }
    }
    for missing in known.iter().filter(|field| field.required && !there.contains(&field.name)) {
        found.push((format!("{part}.{}", missing.name), format!("{} needs it: {}", provider.slug, missing.help)));
    }
}

/// Where in the request a provider's field is.
fn field(provider: &Provider, name: &str) -> String {
    if provider.secrets.iter().any(|field| field.name == name) {
        format!("secrets.{name}")
    } else if provider.settings.iter().any(|field| field.name == name) {
        format!("settings.{name}")
    } else {
        name.to_owned()
    }
}

/// Seals secrets as a JSON object, tied to the sender's row.
///
/// # Errors
/// When the system gives no randomness.
pub fn seal(kek: &Kek, sender: SenderId, secrets: &BTreeMap<String, Secret>) -> Result<Vec<u8>, Status> {
    let json = serde_json::to_vec(secrets).map_err(|error| status::internal(&error))?;
    kek.seal(&json, sender.0.as_bytes()).map_err(|error| status::internal(&error))
}

/// Opens what [`seal`] has sealed.
///
/// # Errors
/// When its key is not configured any more, or it is damaged.
pub fn open(kek: &Kek, sender: SenderId, sealed: &[u8]) -> Result<BTreeMap<String, Secret>, Status> {
    let json = kek.open(sealed, sender.0.as_bytes()).map_err(|error| status::internal(&error))?;
    serde_json::from_slice(&json).map_err(|error| status::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_takes_a_setting_away_and_others_stay() {
        let mut settings = BTreeMap::from([("from".to_owned(), "a".to_owned()), ("base_url".to_owned(), "b".to_owned())]);
        let new = HashMap::from([("base_url".to_owned(), String::new()), ("version".to_owned(), "v23.0".to_owned())]);
        merge(&mut settings, new, |value| value);
        assert_eq!(settings, [("from", "a"), ("version", "v23.0")].map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn secrets_open_only_for_their_own_sender() {
        let kek = Kek::from_base64(&Kek::generate().unwrap()).unwrap();
        let secrets = BTreeMap::from([("auth_token".to_owned(), Secret::new("t0ken"))]);
        let (id, other) = (SenderId::new(), SenderId::new());
        let sealed = seal(&kek, id, &secrets).unwrap();
        assert_eq!(open(&kek, id, &sealed).unwrap(), secrets);
        assert_eq!(open(&kek, other, &sealed).unwrap_err().code(), tonic::Code::Internal);
    }
}
