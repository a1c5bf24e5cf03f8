//! The rows that belong to a campaign: its channels, rules and lists.

use super::Campaign;
use crate::Result;
use domain::CampaignId;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

/// Takes them all away.
pub async fn delete(connection: &mut PgConnection, id: CampaignId) -> Result<()> {
    sqlx::query!("DELETE FROM core.campaign_channel WHERE campaign_id = $1", id.0).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM core.campaign_sender WHERE campaign_id = $1", id.0).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM core.campaign_rule WHERE campaign_id = $1", id.0).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM core.campaign_list WHERE campaign_id = $1", id.0).execute(connection).await?;
    Ok(())
}

/// Writes them; a new campaign has none yet.
pub async fn insert(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    insert_channels(connection, campaign).await?;
    insert_senders(connection, campaign).await?;
    insert_rules(connection, campaign).await?;
    put_tracking(connection, campaign).await?;
    super::consent::put(connection, campaign).await?;
    insert_lists(connection, campaign).await?;
    super::audience::replace(connection, campaign).await
}

/// Replaces what may be edited while it runs: the rules, and the budgets of channels.
pub async fn replace_guards(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    let channels = &campaign.settings.channels;
    sqlx::query!(
        "UPDATE core.campaign_channel c SET budget_micros = p.budget_micros
         FROM unnest($2::text[], $3::bigint[]) AS p (channel, budget_micros) WHERE c.campaign_id = $1 AND c.channel = p.channel",
        campaign.campaign_id.0,
        &channels.keys().map(|channel| channel.as_str().to_owned()).collect::<Vec<_>>(),
        &channels.values().map(|of| of.budget_micros).collect::<Vec<_>>() as &[Option<i64>]
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM core.campaign_rule WHERE campaign_id = $1", campaign.campaign_id.0).execute(&mut *connection).await?;
    insert_rules(connection, campaign).await
}

async fn insert_channels(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    sqlx::query!(
        "INSERT INTO core.campaign_channel (campaign_id, workspace_id, channel, sender_id, budget_micros, fallback_sender_id,
             rescue_channel, rescue_only, max_segments)
         SELECT $1, $2, part.key, p.sender_id, p.budget_micros, p.fallback_sender_id, p.rescue_channel, p.rescue_only, p.max_segments
         FROM jsonb_each($3) AS part, jsonb_populate_record(NULL::core.campaign_channel, part.value) AS p",
        campaign.campaign_id.0,
        campaign.workspace_id.0,
        Json(&campaign.settings.channels) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_senders(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    let channels = campaign.settings.channels.iter();
    let also = channels.flat_map(|(channel, of)| of.also_sender_ids.iter().map(move |id| (channel.as_str().to_owned(), id.0)));
    let (channels, senders): (Vec<String>, Vec<Uuid>) = also.unzip();
    if senders.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO core.campaign_sender (campaign_id, channel, sender_id, position, workspace_id)
         SELECT $1, p.channel, p.sender_id, p.position, $2 FROM unnest($3::text[], $4::uuid[]) WITH ORDINALITY AS p (channel, sender_id, position)",
        campaign.campaign_id.0,
        campaign.workspace_id.0,
        &channels,
        &senders
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_tracking(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    sqlx::query!(
        "UPDATE core.campaign SET tracking = $2 WHERE campaign_id = $1 AND tracking <> $2",
        campaign.campaign_id.0,
        Json(&campaign.settings.tracking) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_rules(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    let rules = &campaign.settings.rules;
    if rules.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO core.campaign_rule (campaign_id, workspace_id, position, on_channel, engagement, within_hours, skip_channel)
         SELECT $1, $2, part.position, p.on_channel, p.engagement, p.within_hours, p.skip_channel
         FROM jsonb_array_elements($3) WITH ORDINALITY AS part (rule, position),
              jsonb_populate_record(NULL::core.campaign_rule, part.rule) AS p",
        campaign.campaign_id.0,
        campaign.workspace_id.0,
        Json(rules) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_lists(connection: &mut PgConnection, campaign: &Campaign) -> Result<()> {
    let settings = &campaign.settings;
    let included = settings.list_ids.iter().map(|list| (list.0, false));
    let excluded = settings.exclude_list_ids.iter().map(|list| (list.0, true));
    let (lists, excluded): (Vec<_>, Vec<_>) = included.chain(excluded).unzip();
    sqlx::query!(
        "INSERT INTO core.campaign_list (campaign_id, workspace_id, list_id, excluded)
         SELECT $1, $2, p.list_id, p.excluded FROM unnest($3::uuid[], $4::boolean[]) AS p (list_id, excluded)",
        campaign.campaign_id.0,
        campaign.workspace_id.0,
        &lists,
        &excluded
    )
    .execute(connection)
    .await?;
    Ok(())
}
