//! How links are followed, as it is set; and conversions with what they are worth.

use crate::{
    campaign_drafts::fields,
    conversion::Sent,
    support::{Api, until},
};
use domain::{facts::key, role::Role};
use proto::{
    campaign::{
        CampaignTracking, Conversion, ConversionSource, GetCampaignRequest, GetConversionTotalsRequest, ListConversionsRequest,
        RecordConversionRequest, RecordConversionResponse, Settings,
    },
    event::{self, Inbound, InboundBatch},
    workspace::{GetWorkspaceRequest, Tracking, UpdateWorkspaceRequest, UtmParameters},
};
use time::OffsetDateTime;
use tonic::{Code, Status};

fn source(source: &str) -> Option<UtmParameters> {
    Some(UtmParameters { source: source.to_owned(), ..UtmParameters::default() })
}

#[tokio::test]
async fn a_workspace_sets_its_own_domain_and_parameters() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.workspaces(Role::Admin);
    let read = client.get_workspace(GetWorkspaceRequest {}).await.unwrap().into_inner().workspace.unwrap();
    assert_eq!(read.tracking, Some(Tracking { attribution_hours: 168, ..Tracking::default() }));
    let tracking = Tracking {
        base_url: "Links.Example.com".to_owned(),
        without_opens: true,
        utm: source(" fanfare "),
        link_hosts: vec!["Example.com".to_owned()],
        conversion_parameter: "ff".to_owned(),
        attribution_hours: 48,
        ..Tracking::default()
    };
    let request = UpdateWorkspaceRequest { tracking: Some(tracking.clone()), ..UpdateWorkspaceRequest::default() };
    let updated = client.update_workspace(request).await.unwrap().into_inner().workspace.unwrap();
    let expected = Tracking {
        base_url: "https://links.example.com".to_owned(),
        utm: source("fanfare"),
        link_hosts: vec!["example.com".to_owned()],
        ..tracking
    };
    assert_eq!(updated.tracking, Some(expected.clone()));
    let other = UpdateWorkspaceRequest { name: Some("Other".to_owned()), ..UpdateWorkspaceRequest::default() };
    assert_eq!(client.update_workspace(other).await.unwrap().into_inner().workspace.unwrap().tracking, Some(expected));
    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "workspace", workspace.id.0).await.unwrap();
    assert_eq!(log[1].before.as_ref().unwrap()["tracking"]["base_url"], "");
    assert_eq!(log[1].after.as_ref().unwrap()["tracking"]["base_url"], "https://links.example.com");
}

#[tokio::test]
async fn what_is_no_domain_is_refused() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    for base_url in ["http://links.example.com", "https://links.example.com/x", "https://10.0.0.1", "javascript:alert(1)"] {
        let tracking = Tracking { base_url: base_url.to_owned(), utm: source("{x}"), attribution_hours: 9_000, ..Tracking::default() };
        let request = UpdateWorkspaceRequest { tracking: Some(tracking), ..UpdateWorkspaceRequest::default() };
        let status = workspace.workspaces(Role::Admin).update_workspace(request).await.unwrap_err();
        assert_eq!(fields(&status), ["tracking.utm.source", "tracking.base_url", "tracking.attribution_hours"], "{base_url}");
    }
}

#[tokio::test]
async fn a_campaign_may_do_it_differently() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let tracking = CampaignTracking { clicks: Some(false), utm: source("spring"), ..CampaignTracking::default() };
    let settings = Settings { name: "Spring".to_owned(), tracking: Some(tracking), ..Settings::default() };
    let draft = workspace.draft(settings.clone()).await;
    let read = workspace.campaigns(Role::Agent).get_campaign(GetCampaignRequest { id: draft.id }).await.unwrap().into_inner();
    assert_eq!(read.campaign.unwrap().settings.unwrap().tracking, settings.tracking);
    let wrong = CampaignTracking { without_utm: true, utm: source("a\nb"), ..CampaignTracking::default() };
    let settings = Settings { name: "Spring".to_owned(), tracking: Some(wrong), ..Settings::default() };
    let request = proto::campaign::CreateCampaignRequest { settings: Some(settings), request_id: String::new() };
    let status = workspace.campaigns(Role::Agent).create_campaign(request).await.unwrap_err();
    assert_eq!(fields(&status), ["settings.tracking.utm.source", "settings.tracking.utm"]);
}

impl Sent<'_> {
    async fn record(&self, request: RecordConversionRequest) -> Result<RecordConversionResponse, Status> {
        let contact_id = if request.external_id.is_empty() { self.contact.clone() } else { String::new() };
        let request = RecordConversionRequest { contact_id, ..request };
        Ok(self.workspace.campaigns(Role::Agent).record_conversion(request).await?.into_inner())
    }

    async fn conversions(&self) -> Vec<Conversion> {
        let request = ListConversionsRequest { campaign_id: self.campaign.clone(), ..ListConversionsRequest::default() };
        self.workspace.campaigns(Role::Agent).list_conversions(request).await.unwrap().into_inner().conversions
    }

    async fn totals(&self) -> Vec<(String, u64, i64)> {
        let request = GetConversionTotalsRequest { campaign_id: self.campaign.clone() };
        let totals = self.workspace.campaigns(Role::Agent).get_conversion_totals(request).await.unwrap().into_inner().totals;
        totals.into_iter().map(|total| (total.currency, total.conversions, total.value_micros)).collect()
    }
}

fn order(order_id: &str, value_micros: i64, currency: &str) -> RecordConversionRequest {
    RecordConversionRequest {
        order_id: order_id.to_owned(),
        value_micros,
        currency: currency.to_owned(),
        ..RecordConversionRequest::default()
    }
}

