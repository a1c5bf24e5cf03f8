//! `fanfare campaign deliveries`: one line a delivery.

use super::Which;
use crate::{output::channel_name, paging, session::Session};
use anyhow::Result;
use domain::Channel;
use proto::{analytics::ListDeliveriesRequest, convert::channel_number};

#[derive(Debug, clap::Args)]
pub struct DeliveriesArgs {
    #[command(flatten)]
    which: Which,
    /// Only this channel
    #[arg(long)]
    channel: Option<Channel>,
    /// Only this status: queued, sending, retry_wait, sent, delivered, read, clicked, replied, converted, failed,
    /// uncertain, unknown, suppressed, …
    #[arg(long, default_value = "")]
    status: String,
    /// How many at most; 0 for all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

pub async fn run(args: DeliveriesArgs, session: &Session) -> Result<()> {
    let campaign_id = args.which.id(session).await?;
    let deliveries = paging::collect(args.limit, |page_size, page_token| {
        let request = ListDeliveriesRequest {
            campaign_id: campaign_id.clone(),
            channel: args.channel.map_or(0, channel_number),
            status: args.status.clone(),
            page_size,
            page_token,
        };
        async move {
            let page = session.analytics().list_deliveries(request).await?.into_inner();
            Ok((page.deliveries, page.next_page_token))
        }
    });
    let head = ["id", "channel", "address", "status", "reason", "attempts", "version", "provider's id", "link"];
    session.output.rows(head, &deliveries.await?, |delivery| {
        [
            delivery.id.clone(),
            channel_name(delivery.channel).to_owned(),
            delivery.address.clone(),
            delivery.status.clone(),
            delivery.reason.clone(),
            delivery.attempts.to_string(),
            if delivery.content_version == 0 { String::new() } else { delivery.content_version.to_string() },
            delivery.provider_message_id.clone(),
            delivery.permalink.clone(),
        ]
    })
}
