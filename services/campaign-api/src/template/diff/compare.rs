//! Two contents, field by field and line by line.

use proto::template::{DiffKind, DiffLine, FieldChange, FieldDiff};
use similar::{ChangeTag, TextDiff};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Lines that stay the same and are shown around those that don't.
const CONTEXT: usize = 3;
/// Lines of all fields together at most, and bytes of them.
const MAX_LINES: usize = 10_000;
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// After this long a field's rest is shown as replaced, which is true and longer than it need be.
const LONGEST: Duration = Duration::from_millis(200);

pub struct Compared {
    pub fields: Vec<FieldDiff>,
    pub truncated: bool,
}

/// Compares texts by their paths.
pub fn compare(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Compared {
    let mut room = Room { lines: MAX_LINES, bytes: MAX_BYTES, ran_out: false };
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let fields = paths.into_iter().filter_map(|path| field(path, before.get(path), after.get(path), &mut room)).collect();
    Compared { fields, truncated: room.ran_out }
}

/// None when nothing has changed.
fn field(path: &str, before: Option<&String>, after: Option<&String>, room: &mut Room) -> Option<FieldDiff> {
    // An empty field says what a field that isn't there says.
    let (before, after) = (before.map_or("", String::as_str), after.map_or("", String::as_str));
    let change = match (before.is_empty(), after.is_empty()) {
        _ if before == after => return None,
        (true, _) => FieldChange::Added,
        (_, true) => FieldChange::Removed,
        _ => FieldChange::Changed,
    };
    Some(FieldDiff { field: path.to_owned(), change: change.into(), lines: lines(before, after, room) })
}

fn lines(before: &str, after: &str, room: &mut Room) -> Vec<DiffLine> {
    let diff = TextDiff::configure().timeout(LONGEST).diff_lines(before, after);
    let mut lines = Vec::new();
    for op in diff.grouped_ops(CONTEXT).iter().flatten() {
        for change in diff.iter_changes(op) {
            let text = change.value().trim_end_matches(['\n', '\r']);
            if !room.take(text.len()) {
                return lines;
            }
            let kind = match change.tag() {
                ChangeTag::Equal => DiffKind::Same,
                ChangeTag::Delete => DiffKind::Removed,
                ChangeTag::Insert => DiffKind::Added,
            };
            lines.push(DiffLine {
                kind: kind.into(),
                old_line: number(change.old_index()),
                new_line: number(change.new_index()),
                text: text.to_owned(),
            });
        }
    }
    lines
}

fn number(index: Option<usize>) -> u32 {
    index.and_then(|index| u32::try_from(index + 1).ok()).unwrap_or_default()
}

/// How much more may be shown.
struct Room {
    lines: usize,
    bytes: usize,
    ran_out: bool,
}

impl Room {
    fn take(&mut self, bytes: usize) -> bool {
        if self.lines == 0 || self.bytes < bytes {
            self.ran_out = true;
            return false;
        }
        self.lines -= 1;
        self.bytes -= bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    fn shown(field: &FieldDiff) -> Vec<String> {
        let sign = |kind| match kind {
            DiffKind::Removed => '-',
            DiffKind::Added => '+',
            _ => ' ',
        };
        field.lines.iter().map(|line| format!("{}{},{}:{}", sign(line.kind()), line.old_line, line.new_line, line.text)).collect()
    }

    #[test]
    fn only_what_differs_is_shown_with_the_lines_around_it() {
        let before = texts(&[("sms.text", "Hi"), ("email.html", "1\n2\n3\n4\n5\n6\n7\n8\n"), ("fragments.offer", "10%")]);
        let after = texts(&[("sms.text", "Hi"), ("email.html", "1\n2\n3\n4\nfive\n6\n7\n8\n"), ("push.title", "New"), ("push.link", "")]);
        let compared = compare(&before, &after);
        assert!(!compared.truncated);
        let fields: Vec<_> = compared.fields.iter().map(|field| (field.field.as_str(), field.change())).collect();
        assert_eq!(
            fields,
            [("email.html", FieldChange::Changed), ("fragments.offer", FieldChange::Removed), ("push.title", FieldChange::Added)]
        );
        assert_eq!(shown(&compared.fields[0]), [" 2,2:2", " 3,3:3", " 4,4:4", "-5,0:5", "+0,5:five", " 6,6:6", " 7,7:7", " 8,8:8"]);
        assert_eq!(shown(&compared.fields[1]), ["-1,0:10%"]);
        assert_eq!(shown(&compared.fields[2]), ["+0,1:New"]);
    }

    #[test]
    fn equal_contents_have_no_difference() {
        let content = texts(&[("sms.text", "Hi\r\n")]);
        assert!(compare(&content, &content).fields.is_empty());
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let long = |word: &str| texts(&[("email.html", &format!("{word}\n").repeat(8_000)), ("sms.text", word)]);
        let compared = compare(&long("a"), &long("b"));
        assert!(compared.truncated);
        assert_eq!(compared.fields.iter().map(|field| field.lines.len()).sum::<usize>(), MAX_LINES);
        assert_eq!(compared.fields.len(), 2, "that a field differs is always said");
    }
}
