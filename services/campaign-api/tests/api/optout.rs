//! The opt-out register.

use crate::{campaign_drafts::fields, support::Api};
use domain::role::Role;
use proto::{common::Channel, optout::*};
use store::audit;
use tonic::Code;

fn entry(channel: Channel, address: &str) -> OptOut {
    OptOut { channel: channel.into(), address: address.to_owned(), reason: "asked by phone".to_owned(), ..OptOut::default() }
}

#[tokio::test]
async fn addresses_are_registered_once_in_one_spelling() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.opt_outs(Role::Agent);
    let opt_outs = vec![
        entry(Channel::Sms, "050 123 4567"),
        entry(Channel::Sms, "+971501234567"),
        entry(Channel::Email, "Sara@Example.com"),
        entry(Channel::Unspecified, "00971501234567"),
        entry(Channel::Unspecified, "ALL@example.com"),
    ];
    let added = client.add_opt_outs(AddOptOutsRequest { opt_outs: opt_outs.clone() }).await.unwrap().into_inner().added;
    assert_eq!(added, 4);
    assert_eq!(client.add_opt_outs(AddOptOutsRequest { opt_outs }).await.unwrap().into_inner().added, 0);
    let list = |address: &str| ListOptOutsRequest { address: address.to_owned(), ..Default::default() };
    let all = client.list_opt_outs(list("")).await.unwrap().into_inner().opt_outs;
    let shown: Vec<_> = all.iter().map(|entry| (entry.channel(), entry.address.as_str())).collect();
    let expected = [
        (Channel::Unspecified, "+971501234567"),
        (Channel::Sms, "+971501234567"),
        (Channel::Unspecified, "all@example.com"),
        (Channel::Email, "sara@example.com"),
    ];
    assert_eq!(shown, expected);
    assert_eq!((all[0].source.as_str(), all[0].reason.as_str()), ("api", "asked by phone"));
    assert_eq!(client.list_opt_outs(list("0501234567")).await.unwrap().into_inner().opt_outs.len(), 2);
    let paged = ListOptOutsRequest { page_size: 3, ..Default::default() };
    let first = client.list_opt_outs(paged.clone()).await.unwrap().into_inner();
    let rest = client.list_opt_outs(ListOptOutsRequest { page_token: first.next_page_token, ..paged }).await.unwrap().into_inner();
    assert_eq!((first.opt_outs.len(), rest.opt_outs.len(), rest.next_page_token.as_str()), (3, 1, ""));
    let mut connection = api.db.acquire().await.unwrap();
    let log = audit::of_object(&mut connection, workspace.id, "opt_out", workspace.id.0).await.unwrap();
    assert_eq!(log.len(), 1, "adding nothing is no change");
    assert_eq!(log[0].after.as_ref().unwrap()["opt_outs"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_and_nothing_is_added() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut client = workspace.opt_outs(Role::Agent);
    let unknown = OptOut { channel: 99, address: "a@example.com".to_owned(), ..OptOut::default() };
    let opt_outs = vec![entry(Channel::Sms, "0501234567"), entry(Channel::Sms, "a@example.com"), entry(Channel::Email, ""), unknown];
    let status = client.add_opt_outs(AddOptOutsRequest { opt_outs }).await.unwrap_err();
    assert_eq!(fields(&status), ["opt_outs[1].address", "opt_outs[2].address", "opt_outs[3].channel"]);
    assert!(client.list_opt_outs(ListOptOutsRequest::default()).await.unwrap().into_inner().opt_outs.is_empty());
    let many = AddOptOutsRequest { opt_outs: vec![entry(Channel::Sms, "0501234567"); 10_001] };
    assert_eq!(fields(&client.add_opt_outs(many).await.unwrap_err()), ["opt_outs"]);
    let most = (0..10_000).map(|n| entry(Channel::Email, &format!("p{n}@example.com"))).collect();
    assert_eq!(client.add_opt_outs(AddOptOutsRequest { opt_outs: most }).await.unwrap().into_inner().added, 10_000);
}

#[tokio::test]
async fn only_an_admin_with_a_reason_removes_one() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let opt_outs = vec![entry(Channel::Sms, "0501234567"), entry(Channel::Whatsapp, "0501234567")];
    workspace.opt_outs(Role::Agent).add_opt_outs(AddOptOutsRequest { opt_outs }).await.unwrap();
    let remove = |reason: &str| RemoveOptOutRequest {
        channel: Channel::Sms.into(),
        address: "00971 50 123 4567".to_owned(),
        reason: reason.to_owned(),
    };
    let denied = workspace.opt_outs(Role::Agent).remove_opt_out(remove("x")).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    let mut client = workspace.opt_outs(Role::Admin);
    assert_eq!(fields(&client.remove_opt_out(remove(" ")).await.unwrap_err()), ["reason"]);
    client.remove_opt_out(remove("she wrote to us")).await.unwrap();
    assert_eq!(client.remove_opt_out(remove("again")).await.unwrap_err().code(), Code::NotFound);
    let left = client.list_opt_outs(ListOptOutsRequest::default()).await.unwrap().into_inner().opt_outs;
    assert_eq!(left.iter().map(OptOut::channel).collect::<Vec<_>>(), [Channel::Whatsapp]);
    let mut connection = api.db.acquire().await.unwrap();
    let log = audit::of_object(&mut connection, workspace.id, "opt_out", workspace.id.0).await.unwrap();
    let removal = log.last().unwrap();
    assert_eq!((removal.action.as_str(), removal.actor.as_str()), ("opt_out.remove", "test-admin"));
    assert_eq!(removal.before.as_ref().unwrap()["address_key"], "+971501234567");
    assert_eq!(removal.after.as_ref().unwrap()["removed_because"], "she wrote to us");
}