#[tokio::test]
async fn an_order_counts_once_with_its_value_for_whichever_campaign_caused_it() {
    let api = Api::start().await;
    let sent = Sent::new(&api).await;
    sent.sql("UPDATE send.delivery SET state = 'accepted', sent_at = now() - interval '1 h' WHERE channel = 'sms'").await;
    sent.sql("UPDATE core.contact SET external_id = 'crm-7'").await;
    let first = sent.record(order("A-1", 129_900_000, "aed")).await.unwrap();
    assert_eq!(first.campaign_id, sent.campaign, "found without being named");
    assert_eq!(sent.record(order("A-1", 5, "USD")).await.unwrap(), first, "told again");
    let by_external = RecordConversionRequest { external_id: "crm-7".to_owned(), ..order("A-2", 100_000, "AED") };
    assert_eq!(sent.record(by_external).await.unwrap(), first);
    sent.record(order("A-3", 0, "")).await.unwrap();
    assert_eq!(sent.totals().await, [(String::new(), 1, 0), ("AED".to_owned(), 2, 130_000_000)]);
    let newest = &sent.conversions().await[0];
    assert_eq!((newest.order_id.as_str(), newest.source()), ("A-3", ConversionSource::Api));
    assert_eq!((&newest.contact_id, &newest.delivery_id), (&sent.contact, &first.delivery_id));
    let unknown = RecordConversionRequest { external_id: "nobody".to_owned(), ..order("A-4", 0, "") };
    assert_eq!(sent.record(unknown).await.unwrap_err().code(), Code::NotFound);
    let both = RecordConversionRequest { external_id: "crm-7".to_owned(), contact_id: sent.contact.clone(), ..order("A-5", 0, "") };
    let status = sent.workspace.campaigns(Role::Agent).record_conversion(both).await.unwrap_err();
    assert_eq!(fields(&status), ["external_id"]);
}

#[tokio::test]
async fn a_value_has_a_currency_and_a_limit() {
    let api = Api::start().await;
    let sent = Sent::new(&api).await;
    for (request, field) in [
        (order("1", 5, ""), "currency"),
        // ISO 4217 has it for no currency at all.
        (order("1", 5, "XXX"), "currency"),
        (order("1", -5, "USD"), "value_micros"),
        (order("1", i64::MAX, "USD"), "value_micros"),
        (order(&"x".repeat(129), 0, ""), "order_id"),
        (order("", 0, ""), "request_id"),
    ] {
        assert_eq!(fields(&sent.record(request).await.unwrap_err()), [field]);
    }
}

#[tokio::test]
async fn the_attribution_window_is_the_workspaces() {
    let api = Api::start().await;
    let sent = Sent::new(&api).await;
    sent.sql("UPDATE send.delivery SET state = 'accepted', sent_at = now() - interval '30 h'").await;
    sent.sql("UPDATE core.tracking SET settings = '{\"attribution_hours\": 24}'").await;
    assert_eq!(sent.record(order("1", 0, "")).await.unwrap(), RecordConversionResponse::default());
    sent.sql("UPDATE core.tracking SET settings = '{\"attribution_hours\": 48}'").await;
    assert_ne!(sent.record(order("1", 0, "")).await.unwrap(), RecordConversionResponse::default());
}

#[tokio::test]
async fn what_a_pixel_tells_counts_for_the_click_that_it_was_given_to() {
    let api = Api::start().await;
    let sent = Sent::new(&api).await;
    sent.sql("UPDATE send.delivery SET state = 'accepted', sent_at = now() - interval '2 h' WHERE channel = 'email'").await;
    let clicked: i64 = sent.record(order("by API", 0, "")).await.unwrap().delivery_id.parse().unwrap();
    // A newer message, but without a click.
    sent.sql("UPDATE send.delivery SET state = 'accepted', sent_at = now() - interval '1 h' WHERE channel = 'sms'").await;
    let now_ms = i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap();
    let told = |order_id: &str, value_micros: i64| Inbound {
        key: key(&format!("conversion/{clicked}/{order_id}")).to_vec(),
        delivery_id: clicked,
        source: "pixel".to_owned(),
        occurred_at_ms: now_ms,
        conversion: Some(event::Conversion {
            order_id: order_id.to_owned(),
            value_micros,
            currency: if value_micros > 0 { "AED".to_owned() } else { String::new() },
            clicked_at_ms: now_ms - 60_000,
        }),
        ..Inbound::default()
    };
    let bus = bus::Bus::connect(&api.nats_url, &api.prefix, 1).await.unwrap();
    bus.ensure_streams().await.unwrap();
    let many = (0..60).map(|n| told(&format!("made up {n:02}"), 1));
    let inbound = [told("by API", 9), told("P-1", 50_000_000), told("P-1", 50_000_000), told("", 0)].into_iter().chain(many).collect();
    bus.publish(&bus::Subject::inbound(), &InboundBatch { inbound }, &uuid::Uuid::new_v4().to_string(), "").await.unwrap();
    let conversions = until(async || Some(sent.conversions().await).filter(|all| all.len() > 1)).await;
    let by_pixel: Vec<_> = conversions.iter().filter(|one| one.source() == ConversionSource::Pixel).collect();
    assert_eq!(by_pixel.len(), 49, "more than 50 no click brings, and one of these was told before");
    assert!(by_pixel.iter().all(|one| one.delivery_id == clicked.to_string()));
    let first = conversions.iter().find(|one| one.order_id == "by API").unwrap();
    assert_eq!((first.source(), first.value_micros), (ConversionSource::Api, 0), "told before");
}
