//! Who got which version of a campaign's content, counted from the deliveries by the rules of the figures.

use crate::present::line;
use domain::{CampaignId, Channel, RunId, WorkspaceId, facts::Tally};
use proto::{analytics::VersionStats, convert};
use runtime::status;
use std::collections::BTreeMap;
use store::{Db, recount, run_content};
use tonic::Status;

/// The figures of each version, oldest first; before them those of deliveries that nothing was made for.
///
/// # Errors
/// When the database fails.
pub(crate) async fn read(db: &Db, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<VersionStats>, Status> {
    let mut tx = db.begin().await.map_err(status::store)?;
    recount::snapshot(&mut tx).await.map_err(status::store)?;
    let versions = run_content::versions(&mut tx, workspace, campaign).await.map_err(status::store)?;
    let mut figures = recount::by_version(&mut tx, workspace, campaign).await.map_err(status::store)?;
    let mut stats = Vec::with_capacity(versions.len() + 1);
    for version in versions {
        if version.version == 1 {
            let waiting = figures.remove(&(version.run_id, 0));
            stats.extend(waiting.map(|tallies| VersionStats { channels: lines(&tallies), ..of_run(version.run_id) }));
        }
        let tallies = figures.remove(&(version.run_id, version.version)).unwrap_or_default();
        stats.push(VersionStats {
            content_version: version.version.unsigned_abs(),
            template_id: version.template_id.to_string(),
            template_version: version.template_version.unsigned_abs(),
            since: Some(convert::timestamp(version.created_at)),
            created_by: version.created_by,
            channels: lines(&tallies),
            ..of_run(version.run_id)
        });
    }
    Ok(stats)
}

fn of_run(run: RunId) -> VersionStats {
    VersionStats { run_id: run.to_string(), ..VersionStats::default() }
}

fn lines(tallies: &BTreeMap<Channel, Tally>) -> Vec<proto::analytics::ChannelStats> {
    tallies.iter().map(|(channel, tally)| line(*channel, tally)).collect()
}
