//! Reviews are read back as they were decided, and decided once.

use crate::fixture::{World, now};
use domain::campaign::approval::{Subject, Verdict, What};
use serde_json::json;
use store::{
    Error, Role,
    approval::{self, Decision, Filter, New},
    page::Page,
};

#[tokio::test]
async fn a_review_waits_alone_and_is_decided_once() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let api = world.connect_as(Role::Api).await;
    let what = What::stored(json!({"settings": {"name": "c", "expires_after_hours": 7}, "template_version": 1}));
    let changed = ["settings.name".to_owned()];
    let new = |subject| New {
        workspace_id: campaign.workspace,
        campaign_id: campaign.campaign,
        subject,
        revision: 3,
        what: &what,
        changed: &changed,
        template_version: 1,
        submitted_by: "bob",
    };
    let mut tx = api.tenant(campaign.workspace).await.unwrap();
    let id = approval::open(&mut tx, new(Subject::Change), now()).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = api.tenant(campaign.workspace).await.unwrap();
    let second = approval::open(&mut tx, new(Subject::Change), now()).await.unwrap_err();
    assert!(matches!(&second, Error::Constraint(name) if name == "approval_pending"), "{second}");

    let mut tx = api.tenant(campaign.workspace).await.unwrap();
    let (pending, stored) = approval::get(&mut tx, campaign.workspace, id).await.unwrap().unwrap();
    assert_eq!((pending.verdict, pending.hash, &stored), (Verdict::Pending, what.hash(), &what));
    assert_eq!(pending.proposed.as_ref().map(|settings| settings.expires_after_hours), Some(7));
    let now_it_is = What::stored(json!({"settings": {"name": "c"}}));
    let decision = Decision {
        verdict: Verdict::Approved,
        what: &now_it_is,
        changed: &[],
        content_version: Some(2),
        by: "ann",
        role: "admin",
        reason: "",
    };
    assert!(approval::decide(&mut tx, id, decision, now()).await.unwrap());
    assert!(!approval::decide(&mut tx, id, Decision { verdict: Verdict::Rejected, ..decision }, now()).await.unwrap());
    let by = ("ann", "admin");
    assert!(!approval::withdraw(&mut tx, campaign.workspace, campaign.campaign, by, "", now()).await.unwrap());
    let third = approval::open(&mut tx, new(Subject::Campaign), now()).await.unwrap();
    assert!(approval::withdraw(&mut tx, campaign.workspace, campaign.campaign, by, "edited", now()).await.unwrap());

    let page = Page { size: 10, after: None };
    let all = approval::list(&mut tx, campaign.workspace, Filter::default(), page).await.unwrap();
    let told: Vec<_> = all.iter().map(|one| (one.approval_id, one.verdict, one.decided_by.as_str(), one.reason.as_str())).collect();
    assert_eq!(told, [(third, Verdict::Withdrawn, "ann", "edited"), (id, Verdict::Approved, "ann", "")]);
    assert_eq!((all[1].hash, all[1].content_version, all[1].proposed.is_none()), (now_it_is.hash(), Some(2), true));
    let approved = Filter { campaign: Some(campaign.campaign), verdict: Some(Verdict::Approved), subject: Some(Subject::Change) };
    assert_eq!(approval::newest(&mut tx, campaign.workspace, approved).await.unwrap().map(|one| one.approval_id), Some(id));
    let newest = approval::newest_of_each(&mut tx, campaign.workspace, &[campaign.campaign]).await.unwrap();
    assert_eq!(newest.iter().map(|one| one.approval_id).collect::<Vec<_>>(), [third]);
}

#[tokio::test]
async fn a_decision_cannot_be_taken_from_the_log() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let api = world.connect_as(Role::Api).await;
    for forbidden in ["DELETE FROM core.approval", "UPDATE core.approval SET submitted_by = 'me'", "UPDATE core.approval SET revision = 1"]
    {
        let mut tx = api.tenant(campaign.workspace).await.unwrap();
        let refused = store::admin::raw(&mut tx, forbidden).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{forbidden}: {refused}");
    }
}

#[tokio::test]
async fn what_it_is_made_of_has_the_price_and_nothing_secret() {
    let world = World::new().await;
    let campaign = world.campaign(0, 1.0).await;
    let mut connection = world.db.acquire().await.unwrap();
    let settings = store::campaign::get(&mut connection, campaign.workspace, campaign.campaign).await.unwrap().unwrap().settings;
    let what = approval::what(&mut connection, campaign.workspace, &settings, 1).await.unwrap();
    let sender = &what.value()["senders"][campaign.sender.to_string()];
    assert_eq!(sender, &json!({"provider": "twilio", "settings": {}, "price_micros": 0, "currency": "USD"}));
    world.execute("UPDATE core.sender SET rate_per_second = 5, name = 'other', sealed_secrets = 'x'".to_owned()).await;
    assert_eq!(approval::what(&mut connection, campaign.workspace, &settings, 1).await.unwrap().hash(), what.hash());
    world.execute("UPDATE core.sender SET price_micros = 5".to_owned()).await;
    let dearer = approval::what(&mut connection, campaign.workspace, &settings, 1).await.unwrap();
    assert_eq!(what.changes(&dearer), [format!("senders.{}.price_micros", campaign.sender)]);
}
