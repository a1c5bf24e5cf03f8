//! The opt-out register.

use crate::{
    campaign_drafts::fields,
    support::{Api, Workspace},
};
use domain::role::Role;
use proto::{
    common::Channel,
    optout::{import_opt_outs_request::Part, *},
};
use store::audit;
use tonic::{Code, Status};

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
    assert_eq!(removal.before.as_ref().unwrap()["address_key"], "+9•••67", "the log keeps no address");
    assert_eq!(removal.after.as_ref().unwrap()["removed_because"], "she wrote to us");
}

async fn import(
    workspace: &Workspace<'_>,
    options: ImportOptOutsOptions,
    file: &[u8],
) -> Result<(ImportOptOutsResponse, Vec<OptOutProblem>), Status> {
    let first = ImportOptOutsRequest { part: Some(Part::Options(options)) };
    let pieces = file.chunks(1_000).map(|piece| ImportOptOutsRequest { part: Some(Part::Data(piece.to_vec())) });
    let messages: Vec<_> = std::iter::once(first).chain(pieces).collect();
    let mut answers = workspace.opt_outs(Role::Agent).import_opt_outs(tokio_stream::iter(messages)).await?.into_inner();
    let (mut last, mut problems) = (ImportOptOutsResponse::default(), Vec::new());
    while let Some(answer) = answers.message().await? {
        assert!(!last.done, "nothing comes after the last message");
        assert_eq!(answer.rows, answer.added + answer.known + answer.rejected);
        problems.extend(answer.problems.clone());
        last = answer;
    }
    assert!(last.done);
    Ok((last, problems))
}

#[tokio::test]
async fn a_suppression_list_is_taken_over_and_a_bad_row_costs_itself() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut file = "\u{feff}Email;Channel;Reason;Since\r\n".to_owned();
    for n in 0..2_500 {
        file.push_str(&format!("p{n}@example.com;email;bounced;2024-05-31\r\n"));
    }
    file.push_str(
        "P1@Example.com;email;again;\r\nnobody;email;;\r\na@example.com;fax;;\r\nb@example.com;all;=cmd();2024-01-01T00:00:00Z\r\n",
    );
    let mut file = file.into_bytes();
    file.extend_from_slice(b"\xff\xfe@example.com;email;;\r\n");
    let dry = ImportOptOutsOptions { dry_run: true, ..ImportOptOutsOptions::default() };
    let (last, _) = import(&workspace, dry, &file).await.unwrap();
    assert_eq!((last.rows, last.added, last.known, last.rejected), (2_505, 2_501, 1, 3));
    let listed = |address: &str| ListOptOutsRequest { address: address.to_owned(), ..Default::default() };
    let mut client = workspace.opt_outs(Role::Agent);
    assert!(client.list_opt_outs(listed("")).await.unwrap().into_inner().opt_outs.is_empty(), "a dry run writes nothing");
    let (last, problems) = import(&workspace, ImportOptOutsOptions::default(), &file).await.unwrap();
    assert_eq!((last.rows, last.added, last.known, last.rejected), (2_505, 2_501, 1, 3));
    let told: Vec<_> = problems.iter().map(|problem| (problem.row, problem.column.as_str())).collect();
    assert_eq!(told, [(2_502, "email"), (2_503, "channel"), (2_505, "")]);
    let entry = client.list_opt_outs(listed("p7@example.com")).await.unwrap().into_inner().opt_outs.remove(0);
    assert_eq!((entry.source.as_str(), entry.reason.as_str()), ("import", "bounced"));
    assert_eq!(entry.created_at.unwrap().seconds, 1_717_113_600);
    let (again, _) = import(&workspace, ImportOptOutsOptions::default(), &file).await.unwrap();
    assert_eq!((again.added, again.known), (0, 2_502));
    let headless = import(&workspace, ImportOptOutsOptions::default(), b"name,city\nSara,Dubai\n").await.unwrap_err();
    assert_eq!(fields(&headless), ["data"]);
}
