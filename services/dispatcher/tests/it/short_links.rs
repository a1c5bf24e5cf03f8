//! Links in text messages are led through the hub.

use crate::{
    desk::Desk,
    world::{LINK_KEY, World},
};
use domain::link::LinkKey;
use std::collections::BTreeSet;

#[tokio::test]
async fn each_person_gets_a_short_link_of_their_own_to_one_destination() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let campaign = world.campaign(desk.address, 40, 1e6, "bulk").await;
    let run = campaign.run;
    world
        .execute(format!(
            r#"UPDATE send.run SET content = '{{"sms": {{"text": "See https://shop.example/sale, {{{{ email }}}}: https://shop.example/{{{{ email }}}}!"}}}}'
               WHERE run_id = '{run}'"#
        ))
        .await;
    world
        .execute(
            "INSERT INTO core.tracking (workspace_id, settings)
             SELECT workspace_id, '{\"base_url\": \"https://l.example\", \"utm\": {\"medium\": \"{channel}\"}}' FROM core.workspace",
        )
        .await;
    let _running = world.dispatch(|_| {});
    world.until(40, "state = 'accepted'").await;
    let key = LinkKey::from_base64(LINK_KEY).unwrap();
    let (mut common, mut own, mut deliveries) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for text in desk.texts() {
        assert!(!text.contains("shop.example"), "{text}");
        let tokens: Vec<_> = text.split("https://l.example/s/").skip(1).map(|rest| rest.trim_end_matches('!')).collect();
        let [first, second] = tokens.as_slice() else { panic!("{text}") };
        let (first, to) = key.read_short(first.split(',').next().unwrap()).unwrap();
        let (second, to_the_same) = key.read_short(second).unwrap();
        assert_eq!(to, to_the_same);
        common.insert(first);
        own.insert(second);
        deliveries.insert(to.0);
    }
    assert_eq!((common.len(), own.len(), deliveries.len()), (1, 40, 40));
    assert_eq!(world.count("send.short_link", "url = 'https://shop.example/sale?utm_medium=sms'").await, 1);
    assert_eq!(world.count("send.short_link", "url LIKE 'https://shop.example/%@example.com?utm_medium=sms'").await, 40);
}

#[tokio::test]
async fn a_campaign_may_leave_its_links_alone() {
    let (world, desk) = (World::new().await, Desk::start().await);
    let campaign = world.campaign(desk.address, 1, 1e6, "bulk").await;
    world.execute("UPDATE send.run SET content = '{\"sms\": {\"text\": \"https://shop.example/sale\"}}'").await;
    world.execute(format!("UPDATE core.campaign SET tracking = '{{\"clicks\": false}}' WHERE campaign_id = '{}'", campaign.id)).await;
    let _running = world.dispatch(|_| {});
    world.until(1, "state = 'accepted'").await;
    assert_eq!(desk.texts(), ["https://shop.example/sale"]);
    assert_eq!(world.count("send.short_link", "true").await, 0);
}
