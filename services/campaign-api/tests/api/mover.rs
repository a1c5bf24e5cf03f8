//! Moves campaigns along, as people and the scheduler do.

use crate::support::{Api, Workspace};
use domain::{CampaignId, RunId, role::Role};
use proto::campaign::{
    ApproveCampaignRequest, Campaign, CancelCampaignRequest, CancelCampaignResponse, PauseCampaignRequest, RejectCampaignRequest,
    ResumeCampaignRequest, SendCampaignRequest, Settings, SubmitCampaignRequest, UpdateCampaignRequest,
};
use time::OffsetDateTime;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The moves, by a caller with the least role that may make them.
pub struct Mover<'a>(pub &'a Workspace<'a>);

macro_rules! moves {
    ($($name:ident: $call:ident($role:ident, $request:ident)),* $(,)?) => {
        impl Mover<'_> {$(
            pub async fn $name(&self, id: &str) -> Result<Campaign, Status> {
                let answer = self.0.campaigns(Role::$role).$call($request { id: id.to_owned() }).await?;
                Ok(answer.into_inner().campaign.unwrap())
            }
        )*}
    };
}

moves! {
    submit: submit_campaign(Agent, SubmitCampaignRequest),
    send: send_campaign(Admin, SendCampaignRequest),
    pause: pause_campaign(Admin, PauseCampaignRequest),
    resume: resume_campaign(Admin, ResumeCampaignRequest),
}

impl Mover<'_> {
    pub async fn approve(&self, id: &str) -> Result<Campaign, Status> {
        self.approve_exactly(id, "").await
    }

    /// What has that hash.
    pub async fn approve_exactly(&self, id: &str, hash: &str) -> Result<Campaign, Status> {
        let request = ApproveCampaignRequest { id: id.to_owned(), hash: hash.to_owned() };
        Ok(self.0.campaigns(Role::Admin).approve_campaign(request).await?.into_inner().campaign.unwrap())
    }

    pub async fn reject(&self, id: &str, reason: &str) -> Result<Campaign, Status> {
        let request = RejectCampaignRequest { id: id.to_owned(), reason: reason.to_owned() };
        Ok(self.0.campaigns(Role::Admin).reject_campaign(request).await?.into_inner().campaign.unwrap())
    }

    pub async fn cancel(&self, id: &str) -> Result<CancelCampaignResponse, Status> {
        let request = CancelCampaignRequest { id: id.to_owned(), reason: "wrong price".to_owned() };
        Ok(self.0.campaigns(Role::Admin).cancel_campaign(request).await?.into_inner())
    }

    pub async fn edit(&self, id: &str, settings: Settings) -> Result<Campaign, Status> {
        let request = UpdateCampaignRequest { id: id.to_owned(), settings: Some(settings), base_revision: 0, template_version: 0 };
        Ok(self.0.campaigns(Role::Agent).update_campaign(request).await?.into_inner().campaign.unwrap())
    }

    /// A complete draft, moved on to SCHEDULED.
    pub async fn sent(&self, settings: Settings) -> Campaign {
        let draft = self.0.draft(settings).await;
        self.submit(&draft.id).await.unwrap();
        self.approve(&draft.id).await.unwrap();
        self.send(&draft.id).await.unwrap()
    }
}

/// The reason of a refusal because of the state.
pub fn reason(status: &Status) -> String {
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
    status.get_details_error_info().unwrap().reason
}

/// Does the scheduler's part: makes the run, and writes all its deliveries.
pub async fn start_run(api: &Api, id: &str) {
    let id: CampaignId = id.parse().unwrap();
    let now = OffsetDateTime::now_utc();
    let mut tx = api.db.begin().await.unwrap();
    store::run::lock_scheduled(&mut tx, id).await.unwrap().unwrap();
    let run = store::run::create(&mut tx, id, "once", RunId::new(), now).await.unwrap();
    let expanding = store::expand::lock(&mut tx, run).await.unwrap().unwrap();
    store::expand::chunk(&mut tx, &expanding, 1_000, now).await.unwrap();
    tx.commit().await.unwrap();
}
