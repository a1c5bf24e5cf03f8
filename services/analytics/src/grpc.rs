//! The calls. Every reading is of the caller's workspace; another one's campaign is not found.

use crate::{
    explain, now,
    present::{self, Figures},
    rebuild, versions,
    watch::{self, Feeds},
};
use domain::{CampaignId, WorkspaceId, facts::Wanted, role::Role};
use futures::{Stream, StreamExt};
use proto::{
    analytics::{
        ExplainRequest, ExplainResponse, GetCampaignStatsRequest, GetCampaignStatsResponse, ListDeliveriesRequest, ListDeliveriesResponse,
        RebuildStatsRequest, RebuildStatsResponse, RecountCampaignRequest, RecountCampaignResponse, WatchCampaignStatsRequest,
        WatchCampaignStatsResponse,
        analytics_service_server::{AnalyticsService, AnalyticsServiceServer},
    },
    convert,
};
use runtime::{auth, status};
use std::{pin::Pin, time::Duration};
use store::{
    Db,
    page::Page,
    recount,
    stats::{self, Cursor, Filter},
};
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

/// The longest `quiet_after_seconds`.
const MAX_QUIET_SECONDS: u32 = 24 * 3600;

pub(crate) fn service(db: Db, tasks: TaskTracker, feeds: Feeds) -> AnalyticsServiceServer<Analytics> {
    AnalyticsServiceServer::new(Analytics { db, tasks, feeds })
}

pub(crate) struct Analytics {
    db: Db,
    tasks: TaskTracker,
    feeds: Feeds,
}

impl Analytics {
    async fn figures(&self, workspace: WorkspaceId, campaign: CampaignId) -> Result<Figures, Status> {
        let figures = watch::read(&self.db, workspace, campaign).await.map_err(status::store)?;
        figures.ok_or_else(|| status::not_found("campaign"))
    }

    /// Counters and recount as they were at one moment.
    async fn compare(&self, workspace: WorkspaceId, campaign: CampaignId) -> store::Result<Option<(Figures, Figures)>> {
        let mut tx = self.db.begin().await?;
        recount::snapshot(&mut tx).await?;
        let Some(head) = stats::head(&mut tx, workspace, campaign).await? else { return Ok(None) };
        let counters = Figures { head: head.clone(), tallies: stats::tallies(&mut tx, workspace, campaign).await? };
        let recount = Figures { head, tallies: recount::tallies(&mut tx, workspace, campaign).await? };
        Ok(Some((counters, recount)))
    }
}

#[tonic::async_trait]
impl AnalyticsService for Analytics {
    async fn get_campaign_stats(&self, request: Request<GetCampaignStatsRequest>) -> Result<Response<GetCampaignStatsResponse>, Status> {
        let caller = auth::authorize(&request, Role::Agent)?;
        let request = request.into_inner();
        let campaign = status::id("campaign_id", &request.campaign_id)?;
        let figures = self.figures(caller.workspace, campaign).await?;
        let stats = Some(figures.present(campaign, now()));
        let versions = if request.by_version { versions::read(&self.db, caller.workspace, campaign).await? } else { Vec::new() };
        Ok(Response::new(GetCampaignStatsResponse { stats, versions }))
    }

    type WatchCampaignStatsStream = Pin<Box<dyn Stream<Item = Result<WatchCampaignStatsResponse, Status>> + Send>>;

    async fn watch_campaign_stats(
        &self,
        request: Request<WatchCampaignStatsRequest>,
    ) -> Result<Response<Self::WatchCampaignStatsStream>, Status> {
        let caller = auth::authorize(&request, Role::Agent)?;
        let request = request.into_inner();
        let campaign = status::id("campaign_id", &request.campaign_id)?;
        let quiet = request.quiet_after_seconds;
        if quiet > MAX_QUIET_SECONDS {
            return Err(status::invalid("quiet_after_seconds", "must be at most a day"));
        }
        self.figures(caller.workspace, campaign).await?;
        let quiet = (quiet > 0).then(|| Duration::from_secs(quiet.into()));
        let pushes = self.feeds.watch(caller.workspace, campaign, quiet);
        let pushes = pushes.map(move |figures| Ok(WatchCampaignStatsResponse { stats: Some(figures.present(campaign, now())) }));
        Ok(Response::new(Box::pin(pushes)))
    }

