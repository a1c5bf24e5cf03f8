//! Finds one post again among those that the account's own list shows, newest first.

use super::{on, unfit};
use crate::errors::RETRY;
use crate::{Fault, Lookup, LookupQuery, message::is_message_id};
use domain::content::Network;
use time::{Duration, OffsetDateTime};

/// What two clocks may differ by, and a request take on its way.
const SLACK: Duration = Duration::minutes(2);
/// The same words within so long may be ours after all, if a clock was wrong or an earlier try made them.
const NEAR: Duration = Duration::hours(26);

/// A post as the account's own list shows it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub id: String,
    pub text: String,
    pub at: OffsetDateTime,
    pub permalink: Option<String>,
}

/// Looks for one post in the account's list, newest first.
pub(crate) struct Search<'a> {
    query: &'a LookupQuery,
    /// Its words as they can be compared; None when there are none.
    words: Option<String>,
    ours: Vec<Listed>,
    perhaps: bool,
    past: bool,
}

impl<'a> Search<'a> {
    /// # Errors
    /// When the query doesn't hold the post for this network.
    pub(crate) fn new(query: &'a LookupQuery, network: Network, plain: impl Fn(&str) -> String) -> Result<Self, Fault> {
        let content = query.content.as_ref().ok_or_else(|| unfit("no_content", "what was posted isn't known any more"))?;
        let words = Some(plain(on(content, network)?.text)).filter(|words| !words.is_empty());
        Ok(Self { query, words, ours: Vec::new(), perhaps: false, past: false })
    }

    /// Looks at one post; its text as [`Search::new`]'s `plain` makes it. Answers whether older ones can still be it.
    pub(crate) fn add(&mut self, post: Listed) -> bool {
        self.past |= post.at < self.query.sent_after - NEAR;
        if self.query.known.contains(&post.id) {
            return !self.past;
        }
        let within = |slack| self.query.sent_after - slack <= post.at && post.at <= self.query.sent_before + slack;
        let alike = self.words.as_ref().is_none_or(|words| *words == post.text);
        if within(SLACK) && alike {
            self.ours.push(post);
        } else if within(NEAR) && alike && self.words.is_some() {
            self.perhaps = true;
        }
        !self.past
    }

    /// `whole`: the list was read to its end.
    pub(crate) fn verdict(mut self, whole: bool) -> Lookup {
        let far_enough = whole || self.past;
        // Posts of the same words are as good as each other; of pictures without words only a single one is surely ours.
        let sure = self.words.is_some() || (far_enough && self.ours.len() == 1);
        match self.ours.pop() {
            Some(post) if sure && is_message_id(&post.id) => Lookup::Found { provider_message_id: post.id, permalink: post.permalink },
            None if far_enough && !self.perhaps => Lookup::NotFound,
            None if !far_enough => Lookup::CantSay(Fault::new("lookup_incomplete", RETRY, "the list of posts is too long to be read")),
            _ => Lookup::CantSay(Fault::new("lookup_ambiguous", RETRY, "several posts may be the one asked about")),
        }
    }
}

/// The text as it can be compared: blanks don't count, and links are left out, for networks write them anew.
pub(crate) fn words(text: &str) -> String {
    let kept = text.split_whitespace().filter(|word| !word.contains("http://") && !word.contains("https://"));
    kept.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::lookups::query;
    use domain::content::{Rendered, SocialVariant};

    fn listed(id: &str, text: &str, minutes: i64) -> Listed {
        let at = OffsetDateTime::from_unix_timestamp(1_780_000_000).unwrap() + Duration::minutes(minutes);
        Listed { id: id.to_owned(), text: text.to_owned(), at, permalink: None }
    }

    fn social(text: &str) -> Rendered {
        Rendered::Social(SocialVariant {
            text: text.to_owned(),
            media_urls: vec!["https://x.example/a.jpg".to_owned()],
            ..SocialVariant::default()
        })
    }

    fn search(text: &str, known: &[&str], posts: Vec<Listed>, whole: bool) -> Lookup {
        let mut query = query("acme", None);
        query.content = Some(social(text));
        query.known = known.iter().map(|id| (*id).to_owned()).collect();
        let mut search = Search::new(&query, Network::X, words).unwrap();
        for post in posts {
            if !search.add(post) {
                break;
            }
        }
        search.verdict(whole)
    }

    fn found(id: &str) -> Lookup {
        Lookup::Found { provider_message_id: id.to_owned(), permalink: None }
    }

    #[test]
    fn a_post_is_known_by_its_words_and_its_time() {
        let posts = || vec![listed("3", "other", 2), listed("2", "Hi there", 1), listed("1", "Hi there", -3_000)];
        assert_eq!(search("Hi  there https://a.example/x", &[], posts(), false), found("2"));
        assert_eq!(search("Hi there", &["2"], posts(), true), Lookup::NotFound);
        assert_eq!(search("Hello", &[], posts(), false), Lookup::NotFound, "the list goes back further than it can be");
    }

    #[test]
    fn in_doubt_nothing_is_said() {
        let code = |lookup| match lookup {
            Lookup::CantSay(fault) => fault.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(search("Hi", &[], vec![listed("1", "Hi", -60)], true)), "lookup_ambiguous", "the same words an hour before");
        assert_eq!(code(search("Hi", &[], vec![listed("1", "Ho", 0)], false)), "lookup_incomplete");
        assert_eq!(code(search("", &[], vec![listed("1", "", 0), listed("2", "", 1)], true)), "lookup_ambiguous");
        assert_eq!(search("", &[], vec![listed("1", "", 0)], true), found("1"));
    }

    #[test]
    fn content_for_others_is_refused() {
        let elsewhere = Rendered::Social(SocialVariant { networks: vec![Network::X], text: "Hi".to_owned(), ..SocialVariant::default() });
        assert_eq!(on(&elsewhere, Network::Facebook).unwrap_err().code, "content");
        assert_eq!(on(&elsewhere, Network::X).unwrap().text, "Hi");
        assert!(on(&Rendered::Social(SocialVariant::default()), Network::X).is_err(), "empty");
    }
}
