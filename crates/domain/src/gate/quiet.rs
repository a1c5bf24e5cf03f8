//! Quiet hours: the hours of a person's day in which nothing is sent, judged by the face of their clock.

use jiff::{
    Timestamp,
    civil::{self, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};
use std::fmt;
use time::{OffsetDateTime, Time};

/// From `start` until before `end`, local time. An end before the start lies on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    pub start: Time,
    pub end: Time,
}

impl QuietHours {
    /// When the quiet hours end that `now` falls into, and in which zone; None when it falls into none. The first of `zones` that is
    /// known counts, UTC when none is.
    pub(super) fn until(self, zones: &[&str], now: OffsetDateTime) -> Option<(OffsetDateTime, String)> {
        let (zone, name) = zones.iter().find_map(|name| Some((known(name)?, *name))).unwrap_or((TimeZone::UTC, "UTC"));
        let now = Timestamp::from_nanosecond(now.unix_timestamp_nanos()).ok()?;
        let local = zone.to_datetime(now);
        let (start, end) = (civil_time(self.start), civil_time(self.end));
        let time = local.time();
        let spans_midnight = end <= start;
        let quiet = if spans_midnight { time >= start || time < end } else { time >= start && time < end };
        if !quiet {
            return None;
        }
        let day = if spans_midnight && time >= start { local.date().tomorrow().ok()? } else { local.date() };
        let end = face_shows(&zone, day.to_datetime(end), now)?;
        Some((OffsetDateTime::from_unix_timestamp(end.as_second()).ok()?, name.to_owned()))
    }
}

/// When the clock's face next shows `local` or later, after `now`. A face that is set back shows it twice; one that is set forward may
/// skip it, and then shows something later at that very instant.
fn face_shows(zone: &TimeZone, local: DateTime, now: Timestamp) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, after } => {
            let first = before.to_timestamp(local).ok()?;
            if first > now { Some(first) } else { after.to_timestamp(local).ok() }
        }
        AmbiguousOffset::Gap { after, .. } => {
            // By the later offset, the skipped time lies before the change; the change is the next one from there.
            let before_change = after.to_timestamp(local).ok()?;
            zone.following(before_change).next().map(|change| change.timestamp())
        }
    }
}

fn known(name: &str) -> Option<TimeZone> {
    if name.is_empty() {
        return None;
    }
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

fn civil_time(time: Time) -> civil::Time {
    // Both count the same day; what can't be can't be stored either.
    let part = |value: u8| i8::try_from(value).unwrap_or(0);
    civil::time(part(time.hour()), part(time.minute()), part(time.second()), 0)
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end } = self;
        write!(f, "{:02}:{:02}–{:02}:{:02}", start.hour(), start.minute(), end.hour(), end.minute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{datetime, time};

    const NIGHT: QuietHours = QuietHours { start: time!(21:00), end: time!(08:00) };

    fn until(quiet: QuietHours, zone: &str, now: OffsetDateTime) -> Option<OffsetDateTime> {
        quiet.until(&[zone], now).map(|(until, _)| until)
    }

    #[test]
    fn a_night_spans_midnight_in_the_contacts_zone() {
        // Dubai is four hours ahead of UTC, always.
        assert_eq!(until(NIGHT, "Asia/Dubai", datetime!(2026-11-22 16:59:59 UTC)), None);
        assert_eq!(until(NIGHT, "Asia/Dubai", datetime!(2026-11-22 17:00 UTC)), Some(datetime!(2026-11-23 04:00 UTC)));
        assert_eq!(until(NIGHT, "Asia/Dubai", datetime!(2026-11-22 22:00 UTC)), Some(datetime!(2026-11-23 04:00 UTC)));
        assert_eq!(until(NIGHT, "Asia/Dubai", datetime!(2026-11-23 04:00 UTC)), None);
    }

    #[test]
    fn hours_within_a_day_end_on_that_day() {
        let siesta = QuietHours { start: time!(13:00), end: time!(15:30) };
        assert_eq!(until(siesta, "Europe/Madrid", datetime!(2026-07-01 12:00 UTC)), Some(datetime!(2026-07-01 13:30 UTC)));
        assert_eq!(until(siesta, "Europe/Madrid", datetime!(2026-07-01 10:59 UTC)), None);
        assert_eq!(siesta.to_string(), "13:00–15:30");
    }

    #[test]
    fn the_first_known_zone_counts_and_utc_when_there_is_none() {
        let now = datetime!(2026-11-22 22:00 UTC);
        let zone = |zones: &[&str]| NIGHT.until(zones, now).map(|(_, zone)| zone);
        assert_eq!(zone(&["Asia/Nowhere", "Europe/Belgrade"]).as_deref(), Some("Europe/Belgrade"));
        assert_eq!(zone(&["", "../etc/passwd"]).as_deref(), Some("UTC"));
        assert_eq!(zone(&["America/New_York", "UTC"]), None, "it is five in the afternoon there");
    }

    #[test]
    fn an_end_that_the_clock_skips_or_shows_twice() {
        let early = QuietHours { start: time!(21:00), end: time!(02:30) };
        // Belgrade sets its clocks forward at 01:00 UTC on 2026-03-29: the face jumps from 02:00 to 03:00, past the end.
        assert_eq!(until(early, "Europe/Belgrade", datetime!(2026-03-29 00:30 UTC)), Some(datetime!(2026-03-29 01:00 UTC)));
        // And back at 01:00 UTC on 2026-10-25: 02:30 is shown at 00:30 and at 01:30 UTC.
        assert_eq!(until(early, "Europe/Belgrade", datetime!(2026-10-25 00:10 UTC)), Some(datetime!(2026-10-25 00:30 UTC)));
        assert_eq!(until(early, "Europe/Belgrade", datetime!(2026-10-25 00:40 UTC)), None);
        assert_eq!(until(early, "Europe/Belgrade", datetime!(2026-10-25 01:10 UTC)), Some(datetime!(2026-10-25 01:30 UTC)));
    }

    #[test]
    fn at_its_end_it_is_no_longer_quiet_and_just_before_it_still_is() {
        for zone in ["Europe/Belgrade", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"] {
            for hours in
                [NIGHT, QuietHours { start: time!(01:15), end: time!(02:45) }, QuietHours { start: time!(23:30), end: time!(00:10) }]
            {
                let mut now = datetime!(2026-01-01 00:00 UTC);
                while now < datetime!(2027-01-01 00:00 UTC) {
                    if let Some(end) = until(hours, zone, now) {
                        assert!(end > now && end - now <= time::Duration::hours(24), "{zone} {hours} {now} → {end}");
                        assert_eq!(until(hours, zone, end), None, "{zone} {hours} {now} → {end}");
                        assert!(until(hours, zone, end - time::Duration::SECOND).is_some(), "{zone} {hours} {now} → {end}");
                    }
                    now += time::Duration::minutes(7);
                }
            }
        }
    }
}
