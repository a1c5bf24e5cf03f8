//! What an e-mail's HTML may hold: no active content, links that are links, values where they can be made safe, elements that end.

use super::{
    mask::blank,
    place::Context,
    scan::{Attribute, Piece, Scan, Start, scan},
    structure::{self, FaultKind},
};
use crate::render::{
    Field, entity,
    problem::{ContentProblem, Place},
    rewrite,
    tags::{Kind, Tag, tags},
};
use std::ops::Range;

/// Elements that run something, draw in something, or change how the rest is read.
const ACTIVE: [&str; 20] = [
    "script",
    "iframe",
    "frame",
    "frameset",
    "object",
    "embed",
    "applet",
    "base",
    "svg",
    "math",
    "template",
    "noscript",
    "noembed",
    "noframes",
    "xmp",
    "plaintext",
    "portal",
    "dialog",
    "marquee",
    "listing",
];
/// Elements that mail programs drop or disarm.
const FORMS: [&str; 5] = ["form", "input", "button", "select", "textarea"];
/// Attributes that hold a link.
const LINKS: [&str; 14] = [
    "href",
    "src",
    "action",
    "formaction",
    "background",
    "poster",
    "cite",
    "data",
    "longdesc",
    "lowsrc",
    "dynsrc",
    "manifest",
    "xlink:href",
    "usemap",
];
/// What a link may start with beside http and https: other programs, or a place in the message.
const OTHER_TARGETS: [&str; 4] = ["mailto:", "tel:", "sms:", "#"];
const TAG: [&str; 2] = ["{{", "{%"];
/// What styles must not hold (OWASP, "XSS Filter Evasion").
const ACTIVE_STYLES: [&str; 6] = ["expression(", "javascript:", "vbscript:", "behavior:", "-moz-binding", "@import"];
/// Elements within each other at most.
const MAX_DEPTH: usize = 250;
const MAX_ATTRIBUTES: usize = 100;
/// Problems that are told of one text.
const MAX_PROBLEMS: usize = 50;

/// Whether an attribute's value is a link.
pub fn is_link(attribute: &str) -> bool {
    LINKS.contains(&attribute)
}

/// Whether an element, or an attribute of any, runs something.
pub fn is_active_element(element: &str) -> bool {
    ACTIVE.contains(&element)
}

pub fn is_active_attribute(attribute: &str) -> bool {
    attribute.starts_with("on") || attribute == "srcdoc"
}

/// Everything that is wrong with a text that is HTML.
pub fn check(field: &Field, source: &str) -> Vec<ContentProblem> {
    let found = scan(&blank(source));
    let mut checker = Checker { field, source, found: &found, problems: Vec::new() };
    checker.endings();
    found.starts().for_each(|start| checker.element(start));
    for piece in &found.pieces {
        if let Piece::Raw { element, at } = piece
            && element == "style"
        {
            checker.styles(at.clone());
        }
    }
    tags(source).iter().for_each(|tag| checker.tag(tag));
    let mut problems = checker.problems;
    problems.truncate(MAX_PROBLEMS);
    problems
}

struct Checker<'c> {
    field: &'c Field,
    source: &'c str,
    found: &'c Scan,
    problems: Vec<ContentProblem>,
}

