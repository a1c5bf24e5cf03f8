//! Numbers that carriers have taken back are taken over from the provider, if some contact has them.

use crate::support::{Api, sender_request, until};
use domain::role::Role;
use proto::{common::Channel, optout::ListOptOutsRequest};
use sandbox::{
    Options, Sandbox,
    config::{Config, Twilio},
};
use store::sender_task::{self, Kind};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn deactivated_numbers_of_contacts_go_into_the_register() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let folder = std::env::temp_dir().join(format!("fanfare-opt-outs-{}", uuid::Uuid::now_v7().simple()));
    let any = "127.0.0.1:0".parse().unwrap();
    let options = Options { listen: any, smtp_listen: any, state_dir: folder.clone(), ports_file: None, allow_remote: false };
    let shutdown = CancellationToken::new();
    let sandbox = Sandbox::start(options, shutdown.clone()).await.unwrap();
    let request = sender_request("SMS", Channel::Sms);
    let twilio = Twilio {
        account_sid: request.settings["account_sid"].clone(),
        auth_token: request.secrets["auth_token"].clone(),
        inbound_url: None,
        deactivated_numbers: ["+12025550143", "+12025550199"].map(str::to_owned).into(),
    };
    sandbox.configure(Config { twilio: Some(twilio), ..Config::default() }).unwrap();
    let list = workspace.list("All").await;
    workspace.contact("", "+12025550143", &[&list]).await;
    workspace.contact("", "+12025550144", &[&list]).await;

    let mut request = request;
    request.settings.insert("base_url".to_owned(), sandbox.url());
    let sender = workspace.senders(Role::Admin).create_sender(request).await.unwrap().into_inner().sender.unwrap();
    // At once, instead of in a while.
    let mut connection = api.db.acquire().await.unwrap();
    let id = sender.id.parse().unwrap();
    sender_task::put(&mut connection, workspace.id, id, Kind::OptOuts, OffsetDateTime::now_utc()).await.unwrap();
    drop(connection);
    let entry = until(|| async {
        let list = ListOptOutsRequest::default();
        workspace.opt_outs(Role::Agent).list_opt_outs(list).await.unwrap().into_inner().opt_outs.pop()
    })
    .await;
    assert_eq!((entry.address.as_str(), entry.source.as_str(), entry.channel()), ("+12025550143", "deactivated", Channel::Sms));
    assert_eq!(entry.evidence.unwrap().code, "deactivated_number");
    shutdown.cancel();
    sandbox.join().await;
    std::fs::remove_dir_all(folder).ok();
}
