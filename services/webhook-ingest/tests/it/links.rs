//! The pixel and the links.

use crate::support::Ingest;
use domain::{DeliveryId, tracking::Destination};
use proto::event::FactKind;
use reqwest::{StatusCode, header::HeaderValue};

const SCANNER: &str = "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))";

pub fn to(url: &str) -> Destination {
    Destination { url: url.to_owned(), conversion_parameter: String::new() }
}

#[tokio::test]
async fn the_pixel_counts_an_open_and_tells_nobody_whether_its_token_was_good() {
    let mut ingest = Ingest::start().await;
    let good = ingest.get(&format!("/o/{}", ingest.links.open_token(DeliveryId(5)))).await;
    let bad = ingest.get("/o/forged").await;
    for answer in [&good, &bad] {
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "image/gif");
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    assert_eq!(good.bytes().await.unwrap(), bad.bytes().await.unwrap());
    let fact = ingest.fact().await;
    assert_eq!((fact.kind(), fact.delivery_id), (FactKind::Opened, 5));
    ingest.get(&format!("/o/{}", ingest.links.open_token(DeliveryId(5)))).await;
    assert_eq!(ingest.fact().await.key, fact.key, "a second open is the same fact");
}

#[tokio::test]
async fn machines_that_look_at_every_message_are_told_from_people() {
    let mut ingest = Ingest::start().await;
    let pixel = format!("/o/{}", ingest.links.open_token(DeliveryId(5)));
    ingest.get_as("Mozilla/5.0", &pixel).await;
    let by_proxy = ingest.fact().await;
    assert_eq!((by_proxy.kind(), by_proxy.delivery_id), (FactKind::MachineOpened, 5));
    assert_eq!(ingest.head(&pixel).await.headers()["content-type"], "image/gif");
    assert_eq!(ingest.fact().await.key, by_proxy.key, "however many machines look, it is one fact");
    ingest.get_as("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", &pixel).await;
    assert_eq!(ingest.fact().await.kind(), FactKind::Opened, "Gmail fetches when the person looks");
}

#[tokio::test]
async fn a_click_counts_and_leads_to_the_link_of_the_message_only() {
    let mut ingest = Ingest::start().await;
    let url = "https://shop.example/sale?a=1&b=%20#top";
    let path = format!("/c/{}", ingest.links.click_token(DeliveryId(6), &to(url)));
    let looks = [ingest.head(&path).await, ingest.get_as(SCANNER, &path).await];
    let [by_head, by_scanner] = [ingest.fact().await, ingest.fact().await];
    for looked in looks {
        assert_eq!((looked.status(), &looked.headers()["location"]), (StatusCode::FOUND, &HeaderValue::from_static(url)));
    }
    assert_eq!((by_head.kind(), by_head.delivery_id), (FactKind::MachineClicked, 6));
    assert_eq!(by_head.key, by_scanner.key, "however many machines look, it is one fact");
    let answer = ingest.get(&path).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(answer.headers()["location"], url);
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers()["x-robots-tag"], "noindex");
    let fact = ingest.fact().await;
    assert_eq!((fact.kind(), fact.delivery_id), (FactKind::Clicked, 6));

    // Neither another token nor a token of another kind counts as anything: the next fact is the next real click's.
    assert_eq!(ingest.get(&format!("/c/{}", ingest.links.open_token(DeliveryId(6)))).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ingest.get("/c/forged").await.status(), StatusCode::NOT_FOUND);
    ingest.get(&format!("/c/{}", ingest.links.click_token(DeliveryId(8), &to(url)))).await;
    assert_eq!(ingest.fact().await.delivery_id, 8);
}

#[tokio::test]
async fn a_short_link_leads_where_its_row_says() {
    let mut ingest = Ingest::start().await;
    let destination = Destination { conversion_parameter: "click".to_owned(), ..to("https://shop.example/sale#top") };
    let number = ingest.short_link(&destination).await;
    let path = format!("/s/{}", ingest.links.short_token(number, DeliveryId(6)));
    let answer = ingest.get(&path).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    let location = answer.headers()["location"].to_str().unwrap();
    let token = location.strip_prefix("https://shop.example/sale?click=").and_then(|rest| rest.strip_suffix("#top")).unwrap();
    assert_eq!(ingest.links.read_conversion(token).unwrap().0, DeliveryId(6), "its site learns which click it was");
    let fact = ingest.fact().await;
    assert_eq!((fact.kind(), fact.delivery_id), (FactKind::Clicked, 6));
    let preview = ingest.get_as("WhatsApp/2.23.20.0", &path).await;
    assert_eq!(preview.headers()["location"], "https://shop.example/sale#top", "a preview is no click");
    assert_eq!(ingest.fact().await.kind(), FactKind::MachineClicked);
    ingest.get(&format!("/s/{}", ingest.links.short_token(number, DeliveryId(7)))).await;
    assert_eq!(ingest.fact().await.delivery_id, 7, "the same row serves everybody who got the link");
    let none = ingest.links.short_token(number + 1, DeliveryId(6));
    assert_eq!(ingest.get(&format!("/s/{none}")).await.status(), StatusCode::NOT_FOUND);
}
