//! Templates that providers keep: lists, news, and the runs that are stopped and go on by them. And files that they keep.

use crate::fixture::{Campaign, World, now};
use domain::{WorkspaceId, content::Registered};
use store::{
    Db, Role,
    page::Page,
    provider_media,
    provider_template::{
        self, Changed, Filter, Heard, Listed, Standing,
        runs::{self, Moved},
    },
};
use time::{Duration, OffsetDateTime};

const PAGE: Page = Page { size: 50, after: None };

fn listed(name: &str, status: &str) -> Listed {
    let text = str::to_owned;
    Listed { provider_id: text("7"), name: text(name), language: text("en"), status: text(status), ..Listed::default() }
}

fn heard(status: &str, at: OffsetDateTime) -> Heard {
    let text = str::to_owned;
    Heard { provider_id: text("7"), name: text("sale"), language: text("en"), status: Some(text(status)), at: Some(at), ..Heard::default() }
}

fn meta(language: &str) -> Registered {
    Registered::Meta { name: "sale".to_owned(), language: language.to_owned() }
}

async fn api(world: &World) -> Db {
    world.connect_as(Role::Api).await
}

async fn replace(db: &Db, campaign: Campaign, list: &[Listed]) -> Vec<Changed> {
    let mut tx = db.tenant(campaign.workspace).await.unwrap();
    let changed = provider_template::replace(&mut tx, campaign.workspace, campaign.sender, list, now()).await.unwrap();
    tx.commit().await.unwrap();
    changed
}

async fn hear(db: &Db, campaign: Campaign, heard: &Heard) -> Option<Changed> {
    let mut tx = db.tenant(campaign.workspace).await.unwrap();
    let changed = provider_template::hear(&mut tx, campaign.workspace, campaign.sender, heard, now()).await.unwrap();
    tx.commit().await.unwrap();
    changed
}

#[tokio::test]
async fn a_list_takes_the_place_of_what_was_known() {
    let world = World::new().await;
    let (campaign, db) = (world.campaign(0, 1.0).await, api(&world).await);
    let statuses = |changed: Vec<Changed>| {
        let mut all: Vec<_> = changed.into_iter().map(|one| (one.name, one.status)).collect();
        all.sort();
        all
    };
    let of = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let both = [listed("news", "APPROVED"), listed("sale", "PENDING")];
    assert_eq!(statuses(replace(&db, campaign, &both).await), of(&[("news", "APPROVED"), ("sale", "PENDING")]));
    assert_eq!(replace(&db, campaign, &both).await, [], "nothing has changed");
    let twice = [listed("sale", "APPROVED"), listed("sale", "APPROVED")];
    assert_eq!(statuses(replace(&db, campaign, &twice).await), of(&[("news", ""), ("sale", "APPROVED")]));
    let mut tx = db.tenant(campaign.workspace).await.unwrap();
    let all = provider_template::list(&mut tx, campaign.workspace, &Filter::default(), PAGE).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(provider_template::known(&mut tx, campaign.sender, &meta("en")).await.unwrap().unwrap().0, "APPROVED");
    assert_eq!(provider_template::known(&mut tx, campaign.sender, &meta("ar")).await.unwrap(), None);
    assert!(provider_template::synced_at(&mut tx, campaign.workspace, campaign.sender).await.unwrap().is_some());
    let filter = Filter { status: "PAUSED".to_owned(), ..Filter::default() };
    assert_eq!(provider_template::list(&mut tx, campaign.workspace, &filter, PAGE).await.unwrap(), []);
    drop(tx);
    let mut other = db.tenant(WorkspaceId::new()).await.unwrap();
    assert_eq!(provider_template::get(&mut other, campaign.workspace, all[0].provider_template_id).await.unwrap(), None, "fenced");
}

#[tokio::test]
async fn news_come_in_any_order() {
    let world = World::new().await;
    let (campaign, db) = (world.campaign(0, 1.0).await, api(&world).await);
    let at = now() - Duration::hours(1);
    assert_eq!(hear(&db, campaign, &heard("APPROVED", at)).await.unwrap().status, "APPROVED", "nobody had told of it");
    assert_eq!(hear(&db, campaign, &heard("PAUSED", at + Duration::minutes(2))).await.unwrap().status, "PAUSED");
    assert_eq!(hear(&db, campaign, &heard("APPROVED", at + Duration::minutes(1))).await, None, "too late");
    let quality = Heard { status: None, quality: Some("RED".to_owned()), ..heard("", at) };
    assert_eq!(hear(&db, campaign, &quality).await, None);
    let mut tx = db.tenant(campaign.workspace).await.unwrap();
    let all = provider_template::list(&mut tx, campaign.workspace, &Filter::default(), PAGE).await.unwrap();
    assert_eq!((all[0].status.as_str(), all[0].quality.as_str()), ("PAUSED", "RED"));
}

