//! ListConversions and GetConversionTotals: what a campaign has brought.

use crate::{
    convert::{page, timestamp},
    state::State,
};
use domain::{CampaignId, role::Role};
use proto::{
    campaign::{
        Conversion, ConversionSource, ConversionTotal, GetConversionTotalsRequest, GetConversionTotalsResponse, ListConversionsRequest,
        ListConversionsResponse,
    },
    convert::channel_number,
};
use runtime::{Caller, auth, status};
use store::{
    Tx, campaign,
    conversion::{self, Source},
};
use tonic::{Request, Status};

pub async fn list(state: &State, request: Request<ListConversionsRequest>) -> Result<ListConversionsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    let page = page(request.page_size, &request.page_token)?;
    let (mut tx, campaign) = begin(state, &caller, &request.campaign_id).await?;
    let mut conversions = conversion::list(&mut tx, caller.workspace, campaign, page).await.map_err(status::store)?;
    let next_page_token = page.finish(&mut conversions, |conversion| conversion.conversion_id);
    Ok(ListConversionsResponse { conversions: conversions.into_iter().map(present).collect(), next_page_token })
}

pub async fn totals(state: &State, request: Request<GetConversionTotalsRequest>) -> Result<GetConversionTotalsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let (mut tx, campaign) = begin(state, &caller, &request.into_inner().campaign_id).await?;
    let totals = conversion::totals(&mut tx, caller.workspace, campaign).await.map_err(status::store)?;
    let total = |total: conversion::Total| ConversionTotal {
        channel: channel_number(total.channel),
        currency: total.currency,
        conversions: total.conversions.unsigned_abs(),
        value_micros: total.value_micros,
    };
    Ok(GetConversionTotalsResponse { totals: totals.into_iter().map(total).collect() })
}

async fn begin(state: &State, caller: &Caller, id: &str) -> Result<(Tx, CampaignId), Status> {
    let id: CampaignId = status::id("campaign_id", id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    campaign::get(&mut tx, caller.workspace, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("campaign"))?;
    Ok((tx, id))
}

fn present(conversion: conversion::Conversion) -> Conversion {
    let source = match conversion.source {
        Source::Api => ConversionSource::Api,
        Source::Pixel => ConversionSource::Pixel,
    };
    Conversion {
        id: conversion.conversion_id.to_string(),
        order_id: conversion.order_id,
        contact_id: conversion.contact_id.map(|id| id.to_string()).unwrap_or_default(),
        delivery_id: conversion.delivery_id.to_string(),
        channel: channel_number(conversion.channel),
        value_micros: conversion.value_micros,
        currency: conversion.currency,
        source: source.into(),
        converted_at: Some(timestamp(conversion.converted_at)),
    }
}
