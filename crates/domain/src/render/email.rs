//! What is done to an e-mail's HTML after it is rendered: links and opens made trackable, and a plain text made of it.

use super::{RenderError, entity, html::rules, html_text};
use lol_html::{RewriteStrSettings, element, end, end_tag, html_content::ContentType, rewrite_str};
use std::{cell::Cell, rc::Rc};
use url::Url;

/// Sends the web links of `<a>` through `link` and adds the pixel before `</body>`, or at the end where there is none. The
/// recipient's own unsubscribe link stays as it is, and so do mail addresses, phones and places within the message. No pixel when its URL is
/// empty.
///
/// # Errors
/// When the HTML can't be read.
pub fn track(html: &str, unsubscribe_url: &str, link: &dyn Fn(&str) -> String, pixel_url: &str) -> Result<String, RenderError> {
    let pixel: Rc<str> = format!(r#"<img src="{}" width="1" height="1" alt="" style="border:0">"#, entity::escape(pixel_url)).into();
    let is_placed = Rc::new(Cell::new(pixel_url.is_empty()));
    let settings = RewriteStrSettings::new()
        .append_element_content_handler(element!("a[href]", |element| {
            let href = element.get_attribute("href").unwrap_or_default();
            let target = entity::decode(&href);
            let target = target.trim();
            if target != unsubscribe_url && is_web_link(target) {
                element.set_attribute("href", &entity::escape(&link(target)))?;
            }
            Ok(())
        }))
        .append_element_content_handler(element!("body", |element| {
            let (pixel, is_placed) = (Rc::clone(&pixel), Rc::clone(&is_placed));
            element.on_end_tag(end_tag!(move |tag| {
                if !is_placed.replace(true) {
                    tag.before(&pixel, ContentType::Html);
                }
                Ok(())
            }))
        }))
        .append_document_content_handler(end!(|document| {
            if !is_placed.get() {
                document.append(&pixel, ContentType::Html);
            }
            Ok(())
        }));
    rewrite_str(html, settings).map_err(|error| RenderError::Failed {
        field: super::Field::EmailHtml.to_string(),
        line: 0,
        message: error.to_string(),
    })
}

/// What is said of a message that turns out to run something.
pub(super) const ACTIVE: &str = "holds an element or an attribute that an e-mail can't have: write tags around whole elements";

/// Holds a message back of which a link leads elsewhere than to the web, to a mail program or a phone, or within the message, or which
/// runs something. For what is known only once it is rendered.
///
/// # Errors
/// With what is wrong with it.
pub(super) fn look_over(html: &str) -> Result<(), RenderError> {
    let (is_safe, is_active) = (Cell::new(true), Cell::new(false));
    let settings = RewriteStrSettings::new().append_element_content_handler(element!("*", |element| {
        if rules::is_active_element(&element.tag_name()) {
            is_active.set(true);
        }
        for attribute in element.attributes() {
            let name = attribute.name();
            if rules::is_active_attribute(&name) {
                is_active.set(true);
            }
            let is_picture = matches!(name.as_str(), "src" | "background" | "poster" | "lowsrc" | "dynsrc");
            let is_link = rules::is_link(&name) && name != "usemap";
            if is_link && !rules::is_safe_target(&attribute.value(), is_picture) {
                is_safe.set(false);
            }
        }
        Ok(())
    }));
    let is_read = rewrite_str(html, settings).is_ok();
    let field = super::Field::EmailHtml.to_string();
    if is_active.get() {
        return Err(RenderError::Failed { field, line: 0, message: ACTIVE.to_owned() });
    }
    if is_read && is_safe.get() { Ok(()) } else { Err(RenderError::BadLink { field }) }
}

/// A plain text that says what the HTML says: blocks on lines of their own, links after what they are on.
#[must_use]
pub fn text(html: &str) -> String {
    html_text::convert(html)
}

/// Whether this is a whole http or https link.
#[must_use]
pub fn is_web_link(target: &str) -> bool {
    Url::parse(target).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
