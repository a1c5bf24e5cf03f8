//! When a campaign is due: wall time in a named zone, turned into an instant as late as possible, because zone rules change.
//!
//! A time that a daylight-saving gap leaves out moves forward by the gap; of a time that an overlap repeats, the first is
//! meant (RFC 5545's rule, "compatible" in RFC 9557's terms). The zone rules are compiled in, so every machine agrees.

use jiff::{
    civil::DateTime,
    tz::{Disambiguation, TimeZone},
};
use time::OffsetDateTime;

/// The time or the zone can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    #[error("{0:?} is not a local time: write it like 2026-12-24T09:00:00, without offset")]
    LocalTime(String),
    #[error("{0:?} is not a time zone: use an IANA name such as Asia/Dubai")]
    Timezone(String),
}

impl BadSchedule {
    /// Which of the two fields is at fault.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::LocalTime(_) => "local_time",
            Self::Timezone(_) => "timezone",
        }
    }
}

/// The instant that a wall time (`YYYY-MM-DDTHH:MM:SS`; seconds may be left out) in an IANA zone means, by the rules known now.
///
/// # Errors
/// [`BadSchedule`] says which of the two can't be read and why. An offset in the time is refused: the zone decides.
pub fn instant(local_time: &str, timezone: &str) -> Result<OffsetDateTime, BadSchedule> {
    let zone = zone(timezone).ok_or_else(|| BadSchedule::Timezone(timezone.to_owned()))?;
    let bad_time = || BadSchedule::LocalTime(local_time.to_owned());
    let local = parse_local(local_time).ok_or_else(bad_time)?;
    let zoned = zone.to_ambiguous_zoned(local).disambiguate(Disambiguation::Compatible).map_err(|_| bad_time())?;
    OffsetDateTime::from_unix_timestamp(zoned.timestamp().as_second()).map_err(|_| bad_time())
}

/// Whether this is the name of a zone whose rules are known.
#[must_use]
pub fn is_zone(timezone: &str) -> bool {
    zone(timezone).is_some()
}

fn zone(timezone: &str) -> Option<TimeZone> {
    TimeZone::get(timezone).ok().filter(|zone| !zone.is_unknown())
}

fn parse_local(text: &str) -> Option<DateTime> {
    let digits_only = |byte: u8| byte.is_ascii_digit();
    // jiff's parser takes more forms than the contract, an offset to be ignored among them.
    let shape = match text.len() {
        16 => "dddd-dd-ddTdd:dd",
        19 => "dddd-dd-ddTdd:dd:dd",
        _ => return None,
    };
    let fits = text.bytes().zip(shape.bytes()).all(|(byte, want)| if want == b'd' { digits_only(byte) } else { byte == want });
    let local: DateTime = fits.then(|| text.parse().ok()).flatten()?;
    (1970..=9000).contains(&local.year()).then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::format_description::well_known::Rfc3339;

    fn utc(local: &str, zone: &str) -> String {
        instant(local, zone).unwrap().format(&Rfc3339).unwrap()
    }

    #[test]
    fn an_ordinary_time_is_read_in_its_zone() {
        assert_eq!(utc("2026-12-24T09:00:00", "Asia/Dubai"), "2026-12-24T05:00:00Z");
        assert_eq!(utc("2026-12-24T09:00", "Europe/Belgrade"), "2026-12-24T08:00:00Z");
        assert_eq!(utc("2026-07-01T09:00:00", "Europe/Belgrade"), "2026-07-01T07:00:00Z");
        assert_eq!(utc("2026-07-01T09:00:00", "UTC"), "2026-07-01T09:00:00Z");
    }

    #[test]
    fn a_time_in_a_gap_moves_forward_by_the_gap() {
        // 02:00 to 03:00 doesn't exist: 02:30 is meant as 03:30 summer time.
        assert_eq!(utc("2026-03-29T02:30:00", "Europe/Belgrade"), "2026-03-29T01:30:00Z");
        assert_eq!(utc("2026-03-08T02:30:00", "America/New_York"), "2026-03-08T07:30:00Z");
        // The first minute of the gap and the first one after it.
        assert_eq!(utc("2026-03-08T02:00:00", "America/New_York"), "2026-03-08T07:00:00Z");
        assert_eq!(utc("2026-03-08T03:00:00", "America/New_York"), "2026-03-08T07:00:00Z");
    }

    #[test]
    fn the_half_hour_gap_of_lord_howe_moves_by_half_an_hour() {
        // 2026-10-04, 02:00 (+10:30) becomes 02:30 (+11): 02:15 is meant as 02:45.
        assert_eq!(utc("2026-10-04T02:15:00", "Australia/Lord_Howe"), "2026-10-03T15:45:00Z");
    }

    #[test]
    fn a_repeated_time_means_the_first() {
        assert_eq!(utc("2026-10-25T02:30:00", "Europe/Belgrade"), "2026-10-25T00:30:00Z");
        assert_eq!(utc("2026-11-01T01:30:00", "America/New_York"), "2026-11-01T05:30:00Z");
        // 2026-04-05, 02:00 (+11) becomes 01:30 (+10:30): 01:45 comes twice.
        assert_eq!(utc("2026-04-05T01:45:00", "Australia/Lord_Howe"), "2026-04-04T14:45:00Z");
    }

    #[test]
    fn a_zone_without_daylight_saving_never_moves() {
        for month in 1..=12 {
            assert_eq!(utc(&format!("2026-{month:02}-15T00:30:00"), "Asia/Dubai")[11..], *"20:30:00Z");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_field() {
        let not_times = [
            "",
            "tomorrow",
            "2026-12-24",
            "2026-12-24 09:00:00",
            "2026-12-24T09:00:00Z",
            "2026-12-24T09:00:00+04:00",
            "2026-02-30T09:00:00",
            "2026-12-24T25:00:00",
            "2026-12-24T09:00:00.5",
            "1815-06-18T12:00:00",
            "٢٠٢٦-12-24T09:00",
        ];
        for text in not_times {
            assert_eq!(instant(text, "Asia/Dubai").unwrap_err().field(), "local_time", "{text:?}");
        }
        for zone in ["", "Dubai", "GMT+4", "+04:00", "Asia/Nowhere", "Etc/Unknown", "local", "../etc/passwd"] {
            assert_eq!(instant("2026-12-24T09:00:00", zone).unwrap_err().field(), "timezone", "{zone:?}");
        }
    }
}
