//! Senders whose provider is down, or says that they go too fast, or that the account is of no use.

use crate::{
    desk::{Desk, Reply},
    world::World,
};
use std::net::{SocketAddr, TcpListener};

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_provider_that_is_down_gets_probes_only_and_all_arrive_when_it_is_back() {
    let world = World::new().await;
    let address = nobody();
    world.campaign(address, 40, 1e6, "bulk").await;
    let _running = world.dispatch(|_| ());
    let down = "failures >= 5 AND trips = 1 AND open_until > now() + interval '10 seconds'";
    world.until_true("the breaker opens", async || world.count("send.sender_state", down).await == 1).await;
    assert_eq!(world.count("send.alert", "kind = 'sender_down' AND resolved_at IS NULL").await, 1);
    assert_eq!(world.count("send.decision", "verdict = 'rejected'").await, 0);
    let tried = world.count("send.decision", "verdict = 'retry'").await;
    // Half open: one message finds out, and everybody else waits.
    world.execute("UPDATE send.delivery SET next_attempt_at = now() WHERE state = 'retry_wait'").await;
    world.execute("UPDATE send.sender_state SET open_until = clock_timestamp()").await;
    world.until_true("it opens again", async || world.count("send.sender_state", "trips = 2").await == 1).await;
    assert_eq!(world.count("send.decision", "verdict = 'retry'").await, tried + 1);
    let desk = Desk::at(address).await;
    world.execute("UPDATE send.sender_state SET open_until = clock_timestamp()").await;
    world.execute("UPDATE send.delivery SET next_attempt_at = now() WHERE state = 'retry_wait'").await;
    world.until(40, "state = 'accepted'").await;
    assert_eq!((desk.posts(), desk.most_for_one()), (40, 1));
    assert_eq!(world.count("send.sender_state", "failures = 0 AND trips = 0 AND open_until IS NULL").await, 1);
    assert_eq!(world.count("send.alert", "resolved_at IS NULL").await, 0);
}

#[tokio::test]
async fn a_sender_that_goes_too_fast_slows_down_and_loses_nothing() {
    let (world, desk) = (World::new().await, Desk::start().await);
    desk.reply(Reply::Throttle);
    world.campaign(desk.address, 20, 1e6, "bulk").await;
    let _running = world.dispatch(|_| ());
    world.until_true("it slows down", async || world.count("send.rate_bucket", "pace < 1").await == 1).await;
    desk.reply(Reply::Take);
    world.until(20, "state = 'accepted'").await;
    assert_eq!(desk.most_for_one(), 1);
    assert_eq!(world.count("send.rate_bucket", "pace >= 0.1").await, 1);
}
