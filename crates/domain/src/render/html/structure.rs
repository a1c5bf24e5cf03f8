//! Whether elements begin and end where they should.
//!
//! Branches of an `if` are each read from where it begins, so that a tag may be opened in one way here and in another way there.

use super::scan::{Piece, Scan};
use crate::render::tags::{Kind, tags};

/// Elements that have no content.
const VOID: [&str; 13] = ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];
/// Elements whose end tag may be left out (WHATWG, "Optional tags").
const OPTIONAL: [&str; 17] = [
    "html", "head", "body", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "option", "optgroup", "caption",
];

/// Deeper than anything that is written on purpose.
const DEEP: usize = 1_000;

/// An element that isn't ended, or an end without an element.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: usize,
    pub element: String,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    NotEnded,
    NotBegun,
}

/// Nothing wrong with the elements, and nothing that never ends.
pub fn is_sound(source: &str, found: &Scan) -> bool {
    found.open.is_empty() && faults(source, found).is_empty()
}

/// Levels of elements within each other; no more are counted than are too many for anybody.
pub fn depth(found: &Scan) -> usize {
    let mut open: Vec<&str> = Vec::new();
    let mut deepest = 0;
    for piece in &found.pieces {
        match piece {
            Piece::Start(start) if !(VOID.contains(&start.name.as_str()) || start.closes_itself && is_xml(&start.name)) => {
                if open.last().is_some_and(|last| *last == start.name && OPTIONAL.contains(last)) {
                    open.pop();
                }
                open.push(&start.name);
                deepest = deepest.max(open.len());
                if deepest > DEEP {
                    return deepest;
                }
            }
            Piece::End { name, .. } => {
                if let Some(index) = open.iter().rposition(|element| element == name) {
                    open.truncate(index);
                }
            }
            _ => {}
        }
    }
    deepest
}

/// Office's own elements and MJML's are written as in XML; HTML's are not closed by a slash.
fn is_xml(name: &str) -> bool {
    name.contains(':') || name.starts_with("mj-")
}

/// Everything that doesn't begin or end as it should, in order. Of elements that are too deep by [`depth`] nothing is told.
pub fn faults(source: &str, found: &Scan) -> Vec<Fault> {
    if depth(found) > DEEP {
        return Vec::new();
    }
    let mut reader = Reader { open: Vec::new(), branches: Vec::new(), faults: Vec::new() };
    let mut steps: Vec<_> = found.pieces.iter().map(|piece| (piece.at().start, Step::Piece(piece))).collect();
    for tag in tags(source).iter().filter(|tag| tag.is_statement) {
        let name = match tag.tokens.first().map(|token| token.kind) {
            Some(Kind::Name(name)) => name,
            _ => continue,
        };
        steps.push((tag.at.start, Step::Statement(name)));
    }
    steps.sort_by_key(|(at, _)| *at);
    for (_, step) in steps {
        reader.step(&step);
    }
    let left = std::mem::take(&mut reader.open);
    left.into_iter().for_each(|element| reader.not_ended(element));
    reader.faults.sort_by_key(|fault| fault.at);
    reader.faults
}

enum Step<'s> {
    Piece(&'s Piece),
    Statement(&'s str),
}

/// An element that has begun.
type Open<'s> = (usize, &'s str);

/// What was open where an `if` began, and where its first branch ended.
struct Branch<'s> {
    before: Vec<Open<'s>>,
    after: Option<Vec<Open<'s>>>,
}

struct Reader<'s> {
    open: Vec<Open<'s>>,
    /// Of the conditions that are open.
    branches: Vec<Branch<'s>>,
    faults: Vec<Fault>,
}

impl<'s> Reader<'s> {
    fn step(&mut self, step: &Step<'s>) {
        match step {
            Step::Piece(Piece::Start(start)) => self.start(start.at.start, &start.name, start.closes_itself),
            Step::Piece(Piece::End { at, name }) => self.end(at.start, name),
            Step::Piece(_) => {}
            Step::Statement("if") => self.branches.push(Branch { before: self.open.clone(), after: None }),
            Step::Statement("elif" | "else") => {
                if let Some(Branch { before, after }) = self.branches.last_mut() {
                    let ended = std::mem::replace(&mut self.open, before.clone());
                    after.get_or_insert(ended);
                }
            }
            Step::Statement("endif") => {
                if let Some(Branch { after: Some(after), .. }) = self.branches.pop() {
                    self.open = after;
                }
            }
            Step::Statement(_) => {}
        }
    }

    fn start(&mut self, at: usize, name: &'s str, closes_itself: bool) {
        if VOID.contains(&name) || (closes_itself && is_xml(name)) {
            return;
        }
        if OPTIONAL.contains(&name) && self.open.last().is_some_and(|(_, last)| *last == name) {
            self.open.pop();
        }
        self.open.push((at, name));
    }

    fn end(&mut self, at: usize, name: &'s str) {
        if matches!(name, "br" | "p") || VOID.contains(&name) {
            // Browsers make an element of such an end tag, or nothing at all.
            if let Some(index) = self.open.iter().rposition(|(_, element)| *element == name) {
                self.close(index);
            }
            return;
        }
        match self.open.iter().rposition(|(_, element)| *element == name) {
            Some(index) => self.close(index),
            None => self.faults.push(Fault { at, element: name.to_owned(), kind: FaultKind::NotBegun }),
        }
    }

    fn close(&mut self, index: usize) {
        let closed = self.open.split_off(index);
        closed.into_iter().skip(1).for_each(|element| self.not_ended(element));
    }

    fn not_ended(&mut self, (at, name): Open<'s>) {
        if !OPTIONAL.contains(&name) {
            self.faults.push(Fault { at, element: name.to_owned(), kind: FaultKind::NotEnded });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::html::{mask::blank, scan::scan};

    fn shape(source: &str) -> String {
        let found = faults(source, &scan(&blank(source)));
        let shape = |fault: &Fault| format!("{}{}@{}", if fault.kind == FaultKind::NotBegun { "/" } else { "" }, fault.element, fault.at);
        found.iter().map(shape).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn elements_end_where_they_should() {
        for (source, expected) in [
            ("<div><b>x</b><br><img src=a></div>", ""),
            ("<ul><li>a<li>b</ul><p>a<p>b<table><tr><td>a<td>b<tr><td>c</table>", ""),
            ("<div><b>x</div>", "b@5"),
            ("<b><i>x</b></i>", "i@3 /i@11"),
            ("x</span>", "/span@1"),
            ("<div><div></div>", "div@0"),
            ("{% if a %}<div class=a>{% else %}<div>{% endif %}x</div>", ""),
            ("{% if a %}<b>{% endif %}x{% if a %}</b>{% endif %}", ""),
            ("{% if a %}x</b>{% else %}y</b>{% endif %}", "/b@11 /b@26"),
            ("{% for a in b %}<tr><td>{{ a }}</td></tr>{% endfor %}", ""),
            ("<!--[if mso]><table><tr><td><![endif]-->x", ""),
            ("<style>a > b {}</style><title><b></title>", ""),
            ("<o:p/><mj-all a=\"b\" />x", ""),
            ("<b/>x", "b@0"),
        ] {
            assert_eq!(shape(source), expected, "{source:?}");
        }
    }

    #[test]
    fn levels_are_counted() {
        for (source, expected) in [("", 0), ("<br><br>", 0), ("<p><p><p>", 1), ("<div><div></div></div><div></div>", 2), ("</b><i>", 1)] {
            assert_eq!(depth(&scan(source)), expected, "{source:?}");
        }
        assert_eq!(depth(&scan(&"<div>".repeat(900))), 900);
    }
}
