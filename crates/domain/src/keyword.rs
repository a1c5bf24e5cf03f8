//! Words that opt a person out or in when they are the whole of a message.
//!
//! The built-in words are those that Twilio and the carriers act on (Twilio, "Advanced Opt-Out"), so that our register agrees with
//! theirs; a workspace adds its own in any language. Free text ("please don't write to me again") is not understood here.

use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization;

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intent {
    /// No more messages on this channel.
    Stop,
    /// Messages again.
    Start,
    /// Who is this?
    Help,
}

const STOP: [&str; 8] = ["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"];
const START: [&str; 3] = ["start", "unstop", "yes"];
const HELP: [&str; 2] = ["help", "info"];

/// The built-in words and a workspace's own.
#[derive(Debug, Clone, Default)]
pub struct Keywords {
    stop: HashSet<String>,
    start: HashSet<String>,
    help: HashSet<String>,
}

impl Keywords {
    /// `own` words opt out as STOP does; a word may be a phrase.
    #[must_use]
    pub fn new(own: &[impl AsRef<str>]) -> Self {
        Self { stop: folded(own), ..Self::default() }
    }

    /// These words opt in again as START does.
    #[must_use]
    pub fn with_start(self, own: &[impl AsRef<str>]) -> Self {
        Self { start: folded(own), ..self }
    }

    /// These words ask as HELP does.
    #[must_use]
    pub fn with_help(self, own: &[impl AsRef<str>]) -> Self {
        Self { help: folded(own), ..self }
    }

    /// What a message asks for; None when it isn't one of the words alone. Case, surrounding space and punctuation, and invisible
    /// marks don't matter. A word that opts out wins over any other meaning of it.
    #[must_use]
    pub fn intent(&self, message: &str) -> Option<Intent> {
        // Longer messages are no keyword; don't fold a novel.
        if message.len() > MAX_MESSAGE_BYTES {
            return None;
        }
        let folded = fold(message);
        if folded.is_empty() {
            return None;
        }
        // "stop all", "opt-out" and "un-stop" are the built-in words as people write them.
        let joined: String = folded.chars().filter(|c| *c != ' ' && *c != '-').collect();
        let is_one_of = |words: &[&str]| words.contains(&joined.as_str());
        if self.stop.contains(&folded) || is_one_of(&STOP) {
            Some(Intent::Stop)
        } else if self.start.contains(&folded) || is_one_of(&START) {
            Some(Intent::Start)
        } else if self.help.contains(&folded) || is_one_of(&HELP) {
            Some(Intent::Help)
        } else {
            None
        }
    }
}

const MAX_MESSAGE_BYTES: usize = 512;

fn folded(words: &[impl AsRef<str>]) -> HashSet<String> {
    words.iter().map(|word| fold(word.as_ref())).filter(|word| !word.is_empty()).collect()
}

/// A form in which two spellings of a word are equal: composed (some keyboards send é as two characters), Unicode case folded (by way of
/// upper case, so that ß is ss and final sigma is sigma), the four Turkish i's made one, punctuation and signs around it dropped, inner
/// space made single.
fn fold(text: &str) -> String {
    let marked = text.nfkc().filter(|c| !is_ignorable(*c)).map(simple);
    let folded: String = marked.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    let word = folded.trim_matches(|c: char| !c.is_alphanumeric());
    word.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One letter for letters that people take for the same.
fn simple(c: char) -> char {
    if matches!(c, 'İ' | 'ı') { 'i' } else { c }
}

/// Marks without a meaning of their own: direction marks and joiners, Arabic vowel signs and the stretching line, the dot that is left of
/// a lower-cased İ, emoji selectors.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{307}' | '\u{61c}' | '\u{640}' | '\u{64b}'..='\u{652}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(message: &str) -> Option<Intent> {
        Keywords::new(&["إلغاء", "СТОП", "बंद करो", "ΤΕΛΟΣ", "iptal", "Schluß", "no más"]).intent(message)
    }

    #[test]
    fn words_that_opt_out() {
        for message in [
            "STOP",
            "stop",
            "Stop",
            " stop ",
            "STOP.",
            "stop!!!",
            "Stop\n",
            "\"STOP\"",
            "¡stop!",
            "STOP 🛑",
            "stop ✋🏽",
            "\u{200f}STOP\u{200e}",
            "STOPALL",
            "stop all",
            "Stop-All",
            "unsubscribe",
            "UNSUBSCRIBE.",
            "Cancel",
            "END",
            "quit",
            "OptOut",
            "opt out",
            "OPT-OUT",
            "revoke",
            "ＳＴＯＰ！",
        ] {
            assert_eq!(intent(message), Some(Intent::Stop), "{message:?}");
        }
    }

    #[test]
    fn own_words_of_any_language_opt_out() {
        for message in [
            "إلغاء",
            "إلغاءُ",
            "إلغـــاء!",
            "стоп",
            "Стоп.",
            "बंद करो",
            "बंद  करो।",
            "τελος",
            "ΤΕΛΟΣ",
            "İPTAL",
            "IPTAL",
            "ıptal",
            "iptal",
            "schluss",
            "SCHLUSS",
            "schluß",
            "No más",
            "NO MÁS",
            "no ma\u{301}s",
        ] {
            assert_eq!(intent(message), Some(Intent::Stop), "{message:?}");
        }
    }

    #[test]
    fn words_that_opt_in_or_ask() {
        for (message, expected) in [
            ("START", Intent::Start),
            ("unstop", Intent::Start),
            ("Yes", Intent::Start),
            ("yes!", Intent::Start),
            ("un-stop", Intent::Start),
            ("HELP", Intent::Help),
            ("info?", Intent::Help),
        ] {
            assert_eq!(intent(message), Some(expected), "{message:?}");
        }
    }

    #[test]
    fn only_the_whole_message_counts() {
        for message in [
            "",
            "   ",
            "!!!",
            "please stop",
            "stop it",
            "don't stop",
            "stopping",
            "start now",
            "yes please",
            "helpful",
            "end of story",
            "1",
            "🛑",
            "no",
        ] {
            assert_eq!(intent(message), None, "{message:?}");
        }
        assert_eq!(intent(&"stop ".repeat(500)), None);
    }

    #[test]
    fn opting_out_wins_over_any_other_meaning() {
        assert_eq!(Keywords::new(&["yes", "Help "]).intent("YES"), Some(Intent::Stop));
        assert_eq!(Keywords::new(&["yes", "Help "]).intent("help"), Some(Intent::Stop));
        assert_eq!(Keywords::new(&["", " . "]).intent("."), None);
        assert_eq!(Keywords::new(&["נו"]).with_start(&["נו"]).intent("נו"), Some(Intent::Stop));
    }

    #[test]
    fn own_words_opt_in_and_ask() {
        let keywords = Keywords::new(&["стоп"]).with_start(&["старт", "ابدأ"]).with_help(&["помощь", "मदद"]);
        for (message, expected) in [
            ("СТАРТ!", Intent::Start),
            ("ابدأ", Intent::Start),
            ("ابدا\u{654}", Intent::Start),
            ("Помощь?", Intent::Help),
            ("मदद", Intent::Help),
            ("start", Intent::Start),
            ("Стоп", Intent::Stop),
        ] {
            assert_eq!(keywords.intent(message), Some(expected), "{message:?}");
        }
        assert_eq!(keywords.intent("старт завтра"), None);
    }
}
