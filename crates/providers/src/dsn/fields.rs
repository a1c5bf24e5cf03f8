//! Header-like fields: those of a delivery status, and the headers of a letter that is given back.

/// More than any group of fields or any letter of ours has.
const MAX_FIELDS: usize = 200;

/// Fields by name; of a name that occurs twice, the first.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of a field, unfolded; `name` in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields before the first empty line.
    pub(super) fn of_headers(bytes: &[u8]) -> Self {
        groups(bytes, 1).into_iter().next().unwrap_or_default()
    }

    fn add(&mut self, line: &str) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = self.0.last_mut() {
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':')
            && self.0.len() < MAX_FIELDS
        {
            self.0.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

/// The groups of fields, with empty lines between them; at most so many.
pub(super) fn groups(bytes: &[u8], most: usize) -> Vec<Fields> {
    let text = String::from_utf8_lossy(bytes);
    let mut groups = vec![Fields::default()];
    for line in text.lines() {
        if !line.trim().is_empty() {
            if let Some(group) = groups.last_mut() {
                group.add(line);
            }
        } else if groups.last().is_some_and(|group| !group.is_empty()) {
            if groups.len() == most {
                break;
            }
            groups.push(Fields::default());
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}
