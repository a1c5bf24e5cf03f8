//! `fanfare campaign retry-failed|settle-unknown`: what a person decides about deliveries after they were sent.

use super::Which;
use crate::{
    output::number,
    session::{Session, request_id},
};
use anyhow::Result;
use domain::Channel;
use proto::{
    campaign::{RetryFailedRequest, SettleUnknownRequest, UnknownAction},
    convert::channel_number,
};

#[derive(Debug, clap::Args)]
pub struct RetryArgs {
    #[command(flatten)]
    which: Which,
    /// Left out: all channels
    #[arg(long)]
    channel: Option<Channel>,
    /// Only what failed with this code; repeat for more
    #[arg(long = "code", value_name = "CODE")]
    codes: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[group(id = "action", required = true, multiple = false, args = ["resend", "write_off"])]
pub struct SettleArgs {
    #[command(flatten)]
    which: Which,
    /// Send them again: a person may get it twice
    #[arg(long)]
    resend: bool,
    /// Leave them: a person may never have got it
    #[arg(long)]
    write_off: bool,
    /// Left out: all channels
    #[arg(long)]
    channel: Option<Channel>,
    /// Only this delivery; repeat for more
    #[arg(long = "delivery", value_name = "ID")]
    deliveries: Vec<String>,
    /// Kept in the audit log
    #[arg(long, default_value = "")]
    reason: String,
}

pub async fn retry_failed(args: RetryArgs, session: &Session) -> Result<()> {
    let request = RetryFailedRequest {
        campaign_id: args.which.id(session).await?,
        channel: args.channel.map_or(0, channel_number),
        codes: args.codes,
        request_id: request_id(),
    };
    let answer = session.patient_campaigns().retry_failed(request).await?.into_inner();
    session.output.message(&answer, |answer| format!("{} will be sent again", number::of(answer.queued, "message", "messages")))
}

pub async fn settle_unknown(args: SettleArgs, session: &Session) -> Result<()> {
    let action = if args.resend { UnknownAction::Resend } else { UnknownAction::WriteOff };
    let request = SettleUnknownRequest {
        campaign_id: args.which.id(session).await?,
        delivery_ids: args.deliveries,
        channel: args.channel.map_or(0, channel_number),
        action: action.into(),
        reason: args.reason,
    };
    let answer = session.patient_campaigns().settle_unknown(request).await?.into_inner();
    let became = if args.resend { "will be sent again" } else { "written off" };
    session.output.message(&answer, |answer| format!("{} {became}", number::of(answer.settled, "message", "messages")))
}
