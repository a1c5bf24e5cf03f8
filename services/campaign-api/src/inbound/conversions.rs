//! Conversions that a pixel has told of: who it was that clicked is known by their click's token, and all else is only said.

use super::sort::named_delivery;
use crate::campaign::conversion::{CLOCKS_DIFFER, fact};
use domain::{
    DeliveryId, WorkspaceId,
    conversion::{Worth, order_id},
};
use proto::event::{Fact, Inbound};
use std::collections::BTreeMap;
use store::{
    PgConnection, Result,
    attribution::{self, Cause, Converted, Converter},
    conversion::{self, New, Source},
    workspace::Workspace,
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Conversions that one click may have brought, as far as pixels go: whoever holds its token could make up any number.
const MAX_OF_DELIVERY: i64 = 50;

/// One that was told.
struct Told {
    order_id: String,
    worth: Option<Worth>,
    converted: Converted,
    traceparent: String,
}

/// Keeps the conversions in messages, and answers with the facts that follow from those that are new.
pub async fn record(tx: &mut PgConnection, workspace: &Workspace, messages: &[Inbound], now: OffsetDateTime) -> Result<Vec<Fact>> {
    // The same one told twice at once is one.
    let told: BTreeMap<_, _> = messages.iter().filter_map(read).map(|told| (told.order_id.clone(), told)).collect();
    if told.is_empty() {
        return Ok(Vec::new());
    }
    let (id, within) = (workspace.workspace_id, Duration::hours(workspace.tracking.attribution_hours.into()));
    let sought: Vec<_> = told.values().map(|told| told.converted).collect();
    let causes = attribution::to_convert(tx, id, &sought, within, CLOCKS_DIFFER).await?;
    let new: Vec<_> = told.values().zip(causes).filter_map(|(told, cause)| Some(new(told, cause?))).collect();
    let new = within_limit(tx, id, new).await?;
    let added = conversion::add(tx, id, &new, now).await?;
    let fact = |new: &New| {
        let traceparent = told.get(&new.order_id).map(|told| told.traceparent.as_str()).unwrap_or_default();
        fact(id, new.cause.delivery_id, &new.order_id, new.converted_at, traceparent)
    };
    Ok(new.iter().filter(|new| added.contains(&new.order_id)).map(fact).collect())
}

fn read(message: &Inbound) -> Option<Told> {
    let (conversion, delivery) = (message.conversion.as_ref()?, named_delivery(message)?);
    let time = |ms: i64| OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok();
    let clicked = Converter::Clicked(delivery, time(conversion.clicked_at_ms)?);
    let order = order_id(&conversion.order_id)?;
    Some(Told {
        order_id: if order.is_empty() { format!("delivery/{delivery}") } else { order.to_owned() },
        worth: Worth::new(conversion.value_micros, &conversion.currency).ok()?,
        converted: Converted { by: clicked, campaign_id: None, at: time(message.occurred_at_ms)? },
        traceparent: message.traceparent.clone(),
    })
}

fn new(told: &Told, cause: Cause) -> New {
    New {
        conversion_id: Uuid::now_v7(),
        order_id: told.order_id.clone(),
        cause,
        worth: told.worth,
        source: Source::Pixel,
        converted_at: told.converted.at,
    }
}

/// Those that don't go beyond what one delivery may have brought.
async fn within_limit(tx: &mut PgConnection, workspace: WorkspaceId, new: Vec<New>) -> Result<Vec<New>> {
    let ids: Vec<_> = new.iter().map(|new| new.cause.delivery_id.0).collect();
    let mut counts: BTreeMap<DeliveryId, i64> = conversion::told_by_pixel(tx, workspace, &ids).await?.into_iter().collect();
    let (kept, dropped): (Vec<_>, Vec<_>) = new.into_iter().partition(|new| {
        let count = counts.entry(new.cause.delivery_id).or_default();
        *count += 1;
        *count <= MAX_OF_DELIVERY
    });
    if !dropped.is_empty() {
        tracing::warn!(workspace.id = %workspace, count = dropped.len(), "more conversions of one click than anybody makes are left out");
    }
    Ok(kept)
}
