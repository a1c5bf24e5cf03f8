//! Twilio's list of messages, as a hub looks them up.

use sandbox::behaviour::Behaviour;
use serde_json::Value;

use crate::support::{ACCOUNT, Folder, Hub, Running, TOKEN, config, json, smooth};

const FROM: &str = "+15005550001";

async fn list(running: &Running, query: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", running.sandbox.url());
    let response = running.client.get(url).query(query).basic_auth(ACCOUNT, Some(TOKEN)).send().await.unwrap();
    (response.status().as_u16(), json(response).await)
}

async fn send(running: &Running, to: &str, body: &str) -> String {
    let sent = running.twilio(&[("To", to), ("From", FROM), ("Body", body)]).await;
    json(sent).await["sid"].as_str().unwrap().to_owned()
}

fn sids(page: &Value) -> Vec<String> {
    page["messages"].as_array().unwrap().iter().map(|message| message["sid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn messages_to_a_number_are_listed_newest_first_in_pages() {
    let folder = Folder::new();
    let running = Running::start_in(&folder.0, Some(config(None, smooth()))).await;
    let mut sent = Vec::new();
    for i in 0..5 {
        sent.push(send(&running, "+15550001111", &format!("no. {i}")).await);
        send(&running, "+15550002222", "other").await;
    }
    sent.reverse();
    running.stop().await;

    // The list is of the log, so a new process has it too.
    let running = Running::start_in(&folder.0, None).await;
    let (status, first) = list(&running, &[("To", "+15550001111"), ("From", FROM), ("PageSize", "2")]).await;
    assert_eq!(
        (status, &first["page"], &first["page_size"], &first["start"], &first["end"]),
        (200, &0.into(), &2.into(), &0.into(), &1.into())
    );
    let mut found = sids(&first);
    let message = &first["messages"][0];
    assert_eq!((&message["direction"], &message["to"], &message["from"]), (&"outbound-api".into(), &"+15550001111".into(), &FROM.into()));
    assert_eq!((&message["body"], &message["account_sid"], &message["price"]), (&"no. 4".into(), &ACCOUNT.into(), &Value::Null));
    let mut next = first["next_page_uri"].clone();
    while let Some(uri) = next.as_str() {
        let url = format!("{}{uri}", running.sandbox.url());
        let page = json(running.client.get(url).basic_auth(ACCOUNT, Some(TOKEN)).send().await.unwrap()).await;
        found.extend(sids(&page));
        next = page["next_page_uri"].clone();
    }
    assert_eq!(found, sent);
    assert_eq!(sids(&list(&running, &[]).await.1).len(), 10);
    assert!(sids(&list(&running, &[("To", "+15550009999")]).await.1).is_empty());
    assert!(sids(&list(&running, &[("To", "+15550001111"), ("From", "+15005550009")]).await.1).is_empty());
    assert_eq!(list(&running, &[("PageSize", "0")]).await.0, 400);
    running.stop().await;
}

#[tokio::test]
async fn a_queued_message_has_no_date_sent_and_no_filter_finds_it() {
    let hub = Hub::start().await;
    let slow = Behaviour { callback_delay_ms: [3_600_000, 3_600_000], ..smooth() };
    let running = Running::start(config(Some(&hub), slow)).await;
    let callback = format!("{}/status?d=1", hub.url);
    let form = [("To", "whatsapp:+15550001111"), ("From", "whatsapp:+14155238886"), ("Body", "x"), ("StatusCallback", callback.as_str())];
    let sid = json(running.twilio(&form).await).await["sid"].clone();
    let to = ("To", "whatsapp:+15550001111");
    let (_, page) = list(&running, &[to]).await;
    let message = &page["messages"][0];
    assert_eq!((&message["sid"], &message["status"], &message["date_sent"]), (&sid, &"queued".into(), &Value::Null));
    let past = [to, ("DateSent>", "2020-01-01")];
    assert!(sids(&list(&running, &past).await.1).is_empty());
    running.sandbox.configure(config(None, smooth())).unwrap();
    let sent = send(&running, "+15550003333", "y").await;
    let day = |sign, day| [("To", "+15550003333"), (sign, day)];
    assert_eq!(sids(&list(&running, &day("DateSent>", "2020-01-01")).await.1), [sent]);
    assert!(sids(&list(&running, &day("DateSent<", "2020-01-01")).await.1).is_empty());
    assert_eq!(list(&running, &day("DateSent", "yesterday")).await.0, 400);
}

#[tokio::test]
async fn one_message_is_fetched_by_its_id() {
    let running = Running::start(config(None, smooth())).await;
    let sid = send(&running, "+15550001111", "x").await;
    let get = async |sid: &str, token| {
        let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json", running.sandbox.url());
        running.client.get(url).basic_auth(ACCOUNT, Some(token)).send().await.unwrap()
    };
    let found = get(&sid, TOKEN).await;
    assert_eq!((found.status().as_u16(), json(found).await["sid"].clone()), (200, sid.clone().into()));
    assert_eq!(get("SM00000000000000000000000000000000", TOKEN).await.status(), 404);
    assert_eq!(get(&sid, "guess").await.status(), 401);
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", running.sandbox.url());
    assert_eq!(running.client.get(url).send().await.unwrap().status(), 401);
}
