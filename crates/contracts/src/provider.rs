//! Which files describe whom, and what an adapter asks for that no file describes.

use crate::{Answer, Call, Fault, Operation, path, record};

/// The descriptions of a provider, by its slug. None for those that publish none: SMTP, Web Push.
static FILES: &[(&str, &[&str])] = &[
    ("facebook", &["facebook-page/openapi.json"]),
    ("fcm", &["fcm/openapi.json"]),
    ("instagram", &["instagram/openapi.json"]),
    ("linkedin", &["linkedin/openapi.json"]),
    ("meta", &["meta-whatsapp/openapi.relaxed.json"]),
    ("sendgrid", &["sendgrid/openapi.json", "sendgrid/suppressions.openapi.json"]),
    ("twilio", &["twilio/openapi.json", "twilio/content_v1.openapi.json", "twilio/messaging_v1.openapi.json"]),
    ("x", &["x/openapi.json"]),
];

/// An operation that is outside of the files, and why it may be asked for all the same.
struct Outside {
    provider: &'static str,
    method: &'static str,
    path: &'static str,
    why: &'static str,
}

const fn outside(provider: &'static str, method: &'static str, path: &'static str, why: &'static str) -> Outside {
    Outside { provider, method, path, why }
}

const PAGES: &str = "which pages a person may post as: outside of the file, which is trimmed to a page's posts";
const TOKENS: &str = "the token endpoint is OAuth's own (RFC 6749), on a host of its own";

#[rustfmt::skip]
static OUTSIDE: &[Outside] = &[
    outside("fcm", "POST", "/oauth2/token", TOKENS),
    outside("fcm", "POST", "/token", TOKENS),
    outside("facebook", "GET", "/{version}/me/accounts", PAGES),
    outside("facebook", "GET", "/{version}/oauth/access_token", TOKENS),
    outside("facebook", "POST", "/{version}/oauth/access_token", TOKENS),
    outside("instagram", "GET", "/{version}/me/accounts", PAGES),
    outside("instagram", "GET", "/{version}/{ig-user-id}/media", "the look-up reads the account's media; the file is trimmed to publishing"),
    outside("instagram", "GET", "/{version}/oauth/access_token", TOKENS),
    outside("instagram", "POST", "/{version}/oauth/access_token", TOKENS),
    outside("linkedin", "GET", "/rest/posts", "the look-up asks for the author's posts; the file is a sketch of the Posts page without its finders"),
    outside("linkedin", "PUT", "/upload/{id}", "an address that the answer to initializeUpload names, at a host of LinkedIn's choice"),
    outside("linkedin", "GET", "/rest/organizations/{id}", "who the token is for: outside of the file, which has posts and images only"),
    outside("linkedin", "GET", "/rest/organizationAcls", "which pages a person may post as: outside of the file, which has posts and images only"),
    outside("linkedin", "GET", "/v2/userinfo", "OpenID Connect's own endpoint"),
    outside("linkedin", "POST", "/oauth/v2/accessToken", TOKENS),
    outside("x", "GET", "/2/users/{id}/tweets", "the look-up reads the account's own posts; the file is trimmed to posting"),
    outside("x", "POST", "/2/oauth2/token", TOKENS),
];

/// What the files say of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Described, by this file and path; the faults that it has, if any.
    Described { file: &'static str, path: String, faults: Vec<Fault> },
    /// Known to be outside of the files, for this reason.
    Outside(&'static str),
    /// No file has such a path and method.
    Unknown,
}

/// Judges a request by a provider's files. Where several operations are meant by one path, the one that fits best counts.
#[must_use]
pub fn judge(provider: &str, call: &Call) -> Verdict {
    match best(provider, call, |operation| operation.request(call)) {
        Some((operation, faults)) => Verdict::Described { file: operation.file(), path: operation.template.clone(), faults },
        None => {
            let same = |entry: &&Outside| {
                entry.provider == provider && entry.method == call.method && path::matches(entry.path, call.path(), &|_| false).is_some()
            };
            OUTSIDE.iter().find(same).map_or(Verdict::Unknown, |entry| Verdict::Outside(entry.why))
        }
    }
}

fn best(provider: &str, call: &Call, faults: impl Fn(&Operation) -> Vec<Fault>) -> Option<(Operation, Vec<Fault>)> {
    let files = FILES.iter().find(|(slug, _)| *slug == provider).map_or(&[][..], |(_, files)| *files);
    assert!(!files.is_empty(), "{provider} has no description");
    let judged = files.iter().flat_map(|file| Operation::matching(file, &call.method, &call.target));
    judged
        .map(|operation| (faults(&operation), operation))
        .min_by_key(|(faults, _)| faults.len())
        .map(|(faults, operation)| (operation, faults))
}

/// Fails unless every request is as its description says, or listed as outside of it; gives the paths that were described, in order.
pub fn assert_requests(provider: &str, calls: &[Call]) -> Vec<String> {
    assert!(!calls.is_empty(), "{provider}: there is no request to judge");
    let mut described = Vec::new();
    for call in calls {
        match judge(provider, call) {
            Verdict::Described { file, path, faults } => {
                assert!(faults.is_empty(), "{}{:#?}", shown(call), faults.iter().map(ToString::to_string).collect::<Vec<_>>());
                record::write_down(provider, file, call);
                described.push(path);
            }
            Verdict::Outside(_) => {}
            Verdict::Unknown => panic!("{}{provider}'s files have no such path and method", shown(call)),
        }
    }
    described
}

/// Fails unless an answer to a request is as the request's description says.
pub fn assert_answer(provider: &str, call: &Call, answer: &Answer) {
    let Some((_, faults)) = best(provider, call, |operation| operation.answer(answer)) else {
        panic!("{}{provider}'s files have no such path and method", shown(call))
    };
    let body = String::from_utf8_lossy(&answer.body);
    assert!(
        faults.is_empty(),
        "{}answered {} {body}\n{:#?}",
        shown(call),
        answer.status,
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
}

fn shown(call: &Call) -> String {
    format!("{} {}\n{}\n", call.method, call.target, String::from_utf8_lossy(&call.body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_as_outside_is_outside() {
        for Outside { provider, method, path, why } in OUTSIDE {
            assert!(why.len() > 20, "{provider} {path}");
            let call = Call::new(method, path);
            assert_eq!(judge(provider, &call), Verdict::Outside(why), "{provider} {path} is described by now: strike it off");
        }
    }

    #[test]
    fn all_files_can_be_read_and_have_paths() {
        for (provider, files) in FILES {
            for file in *files {
                assert!(Operation::matching(file, "GET", "/no/such/path/there").is_empty(), "{provider}");
            }
        }
    }
}
