//! What a text costs is known when it is made: its country, its length, and whether it is sent at all.

use crate::{desk::Desk, world::World};
use domain::sms::{Price, PriceList};

#[tokio::test]
async fn texts_cost_their_segments_and_some_are_not_sent() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let campaign = world.campaign(desk.address, 4, 1e6, "bulk").await;
    let price = |price_micros, allowed| Price { price_micros, mms_micros: None, allowed };
    let prices = PriceList([("AE".to_owned(), price(10, true)), ("US".to_owned(), price(1, false))].into());
    let mut tx = world.db.begin().await.unwrap();
    let workspace = store::sender::find(&mut tx, campaign.sender).await.unwrap().unwrap().workspace_id;
    store::sender::price::replace(&mut tx, workspace, campaign.sender, &prices).await.unwrap();
    tx.commit().await.unwrap();
    for sql in [
        "DELETE FROM send.run_price",
        "UPDATE core.campaign SET budget_micros = 1000",
        "UPDATE send.run SET content = '{\"sms\": {\"text\": \"Hello {{ city }}\"}}'",
        // One text of two messages, one of five, and a number in a country that nothing is sent to.
        "UPDATE core.contact SET city = 'Dubai'",
        "UPDATE core.contact SET city = repeat('x', 200) WHERE phone = '+971501000002'",
        "UPDATE core.contact SET city = repeat('x', 700) WHERE phone = '+971501000003'",
        "UPDATE send.delivery SET address = '+12025550143' WHERE address = '+971501000004'",
    ] {
        world.execute(sql).await;
    }
    let mut tx = world.db.begin().await.unwrap();
    store::sender::price::pin(&mut tx, campaign.id, campaign.run).await.unwrap();
    tx.commit().await.unwrap();
    let _running = world.dispatch(|_| {});
    world.until(4, "state IN ('accepted', 'suppressed')").await;
    assert_eq!(desk.taken(), 2);
    assert_eq!(world.deliveries("state = 'accepted' AND cost_micros = 10 AND reserved_micros = 10").await, 1);
    assert_eq!(world.deliveries("state = 'accepted' AND cost_micros = 20 AND reserved_micros = 20").await, 1);
    assert_eq!(world.deliveries("state = 'suppressed' AND reason = 'too_many_segments' AND reserved_micros = 0").await, 1);
    assert_eq!(world.deliveries("state = 'suppressed' AND reason = 'country_not_enabled' AND reserved_micros = 0").await, 1);
    assert_eq!(world.count("send.spend", "channel = '' AND reserved_micros = 30").await, 1);
}
