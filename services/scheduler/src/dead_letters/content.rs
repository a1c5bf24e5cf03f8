//! A dead letter's content in words. Addresses, texts and the providers' ids of messages (some hold a phone number) are left out.

use bus::DeadLetter;
use prost::Message;
use proto::event::{Count, Fact, FactBatch, Inbound, InboundBatch, SendJob};
use std::fmt::Write;

const MAX_BYTES: usize = 64 << 10;

/// At most 64 KiB.
pub(super) fn in_words(letter: &DeadLetter) -> String {
    let mut text = match letter.subject.split('.').next() {
        Some("send") => decoded(letter, |job: SendJob| self::job(&job)),
        Some("delivery") => decoded(letter, |batch: FactBatch| lines(&batch.facts, fact)),
        Some("inbound") => decoded(letter, |batch: InboundBatch| lines(&batch.inbound, inbound)),
        _ => format!("{} bytes of an unknown kind", letter.bytes),
    };
    if text.len() > MAX_BYTES {
        let marks = "…".len();
        let end = (0..=MAX_BYTES - marks).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}

fn decoded<M: Message + Default>(letter: &DeadLetter, words: impl Fn(M) -> String) -> String {
    M::decode(letter.payload.clone()).map_or_else(|error| format!("{} bytes that can't be decoded: {error}", letter.bytes), words)
}

fn lines<T>(items: &[T], words: fn(&T) -> String) -> String {
    items.iter().map(words).collect::<Vec<_>>().join("\n")
}

/// `name value` pairs; what is absent isn't named.
struct Words(String);

impl Words {
    fn new(first: impl Into<String>) -> Self {
        Self(first.into())
    }

    fn and(mut self, name: &str, value: impl ToString) -> Self {
        let value = value.to_string();
        if !value.is_empty() && value != "0" {
            // Writing to a String can't fail.
            write!(self.0, ", {name} {value}").ok();
        }
        self
    }
}

fn job(job: &SendJob) -> String {
    let ids: Vec<_> = job.delivery_ids.iter().map(ToString::to_string).collect();
    let words = Words::new(format!("job {}", job.job_id)).and("channel", &job.channel).and("workspace", &job.workspace_id);
    let words = words.and("campaign", &job.campaign_id).and("run", &job.run_id).and("sender", &job.sender_id);
    words.and(&format!("{} deliveries:", ids.len()), ids.join(" ")).0
}

fn fact(fact: &Fact) -> String {
    let kind = fact.kind().as_str_name().trim_start_matches("FACT_KIND_").to_lowercase();
    let words = Words::new(kind).and("delivery", fact.delivery_id).and("sender", &fact.sender_id).and("code", &fact.code);
    let words = words.and("cost", fact.cost_micros).and("at", time(fact.occurred_at_ms));
    fact.count.as_ref().map_or(words.0.clone(), |count| format!("{}{}", words.0, self::count(count)))
}

fn count(count: &Count) -> String {
    let words = Words::new("").and("workspace", &count.workspace_id).and("campaign", &count.campaign_id).and("run", &count.run_id);
    let words = words.and("channel", &count.channel).and("target", count.target).and("cancelled", count.cancelled);
    let suppressed: u64 = count.suppressed.values().sum();
    words.and("suppressed", suppressed).and("expired", count.expired).and("rescued", count.rescued).0
}

fn inbound(inbound: &Inbound) -> String {
    let intent = inbound.intent().as_str_name().trim_start_matches("INBOUND_INTENT_").to_lowercase();
    let words = Words::new(format!("inbound {intent}")).and("channel", &inbound.channel).and("source", &inbound.source);
    let words = words.and("workspace", &inbound.workspace_id).and("sender", &inbound.sender_id).and("delivery", inbound.delivery_id);
    let words = words.and("kind", &inbound.kind);
    let is_anybodys =
        [&inbound.from, &inbound.user_id, &inbound.text].into_iter().any(|part| !part.is_empty()) || !inbound.sealed.is_empty();
    let left_out = if is_anybodys { " (address and text left out)" } else { "" };
    format!("{}{left_out}", words.and("at", time(inbound.occurred_at_ms)).0)
}

fn time(millis: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok();
    time.and_then(|time| time.format(&time::format_description::well_known::Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::event::{FactKind, InboundIntent};

    fn letter(subject: &str, payload: Vec<u8>) -> DeadLetter {
        DeadLetter {
            sequence: 1,
            subject: subject.to_owned(),
            reason: String::new(),
            deliveries: 1,
            at: time::OffsetDateTime::UNIX_EPOCH,
            outbox_id: None,
            traceparent: String::new(),
            bytes: payload.len(),
            payload: payload.into(),
        }
    }

    #[test]
    fn content_is_told_without_addresses() {
        let stop = Inbound {
            from: "+971501234567".to_owned(),
            text: "stop, my mail is a@example.com".to_owned(),
            intent: InboundIntent::Stop.into(),
            channel: "sms".to_owned(),
            ..Inbound::default()
        };
        let batch = InboundBatch { inbound: vec![stop] }.encode_to_vec();
        let text = in_words(&letter("inbound.received.v1", batch));
        assert!(text.starts_with("inbound stop, channel sms") && text.contains("left out"), "{text}");
        assert!(!text.contains("50123") && !text.contains('@'), "{text}");
        let facts = vec![Fact { kind: FactKind::Failed.into(), delivery_id: 7, code: "30006".to_owned(), ..Fact::default() }];
        let text = in_words(&letter("delivery.happened.v1", FactBatch { facts }.encode_to_vec()));
        assert_eq!(text, "failed, delivery 7, code 30006, at 1970-01-01T00:00:00Z");
    }

    #[test]
    fn what_cannot_be_read_or_is_too_long_is_told_all_the_same() {
        assert!(in_words(&letter("send.sms", vec![0xff; 9])).starts_with("9 bytes that can't be decoded"));
        let job = SendJob { delivery_ids: vec![i64::MAX; 10_000], ..SendJob::default() };
        let text = in_words(&letter("send.sms", job.encode_to_vec()));
        assert!(text.len() <= MAX_BYTES && text.ends_with('…'));
    }
}
