//! What `run` starts besides the RPCs.

use crate::support::{Api, until};
use domain::role::Role;
use proto::{
    event::{Inbound, InboundBatch},
    optout::ListOptOutsRequest,
};
use time::OffsetDateTime;
use uuid::Uuid;

#[tokio::test]
async fn a_stop_that_comes_in_over_the_broker_reaches_the_register() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let bus = bus::Bus::connect(&api.nats_url, &api.prefix, 1).await.unwrap();
    bus.ensure_streams().await.unwrap();
    let inbound = Inbound {
        key: Uuid::now_v7().as_bytes().to_vec(),
        workspace_id: workspace.id.to_string(),
        channel: "sms".to_owned(),
        from: "+971501234567".to_owned(),
        text: "STOP".to_owned(),
        source: "keyword".to_owned(),
        occurred_at_ms: OffsetDateTime::now_utc().unix_timestamp() * 1_000,
        ..Inbound::default()
    };
    bus.publish(&bus::Subject::inbound(), &InboundBatch { inbound: vec![inbound] }, "1", "").await.unwrap();
    let entry = until(|| async {
        let mut client = workspace.opt_outs(Role::Agent);
        client.list_opt_outs(ListOptOutsRequest::default()).await.unwrap().into_inner().opt_outs.pop()
    })
    .await;
    assert_eq!((entry.address.as_str(), entry.source.as_str()), ("+971501234567", "keyword"));
}