impl Checker<'_> {
    fn error(&mut self, at: usize, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(ContentProblem::error(self.field, message, remedy).at(Place::of(self.source, at)));
    }

    fn warning(&mut self, at: usize, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(ContentProblem::warning(self.field, message, remedy).at(Place::of(self.source, at)));
    }

    fn endings(&mut self) {
        for (at, what) in &self.found.open {
            self.error(*at, format!("{what} that begins here never ends"), "end it");
        }
        if structure::depth(self.found) > MAX_DEPTH {
            self.error(0, format!("has elements more than {MAX_DEPTH} deep within each other"), "make them shallower");
            return;
        }
        for fault in structure::faults(self.source, self.found) {
            let element = &fault.element;
            match fault.kind {
                FaultKind::NotEnded => {
                    self.error(fault.at, format!("<{element}> is never closed"), format!("write </{element}> where it ends"))
                }
                FaultKind::NotBegun => {
                    self.error(
                        fault.at,
                        format!("</{element}> closes nothing that is open here"),
                        "remove it, or close in the order of opening",
                    );
                }
            }
        }
    }

    fn element(&mut self, start: &Start) {
        let name = start.name.as_str();
        if is_active_element(name) {
            self.error(
                start.at.start,
                format!("<{name}> can't be used in an e-mail"),
                "remove it: mail programs drop it, or the whole message",
            );
        }
        if FORMS.contains(&name) {
            self.warning(start.at.start, format!("<{name}> doesn't work in most mail programs"), "link to a page with the form");
        }
        if name == "meta" && self.value(start.attribute("http-equiv")).eq_ignore_ascii_case("refresh") {
            self.error(start.at.start, "a message can't send its reader elsewhere", "remove the refresh");
        }
        if name == "link" && self.value(start.attribute("rel")).to_ascii_lowercase().contains("stylesheet") {
            self.warning(
                start.at.start,
                "mail programs fetch no style sheets",
                "write the styles in <style>: they are moved into the elements",
            );
        }
        if name == "img" && start.attribute("alt").is_none() {
            self.warning(start.at.start, "the picture has no alternative text", "add alt=\"…\", or alt=\"\" for an ornament");
        }
        if start.attributes.len() > MAX_ATTRIBUTES {
            return self.error(start.at.start, format!("has more than {MAX_ATTRIBUTES} attributes"), "look for a quote that is missing");
        }
        for (index, attribute) in start.attributes.iter().enumerate() {
            self.attribute(start, attribute);
            if start.attributes[..index].iter().any(|earlier| earlier.name == attribute.name) {
                self.warning(attribute.name_at.start, format!("{} is there twice: the first counts", attribute.name), "remove one");
            }
        }
    }

    /// What an attribute holds, character references read.
    fn value(&self, attribute: Option<&Attribute>) -> String {
        let range = attribute.and_then(|attribute| attribute.value_at.clone());
        range.map(|range| entity::decode(&self.source[range]).trim().to_owned()).unwrap_or_default()
    }

    fn attribute(&mut self, start: &Start, attribute: &Attribute) {
        let name = attribute.name.as_str();
        let at = attribute.name_at.start;
        if is_active_attribute(name) {
            return self.error(at, format!("{name} can't be used: a message runs nothing"), "remove it");
        }
        if name == "style"
            && let Some(range) = attribute.value_at.clone()
        {
            self.styles(range);
        }
        if matches!(name, "srcset" | "imagesrcset") {
            let value = self.value(Some(attribute));
            for candidate in value.split(',').filter_map(|candidate| candidate.split_whitespace().next()) {
                if !is_target(candidate, &TAG) {
                    self.error(at, format!("{candidate:?} is no http or https link"), "use a link that starts with https://");
                }
            }
        }
        if is_link(name) && name != "usemap" {
            self.link(start, attribute);
        }
    }

    fn link(&mut self, start: &Start, attribute: &Attribute) {
        let value = self.value(Some(attribute));
        let is_picture = matches!(attribute.name.as_str(), "src" | "background" | "poster" | "lowsrc" | "dynsrc");
        let fits =
            if is_picture { is_target(&value, &["cid:", "{{", "{%"]) } else { is_target(&value, &[&OTHER_TARGETS[..], &TAG[..]].concat()) };
        if !fits {
            let at = attribute.value_at.as_ref().map_or(start.at.start, |value| value.start);
            self.error(at, format!("links to {value:?}"), "use a link that starts with http:// or https://");
        }
    }

    fn styles(&mut self, range: Range<usize>) {
        let styles = entity::decode(&self.source[range.clone()]).to_ascii_lowercase();
        // Comments and escapes can hide any of these words.
        let bare: String = without_comments(&styles).chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        if let Some(active) = ACTIVE_STYLES.iter().find(|active| bare.contains(*active)) {
            self.error(range.start, format!("styles can't hold {active}"), "remove it");
        } else if bare.contains('\\') {
            self.error(range.start, "styles can't hold a backslash", "write the character itself");
        }
        for (_, rest) in bare.match_indices("url(").map(|(at, _)| (at, &bare[at + 4..])) {
            let target = rest.trim_start_matches(['"', '\'']);
            if !is_target(target, &["cid:", "{{", "{%"]) {
                self.error(range.start, "a picture in the styles is no http or https link", "use a link that starts with https://");
            }
        }
    }

    fn tag(&mut self, tag: &Tag<'_>) {
        let at = tag.at.start;
        for (index, token) in tag.tokens.iter().enumerate() {
            let is_safe =
                token.kind == Kind::Name("safe") && index.checked_sub(1).map(|before| tag.tokens[before].kind) == Some(Kind::Sign('|'));
            let is_allowed = index.checked_sub(4).is_some_and(|start| rewrite::safe_fragment(&tag.tokens, start) == Some(index))
                || (index == 2 && tag.tokens[0].kind == Kind::Name("body"));
            if is_safe && !is_allowed {
                self.error(token.start, "safe can follow a fragment only", "remove it: what contacts bring along is never taken for HTML");
            }
        }
        if tag.is_statement {
            return;
        }
        match self.found.context(at) {
            Context::Text | Context::Comment => {}
            Context::Value(_, attribute) if attribute.name.starts_with("on") => {}
            Context::Value(_, attribute) if !attribute.is_quoted => {
                self.error(at, format!("the value of {} has no quotes", attribute.name), "put quotes around it");
            }
            Context::Value(..) if (0..tag.tokens.len()).any(|index| rewrite::safe_fragment(&tag.tokens, index).is_some()) => {
                self.error(at, "a fragment can't be HTML within an attribute", "leave out the safe");
            }
            Context::Value(..) => {}
            Context::Name | Context::Tag => {
                self.error(at, "a value can't be the name of an element or an attribute", "write the name itself")
            }
            Context::Raw("style" | "title" | "textarea") => {}
            Context::Raw(element) => self.error(at, format!("a value can't stand in <{element}>"), "remove it"),
        }
    }
}

fn without_comments(styles: &str) -> String {
    let mut left = String::with_capacity(styles.len());
    let mut rest = styles;
    while let Some((before, after)) = rest.split_once("/*") {
        left.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    left.push_str(rest);
    left
}

/// Whether a link starts with http, https or one of `others`.
pub fn is_target(value: &str, others: &[&str]) -> bool {
    let target = entity::decode(value.trim()).to_ascii_lowercase();
    ["http://", "https://"].iter().chain(others).any(|start| target.starts_with(start))
}

/// Whether a rendered link leads where a recipient may be sent.
pub fn is_safe_target(value: &str, is_picture: bool) -> bool {
    is_target(value, if is_picture { &["cid:"][..] } else { &OTHER_TARGETS[..] })
}
