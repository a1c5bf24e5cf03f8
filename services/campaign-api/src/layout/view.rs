//! A layout as callers see it.

use crate::convert::timestamp;
use proto::template::{Layout, LayoutUse};
use store::template::Template;

pub fn present(layout: store::layout::Layout) -> Layout {
    Layout {
        id: layout.layout_id.to_string(),
        name: layout.name,
        html: layout.html,
        revision: layout.revision.unsigned_abs(),
        created_at: Some(timestamp(layout.created_at)),
        updated_at: Some(timestamp(layout.updated_at)),
    }
}

/// A template that uses it, in its newest version.
pub fn present_use(template: &Template) -> LayoutUse {
    LayoutUse {
        template_id: template.template_id.to_string(),
        template_name: template.name.clone(),
        template_version: template.version.unsigned_abs(),
    }
}