#[tokio::test]
async fn what_a_sender_may_is_kept_as_it_was_said_last() {
    let world = World::new().await;
    let (campaign, db) = (world.campaign(0, 1.0).await, api(&world).await);
    let mut tx = db.tenant(campaign.workspace).await.unwrap();
    let limit =
        |value: &str, occurred_at| Standing { kind: "limit".to_owned(), value: value.to_owned(), detail: String::new(), occurred_at };
    for (value, at, taken) in [("TIER_1K", now(), true), ("TIER_250", now() - Duration::hours(1), false)] {
        assert_eq!(provider_template::stand(&mut tx, campaign.workspace, campaign.sender, &limit(value, at)).await.unwrap(), taken);
    }
    let standing = provider_template::standing(&mut tx, campaign.workspace, &[campaign.sender]).await.unwrap();
    assert_eq!(standing[&campaign.sender][0].value, "TIER_1K");
}

/// Makes the campaign's run one of WhatsApp, by a template in English and its translation.
async fn on_whatsapp(world: &World, campaign: Campaign) {
    let content = r#"{"whatsapp": {"meta": {"name": "sale", "language": "en"}},
                      "translations": {"ar": {"whatsapp": {"meta": {"language": "ar"}}}}}"#;
    world.execute(format!("UPDATE send.run SET content = '{content}' WHERE run_id = '{}'", campaign.run)).await;
    world.execute(format!("UPDATE send.run_channel SET channel = 'whatsapp' WHERE run_id = '{}'", campaign.run)).await;
}

async fn follow(db: &Db, campaign: Campaign, language: &str, status: &str) -> Vec<Moved> {
    let text = str::to_owned;
    let changed =
        Changed { provider_id: text("7"), name: text("sale"), language: text(language), status: text(status), reason: String::new() };
    let mut tx = db.tenant(campaign.workspace).await.unwrap();
    let moved = runs::follow(&mut tx, campaign.workspace, campaign.sender, &changed, now()).await.unwrap();
    tx.commit().await.unwrap();
    moved
}

#[tokio::test]
async fn runs_stop_with_their_template_and_go_on_with_it() {
    let world = World::new().await;
    let (campaign, db) = (world.campaign(1, 1.0).await, api(&world).await);
    on_whatsapp(&world, campaign).await;
    let stopped = |code| vec![Moved::Stopped { campaign: campaign.campaign, code }];
    assert_eq!(follow(&db, campaign, "fr", "PAUSED").await, [], "another template");
    assert_eq!(follow(&db, campaign, "ar", "PAUSED").await, stopped("TEMPLATE_PAUSED"), "the translation's counts too");
    assert_eq!(follow(&db, campaign, "ar", "DISABLED").await, [], "it waits already");
    assert_eq!(follow(&db, campaign, "ar", "PENDING").await, []);
    assert_eq!(follow(&db, campaign, "ar", "APPROVED").await, [Moved::GoesOn { campaign: campaign.campaign }]);
    // What a dispatcher stopped for the same reason goes on too, what a person has to mend doesn't.
    for (code, goes_on) in [("132015", true), ("132000", false)] {
        world
            .execute(format!("UPDATE send.run_channel SET paused_at = now(), paused_code = '{code}' WHERE run_id = '{}'", campaign.run))
            .await;
        assert_eq!(follow(&db, campaign, "en", "APPROVED").await.len(), usize::from(goes_on), "{code}");
    }
}

#[tokio::test]
async fn a_file_is_kept_by_what_is_in_it() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let db = world.connect_as(Role::Dispatcher).await;
    let mut tx = db.begin().await.unwrap();
    let (workspace, sender, at) = (campaign.workspace, campaign.sender, now());
    let (link, file) = ([1_u8; 32], [2_u8; 32]);
    let expires_at = at + Duration::days(25);
    let kept = provider_media::Kept { sha256: &file, provider_id: "77", media_type: "image/png", size_bytes: 3, expires_at };
    provider_media::keep(&mut tx, workspace, sender, &kept).await.unwrap();
    provider_media::link(&mut tx, workspace, sender, &link, &file, at + Duration::hours(24)).await.unwrap();
    let id = Some("77".to_owned());
    assert_eq!(provider_media::of_link(&mut tx, sender, &link, at, at + Duration::days(3)).await.unwrap(), id);
    assert_eq!(provider_media::of_link(&mut tx, sender, &link, at + Duration::hours(25), at).await.unwrap(), None, "to be looked at again");
    assert_eq!(provider_media::of_file(&mut tx, sender, &file, at + Duration::days(3)).await.unwrap(), id);
    assert_eq!(provider_media::of_file(&mut tx, sender, &file, expires_at).await.unwrap(), None, "the provider forgets it");
    let later = provider_media::Kept { provider_id: "78", expires_at: expires_at - Duration::days(1), ..kept };
    provider_media::keep(&mut tx, workspace, sender, &later).await.unwrap();
    assert_eq!(provider_media::of_file(&mut tx, sender, &file, at).await.unwrap(), id, "of two the one that stays longer");
    tx.commit().await.unwrap();
    let mut tx = api(&world).await.tenant(workspace).await.unwrap();
    provider_media::forget(&mut tx, sender, expires_at + Duration::HOUR).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.text("SELECT count(*) FROM core.provider_media").await, "0");
}
