//! What a returned letter leads to: a failure of the delivery that it names, and an opt-out of an address that is none.

use super::session::token;
use crate::{
    commit::{ANSWER_WITHIN, Committer},
    now,
};
use anyhow::Context as _;
use domain::{Channel, DeliveryId, facts::key, link::LinkKey};
use proto::event::{Fact, FactKind, Inbound, InboundIntent};
use providers::{
    FaultAction,
    dsn::{self, Report, Verdict},
};
use ring::digest::{SHA256, digest};
use runtime::traceparent;
use store::{Db, ingest::SentBy};
use time::{Duration, OffsetDateTime};
use tokio::time::timeout;

/// A report is believed to have been written at most so long ago.
const OLDEST: Duration = Duration::days(7);
/// Headers in which mail systems note whom a letter in a mailbox was for, the surest first.
const ADDRESSED: [&str; 5] = ["delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to"];
/// Header lines of a letter that are looked at for an address.
const MAX_LINES: usize = 500;

/// Takes returned letters.
#[derive(Clone)]
pub(crate) struct Taker {
    pub db: Db,
    pub commits: Committer,
    pub links: LinkKey,
}

impl Taker {
    pub(super) fn read_token(&self, token: &str) -> Option<DeliveryId> {
        self.links.read_bounce(token)
    }

    /// Returns once what the letter says is stored. What is no report, or reports no failure, leads to nothing.
    ///
    /// # Errors
    /// When the database fails: the letter is to come again.
    pub(super) async fn take(&self, about: &[DeliveryId], letter: &[u8]) -> anyhow::Result<()> {
        let Some(report) = dsn::read(letter).filter(|report| report.verdict == Verdict::Failed) else {
            tracing::debug!("a letter that came back reports no failure");
            return Ok(());
        };
        let (mut facts, mut inbound) = (Vec::new(), Vec::new());
        for delivery in about.iter().copied().filter(|delivery| delivery.0 > 0) {
            let find = async { store::ingest::sent_by(&mut *self.db.acquire().await?, delivery).await };
            let sent = timeout(ANSWER_WITHIN, find).await.context("the database doesn't answer")??;
            let Some(sent) = sent.filter(|sent| sent.channel == Channel::Email) else { continue };
            let span = tracing::info_span!("webhook_ingest.bounce.receive", delivery.id = %delivery, code = report.code);
            let bounce = Bounce { delivery, sent, report: &report, letter, now: now(), traceparent: traceparent::of(&span) };
            facts.push(bounce.fact());
            inbound.extend(bounce.stop());
        }
        if !facts.is_empty() {
            self.commits.commit(facts, inbound).await?;
        }
        Ok(())
    }

    /// The deliveries that a letter in a mailbox is about: by the address that it came to, else by the letter that it gives back.
    pub(super) fn about(&self, letter: &[u8]) -> Vec<DeliveryId> {
        let named = addressed(letter).into_iter().find_map(|token| self.read_token(&token));
        let given_back = || self.links.read_correlation(&dsn::read(letter)?.correlation?).map(|correlation| correlation.delivery_id);
        named.or_else(given_back).into_iter().collect()
    }
}

/// The tokens in the addresses that a letter was for, the surest first.
fn addressed(letter: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(letter);
    let headers: Vec<(String, &str)> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .take(MAX_LINES)
        .filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value)))
        .collect();
    let of = |name: &'static str| headers.iter().filter(move |(found, _)| found == name).map(|(_, value)| *value);
    let words = |value: &'_ str| {
        let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';');
        value.split(ends).filter_map(token).map(str::to_owned).collect::<Vec<_>>()
    };
    ADDRESSED.into_iter().flat_map(of).flat_map(words).collect()
}

/// One failure.
struct Bounce<'a> {
    delivery: DeliveryId,
    sent: SentBy,
    report: &'a Report,
    letter: &'a [u8],
    now: OffsetDateTime,
    traceparent: String,
}

