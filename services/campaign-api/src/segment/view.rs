//! A segment as callers see it.

use crate::convert::timestamp;
use proto::{contact::Segment as Wire, filter};
use store::segment::Segment;

pub fn present(segment: Segment) -> Wire {
    Wire {
        id: segment.segment_id.to_string(),
        filter: Some(filter::present(&segment.filter)),
        name: segment.name,
        description: segment.description,
        revision: segment.revision.unsigned_abs(),
        archived: segment.archived_at.is_some(),
        created_at: Some(timestamp(segment.created_at)),
        updated_at: Some(timestamp(segment.updated_at)),
    }
}
