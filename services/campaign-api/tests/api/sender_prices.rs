//! What texts cost by country: set by admins, kept by approvals, counted by dry runs.

use crate::support::{Api, Workspace};
use domain::role::Role;
use proto::{
    campaign::{DryRunCampaignRequest, DryRunCampaignResponse, Settings},
    common::Channel,
    sender::{CountryPrice, ListSenderPricesRequest, SetSenderPricesRequest, UpdateSenderRequest},
};
use std::collections::HashMap;
use tonic::Code;

fn price(country: &str, price_micros: i64) -> CountryPrice {
    CountryPrice { country: country.to_owned(), price_micros, ..CountryPrice::default() }
}

async fn set(workspace: &Workspace<'_>, sender: &str, prices: &[CountryPrice]) -> Vec<CountryPrice> {
    let request = SetSenderPricesRequest { sender_id: sender.to_owned(), prices: prices.to_vec() };
    workspace.senders(Role::Admin).set_sender_prices(request).await.unwrap().into_inner().prices
}

async fn dry_run(workspace: &Workspace<'_>, id: &str) -> DryRunCampaignResponse {
    let request = DryRunCampaignRequest { id: id.to_owned(), samples: 1 };
    let mut stream = workspace.campaigns(Role::Agent).dry_run_campaign(request).await.unwrap().into_inner();
    let mut last = DryRunCampaignResponse::default();
    while let Some(answer) = stream.message().await.unwrap() {
        last = answer;
    }
    last
}

#[tokio::test]
async fn a_list_is_set_whole_read_by_agents_and_taken_away() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let sender = workspace.sender("SMS", Channel::Sms).await;
    let given = [
        CountryPrice { refused: true, ..price("*", 0) },
        price("AE", 32_000),
        CountryPrice { mms_micros: Some(20_000), ..price("US", 7_900) },
    ];
    assert_eq!(set(&workspace, &sender, &given).await, given);
    let list = ListSenderPricesRequest { sender_id: sender.clone() };
    let read = workspace.senders(Role::Agent).list_sender_prices(list.clone()).await.unwrap().into_inner().prices;
    assert_eq!(read, given);
    assert!(set(&workspace, &sender, &[]).await.is_empty());

    let mut connection = api.db.acquire().await.unwrap();
    let log = store::audit::of_object(&mut connection, workspace.id, "sender", sender.parse().unwrap()).await.unwrap();
    let changes: Vec<_> = log.iter().filter(|entry| entry.action == "sender.set_prices").collect();
    assert_eq!(changes.len(), 2);
    assert!(changes.iter().any(|entry| entry.after.as_ref().unwrap()["AE"]["price_micros"] == 32_000));

    let by_agent = SetSenderPricesRequest { sender_id: sender.clone(), prices: Vec::new() };
    assert_eq!(workspace.senders(Role::Agent).set_sender_prices(by_agent).await.unwrap_err().code(), Code::PermissionDenied);
    let stranger = api.workspace().await;
    assert_eq!(stranger.senders(Role::Agent).list_sender_prices(list).await.unwrap_err().code(), Code::NotFound);
    let foreign = SetSenderPricesRequest { sender_id: sender, prices: vec![price("AE", 1)] };
    assert_eq!(stranger.senders(Role::Admin).set_sender_prices(foreign).await.unwrap_err().code(), Code::NotFound);
    let mail = workspace.sender("Mail", Channel::Email).await;
    let request = SetSenderPricesRequest { sender_id: mail, prices: vec![price("AE", 1)] };
    assert_eq!(workspace.senders(Role::Admin).set_sender_prices(request).await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_dry_run_counts_each_country_at_its_price() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let mut settings = workspace.complete_settings("Spring").await;
    let list = settings.list_ids[0].clone();
    for phone in ["+971501234501", "+12025550143", "+447400123456"] {
        workspace.contact("", phone, &[&list]).await;
    }
    settings.channels.retain(|setting| setting.channel() == Channel::Sms);
    let sender = settings.channels[0].sender_id.clone();
    let own = UpdateSenderRequest { id: sender.clone(), price_micros: Some(100), ..UpdateSenderRequest::default() };
    workspace.senders(Role::Admin).update_sender(own).await.unwrap();
    set(&workspace, &sender, &[price("AE", 30), CountryPrice { refused: true, ..price("US", 0) }]).await;
    let draft = workspace.draft(Settings { list_ids: vec![list], ..settings }).await;
    let answer = dry_run(&workspace, &draft.id).await;
    let sms = &answer.channels[0];
    let refused: HashMap<String, u64> = sms.suppressed.clone().into_iter().filter(|(reason, _)| reason == "country_not_enabled").collect();
    assert_eq!(refused["country_not_enabled"], 1, "{sms:?}");
    // The workspace's own contact is in the default country, too.
    let emirates = sms.passed - 1;
    assert_eq!(sms.cost_micros, 30 * i64::try_from(emirates).unwrap() + 100, "the rest at the sender's own price");
}

#[tokio::test]
async fn only_texts_are_cut_into_segments() {
    let api = Api::start().await;
    let workspace = api.workspace().await;
    let settings = workspace.complete_settings("Spring").await;
    let of = |change: fn(&mut Settings)| {
        let mut settings = settings.clone();
        change(&mut settings);
        proto::campaign::CreateCampaignRequest { settings: Some(settings), request_id: String::new() }
    };
    let mut client = workspace.campaigns(Role::Agent);
    for (request, field) in [
        (of(|settings| settings.channels[0].max_segments = 2), "settings.channels[email].max_segments"),
        (of(|settings| settings.channels[1].max_segments = 25), "settings.channels[sms].max_segments"),
    ] {
        let status = client.create_campaign(request).await.unwrap_err();
        assert_eq!(crate::campaign_drafts::fields(&status), [field]);
    }
    let fine = client.create_campaign(of(|settings| settings.channels[1].max_segments = 2)).await.unwrap().into_inner().campaign.unwrap();
    let sms = fine.settings.unwrap().channels.into_iter().find(|setting| setting.channel() == Channel::Sms).unwrap();
    assert_eq!(sms.max_segments, 2);
}