impl Bounce<'_> {
    /// The same for one letter that came back, however often it is reported; another one for another try.
    fn name(&self) -> String {
        let own = || self.report.own_id.clone();
        let whole = || digest(&SHA256, self.letter).as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let letter = self.report.original_id.clone().or_else(own).unwrap_or_else(whole);
        format!("dsn/{}/{}/{letter}", self.sent.sender_id, self.delivery)
    }

    fn occurred_at(&self) -> OffsetDateTime {
        let believed = |at: &OffsetDateTime| *at <= self.now && *at > self.now - OLDEST;
        self.report.written_at.filter(believed).unwrap_or(self.now)
    }

    fn fact(&self) -> Fact {
        Fact {
            key: key(&self.name()).to_vec(),
            kind: FactKind::Failed.into(),
            occurred_at_ms: outbox::millis(self.occurred_at()),
            delivery_id: self.delivery.0,
            sender_id: self.sent.sender_id.to_string(),
            provider_message_id: self.report.original_id.clone().unwrap_or_default(),
            code: self.report.code.clone(),
            traceparent: self.traceparent.clone(),
            ..Fact::default()
        }
    }

    /// A mailbox that isn't there stays away, and asking again harms the sender.
    fn stop(&self) -> Option<Inbound> {
        (self.report.action == Some(FaultAction::InvalidAddress)).then(|| Inbound {
            key: key(&format!("stop/{}", self.name())).to_vec(),
            workspace_id: self.sent.workspace_id.to_string(),
            sender_id: self.sent.sender_id.to_string(),
            channel: Channel::Email.to_string(),
            delivery_id: self.delivery.0,
            intent: InboundIntent::Stop.into(),
            source: "bounce".to_owned(),
            occurred_at_ms: outbox::millis(self.occurred_at()),
            traceparent: self.traceparent.clone(),
            ..Inbound::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{SenderId, WorkspaceId};

    #[test]
    fn the_address_is_found_where_mail_systems_note_it() {
        let t = |c: char| c.to_string().repeat(29);
        let (a, b) = (t('a'), t('b'));
        let letter = format!(
            "To: \"x\" <bounces+{a}@mail.example.com>, other@example.net\r\nDelivered-To: bounces+{b}@mail.example.com\r\n\r\n\
             To: bounces+{}@mail.example.com\r\n",
            t('c')
        );
        assert_eq!(addressed(letter.as_bytes()), [b, a]);
        assert!(addressed(b"").is_empty());
    }

    fn report(action: FaultAction) -> Report {
        Report {
            verdict: Verdict::Failed,
            code: "5.1.1".to_owned(),
            action: Some(action),
            correlation: None,
            original_id: Some("key@mail.example.com".to_owned()),
            own_id: Some("r1".to_owned()),
            written_at: None,
        }
    }

    fn bounce(report: &Report) -> Bounce<'_> {
        let sent = SentBy { sender_id: SenderId::new(), workspace_id: WorkspaceId::new(), channel: Channel::Email };
        let now = OffsetDateTime::from_unix_timestamp(1_795_341_600).unwrap();
        Bounce { delivery: DeliveryId(7), sent, report, letter: b"", now, traceparent: String::new() }
    }

    #[test]
    fn an_address_that_is_none_is_stopped_and_a_full_mailbox_not() {
        let invalid = report(FaultAction::InvalidAddress);
        let bounce_of = bounce(&invalid);
        assert_eq!((bounce_of.fact().delivery_id, bounce_of.fact().code.as_str()), (7, "5.1.1"));
        assert_eq!(bounce_of.stop().unwrap().source, "bounce");
        assert!(bounce(&report(FaultAction::Permanent)).stop().is_none());
    }

    #[test]
    fn a_report_counts_once_however_it_comes_and_each_try_for_itself() {
        let first = report(FaultAction::Permanent);
        let (repeated, other_try) = (
            Report { own_id: Some("r2".to_owned()), ..first.clone() },
            Report { original_id: Some("key.1@x".to_owned()), ..first.clone() },
        );
        let one = bounce(&first);
        let name = |report: &Report| Bounce { report, sent: one.sent, ..bounce(report) }.name();
        assert_eq!(name(&repeated), one.name());
        assert_ne!(name(&other_try), one.name());
    }

    #[test]
    fn a_time_that_cannot_be_is_not_believed() {
        let mut report = report(FaultAction::Permanent);
        let now = bounce(&report).now;
        for (written, believed) in [(now - Duration::hours(1), true), (now + Duration::hours(1), false), (now - Duration::days(8), false)] {
            report.written_at = Some(written);
            assert_eq!(bounce(&report).occurred_at() == written, believed);
        }
    }
}
