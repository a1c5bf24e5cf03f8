//! Plain text from HTML, for readers that show no HTML. Layout is lost; words, lists and links are kept.

use super::entity;
use lol_html::{
    RewriteStrSettings, doc_text, element, end_tag,
    html_content::{Element, TextType},
    rewrite_str,
};
use std::{cell::RefCell, rc::Rc};

/// Elements with an empty line around them.
const PARAGRAPHS: [&str; 14] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr", "figure"];
/// Elements that start on a new line.
const BLOCKS: [&str; 12] = ["div", "tr", "li", "section", "article", "header", "footer", "main", "center", "address", "dt", "dd"];

/// The text of a message. What can't be read as HTML gives what was read until then.
pub(super) fn convert(html: &str) -> String {
    let writer = Rc::new(RefCell::new(Writer::default()));
    let settings = RewriteStrSettings::new()
        .append_element_content_handler(element!("*", |element| {
            start(&writer, element);
            Ok(())
        }))
        .append_document_content_handler(doc_text!(|chunk| {
            // Scripts, styles and titles are text of other types.
            if chunk.text_type() == TextType::Data {
                writer.borrow_mut().chunk(chunk.as_str(), chunk.last_in_text_node());
            }
            Ok(())
        }));
    // The rewritten HTML is of no use here, and an error leaves what was written.
    drop(rewrite_str(html, settings));
    writer.take().finish()
}

fn start(writer: &Rc<RefCell<Writer>>, element: &mut Element<'_, '_>) {
    let name = element.tag_name();
    let mut out = writer.borrow_mut();
    let is_hidden = element.get_attribute("style").is_some_and(|style| is_hidden(&style));
    out.open(&name);
    if name == "img"
        && let Some(alternative) = element.get_attribute("alt")
    {
        out.words(&entity::decode(&alternative));
    }
    let mark = out.mark();
    drop(out);
    let href = element.get_attribute("href").filter(|_| name == "a").map(|href| entity::decode(&href).trim().to_owned());
    if let Some(handlers) = element.end_tag_handlers() {
        let writer = Rc::clone(writer);
        writer.borrow_mut().hidden += usize::from(is_hidden);
        handlers.push(end_tag!(move |_| {
            let mut out = writer.borrow_mut();
            out.hidden -= usize::from(is_hidden);
            if let Some(href) = &href {
                out.link(mark, href);
            }
            out.close(&name);
            Ok(())
        }));
    }
}

/// Whether an element is there for programs only, as a preheader is.
fn is_hidden(style: &str) -> bool {
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect();
    style.to_ascii_lowercase().contains("display:none")
}

#[derive(Default)]
struct Writer {
    text: String,
    /// Text of a node whose end hasn't come yet, so that no reference is cut in two.
    node: String,
    /// A space is due before the next word.
    space: bool,
    /// Line breaks are due before the next word.
    breaks: usize,
    /// Hidden elements that are open.
    hidden: usize,
}

impl Writer {
    fn open(&mut self, name: &str) {
        match name {
            "br" => self.breaks = (self.breaks + 1).min(2),
            "td" | "th" => self.space = true,
            _ => self.close(name),
        }
        if name == "li" {
            self.words("-");
            self.space = true;
        }
    }

    fn close(&mut self, name: &str) {
        if PARAGRAPHS.contains(&name) {
            self.breaks = 2;
        } else if BLOCKS.contains(&name) {
            self.breaks = self.breaks.max(1);
        }
    }

    fn chunk(&mut self, chunk: &str, is_last: bool) {
        self.node.push_str(chunk);
        if is_last {
            let node = std::mem::take(&mut self.node);
            self.words(&entity::decode(&node));
        }
    }

    /// Adds words with single spaces between them.
    fn words(&mut self, text: &str) {
        if self.hidden > 0 {
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() {
                self.space = true;
                continue;
            }
            self.flush();
            self.text.push(c);
        }
    }

    /// Writes what is due.
    fn flush(&mut self) {
        if !self.text.is_empty() {
            match self.breaks {
                0 if self.space => self.text.push(' '),
                breaks => self.text.extend(std::iter::repeat_n('\n', breaks)),
            }
        }
        self.space = false;
        self.breaks = 0;
    }

    /// Where text that is written from now on will start.
    fn mark(&self) -> usize {
        self.text.len()
    }

    /// Adds a link's target, unless its words say it already.
    fn link(&mut self, mark: usize, href: &str) {
        let words = self.text[mark..].trim();
        if self.hidden > 0 {
            return;
        }
        if href.is_empty()
            || href.starts_with('#')
            || words == href
            || words == href.trim_start_matches("mailto:").trim_start_matches("tel:")
        {
            return;
        }
        let has_words = !words.is_empty();
        self.space = true;
        self.flush();
        self.text.push_str(&if has_words { format!("({href})") } else { href.to_owned() });
    }

    fn finish(mut self) -> String {
        let node = std::mem::take(&mut self.node);
        self.words(&entity::decode(&node));
        self.text
    }
}