    async fn list_deliveries(&self, request: Request<ListDeliveriesRequest>) -> Result<Response<ListDeliveriesResponse>, Status> {
        let caller = auth::authorize(&request, Role::Agent)?;
        let request = request.into_inner();
        let campaign: CampaignId = status::id("campaign_id", &request.campaign_id)?;
        let filter = filter(&request)?;
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(Cursor::parse(token).map_err(|error| status::invalid("page_token", error.to_string()))?),
        };
        let page = Page::parse(request.page_size, "").map_err(|error| status::invalid("page_size", error.to_string()))?;
        let mut connection = self.db.acquire().await.map_err(status::store)?;
        stats::head(&mut connection, caller.workspace, campaign)
            .await
            .map_err(status::store)?
            .ok_or_else(|| status::not_found("campaign"))?;
        let mut rows = stats::deliveries(&mut connection, caller.workspace, campaign, &filter, after.as_ref(), page.limit())
            .await
            .map_err(status::store)?;
        let more = rows.len() > page.size as usize;
        rows.truncate(page.size as usize);
        let next = rows.last().filter(|_| more).map(|last| Cursor::after(last).to_token()).unwrap_or_default();
        Ok(Response::new(ListDeliveriesResponse { deliveries: rows.into_iter().map(present::delivery).collect(), next_page_token: next }))
    }

    async fn recount_campaign(&self, request: Request<RecountCampaignRequest>) -> Result<Response<RecountCampaignResponse>, Status> {
        let caller = auth::authorize(&request, Role::Agent)?;
        let campaign = status::id("campaign_id", &request.get_ref().campaign_id)?;
        let compared = self.compare(caller.workspace, campaign).await.map_err(status::store)?;
        let (counters, recount) = compared.ok_or_else(|| status::not_found("campaign"))?;
        let equal = counters.tallies == recount.tallies;
        if !equal {
            tracing::warn!(campaign.id = %campaign, "the counters differ from a recount; facts may be on their way");
        }
        let at = now();
        Ok(Response::new(RecountCampaignResponse {
            equal,
            counters: Some(counters.present(campaign, at)),
            recount: Some(recount.present(campaign, at)),
        }))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let caller = auth::authorize(&request, Role::Agent)?;
        let request = request.into_inner();
        let campaign = status::id("campaign_id", &request.campaign_id)?;
        let who = explain::who(&request)?;
        let mut tx = self.db.begin().await.map_err(status::store)?;
        recount::snapshot(&mut tx).await.map_err(status::store)?;
        stats::head(&mut tx, caller.workspace, campaign).await.map_err(status::store)?.ok_or_else(|| status::not_found("campaign"))?;
        let story = store::explain::explain(&mut tx, caller.workspace, campaign, &who, now()).await.map_err(status::store)?;
        Ok(Response::new(explain::present(story.ok_or_else(|| status::not_found("contact"))?)))
    }

    type RebuildStatsStream = Pin<Box<dyn Stream<Item = Result<RebuildStatsResponse, Status>> + Send>>;

    async fn rebuild_stats(&self, request: Request<RebuildStatsRequest>) -> Result<Response<Self::RebuildStatsStream>, Status> {
        let caller = auth::authorize(&request, Role::Admin)?;
        let RebuildStatsRequest { campaign_id, repair } = request.into_inner();
        let campaign = status::id("campaign_id", &campaign_id)?;
        self.figures(caller.workspace, campaign).await?;
        if repair {
            tracing::warn!(campaign.id = %campaign, "a repair of the figures was asked for");
        }
        let repairs = repair.then_some(caller.subject);
        Ok(Response::new(Box::pin(rebuild::stream(self.db.clone(), &self.tasks, (caller.workspace, campaign), repairs))))
    }
}

fn filter(request: &ListDeliveriesRequest) -> Result<Filter, Status> {
    let channel = match request.channel {
        0 => None,
        number => Some(convert::channel(number).ok_or_else(|| status::invalid("channel", "is not a channel that this version knows"))?),
    };
    let wanted = match request.status.as_str() {
        "" => None,
        wanted => Some(Wanted::parse(wanted).map_err(|error| status::invalid("status", error.to_string()))?),
    };
    Ok(Filter { channel, wanted })
}
