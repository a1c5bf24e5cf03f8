//! The one place that reads the wall clock. Only stamps come from it: nothing is decided by it.

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;

/// Now, as RFC 3339 in UTC with milliseconds, always three digits of them.
pub fn rfc3339() -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}

/// Now, as RFC 2822, the form that Twilio's resources use.
pub fn rfc2822() -> String {
    OffsetDateTime::now_utc().format(&Rfc2822).unwrap_or_default()
}

/// A stamp of [`rfc3339`] in the other form.
pub fn rfc2822_of(stamp: &str) -> String {
    OffsetDateTime::parse(stamp, &Rfc3339).ok().and_then(|at| at.format(&Rfc2822).ok()).unwrap_or_default()
}

/// Now, in whole seconds since 1970.
pub fn unix_seconds() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}
