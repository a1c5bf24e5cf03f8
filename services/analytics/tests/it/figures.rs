//! Facts become figures, and the figures are what a recount gives.

use crate::{
    campaign::Campaign,
    support::{Analytics, about, line, until},
};
use bus::{Consumer, Delivered, Subject, Verdict};
use domain::role::Role;
use proto::{
    analytics::ListDeliveriesRequest,
    common::Channel,
    event::{Fact, FactBatch, FactKind},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn figures_follow_the_facts_and_equal_a_recount() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 10).await;
    let nothing = analytics.stats(campaign.workspace, campaign.id).await;
    assert_eq!(nothing.channels.len(), 2, "a channel is shown before anything is counted on it");
    assert_eq!((nothing.campaign_status.as_str(), line(&nothing, Channel::Sms).target), ("ACTIVE", 0));

    campaign.send(&analytics).await;
    let ids = &campaign.deliveries;
    let mut facts = campaign.expanded();
    facts.extend(ids.iter().map(|id| about(*id, FactKind::Accepted, "")));
    facts.extend(ids[..6].iter().map(|id| about(*id, FactKind::Delivered, "")));
    facts.extend(ids[..2].iter().map(|id| about(*id, FactKind::Opened, "")));
    facts.push(about(ids[7], FactKind::Failed, "30003"));
    // All of it twice, and in the other order.
    let again: Vec<Fact> = facts.iter().rev().cloned().collect();
    analytics.tell(facts).await;
    analytics.tell(again).await;
    analytics.tell(vec![about(ids[9], FactKind::Clicked, "")]).await;

    let sms = analytics.sms_when(campaign.workspace, campaign.id, |sms| sms.clicked == 1).await;
    assert_eq!((sms.target, sms.pending, sms.sent, sms.delivered, sms.read, sms.failed), (10, 0, 10, 7, 3, 1));
    assert_eq!(sms.failed_by_code["30003"], 1);
    assert_eq!(sms.cost_micros, 75_000);
    assert_eq!((sms.delivery_rate, sms.click_rate), (Some(0.7), Some(1.0 / 3.0)));
    let email = line(&analytics.stats(campaign.workspace, campaign.id).await, Channel::Email);
    assert_eq!((email.target, email.suppressed["no_address"], email.delivery_rate), (10, 10, None));

    let recount = analytics.recount(campaign.workspace, campaign.id).await;
    assert!(recount.equal, "{recount:?}");
    assert_eq!(recount.counters.unwrap().channels, recount.recount.unwrap().channels);
}

#[tokio::test]
async fn a_recount_notices_what_the_figures_lack() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 3).await;
    analytics.tell(campaign.expanded()).await;
    analytics.sms_when(campaign.workspace, campaign.id, |sms| sms.target == 3).await;
    assert!(analytics.recount(campaign.workspace, campaign.id).await.equal);
    campaign.send(&analytics).await;
    let recount = analytics.recount(campaign.workspace, campaign.id).await;
    assert!(!recount.equal);
    assert_eq!(line(&recount.recount.unwrap(), Channel::Sms).sent, 3);
}

#[tokio::test]
async fn an_unreadable_fact_is_put_away_and_its_neighbours_count() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 2).await;
    let bad = Fact { kind: 99, ..about(campaign.deliveries[0], FactKind::Delivered, "") };
    analytics.tell(vec![about(campaign.deliveries[0], FactKind::Accepted, ""), bad]).await;
    analytics.tell(vec![about(campaign.deliveries[1], FactKind::Accepted, "")]).await;
    analytics.sms_when(campaign.workspace, campaign.id, |sms| sms.sent == 2).await;

    let stop = CancellationToken::new();
    let consumer = Consumer {
        durable: "test".to_owned(),
        subject: Subject::dead_letters(&Subject::facts()),
        ack_wait: Duration::from_secs(30),
        max_ack_pending: 10,
        max_deliver: None,
    };
    let take = |messages: Arc<[Delivered<FactBatch>]>| {
        assert_eq!(messages[0].message.facts[1].kind, 99);
        stop.cancel();
        async { Verdict::Done }
    };
    let deadline = Duration::from_secs(30);
    tokio::time::timeout(deadline, analytics.bus.consume(consumer, 1, stop.clone(), take)).await.expect("the message is in DLQ");
}

#[tokio::test]
async fn deliveries_are_listed_with_their_standing() {
    let analytics = Analytics::start().await;
    let campaign = Campaign::start(&analytics, 5).await;
    analytics.tell(vec![about(campaign.deliveries[0], FactKind::Failed, "30003")]).await;
    let request = |status: &str, size, token: &str| ListDeliveriesRequest {
        campaign_id: campaign.id.to_string(),
        channel: Channel::Sms.into(),
        status: status.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
    };
    let list =
        async |request| analytics.client(campaign.workspace, Role::Agent).list_deliveries(request).await.map(tonic::Response::into_inner);
    let failed = until(|| async { Some(list(request("failed", 0, "")).await.unwrap().deliveries).filter(|found| !found.is_empty()) }).await;
    assert_eq!((failed.len(), failed[0].reason.as_str()), (1, "30003"));
    assert_eq!(failed[0].id, campaign.deliveries[0].to_string());

    let first = list(request("queued", 3, "")).await.unwrap();
    let second = list(request("queued", 3, &first.next_page_token)).await.unwrap();
    assert_eq!((first.deliveries.len(), second.deliveries.len(), second.next_page_token.as_str()), (3, 1, ""));
    for bad in [request("accepted", 3, ""), request("", 3, "not a token")] {
        assert_eq!(list(bad).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    }
}
