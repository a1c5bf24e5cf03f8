//! Calls to the scheduler. They only make it act at once: it finds everything in the database by itself.

use domain::CampaignId;
use proto::scheduler::{DropRemainingRequest, RequeueRequest, StartCampaignRequest, scheduler_service_client::SchedulerServiceClient};
use runtime::{client, config, status};
use std::time::Duration;
use tonic::{Code, Status, service::interceptor::InterceptedService, transport::Channel};

/// A person waits for the answer, and nothing is lost without it.
const START_TIMEOUT: Duration = Duration::from_secs(2);

/// A requeue walks through a whole run, thousands of deliveries a transaction; a person waits for it.
const REQUEUE_TIMEOUT: Duration = Duration::from_secs(120);

type Client = SchedulerServiceClient<InterceptedService<Channel, client::Outgoing>>;

/// The scheduler, connected to at the first call. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SchedulerClient {
    quick: Client,
    patient: Client,
}

impl SchedulerClient {
    /// Reads where the scheduler is.
    ///
    /// # Errors
    /// When the URL or the token can't be used.
    pub fn new(config: &config::Internal) -> anyhow::Result<Self> {
        let outgoing = client::Outgoing::new(&config.internal_token)?;
        let over = |channel| SchedulerServiceClient::with_interceptor(channel, outgoing.clone());
        Ok(Self {
            quick: over(client::channel(&config.scheduler_url)?),
            patient: over(client::channel_within(&config.scheduler_url, REQUEUE_TIMEOUT)?),
        })
    }

    /// Asks it to start a due campaign now rather than at its next poll. A failure is logged and forgotten.
    pub async fn start_soon(&self, id: CampaignId) {
        let request = StartCampaignRequest { campaign_id: id.to_string() };
        let failure = match tokio::time::timeout(START_TIMEOUT, self.quick.clone().start_campaign(request)).await {
            Ok(Ok(_)) => return,
            Ok(Err(status)) => status.message().to_owned(),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::warn!(campaign.id = %id, failure, "the scheduler was not told; it will find the campaign at its next poll");
    }

    /// Asks it to drop what a cancelled campaign has not sent. Answers how many deliveries that were, over all calls.
    ///
    /// # Errors
    /// When the scheduler can't be reached or fails; it then drops them at its next poll.
    pub async fn drop_remaining(&self, id: CampaignId) -> Result<u64, Status> {
        let request = DropRemainingRequest { campaign_id: id.to_string() };
        Ok(self.quick.clone().drop_remaining(request).await?.into_inner().dropped)
    }

    /// Asks it to put deliveries back into the queue, or to write them off. Answers how many it did.
    ///
    /// # Errors
    /// UNAVAILABLE when it can't be reached or takes more than two minutes: then some may have been done, and asking again does the
    /// rest. What it refuses is passed on.
    pub async fn requeue(&self, request: RequeueRequest) -> Result<u64, Status> {
        match self.patient.clone().requeue(request).await {
            Ok(answer) => Ok(answer.into_inner().deliveries),
            Err(refusal) if matches!(refusal.code(), Code::FailedPrecondition | Code::InvalidArgument | Code::NotFound) => Err(refusal),
            Err(failure) => Err(status::unavailable("SCHEDULER_UNAVAILABLE", &failure)),
        }
    }
}
