//! Who somebody is whose number the provider hides, and what is heard of answers.

use domain::WorkspaceId;
use proto::event::Inbound;
use std::collections::BTreeSet;
use store::{
    PgConnection, Result,
    conversation::{
        person,
        report::{self, Report},
    },
};
use time::OffsetDateTime;

/// Fills in the number of people whom the workspace knows by the provider's id, and follows those whose id has changed. What they wish then
/// counts for the address that deliveries go to.
///
/// # Errors
/// When the database fails.
pub async fn complete(tx: &mut PgConnection, workspace: WorkspaceId, messages: &mut [Inbound], now: OffsetDateTime) -> Result<()> {
    for message in messages.iter().filter(|message| !message.was_user_id.is_empty() && !message.user_id.is_empty()) {
        person::renamed(&mut *tx, workspace, &message.was_user_id, &message.user_id, now).await?;
    }
    let hidden: BTreeSet<_> = messages.iter().filter(|message| message.from.is_empty()).map(|message| &message.user_id).collect();
    let hidden: Vec<_> = hidden.into_iter().filter(|id| !id.is_empty()).cloned().collect();
    let phones = person::phones(tx, workspace, &hidden).await?;
    for message in messages.iter_mut().filter(|message| message.from.is_empty()) {
        if let Some(phone) = phones.get(&message.user_id) {
            message.from.clone_from(phone);
        }
    }
    Ok(())
}

/// Keeps how far answers have come. What is told of tests is of no use.
///
/// # Errors
/// When the database fails.
pub async fn reports(tx: &mut PgConnection, workspace: WorkspaceId, messages: &[Inbound], now: OffsetDateTime) -> Result<()> {
    let told = |message: &Inbound| {
        let report = message.report.as_ref()?;
        let reported = report.state.parse().ok()?;
        Some(Report { reply_id: message.delivery_id.checked_neg().filter(|id| *id > 0)?, reported, code: report.code.clone() })
    };
    let reports: Vec<_> = messages.iter().filter_map(told).collect();
    report::keep(tx, workspace, &reports, now).await
}
