//! Conversions: which delivery each counts for, and that it counts once.

use crate::{
    campaign_drafts::fields,
    mover::{Mover, start_run},
    support::{Api, Workspace, until},
};
use domain::{facts::key, role::Role};
use prost_types::Timestamp;
use proto::{
    campaign::{RecordConversionRequest, RecordConversionResponse},
    contact::ListContactsRequest,
    event::FactKind,
};
use time::OffsetDateTime;
use tonic::Status;

/// One contact who was sent an e-mail and an SMS.
pub struct Sent<'a> {
    api: &'a Api,
    pub workspace: Workspace<'a>,
    pub campaign: String,
    pub contact: String,
}

impl<'a> Sent<'a> {
    pub async fn new(api: &'a Api) -> Self {
        let workspace = api.workspace().await;
        let campaign = Mover(&workspace).sent(workspace.complete_settings("Spring").await).await.id;
        start_run(api, &campaign).await;
        let contacts = workspace.contacts(Role::Agent).list_contacts(ListContactsRequest::default()).await.unwrap().into_inner().contacts;
        Self { api, workspace, campaign, contact: contacts[0].id.clone() }
    }

    pub async fn sql(&self, sql: &str) {
        let mut connection = self.api.db.acquire().await.unwrap();
        store::admin::raw(&mut connection, sql).await.unwrap();
    }

    /// Tells of a conversion; answers with the delivery that it counts for.
    async fn convert(&self, request_id: &str, converted_at: Option<Timestamp>) -> Result<String, Status> {
        let request = RecordConversionRequest {
            campaign_id: self.campaign.clone(),
            contact_id: self.contact.clone(),
            converted_at,
            request_id: request_id.to_owned(),
            ..RecordConversionRequest::default()
        };
        let RecordConversionResponse { delivery_id, .. } =
            self.workspace.campaigns(Role::Agent).record_conversion(request).await?.into_inner();
        Ok(delivery_id)
    }
}

#[tokio::test]
async fn a_conversion_counts_for_what_the_contact_clicked_then_opened_then_got_last() {
    let api = Api::start().await;
    let sent = Sent::new(&api).await;
    assert_eq!(sent.convert("early", None).await.unwrap(), "", "nothing has left yet");
    sent.sql("UPDATE send.delivery SET state = 'accepted', sent_at = now() - interval '40 days'").await;
    assert_eq!(sent.convert("old", None).await.unwrap(), "", "too long ago");
    sent.sql("UPDATE send.delivery SET sent_at = now() - interval '2 h' WHERE channel = 'email'").await;
    let email = sent.convert("1", None).await.unwrap();
    sent.sql("UPDATE send.delivery SET sent_at = now() - interval '1 h' WHERE channel = 'sms'").await;
    let sms = sent.convert("2", None).await.unwrap();
    assert!(!email.is_empty() && !sms.is_empty() && email != sms, "{email} {sms}");
    sent.sql(
        "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at, opened_at)
         SELECT delivery_id, workspace_id, 0, now(), now() FROM send.delivery WHERE channel = 'email'",
    )
    .await;
    assert_eq!(sent.convert("3", None).await.unwrap(), email);
    sent.sql(
        "INSERT INTO stats.delivery_status (delivery_id, workspace_id, bits, updated_at, clicked_at)
         SELECT delivery_id, workspace_id, 0, now(), now() - interval '5 minutes' FROM send.delivery WHERE channel = 'sms'",
    )
    .await;
    assert_eq!(sent.convert("4", None).await.unwrap(), sms);
    assert_eq!(sent.convert("3", None).await.unwrap(), email, "told twice, answered as the first time");
}

#[tokio::test]
async fn a_conversion_becomes_one_fact() {
    let api = Api::start().await;
    let sent = Sent::new(&api).await;
    sent.sql("UPDATE send.delivery SET state = 'accepted', sent_at = now() WHERE channel = 'sms'").await;
    let bus = bus::Bus::connect(&api.nats_url, &api.prefix, 1).await.unwrap();
    let told = Timestamp { seconds: OffsetDateTime::now_utc().unix_timestamp() - 60, nanos: 0 };
    let facts = crate::inbound::Facts::listen(&bus).await;
    let delivery = sent.convert("order 1", Some(told)).await.unwrap();
    sent.convert("order 1", Some(told)).await.unwrap();
    // What is told last comes last: a repetition of the first would have come before it.
    sent.convert("order 2", Some(told)).await.unwrap();
    let [first, last] = ["1", "2"].map(|order| key(&format!("converted/{}/order {order}", sent.workspace.id)));
    until(async || facts.of(FactKind::Converted).iter().any(|fact| fact.key == last).then_some(())).await;
    let facts = facts.of(FactKind::Converted);
    assert_eq!(facts.len(), 2);
    assert_eq!((facts[0].delivery_id.to_string(), facts[0].occurred_at_ms), (delivery, told.seconds * 1_000));
    assert_eq!(facts[0].key, first);
}

#[tokio::test]
async fn a_conversion_needs_an_id_of_its_own_and_a_time_that_has_passed() {
    let api = Api::start().await;
    let sent = Sent::new(&api).await;
    assert_eq!(fields(&sent.convert("", None).await.unwrap_err()), ["request_id"]);
    assert_eq!(fields(&sent.convert(&"x".repeat(129), None).await.unwrap_err()), ["request_id"]);
    let tomorrow = Timestamp { seconds: OffsetDateTime::now_utc().unix_timestamp() + 86_400, nanos: 0 };
    assert_eq!(fields(&sent.convert("1", Some(tomorrow)).await.unwrap_err()), ["converted_at"]);
}
