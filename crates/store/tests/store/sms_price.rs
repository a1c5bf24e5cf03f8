//! Prices by country: pinned when a run begins, reserved at their dearest, settled by what a text really costs.

use crate::{
    fixture::{Campaign, World, now},
    fold::about,
};
use domain::{
    Channel, WorkerId,
    delivery::State,
    facts::{Kind, Metric},
    sms::{Price, PriceList, price::OTHERS},
};
use store::{
    fact::Fact,
    gate::{Answer, Standing},
    record::{self, Tried},
    sender::price,
};

const WORKER: WorkerId = WorkerId(uuid::Uuid::from_u128(7));

fn list(prices: &[(&str, i64, Option<i64>, bool)]) -> PriceList {
    let of = |(country, price_micros, mms_micros, allowed): &(&str, i64, Option<i64>, bool)| {
        ((*country).to_owned(), Price { price_micros: *price_micros, mms_micros: *mms_micros, allowed: *allowed })
    };
    PriceList(prices.iter().map(of).collect())
}

/// A run of so many people whose sender has these prices; its campaign has a budget.
async fn priced(world: &World, contacts: u32, prices: &PriceList, max_segments: u32, budget: i64) -> Campaign {
    let campaign = world.campaign(contacts, 10_000.0).await;
    world.execute("DELETE FROM send.run_price".to_owned()).await;
    // The pace of a sender starts from nothing; here it has started.
    let started = format!("INSERT INTO send.rate_bucket (sender_id, next_at) VALUES ('{}', now() - interval '1 minute')", campaign.sender);
    world.execute(started).await;
    world.execute(format!("UPDATE core.campaign_channel SET max_segments = {max_segments}")).await;
    let mut tx = world.db.begin().await.unwrap();
    price::replace(&mut tx, campaign.workspace, campaign.sender, prices).await.unwrap();
    price::pin(&mut tx, campaign.campaign, campaign.run).await.unwrap();
    tx.commit().await.unwrap();
    world.execute(format!("UPDATE core.campaign SET budget_micros = {budget}")).await;
    world.expand(campaign, 1_000).await;
    campaign
}

