//! The one place that reads the wall clock. Only stamps come from it: nothing is decided by it.

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// Now, as RFC 3339 in UTC with milliseconds.
pub fn rfc3339() -> String {
    let now = OffsetDateTime::now_utc();
    let cut = now.replace_millisecond(now.millisecond()).unwrap_or(now);
    cut.format(&Rfc3339).unwrap_or_default()
}

/// Now, as RFC 2822, the form that Twilio's resources use.
pub fn rfc2822() -> String {
    OffsetDateTime::now_utc().format(&Rfc2822).unwrap_or_default()
}

/// Now, in whole seconds since 1970.
pub fn unix_seconds() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}
