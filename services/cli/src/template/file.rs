//! A template's file: JSON with `name` and `content` as in `CreateTemplateRequest`. A text may lie in a file of its own:
//! `"html": {"file": "email.html"}`, beside the JSON or below it.

use crate::output::json;
use anyhow::{Context, Result, bail};
use proto::template::CreateTemplateRequest;
use serde_json::Value;
use std::{
    fs,
    path::{Component, Path},
};

/// # Errors
/// Names the file, and the field in it, that can't be used.
pub fn read(path: &Path) -> Result<CreateTemplateRequest> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("{shown} can't be read"))?;
    let mut value: Value = serde_json::from_str(&text).with_context(|| format!("{shown} is not JSON"))?;
    include(&mut value, path.parent().unwrap_or(Path::new("."))).with_context(|| shown.to_string())?;
    json::from_value(&value).with_context(|| format!("{shown} is not a template"))
}

/// Puts the texts of files where they are named.
fn include(value: &mut Value, folder: &Path) -> Result<()> {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(name)) = fields.get("file").filter(|_| fields.len() == 1) {
                *value = Value::String(beside(folder, name)?);
                return Ok(());
            }
            fields.values_mut().try_for_each(|field| include(field, folder))
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| include(item, folder)),
        _ => Ok(()),
    }
}

/// A template that somebody hands on must not pull in files from elsewhere on the machine.
fn beside(folder: &Path, name: &str) -> Result<String> {
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        bail!("{name:?} must be beside the template or below it");
    }
    fs::read_to_string(folder.join(name)).with_context(|| format!("{name} can't be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        Channel,
        content::{Rendered, TemplateContent},
        render::{Occasion, Person, Renderer},
    };
    use serde_json::json;

    fn example() -> TemplateContent {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/product-launch/template.json");
        read(&path).unwrap().content.unwrap().into()
    }

    #[test]
    fn the_example_has_all_channels() {
        let content = example();
        assert_eq!(content.channels().count(), 5);
        assert!(content.email.unwrap().html.contains("{{ unsubscribe_url }}"));
        let whatsapp = content.whatsapp.unwrap();
        assert!(whatsapp.twilio.is_some() && whatsapp.meta.is_some());
    }

    #[test]
    fn the_examples_text_message_is_one_segment_for_anybody() {
        let renderer = Renderer::new(&example()).unwrap();
        let unsubscribe_url = "https://example.com/u/1".into();
        let occasion = Occasion { campaign_name: "Launch".into(), unsubscribe_url, ..Occasion::default() };
        let nameless = Person { email: "someone@example.com".into(), ..Person::default() };
        let long_name = Person { name: "Maximiliana Oldenburg".into(), ..Person::made_up() };
        for person in [Person::made_up(), nameless, long_name] {
            for channel in Channel::ALL {
                let rendered = renderer.render(channel, &person, &occasion).unwrap();
                let Rendered::Sms(sms) = rendered else { continue };
                assert!(sms.text.is_ascii() && sms.text.len() <= 160, "{}: {}", sms.text.len(), sms.text);
            }
        }
    }

    #[test]
    fn a_file_elsewhere_is_refused() {
        for name in ["../secrets.json", "/etc/hostname", ""] {
            let mut value = json!({"content": {"email": {"html": {"file": name}}}});
            assert!(include(&mut value, Path::new(env!("CARGO_MANIFEST_DIR"))).is_err(), "{name}");
        }
    }

    #[test]
    fn a_file_beside_it_is_taken_in() {
        let mut value = json!({"parts": [{"file": "Cargo.toml"}, "text"], "file": "kept", "other": 1});
        include(&mut value, Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(value["parts"][0].as_str().unwrap().contains("[package]"));
        assert_eq!(value["file"], "kept");
    }
}
