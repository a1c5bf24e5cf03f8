//! Numbers that carriers in the United States have taken from their owners, a file a day: whoever has such a number next never asked for
//! anything.
//!
//! Twilio answers with a redirect to the file, which lies at another host and needs no credentials: it is fetched as a stranger's URL is.
//! Who sent STOP is not listed by Twilio anywhere; that comes with the messages (`OptOutType`) and with 21610.
//! Source: Twilio's OpenAPI description (`messaging_v1`, `FetchDeactivation`). Its lines are one number each; that isn't in the description.

use super::{errors, manage::Manager};
use crate::errors::RETRY;
use crate::http_client;
use crate::settings::is_e164;
use crate::{Fault, RemoteOptOut, RemoteOptOutKind, public_net};
use http::{StatusCode, header::LOCATION};
use serde::Deserialize;
use time::{Date, Duration, OffsetDateTime, macros::format_description};
use url::Url;

/// About 1.3 million numbers; a day has far fewer.
const FILE_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Days that are read at most: what is older was read before, or the hub was off for so long.
const DAYS_MAX: i64 = 7;
/// What the hub calls this list in its evidence.
const SOURCE: &str = "deactivated_number";

/// The days whose files are to be read: from the day before `since`, whose file may have come late, to yesterday.
fn days(since: OffsetDateTime, now: OffsetDateTime) -> Vec<Date> {
    let today = now.date();
    let first = (since.date() - Duration::DAY).max(today - Duration::days(DAYS_MAX));
    std::iter::successors(Some(first), |day| day.next_day()).take_while(|day| *day < today).collect()
}

pub(super) async fn read(manager: &Manager, since: OffsetDateTime, now: OffsetDateTime) -> Result<Vec<RemoteOptOut>, Fault> {
    let mut found = Vec::new();
    for day in days(since, now) {
        let Some(file) = location(manager, day).await? else { continue };
        let file = public_net::fetch(&file, FILE_MAX_BYTES, &[]).await?;
        let at = day.midnight().assume_utc();
        found.extend(numbers(&file.bytes).map(|address| RemoteOptOut {
            address,
            kind: RemoteOptOutKind::Invalid,
            source: SOURCE.to_owned(),
            since: Some(at),
        }));
    }
    Ok(found)
}

/// Where a day's file lies; None when there is none of that day.
async fn location(manager: &Manager, day: Date) -> Result<Option<Url>, Fault> {
    #[derive(Deserialize)]
    struct Body {
        redirect_to: String,
    }
    let mut url = manager.messaging(&["v1", "Deactivations"])?;
    let date = day.format(format_description!("[year]-[month]-[day]")).map_err(|_| unreadable())?;
    url.query_pairs_mut().append_pair("Date", &date);
    let slow = |_| Fault::new("timeout", RETRY, "Twilio doesn't say where the list of numbers is");
    let answer = http_client::answer(manager.get(url), manager.deadline).await.map_err(slow)?;
    match answer.status {
        StatusCode::TEMPORARY_REDIRECT => {
            let named = serde_json::from_slice::<Body>(&answer.body).ok().map(|body| body.redirect_to);
            let header = || Some(answer.headers.get(LOCATION)?.to_str().ok()?.to_owned());
            let url = named.or_else(header).ok_or_else(unreadable)?;
            Url::parse(&url).map(Some).map_err(|_| unreadable())
        }
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_server_error() => {
            Err(Fault::new(http_client::http_code(status), RETRY, "the list of numbers can't be had now"))
        }
        _ => Err(errors::fault(&answer)),
    }
}

fn unreadable() -> Fault {
    Fault::new("garbage", RETRY, "where the list of numbers is can't be read")
}

/// The numbers of a file, one a line, with `+` or without. Lines that are none are skipped.
fn numbers(file: &[u8]) -> impl Iterator<Item = String> + '_ {
    file.split(|byte| *byte == b'\n').filter_map(|line| {
        let text = std::str::from_utf8(line).ok()?.trim().trim_matches('"');
        let number = if text.starts_with('+') { text.to_owned() } else { format!("+{text}") };
        is_e164(&number).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_days_since_are_read_and_one_more() {
        let now = datetime!(2026-05-28 09:00 UTC);
        let read = |since| days(since, now).into_iter().map(|day| day.day()).collect::<Vec<_>>();
        assert_eq!(read(datetime!(2026-05-27 09:00 UTC)), [26, 27]);
        assert_eq!(read(now), [27]);
        assert_eq!(read(datetime!(2026-01-01 00:00 UTC)), [21, 22, 23, 24, 25, 26, 27], "a week at most");
        assert!(days(datetime!(2026-06-01 00:00 UTC), now).is_empty());
    }

    #[test]
    fn lines_that_are_no_numbers_are_skipped() {
        let file = b"+12025550143\r\n12025550144\n\nphone_number\n\"+12025550145\"\n+1\n\xff\xfe\n";
        assert_eq!(numbers(file).collect::<Vec<_>>(), ["+12025550143", "+12025550144", "+12025550145"]);
    }
}
