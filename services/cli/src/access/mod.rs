//! `fanfare access`: who may do what, the API keys of programs, and the log of who changed what.

mod key;
mod log;
mod user;

use crate::{args::Role, session::Session};
use anyhow::Result;
use clap::Subcommand;
use proto::{convert::moment, workspace};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Who I am to the hub, and what I may do
    Whoami,
    /// Keys for programs that have nobody to give them a token (admin)
    Key {
        #[command(subcommand)]
        verb: key::Verb,
    },
    /// The people whom the workspace lists: what it says of them goes before their tokens (admin)
    User {
        #[command(subcommand)]
        verb: user::Verb,
    },
    /// Who changed what, newest first (admin)
    Log(log::LogArgs),
    /// One entry of the log, with what was and what is (admin)
    Entry {
        /// Its number in the log
        number: i64,
    },
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Whoami => user::whoami(session).await,
        Verb::Key { verb } => key::run(verb, session).await,
        Verb::User { verb } => user::run(verb, session).await,
        Verb::Log(args) => log::list(args, session).await,
        Verb::Entry { number } => log::show(number, session).await,
    }
}

/// The number of a role on the wire.
fn role_number(role: Role) -> i32 {
    let role = match role {
        Role::Agent => workspace::Role::Agent,
        Role::Admin => workspace::Role::Admin,
    };
    role.into()
}

/// The name of a role from the wire.
fn role_name(number: i32) -> &'static str {
    proto::convert::role(number).map_or("?", domain::role::Role::as_str)
}

/// `2026-12-24T09:00:00Z`, or a dash for none.
fn shown(at: Option<&prost_types::Timestamp>) -> String {
    at.copied()
        .and_then(moment)
        .and_then(|at| at.replace_nanosecond(0).ok())
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| "–".to_owned())
}

/// A moment: RFC 3339, or so long before (`-1`) or after (`1`) now, as `36h` or `90d`.
fn when(text: &str, now: OffsetDateTime, direction: i32) -> Result<OffsetDateTime, String> {
    if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(at);
    }
    let refused = || format!("{text:?} is no moment: write it like 2026-12-24T09:00:00Z, or as a span like 36h or 90d");
    let hours = crate::campaign::guards::hours(text).map_err(|_| refused())?;
    now.checked_add(Duration::hours(i64::from(hours)) * direction).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser as _;
    use time::macros::datetime;

    #[test]
    fn moments_are_written_out_or_counted_from_now() {
        let now = datetime!(2026-11-22 10:00 UTC);
        assert_eq!(when("36h", now, -1), Ok(datetime!(2026-11-20 22:00 UTC)));
        assert_eq!(when("90d", now, 1), Ok(datetime!(2027-02-20 10:00 UTC)));
        assert_eq!(when("2026-12-24T09:00:00+04:00", now, 1), Ok(datetime!(2026-12-24 05:00 UTC)));
        for text in ["tomorrow", "", "4294967295h"] {
            assert!(when(text, now, 1).is_err(), "{text}");
        }
        assert_eq!(shown(Some(&proto::convert::timestamp(now))), "2026-11-22T10:00:00Z");
    }

    #[test]
    fn roles_are_given_where_rights_are() {
        let parse = |words: &[&str]| Cli::try_parse_from(["fanfare", "access"].iter().chain(words)).is_ok();
        assert!(parse(&["key", "create", "ci", "--as", "agent", "--expires", "90d"]));
        assert!(parse(&["user", "add", "auth0|1", "--as", "admin"]) && parse(&["user", "update", "auth0|1", "--disabled", "true"]));
        assert!(!parse(&["key", "create", "ci"]) && !parse(&["user", "add", "x", "--as", "internal"]) && !parse(&["user", "update", "x"]));
    }
}
