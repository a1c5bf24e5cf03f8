//! What a text message takes: characters of the GSM alphabet, or of Unicode, in one part or in several.

/// Places of one message, and of each part of a longer one (GSM 03.38; 3GPP TS 23.040 for the header that joins parts).
const GSM_SINGLE: usize = 160;
const GSM_PART: usize = 153;
const UCS2_SINGLE: usize = 70;
const UCS2_PART: usize = 67;

/// The GSM 03.38 alphabet, the escape left out.
const BASIC: &str =
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Characters that take two places.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// How a text is written on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Gsm7,
    Ucs2,
}

/// How many messages a text makes, each of which is sent and charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    pub encoding: Encoding,
    /// Places that it takes: characters, some of which count twice.
    pub units: usize,
    pub segments: usize,
}

impl Segments {
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text.chars().map(gsm_places).sum::<Option<usize>>() {
            Some(units) => {
                Self { encoding: Encoding::Gsm7, units, segments: parts(text, units, GSM_SINGLE, GSM_PART, |c| gsm_places(c).unwrap_or(1)) }
            }
            None => {
                let units = text.chars().map(char::len_utf16).sum();
                Self { encoding: Encoding::Ucs2, units, segments: parts(text, units, UCS2_SINGLE, UCS2_PART, char::len_utf16) }
            }
        }
    }

    /// Places of one message that nothing needs to be joined to.
    #[must_use]
    pub const fn single(&self) -> usize {
        match self.encoding {
            Encoding::Gsm7 => GSM_SINGLE,
            Encoding::Ucs2 => UCS2_SINGLE,
        }
    }
}

/// No character is cut in two, so that a part may have a place left.
fn parts(text: &str, units: usize, single: usize, part: usize, places: fn(char) -> usize) -> usize {
    if units <= single {
        return usize::from(units > 0);
    }
    let (mut parts, mut used) = (1, 0);
    for c in text.chars() {
        let takes = places(c);
        if used + takes > part {
            parts += 1;
            used = 0;
        }
        used += takes;
    }
    parts
}

fn gsm_places(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// The first character that the GSM alphabet lacks, with where it is and what could stand in its place.
pub(super) fn first_beyond_gsm(text: &str) -> Option<(usize, char, Option<&'static str>)> {
    let (at, c) = text.char_indices().find(|(_, c)| gsm_places(*c).is_none())?;
    Some((at, c, alike(c).map(|alike| if alike == " " { "a space" } else { alike })))
}

/// What of the GSM alphabet looks like a character that it lacks.
fn alike(c: char) -> Option<&'static str> {
    match c {
        '‘' | '’' | '‚' | '′' | '`' => Some("'"),
        '“' | '”' | '„' | '″' => Some("\""),
        '–' | '—' | '‑' => Some("-"),
        '…' => Some("..."),
        '\u{a0}' | '\u{202f}' | '\u{2009}' | '\t' => Some(" "),
        '•' | '·' => Some("*"),
        _ => None,
    }
}

/// The text with look-alikes of the GSM alphabet in the place of what that lacks, as providers do it that are asked to (Twilio's
/// `SmartEncoded`; which characters exactly is theirs to know, these are the ones that word processors write).
#[must_use]
pub fn with_look_alikes(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match alike(c) {
            Some(alike) => written.push_str(alike),
            None => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted() {
        let gsm = |units, segments| Segments { encoding: Encoding::Gsm7, units, segments };
        let ucs2 = |units, segments| Segments { encoding: Encoding::Ucs2, units, segments };
        for (text, expected) in [
            (String::new(), gsm(0, 0)),
            ("a".repeat(160), gsm(160, 1)),
            ("a".repeat(161), gsm(161, 2)),
            ("a".repeat(306), gsm(306, 2)),
            ("a".repeat(307), gsm(307, 3)),
            ("€".repeat(80), gsm(160, 1)),
            ("€".repeat(81), gsm(162, 2)),
            // 153 is odd: each part of these has a place left.
            ("€".repeat(153), gsm(306, 3)),
            ("àéÄñß\n\r@£".to_owned(), gsm(9, 1)),
            ("ж".repeat(70), ucs2(70, 1)),
            ("ж".repeat(71), ucs2(71, 2)),
            ("ж".repeat(134), ucs2(134, 2)),
            ("ж".repeat(135), ucs2(135, 3)),
            ("🌴".repeat(35), ucs2(70, 1)),
            ("🌴".repeat(67), ucs2(134, 3)),
            ("مرحبا".to_owned(), ucs2(5, 1)),
            ("ç".to_owned(), ucs2(1, 1)),
        ] {
            assert_eq!(Segments::of(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_makes_a_message_short_is_found() {
        assert_eq!(first_beyond_gsm("It’s"), Some((2, '’', Some("'"))));
        assert_eq!(first_beyond_gsm("سارة"), Some((0, 'س', None)));
        assert_eq!(first_beyond_gsm("plain {text}"), None);
        assert_eq!(first_beyond_gsm("a\u{a0}b").unwrap().2, Some("a space"));
    }

    #[test]
    fn look_alikes_make_a_message_longer_again() {
        let written = with_look_alikes("“It’s” 5\u{202f}€ – bye…");
        assert_eq!(written, "\"It's\" 5 € - bye...");
        assert_eq!(Segments::of(&written).encoding, Encoding::Gsm7);
        assert_eq!(with_look_alikes("سارة"), "سارة");
    }
}
