//! A link in a text message counts its click, and an order that comes of it counts for the message.

use cli::{campaign::create, campaign::moves, hub::accounts};
use domain::Channel;
use e2e::{Campaign, Contact, World};
use proto::{
    campaign::{ChannelSetting, GetConversionTotalsRequest, Settings},
    convert::channel_number,
    template::{Content, CreateTemplateRequest, SmsVariant},
    workspace::{Tracking, UpdateWorkspaceRequest, UtmParameters},
};
use reqwest::{Client, StatusCode, redirect::Policy};
use serde_json::json;

const BROWSER: &str =
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36";

/// An SMS with a link to everybody on a list.
async fn send(world: &World, list_id: String) -> Campaign {
    let (agent, admin) = (&world.seeded.agent, &world.seeded.admin);
    let sms = SmsVariant { text: "Look: https://shop.example/offer#new. STOP to opt out".to_owned(), ..SmsVariant::default() };
    let content = Content { sms: Some(sms), ..Content::default() };
    let request = CreateTemplateRequest { name: "Link".to_owned(), content: Some(content), request_id: String::new() };
    let template = agent.templates().create_template(request).await.unwrap().into_inner().template.unwrap();
    let sender_id = world.sender(accounts::TWILIO_SMS).unwrap();
    let setting = ChannelSetting { channel: channel_number(Channel::Sms), sender_id, ..ChannelSetting::default() };
    let settings = Settings {
        name: "Autumn sale".to_owned(),
        template_id: template.id,
        channels: vec![setting],
        list_ids: vec![list_id],
        ..Settings::default()
    };
    let id = create::create(agent, settings).await.unwrap().id;
    moves::submit(agent, id.clone()).await.unwrap();
    moves::approve(admin, id.clone()).await.unwrap();
    moves::send(admin, id.clone()).await.unwrap();
    Campaign { id, channels: vec![Channel::Sms] }
}

#[tokio::test]
async fn a_link_in_a_text_counts_its_click_and_its_order() {
    let world = World::start(json!({"refuse": 0.0, "fail": 0.0, "stop": 0.0})).await.unwrap();
    let tracking = Tracking {
        utm: Some(UtmParameters { campaign: "{campaign}".to_owned(), ..UtmParameters::default() }),
        conversion_parameter: "ff".to_owned(),
        ..Tracking::default()
    };
    let request = UpdateWorkspaceRequest { tracking: Some(tracking), ..UpdateWorkspaceRequest::default() };
    world.seeded.admin.workspaces().update_workspace(request).await.unwrap();
    let list = world.people(&[Contact::numbered(1)]).await.unwrap();
    let campaign = send(&world, list).await;
    world.agreed(&campaign, "COMPLETED").await.unwrap();

    let message = world.sandbox().messages().await.unwrap().remove(0);
    let text = message["text"].as_str().unwrap();
    let link = text.strip_prefix("Look: ").and_then(|rest| rest.strip_suffix(". STOP to opt out")).unwrap();
    assert!(link.contains("/s/"), "{link}");
    let person = Client::builder().redirect(Policy::none()).user_agent(BROWSER).build().unwrap();
    let preview = Client::builder().redirect(Policy::none()).user_agent("WhatsApp/2.24").build().unwrap();
    let looked = preview.get(link).send().await.unwrap();
    assert_eq!(looked.headers()["location"], "https://shop.example/offer?utm_campaign=Autumn+sale#new");
    let followed = person.get(link).send().await.unwrap();
    assert_eq!(followed.status(), StatusCode::FOUND);
    let location = followed.headers()["location"].to_str().unwrap();
    let token = location.strip_prefix("https://shop.example/offer?utm_campaign=Autumn+sale&ff=").unwrap().strip_suffix("#new").unwrap();
    let stats = world.until(&campaign, "the click counts", |stats| stats.channels[0].clicked == 1).await.unwrap();
    assert_eq!((stats.channels[0].machine_clicked, stats.channels[0].read), (0, 1), "a person clicked, too");

    let pixel = format!("{}/v/{token}?order=A-1&value=129.90&currency=AED", link.split("/s/").next().unwrap());
    for _ in 0..2 {
        assert_eq!(person.get(&pixel).send().await.unwrap().headers()["content-type"], "image/gif");
    }
    world.until(&campaign, "the order counts", |stats| stats.channels[0].converted == 1).await.unwrap();
    let request = GetConversionTotalsRequest { campaign_id: campaign.id.clone() };
    let totals = world.seeded.agent.campaigns().get_conversion_totals(request).await.unwrap().into_inner().totals;
    assert_eq!((totals.len(), totals[0].conversions, totals[0].value_micros, totals[0].currency.as_str()), (1, 1, 129_900_000, "AED"));
    world.hub.stop().await.unwrap();
}
