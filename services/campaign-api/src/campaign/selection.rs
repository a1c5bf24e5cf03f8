//! Which lists and segments a request names.

use super::settings::Wrong;
use domain::{
    ListId, SegmentId,
    campaign::{Freeze, Settings},
};
use proto::{campaign as wire, convert::freeze as read_freeze};
use std::fmt::Display;
use store::audience::Choice;

/// Lists of one audience at most, included or excluded.
pub const MAX_LISTS: usize = 500;
/// Segments of one audience at most, included or excluded: each is a filter over all contacts.
pub const MAX_SEGMENTS: usize = 20;

/// Reads the audience of a campaign's settings.
pub fn of_settings(settings: &wire::Settings, wrong: &mut Wrong) -> Choice {
    let choice = Choice {
        lists: lists("settings.list_ids", &settings.list_ids, wrong),
        exclude_lists: lists("settings.exclude_list_ids", &settings.exclude_list_ids, wrong),
        segments: segments("settings.segment_ids", &settings.segment_ids, wrong),
        exclude_segments: segments("settings.exclude_segment_ids", &settings.exclude_segment_ids, wrong),
    };
    both("settings.exclude_list_ids", "list", &choice.lists, &choice.exclude_lists, wrong);
    both("settings.exclude_segment_ids", "segment", &choice.segments, &choice.exclude_segments, wrong);
    choice
}

/// Reads an audience that no campaign has.
pub fn of_audience(audience: &wire::Audience, wrong: &mut Wrong) -> Choice {
    Choice {
        lists: lists("audience.list_ids", &audience.list_ids, wrong),
        exclude_lists: lists("audience.exclude_list_ids", &audience.exclude_list_ids, wrong),
        segments: segments("audience.segment_ids", &audience.segment_ids, wrong),
        exclude_segments: segments("audience.exclude_segment_ids", &audience.exclude_segment_ids, wrong),
    }
}

/// Reads when an audience is frozen.
pub fn freeze(number: i32, wrong: &mut Wrong) -> Freeze {
    read_freeze(number).unwrap_or_else(|| {
        wrong.add("settings.freeze", "must be AT_SENDING or AT_SCHEDULING");
        Freeze::default()
    })
}

fn lists(field: &str, ids: &[String], wrong: &mut Wrong) -> Vec<ListId> {
    wrong.ids(field, ids, (MAX_LISTS, "lists"))
}

fn segments(field: &str, ids: &[String], wrong: &mut Wrong) -> Vec<SegmentId> {
    wrong.ids(field, ids, (MAX_SEGMENTS, "segments"))
}

fn both<Id: PartialEq + Display>(field: &str, noun: &str, included: &[Id], excluded: &[Id], wrong: &mut Wrong) {
    for (index, id) in excluded.iter().enumerate().filter(|(_, id)| included.contains(id)) {
        wrong.add(format!("{field}[{index}]"), format!("{noun} {id} is both included and excluded"));
    }
}

/// Puts ids in order, once each.
pub fn tidy(settings: &mut Settings) {
    for lists in [&mut settings.list_ids, &mut settings.exclude_list_ids] {
        lists.sort_unstable();
        lists.dedup();
    }
    for segments in [&mut settings.segment_ids, &mut settings.exclude_segment_ids] {
        segments.sort_unstable();
        segments.dedup();
    }
}
