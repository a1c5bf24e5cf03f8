//! `fanfare campaign convert|conversions`: what people did that a campaign was for, and what it was worth.

use super::Which;
use crate::{
    output::{channel_name, number},
    paging,
    session::{Session, request_id},
};
use anyhow::Result;
use proto::campaign::{
    Conversion, ConversionSource, ConversionTotal, GetConversionTotalsRequest, ListConversionsRequest, RecordConversionRequest,
};

#[derive(Debug, clap::Args)]
pub struct ConvertArgs {
    #[command(flatten)]
    which: Which,
    /// The contact's id
    #[arg(required_unless_present = "external_id")]
    contact: Option<String>,
    /// Its id in another system, instead
    #[arg(long, value_name = "ID", conflicts_with = "contact")]
    external_id: Option<String>,
    /// An order's number: the same one is counted once, also when the site's pixel tells of it
    #[arg(long, alias = "key", value_name = "NUMBER")]
    order: Option<String>,
    /// What it is worth, such as 129.90
    #[arg(long, value_name = "AMOUNT", value_parser = number::micros, requires = "currency")]
    value: Option<i64>,
    /// Such as AED
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct ConversionsArgs {
    #[command(flatten)]
    which: Which,
    /// Sums by channel and currency instead
    #[arg(long)]
    totals: bool,
    /// How many at most; 0 for all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// # Errors
/// When the hub refuses.
pub async fn convert(args: ConvertArgs, session: &Session) -> Result<()> {
    let request = RecordConversionRequest {
        campaign_id: args.which.id(session).await?,
        contact_id: args.contact.unwrap_or_default(),
        external_id: args.external_id.unwrap_or_default(),
        converted_at: None,
        request_id: request_id(),
        order_id: args.order.unwrap_or_default(),
        value_micros: args.value.unwrap_or_default(),
        currency: args.currency.unwrap_or_default(),
    };
    let answer = session.campaigns().record_conversion(request).await?.into_inner();
    session.output.message(&answer, |answer| match answer.delivery_id.as_str() {
        "" => "not counted: within the workspace's attribution window this contact got nothing of the campaign".to_owned(),
        delivery => format!("counted for delivery {delivery}"),
    })
}

/// # Errors
/// When the hub refuses.
pub async fn list(args: ConversionsArgs, session: &Session) -> Result<()> {
    let campaign_id = args.which.id(session).await?;
    if args.totals {
        let totals = session.campaigns().get_conversion_totals(GetConversionTotalsRequest { campaign_id }).await?.into_inner().totals;
        return session.output.rows(["channel", "conversions", "value", "currency"], &totals, total);
    }
    let conversions = paging::collect(args.limit, |page_size, page_token| {
        let request = ListConversionsRequest { campaign_id: campaign_id.clone(), page_size, page_token };
        async move {
            let page = session.campaigns().list_conversions(request).await?.into_inner();
            Ok((page.conversions, page.next_page_token))
        }
    });
    session.output.rows(["order", "contact", "channel", "value", "currency", "told by", "delivery"], &conversions.await?, row)
}

fn total(total: &ConversionTotal) -> [String; 4] {
    [channel_name(total.channel).to_owned(), number::count(total.conversions), number::amount(total.value_micros), total.currency.clone()]
}

fn row(conversion: &Conversion) -> [String; 7] {
    let told_by = match conversion.source() {
        ConversionSource::Api => "API",
        ConversionSource::Pixel => "pixel",
        ConversionSource::Unspecified => "?",
    };
    [
        conversion.order_id.clone(),
        conversion.contact_id.clone(),
        channel_name(conversion.channel).to_owned(),
        if conversion.value_micros == 0 { String::new() } else { number::amount(conversion.value_micros) },
        conversion.currency.clone(),
        told_by.to_owned(),
        conversion.delivery_id.clone(),
    ]
}