async fn record(world: &World, answer: &Answer, state: State, cost: impl Fn(usize) -> Option<i64>) {
    let tried = |(n, claimed): (usize, &store::gate::Claimed)| Tried {
        cost_micros: cost(n),
        next_attempt_at: (state == State::RetryWait).then(now),
        settle_at: (state == State::Uncertain).then(now),
        ..Tried::new(claimed.delivery_id, claimed.attempt, state)
    };
    let tried: Vec<_> = answer.claimed.iter().enumerate().map(tried).collect();
    let mut tx = world.db.begin().await.unwrap();
    record::record(&mut tx, WORKER, &tried, now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn spent(world: &World) -> i64 {
    world.text("SELECT reserved_micros FROM send.spend WHERE channel = ''").await.parse().unwrap()
}

/// What is counted as spent is what the deliveries hold.
async fn assert_adds_up(world: &World) {
    let held: i64 = world.text("SELECT coalesce(sum(reserved_micros), 0)::bigint FROM send.delivery").await.parse().unwrap();
    assert_eq!(spent(world).await, held);
}

#[tokio::test]
async fn prices_are_kept_replaced_and_pinned() {
    let world = World::new().await;
    let first = list(&[("AE", 32, None, true), ("US", 8, Some(20), true), (OTHERS, 0, None, false)]);
    let campaign = priced(&world, 1, &first, 3, 1_000).await;
    let mut connection = world.db.acquire().await.unwrap();
    assert_eq!(price::list(&mut connection, campaign.workspace, campaign.sender).await.unwrap(), first);
    let pinned = price::of_run(&mut connection, campaign.run, Channel::Sms).await.unwrap();
    let pricing = &pinned[&campaign.sender];
    assert_eq!((&pricing.list, pricing.max_segments, pricing.dearest()), (&first, 3, 96));
    let second = list(&[("AE", 1, None, true)]);
    price::replace(&mut connection, campaign.workspace, campaign.sender, &second).await.unwrap();
    assert_eq!(price::of_campaign(&mut connection, campaign.campaign).await.unwrap()[&campaign.sender].list, second);
    price::pin(&mut connection, campaign.campaign, campaign.run).await.unwrap();
    assert_eq!(price::of_run(&mut connection, campaign.run, Channel::Sms).await.unwrap(), pinned, "a run keeps its prices");
    assert!(price::of_run(&mut connection, campaign.run, Channel::Email).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_dearest_is_kept_and_the_rest_given_back() {
    let world = World::new().await;
    let campaign = priced(&world, 4, &list(&[("AE", 10, None, true)]), 4, 120).await;
    let ids = world.delivery_ids(campaign).await;
    let answer = world.pass(campaign, WORKER, &ids, 64).await;
    assert_eq!(answer.claimed.len(), 3, "each may cost 40 of the 120: {:?}", answer.standing);
    assert_eq!(spent(&world).await, 120);
    let waiting = world.pass(campaign, WORKER, &ids, 64).await;
    assert!(matches!(waiting.standing, Standing::OverBudget { wait: Some(_), .. }), "what is on its way may give some back");
    record(&world, &answer, State::Accepted, |n| Some([10, 20, 30][n])).await;
    assert_eq!(spent(&world).await, 60);
    assert_adds_up(&world).await;
    assert_eq!(world.pass(campaign, WORKER, &ids, 64).await.claimed.len(), 1, "the fourth can be paid for now");
}

#[tokio::test]
async fn what_may_have_left_keeps_its_cost_and_what_was_refused_nothing() {
    let world = World::new().await;
    let campaign = priced(&world, 2, &list(&[("AE", 10, None, true)]), 4, 1_000).await;
    let ids = world.delivery_ids(campaign).await;
    let first = world.pass(campaign, WORKER, &ids[..1], 1).await;
    record(&world, &first, State::Uncertain, |_| Some(10)).await;
    assert_eq!(spent(&world).await, 10);
    assert_eq!(world.text("SELECT cost_micros FROM send.delivery WHERE state = 'uncertain'").await, "10");
    let second = world.pass(campaign, WORKER, &ids[1..], 1).await;
    assert_eq!(spent(&world).await, 50);
    record(&world, &second, State::Rejected, |_| None).await;
    assert_eq!(spent(&world).await, 10);
    assert_adds_up(&world).await;
}

#[tokio::test]
async fn without_a_list_a_text_holds_its_price_whatever_is_pinned() {
    let world = World::new().await;
    let campaign = priced(&world, 3, &PriceList::default(), 4, 14).await;
    world.execute("UPDATE send.run_channel SET price_micros = 7".to_owned()).await;
    let ids = world.delivery_ids(campaign).await;
    let answer = world.pass(campaign, WORKER, &ids, 64).await;
    assert_eq!(answer.claimed.len(), 2);
    record(&world, &answer, State::Accepted, |_| None).await;
    assert_eq!(spent(&world).await, 14);
}

/// A generator of a few lines (xorshift), so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

#[tokio::test]
async fn never_over_budget_whatever_texts_cost_and_become() {
    let world = World::new().await;
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let prices = list(&[("AE", 9, None, true), ("US", 4, Some(25), true)]);
    let (budget, contacts) = (1_000, 60);
    let campaign = priced(&world, contacts, &prices, 4, budget).await;
    let mut connection = world.db.acquire().await.unwrap();
    let pricing = price::of_run(&mut connection, campaign.run, Channel::Sms).await.unwrap().remove(&campaign.sender).unwrap();
    drop(connection);
    let ids = world.delivery_ids(campaign).await;
    for round in 0..40 {
        world.execute("UPDATE send.delivery SET state = 'queued' WHERE state = 'retry_wait'".to_owned()).await;
        let answer = world.pass(campaign, WORKER, &ids, 1 + dice.roll(8) as u32).await;
        let state = [State::Accepted, State::Accepted, State::Uncertain, State::Rejected, State::RetryWait][dice.roll(5) as usize];
        let costs: Vec<i64> = answer
            .claimed
            .iter()
            .map(|_| {
                let country = [Some("AE"), Some("US"), None][dice.roll(3) as usize];
                pricing.quote(country, 1 + dice.roll(4) as u32, dice.roll(2) == 0).unwrap().cost_micros
            })
            .collect();
        record(&world, &answer, state, |n| matches!(state, State::Accepted | State::Uncertain).then(|| costs[n])).await;
        let now_spent = if round == 0 && answer.claimed.is_empty() { 0 } else { spent(&world).await };
        assert!(now_spent <= budget, "round {round}: {now_spent} of {budget}");
        assert_adds_up(&world).await;
    }
    assert!(world.count("state = 'accepted'").await > 0);
}

#[tokio::test]
async fn figures_count_what_each_text_cost_whatever_comes_first() {
    let world = World::new().await;
    let campaign = priced(&world, 3, &list(&[("AE", 10, None, true)]), 4, 1_000).await;
    world.execute("UPDATE send.run_channel SET price_micros = 7".to_owned()).await;
    let ids = world.delivery_ids(campaign).await;
    world.execute("UPDATE send.delivery SET state = 'accepted', cost_micros = 20".to_owned()).await;
    let cost = |tallies: &std::collections::BTreeMap<Channel, domain::facts::Tally>| tallies[&Channel::Sms].get(Metric::Cost);
    let accepted = |id: i64, cost_micros| Fact { cost_micros, ..about(id, Kind::Accepted, "") };
    // A report that overtakes the record of the sending counts at the sender's price until the cost is told.
    world.fold(&[about(ids[0], Kind::Delivered, "")]).await;
    assert_eq!(cost(&world.counters(campaign).await), 7);
    world.fold(&[accepted(ids[0], 20), accepted(ids[1], 20)]).await;
    assert_eq!(cost(&world.counters(campaign).await), 40);
    world.fold(&[accepted(ids[0], 20), about(ids[1], Kind::Delivered, ""), accepted(ids[2], 20)]).await;
    assert_eq!(cost(&world.counters(campaign).await), 60);
    assert_eq!(world.counters(campaign).await[&Channel::Sms].get(Metric::Sent), 3);
    assert_eq!(cost(&world.recount(campaign).await), 60);
    let report = world.check(campaign).await;
    assert!(report.is_equal(), "{report:?}");
}
