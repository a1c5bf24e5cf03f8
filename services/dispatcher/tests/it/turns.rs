//! An account that takes one message at a time: the others wait for their turn, and can still be called back.

use crate::{post_office::PostOffice, world::World};
use domain::Channel;

/// The first letter is with the mail server, and the gate let seven more through, longer ago than its yes is good for.
async fn one_is_sent_and_seven_wait(world: &World, office: &PostOffice) {
    world.until_true("a letter has come", async || office.letters() == 1).await;
    let wait = "state = 'sending' AND updated_at < now() - interval '1 second'";
    world.until_true("all have passed the gate", async || world.deliveries(wait).await == 8).await;
}

#[tokio::test]
async fn what_waits_for_a_connection_is_looked_at_once_more_before_it_leaves() {
    let (world, office) = (World::of(Channel::Email).await, PostOffice::start().await);
    world.campaign(office.address, 8, 1e6, "bulk").await;
    let _running = world.dispatch(|config| (config.lease, config.settle_after) = (60, 70));
    one_is_sent_and_seven_wait(&world, &office).await;
    world.execute("UPDATE core.campaign SET status = 'PAUSED'").await;
    office.open();
    world.poll("all is recorded", async || world.deliveries("state = 'sending'").await == 0).await;
    assert_eq!((office.letters(), world.deliveries("state = 'accepted'").await), (1, 1), "only the one that was on its way");
    assert_eq!(world.count("send.decision", "verdict = 'retry' AND rule LIKE '%(stopped_meanwhile)%'").await, 7);

    world.execute("UPDATE core.campaign SET status = 'ACTIVE'").await;
    world.until(8, "state = 'accepted'").await;
    assert_eq!(office.letters(), 8);
}

#[tokio::test]
async fn what_waits_for_a_connection_as_the_process_ends_is_handed_back() {
    let (world, office) = (World::of(Channel::Email).await, PostOffice::start().await);
    world.campaign(office.address, 8, 1e6, "bulk").await;
    let mut running = world.dispatch(|config| (config.lease, config.settle_after) = (60, 70));
    one_is_sent_and_seven_wait(&world, &office).await;
    running.shutdown.begin();
    office.open();
    (&mut running.ended).await.unwrap().unwrap();
    assert_eq!((office.letters(), world.deliveries("state = 'accepted'").await), (1, 1));
    assert_eq!(world.count("send.decision", "verdict = 'retry' AND rule LIKE '%(shutting_down)%'").await, 7);
    assert_eq!(world.deliveries("state = 'retry_wait'").await, 7);
}
