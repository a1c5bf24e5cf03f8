//! An e-mail's variant.

use super::{EmailFile, replace};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmailVariant {
    pub subject: String,
    pub html: String,
    /// Plain text; empty means that it is made from the HTML.
    pub text: String,
    /// What mailboxes show after the subject; hidden in the message itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preheader: String,
    /// Instead of `html`: MJML, from which the HTML is made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mjml: String,
    /// The name of a layout of the workspace that goes around the HTML; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub layout: String,
    /// That layout's HTML as it was when this version was made, so that a version never changes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub layout_html: String,
    /// Files that go along: pictures that the HTML shows by `cid:`, and others beside the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<EmailFile>,
}

impl EmailVariant {
    pub(super) fn overlay(&mut self, from: &Self) {
        // One of the two is the body: a translation may be written in the other form.
        if !from.html.is_empty() || !from.mjml.is_empty() {
            self.html.clone_from(&from.html);
            self.mjml.clone_from(&from.mjml);
            // A text that was written for another language must not go along with it.
            self.text.clear();
        }
        if !from.layout.is_empty() {
            self.layout.clone_from(&from.layout);
            self.layout_html.clone_from(&from.layout_html);
        }
        if !from.files.is_empty() {
            self.files.clone_from(&from.files);
        }
        replace(&mut self.subject, &from.subject);
        replace(&mut self.preheader, &from.preheader);
        replace(&mut self.text, &from.text);
    }
}
