//! `fanfare sender prices`: what texts cost by country, shown and set from a CSV file.

use crate::{output::number, resolve, session::Session};
use anyhow::{Context, Result, bail};
use clap::Args;
use proto::sender::{CountryPrice, ListSenderPricesRequest, SetSenderPricesRequest};
use std::{io::Read as _, path::Path, path::PathBuf};

#[derive(Debug, Args)]
pub struct PricesArgs {
    /// Name or id
    sender: String,
    /// Take the prices of this CSV file in the place of those that are there (admin): country, price of a segment, and perhaps price of a
    /// message with media and "no" where nothing is to be sent; "*" is every other country; "-" reads the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "clear")]
    set: Option<PathBuf>,
    /// Take them away: every text costs the sender's own price again (admin)
    #[arg(long)]
    clear: bool,
}

/// # Errors
/// When the file can't be read, or the hub refuses.
pub async fn run(args: PricesArgs, session: &Session) -> Result<()> {
    let sender_id = resolve::sender(session, &args.sender).await?;
    let given = match &args.set {
        Some(file) => Some(parse(&read(file)?).with_context(|| format!("{} is no list of prices", file.display()))?),
        None => args.clear.then(Vec::new),
    };
    let prices = match given {
        Some(prices) => session.senders().set_sender_prices(SetSenderPricesRequest { sender_id, prices }).await?.into_inner().prices,
        None => session.senders().list_sender_prices(ListSenderPricesRequest { sender_id }).await?.into_inner().prices,
    };
    if prices.is_empty() {
        return session.output.say("every text costs the sender's own price, whatever its length or country");
    }
    session.output.rows(["country", "a segment", "with media", ""], &prices, row)
}

fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("the standard input can't be read")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    }
    Ok(text)
}

/// Lines of `AE,0.032`, `US,0.0079,0.02`, `RU,0,,no`; a line that begins with `country` or `#` is none.
fn parse(text: &str) -> Result<Vec<CountryPrice>> {
    let mut prices = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') || line.to_ascii_lowercase().starts_with("country") {
            continue;
        }
        prices.push(price(line).with_context(|| format!("line {}", index + 1))?);
    }
    Ok(prices)
}

fn price(line: &str) -> Result<CountryPrice> {
    let mut cells = line.split(',').map(|cell| cell.trim().trim_matches('"'));
    let mut next = || cells.next().unwrap_or_default();
    let (country, segment, media, allowed) = (next(), next(), next(), next());
    let amount = |text: &str| number::micros(text).map_err(anyhow::Error::msg);
    let refused = match allowed.to_ascii_lowercase().as_str() {
        "" | "yes" | "true" => false,
        "no" | "false" => true,
        other => bail!("{other:?} is neither yes nor no"),
    };
    Ok(CountryPrice {
        country: country.to_owned(),
        price_micros: if refused && segment.is_empty() { 0 } else { amount(segment)? },
        mms_micros: if media.is_empty() { None } else { Some(amount(media)?) },
        refused,
    })
}

fn row(price: &CountryPrice) -> [String; 4] {
    let country = if price.country == "*" { "* (all others)".to_owned() } else { price.country.clone() };
    let media = price.mms_micros.map_or_else(|| "by segment".to_owned(), number::amount);
    [country, number::amount(price.price_micros), media, if price.refused { "nothing is sent".to_owned() } else { String::new() }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_prices_is_read() {
        let read = parse("country,price,media,send\nAE, 0.032\nUS,0.0079,0.02\n# no\n\nRU,,,no\n*,0.1,,yes\n").unwrap();
        let of = |country: &str, price_micros, mms_micros, refused| CountryPrice {
            country: country.to_owned(),
            price_micros,
            mms_micros,
            refused,
        };
        let expected =
            [of("AE", 32_000, None, false), of("US", 7_900, Some(20_000), false), of("RU", 0, None, true), of("*", 100_000, None, false)];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in ["AE", "AE,cheap", "AE,0.1,,maybe", "AE,-1"] {
            assert!(format!("{:#}", parse(&format!("US,1\n{bad}")).unwrap_err()).starts_with("line 2"), "{bad}");
        }
    }
}
