//! Folding the log anew: a check of one campaign at one moment, with or without repair.

use crate::now;
use domain::{CampaignId, WorkspaceId};
use futures::{Stream, stream};
use proto::analytics::RebuildStatsResponse;
use runtime::status;
use serde_json::json;
use store::{
    Db, alert, audit,
    rebuild::{Check, Exclusive, Report},
    recount, stats,
};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tonic::{Code, Status};

/// Answers that may wait for a slow client. Progress that finds no room is left out, so that the snapshot never waits for anybody.
const WAITING: usize = 16;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("the workspace has no such campaign")]
    NotFound,
    #[error("somebody else repairs this campaign right now")]
    Busy,
    /// Whoever wanted to know isn't there any more.
    #[error("nobody waits for the answer any more")]
    Abandoned,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Reads the campaign's log in one snapshot and compares. `progress` is told deliveries and facts after each page, and says whether
/// to go on; it must not wait, because the snapshot is open meanwhile.
///
/// # Errors
/// When there is nothing to report.
pub(crate) async fn check(
    db: &Db,
    (workspace, campaign): (WorkspaceId, CampaignId),
    settled_before: Option<OffsetDateTime>,
    progress: impl Fn(u64, u64) -> bool,
) -> Result<Report, Stopped> {
    pass(db, (workspace, campaign), settled_before, None, progress).await
}

/// The same, and writes what the log says over what differs.
///
/// # Errors
/// When there is nothing to report; what was corrected before that stays so.
pub(crate) async fn repair(
    db: &Db,
    (workspace, campaign): (WorkspaceId, CampaignId),
    progress: impl Fn(u64, u64) -> bool,
) -> Result<Report, Stopped> {
    let mut exclusive = Exclusive::take(db, workspace, campaign).await?.ok_or(Stopped::Busy)?;
    let report = pass(db, (workspace, campaign), None, Some(&mut exclusive), progress).await?;
    exclusive.settle(&report).await?;
    if !report.is_equal() {
        tracing::warn!(campaign.id = %campaign, deliveries = report.differing, differences = ?report.differences, "figures were repaired");
        let by = "repair";
        alert::resolve(&mut *db.acquire().await?, Some(campaign), None, &[alert::kind::FIGURES_DISAGREE], by, now()).await?;
    }
    Ok(report)
}

async fn pass(
    db: &Db,
    (workspace, campaign): (WorkspaceId, CampaignId),
    settled_before: Option<OffsetDateTime>,
    mut exclusive: Option<&mut Exclusive>,
    progress: impl Fn(u64, u64) -> bool,
) -> Result<Report, Stopped> {
    let mut tx = db.begin().await?;
    recount::snapshot(&mut tx).await?;
    stats::head(&mut tx, workspace, campaign).await?.ok_or(Stopped::NotFound)?;
    let mut check = Check::begin(&mut tx, workspace, campaign, settled_before).await?;
    while let Some(page) = check.page(&mut tx).await? {
        if let Some(exclusive) = &mut exclusive {
            exclusive.correct(&page.differing, now()).await?;
        }
        if !progress(page.deliveries, page.facts) {
            return Err(Stopped::Abandoned);
        }
    }
    Ok(check.finish(&mut tx).await?)
}

/// A repair that a person asks for, which is in the audit log twice: as it is asked for, and with what came of it.
async fn repair_for(
    db: &Db,
    (workspace, campaign): (WorkspaceId, CampaignId),
    actor: &str,
    progress: impl Fn(u64, u64) -> bool,
) -> Result<Report, Stopped> {
    let entry = |after| audit::Entry {
        workspace,
        actor,
        action: "campaign.repair_figures",
        object_type: "campaign",
        object_id: campaign.0,
        before: None,
        after: Some(after),
        at: now(),
    };
    audit::record(&mut *db.acquire().await?, entry(json!({ "asked": true }))).await?;
    let report = repair(db, (workspace, campaign), progress).await?;
    let outcome = json!({ "differing_deliveries": report.differing, "differences": report.differences });
    audit::record(&mut *db.acquire().await?, entry(outcome)).await?;
    Ok(report)
}

/// A check, or a repair by somebody, for a client: progress after each page, and the report at last. When the client goes away it ends
/// after the page that is being read.
pub(crate) fn stream(
    db: Db,
    tasks: &TaskTracker,
    key: (WorkspaceId, CampaignId),
    repaired_by: Option<String>,
) -> impl Stream<Item = Result<RebuildStatsResponse, Status>> + Send + use<> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tasks.spawn(async move {
        let told = |deliveries, facts| {
            let progress = RebuildStatsResponse { deliveries, facts, ..RebuildStatsResponse::default() };
            !matches!(sender.try_send(Ok(progress)), Err(mpsc::error::TrySendError::Closed(_)))
        };
        let done = match &repaired_by {
            Some(actor) => repair_for(&db, key, actor, told).await,
            None => check(&db, key, None, told).await,
        };
        // Who has gone away needs no answer.
        sender.send(done.map(|report| last(&report, repaired_by.is_some())).map_err(refusal)).await.unwrap_or_default();
    });
    stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|one| (one, receiver)) })
}

fn last(report: &Report, repair: bool) -> RebuildStatsResponse {
    let mut differences = report.differences.clone();
    if report.differing > 0 && differences.is_empty() {
        differences.push("the figures are equal, what is stored of single deliveries isn't".to_owned());
    }
    RebuildStatsResponse {
        facts: report.facts,
        deliveries: report.deliveries,
        done: true,
        equal: report.is_equal(),
        differing_deliveries: report.differing,
        differences,
        repaired: repair && !report.is_equal(),
    }
}

fn refusal(stopped: Stopped) -> Status {
    match stopped {
        Stopped::NotFound => status::not_found("campaign"),
        Stopped::Busy => Status::new(Code::Aborted, "somebody else repairs this campaign right now"),
        Stopped::Abandoned => Status::new(Code::Cancelled, "nobody waits for the answer"),
        Stopped::Store(error) => status::store(error),
    }
}
