//! A schedule survives a restart of the scheduler.

use cli::campaign::moves;
use domain::Channel;
use e2e::{Contact, World};
use proto::campaign::Schedule;
use serde_json::json;
use time::{Duration, OffsetDateTime, macros::format_description};

#[tokio::test]
async fn a_scheduled_campaign_is_sent_at_its_time_though_the_scheduler_died() {
    let mut world = World::start(json!({"refuse": 0.0})).await.unwrap();
    let list = world.people(&[Contact::numbered(1)]).await.unwrap();
    // Dubai is four hours ahead of UTC all year.
    let due = OffsetDateTime::now_utc() + Duration::seconds(6);
    let local = (due + Duration::hours(4)).format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]")).unwrap();
    let schedule = Schedule { local_time: local, timezone: "Asia/Dubai".to_owned() };
    let campaign = world.approved(list, &[Channel::Sms], Some(schedule)).await.unwrap();
    moves::send(&world.seeded.admin, campaign.id.clone()).await.unwrap();
    assert_eq!(world.stats(&campaign).await.unwrap().campaign_status, "SCHEDULED");
    world.hub.process("scheduler").unwrap().kill9().await.unwrap();
    assert!(world.sandbox().log().await.unwrap().is_empty());
    world.hub.process("scheduler").unwrap().restart().await.unwrap();
    world.agreed(&campaign, "COMPLETED").await.unwrap();
    assert!(OffsetDateTime::now_utc() >= due - Duration::SECOND, "it was sent before its time");
    assert_eq!(world.sandbox().log().await.unwrap().len(), 1);
    world.hub.stop().await.unwrap();
}
