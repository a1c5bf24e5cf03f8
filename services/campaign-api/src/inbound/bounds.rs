//! What providers say, cut to what the database takes. A tenant signs its own posts, so they may hold anything; and what the database
//! refuses is tried again for ever, and keeps up the posts of all the others.

use proto::event::Inbound;

/// Bytes of an id, a name, a code: several times what any provider has, and what an index takes three of.
const MAX_ID: usize = 512;
/// Bytes of a provider's own id of a person; contacts have no longer ones.
const MAX_PERSON: usize = 128;
/// Bytes of words for a person.
const MAX_WORDS: usize = 2_000;

/// Cuts each message to what can be kept. Ids are all cut in the same way, so that they are found again.
pub fn keep(inbound: &mut [Inbound]) {
    for message in inbound {
        for id in [&mut message.from, &mut message.provider_message_id, &mut message.reply_to, &mut message.kind, &mut message.source] {
            cut(id, MAX_ID);
        }
        // Half of an id is another person's.
        for id in [&mut message.user_id, &mut message.was_user_id] {
            if id.len() > MAX_PERSON || id.contains(char::is_control) {
                id.clear();
            }
        }
        if let Some(report) = &mut message.report {
            cut(&mut report.code, MAX_ID);
        }
        if let Some(gone) = &mut message.gone_device {
            cut(&mut gone.code, MAX_ID);
        }
        if let Some(news) = &mut message.template_news {
            for text in [&mut news.provider_id, &mut news.name, &mut news.language, &mut news.status, &mut news.quality, &mut news.category]
            {
                cut(text, MAX_ID);
            }
            cut(&mut news.reason, MAX_WORDS);
        }
        if let Some(news) = &mut message.account_news {
            cut(&mut news.value, MAX_ID);
            cut(&mut news.detail, MAX_WORDS);
        }
    }
}

/// The first so many bytes of a text, in whole characters, without NULs.
pub fn cut(text: &mut String, most: usize) {
    text.retain(|c| c != '\0');
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::event::{AccountNews, GoneDevice, Report, TemplateNews};

    #[test]
    fn nothing_is_longer_than_an_index_takes_and_nothing_has_a_nul() {
        let long = || format!("a\0{}", "é".repeat(3_000));
        let mut inbound = [Inbound {
            from: long(),
            provider_message_id: long(),
            reply_to: long(),
            report: Some(Report { state: "failed".to_owned(), code: long() }),
            gone_device: Some(GoneDevice { device_id: String::new(), code: long() }),
            template_news: Some(TemplateNews { name: long(), reason: long(), ..TemplateNews::default() }),
            account_news: Some(AccountNews { value: long(), detail: long(), ..AccountNews::default() }),
            ..Inbound::default()
        }];
        keep(&mut inbound);
        let [kept] = inbound;
        assert_eq!(kept.provider_message_id, kept.reply_to, "a quote still finds what it quotes");
        let (template, account) = (kept.template_news.unwrap(), kept.account_news.unwrap());
        let ids = [kept.from, kept.reply_to, kept.report.unwrap().code, kept.gone_device.unwrap().code, template.name, account.value];
        assert!(ids.iter().all(|id| id.len() == MAX_ID - 1 && !id.contains('\0')), "{ids:?}");
        assert!([template.reason, account.detail].iter().all(|words| (MAX_WORDS - 1..=MAX_WORDS).contains(&words.len())));
    }

    #[test]
    fn an_id_of_a_person_is_kept_whole_or_not_at_all() {
        let user_id = |id: &str| {
            let mut inbound = [Inbound { user_id: id.to_owned(), was_user_id: id.to_owned(), ..Inbound::default() }];
            keep(&mut inbound);
            let [kept] = inbound;
            assert_eq!(kept.user_id, kept.was_user_id);
            kept.user_id
        };
        assert_eq!(user_id("US.13491208655302741918"), "US.13491208655302741918");
        assert_eq!([user_id(&format!("US.{}", "1".repeat(200))), user_id("US.\0"), user_id("")], ["", "", ""]);
    }
}
