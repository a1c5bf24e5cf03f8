//! Where a description is wrong or silent, and the hub goes by better knowledge: one line each, with the reason.
//!
//! A line excuses the faults at its places in its operations, and nothing else.

use crate::openapi::Operation;

pub struct Exception {
    pub file: &'static str,
    /// The path of the file, or `*` for all of them.
    pub operation: &'static str,
    /// As in [`crate::Fault::place`]; each `*` stands for anything.
    pub place: &'static str,
    pub why: &'static str,
}

const fn except(file: &'static str, operation: &'static str, place: &'static str, why: &'static str) -> Exception {
    Exception { file, operation, place, why }
}

const GRAPH_ERRORS: &str = "Meta's file describes no error of this operation; its reference page does: {error: {message, type, code, …}}";
const TWILIO_ERRORS: &str = "Twilio's file describes no error; its guide does: {code, message, more_info, status}";

const META: &str = "meta-whatsapp/openapi.relaxed.json";
const META_MESSAGES: &str = "/{Version}/{Phone-Number-ID}/messages";
const META_TEMPLATES: &str = "/{Version}/{WABA-ID}/message_templates";
const META_MEDIA: &str = "Meta's reference page has it, and so have the published examples of this very file";

#[rustfmt::skip]
pub static EXCEPTIONS: &[Exception] = &[
    except("twilio/openapi.json", "*", "answer 4*", TWILIO_ERRORS),
    except("twilio/openapi.json", "*", "answer 5*", TWILIO_ERRORS),
    except("twilio/openapi.json", "*", "answer 200 /*uri", "the file calls them URIs, and its own examples have paths without a host"),
    except("twilio/content_v1.openapi.json", "*", "answer 4*", TWILIO_ERRORS),
    except("twilio/messaging_v1.openapi.json", "*", "answer 4*", TWILIO_ERRORS),
    except(META, "*", "answer 4*", GRAPH_ERRORS),
    except(META, "*", "answer 5*", GRAPH_ERRORS),
    except(META, META_MESSAGES, "body /*/caption", META_MEDIA),
    except(META, META_MESSAGES, "body /document/filename", META_MEDIA),
    except(META, "/{Version}/{Phone-Number-ID}/media", "body /type", "Meta's reference page requires the file's type in the form; the file forgets it"),
    except(META, META_TEMPLATES, "query after", "the file describes the cursors of the answer, and forgets the parameter that takes one"),
    except(META, META_TEMPLATES, "query limit", "the Graph API's paging, which the file describes for other lists"),
    except("facebook-page/openapi.json", "/{version}/{page-id}/feed", "query after", "the Graph API's paging, which the conversion of the file left out"),
    except("x/openapi.json", "*", "answer 4*", "X answers many refusals with the type about:blank, which is none of the problems that the file names"),
    except("sendgrid/openapi.json", "/v3/mail/send", "answer 429", "the file forgets 429; SendGrid's page on rate limits describes it"),
    except("sendgrid/openapi.json", "/v3/mail/send", "answer * /errors/*/help", "null where the file wants an object: as SendGrid answers when it has no link to help"),
];

/// Whether a fault at `place` is excused.
pub(crate) fn excused(operation: &Operation, place: &str) -> bool {
    EXCEPTIONS.iter().any(|exception| exception.covers(operation.file(), &operation.template, place))
}

impl Exception {
    fn covers(&self, file: &str, operation: &str, place: &str) -> bool {
        self.file == file && (self.operation == "*" || self.operation == operation) && like(self.place, place)
    }
}

/// Whether `text` is like `pattern`, in which each `*` stands for anything.
fn like(pattern: &str, text: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(begin) else { return false };
    (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| like(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn patterns_mean_what_they_say() {
        assert!(like("answer 4*", "answer 429") && like("answer * /errors/*/help", "answer 400 /errors/0/help") && like("a", "a"));
        assert!(!like("answer 4*", "answer 500") && !like("answer * /errors/*/help", "answer 400 /errors/0") && !like("a", "ab"));
    }

    #[test]
    fn every_exception_names_a_file_and_a_path_there_is_once_and_says_why() {
        let mut seen = BTreeSet::new();
        for Exception { file, operation, place, why } in EXCEPTIONS {
            assert!(why.len() > 20 && crate::exists(file), "{file} {operation} {place}");
            assert!(*operation == "*" || !crate::json(file)["paths"][operation].is_null(), "{file} has no {operation}");
            assert!(seen.insert((file, operation, place)), "{file} {operation} {place} is there twice");
        }
    }
}
