//! Meta's `components` as an author writes them: JSON whose strings may hold variables.

use serde_json::Value;

/// Strings within the components that may hold variables, by their place: `[0].parameters[1].text`.
pub fn texts(components: &Value) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    collect(components, &mut String::new(), &mut found);
    found
}

fn collect<'v>(value: &'v Value, place: &mut String, found: &mut Vec<(String, &'v str)>) {
    let length = place.len();
    match value {
        Value::String(text) if text.contains("{{") || text.contains("{%") || text.contains("{#") => found.push((place.clone(), text)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                place.push_str(&format!("[{index}]"));
                collect(item, place, found);
                place.truncate(length);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                place.push('.');
                place.push_str(name);
                collect(member, place, found);
                place.truncate(length);
            }
        }
        _ => {}
    }
}

/// The components with those strings rendered.
///
/// # Errors
/// The first that rendering has.
pub fn render<E>(components: &Value, render_text: &dyn Fn(&str) -> Result<String, E>) -> Result<Value, E> {
    rendered(components, &mut String::new(), render_text)
}

fn rendered<E>(value: &Value, place: &mut String, render_text: &dyn Fn(&str) -> Result<String, E>) -> Result<Value, E> {
    let length = place.len();
    Ok(match value {
        Value::String(text) if text.contains("{{") || text.contains("{%") || text.contains("{#") => Value::String(render_text(place)?),
        Value::Array(items) => {
            let mut made = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                place.push_str(&format!("[{index}]"));
                made.push(rendered(item, place, render_text)?);
                place.truncate(length);
            }
            Value::Array(made)
        }
        Value::Object(members) => {
            let mut made = serde_json::Map::new();
            for (name, member) in members {
                place.push('.');
                place.push_str(name);
                made.insert(name.clone(), rendered(member, place, render_text)?);
                place.truncate(length);
            }
            Value::Object(made)
        }
        other => other.clone(),
    })
}

/// Levels of arrays and objects within each other, and values in all.
pub fn size(value: &Value) -> (usize, usize) {
    let inner: Vec<_> = match value {
        Value::Array(items) => items.iter().map(size).collect(),
        Value::Object(members) => members.values().map(size).collect(),
        _ => return (0, 1),
    };
    let deepest = inner.iter().map(|(depth, _)| *depth).max().unwrap_or_default();
    (deepest + 1, 1 + inner.iter().map(|(_, count)| *count).sum::<usize>())
}
