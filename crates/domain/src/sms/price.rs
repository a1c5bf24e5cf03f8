//! What a text costs: by its country, and by how many messages it makes.
//!
//! A sender without a list has one price for a text, whatever its length. With a list every price is of one *segment*, a country that
//! isn't named costs what `*` does, and one that nothing names costs the sender's own price a segment. A message with media has a price
//! of its own, whatever its text.

use super::MAX_SEGMENTS_DEFAULT;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The row of a list that holds for all countries without one.
pub const OTHERS: &str = "*";

/// The highest price that is taken: a million units of a currency.
pub const MAX_MICROS: i64 = 1_000_000_000_000;

/// What a country costs, in millionths of the sender's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Of one segment.
    pub price_micros: i64,
    /// Of one message with media; None: as many segments as its text makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mms_micros: Option<i64>,
    /// Nothing is sent to a country that isn't.
    pub allowed: bool,
}

/// Prices by country.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PriceList(pub BTreeMap<String, Price>);

/// What a run's texts cost by one sender, as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pricing {
    /// Of a whole text without a list; of a segment where the list names neither its country nor the others.
    pub price_micros: i64,
    pub list: PriceList,
    /// How many messages one text may make.
    pub max_segments: u32,
}

/// A text that may be sent, with its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    pub cost_micros: i64,
    pub segments: u32,
}

/// Why a text isn't sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpriced {
    /// The sender doesn't send to that country.
    Country,
    /// It makes more messages than its campaign allows.
    TooLong { segments: u32 },
}

impl Unpriced {
    /// The reason that is written down.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Country => crate::delivery::reason::COUNTRY_NOT_ENABLED,
            Self::TooLong { .. } => crate::delivery::reason::TOO_MANY_SEGMENTS,
        }
    }
}

impl Pricing {
    /// One price for every text, whatever its length or country.
    #[must_use]
    pub fn flat(price_micros: i64) -> Self {
        Self { price_micros, list: PriceList::default(), max_segments: MAX_SEGMENTS_DEFAULT }
    }

    /// What a text of so many segments costs to a country, with media or without.
    ///
    /// # Errors
    /// When it isn't sent at all.
    pub fn quote(&self, country: Option<&str>, segments: u32, has_media: bool) -> Result<Quote, Unpriced> {
        let of_country = country.and_then(|country| self.list.0.get(country)).or_else(|| self.list.0.get(OTHERS));
        if of_country.is_some_and(|price| !price.allowed) {
            return Err(Unpriced::Country);
        }
        // A message with media isn't cut into segments, but where there is no price for one.
        let as_one = has_media && of_country.map_or(self.list.0.is_empty(), |price| price.mms_micros.is_some());
        if segments > self.max_segments && !as_one {
            return Err(Unpriced::TooLong { segments });
        }
        let cost_micros = match of_country {
            Some(Price { mms_micros: Some(micros), .. }) if has_media => *micros,
            Some(price) => price.price_micros.saturating_mul(segments.max(1).into()),
            None if self.list.0.is_empty() => self.price_micros,
            None => self.price_micros.saturating_mul(segments.max(1).into()),
        };
        Ok(Quote { cost_micros, segments })
    }

    /// The most that one text can cost: what is kept for it until its cost is known. [`Pricing::quote`] never passes it.
    #[must_use]
    pub fn dearest(&self) -> i64 {
        if self.list.0.is_empty() {
            return self.price_micros;
        }
        let whole = |micros: i64| micros.saturating_mul(self.max_segments.max(1).into());
        let own = (!self.list.0.contains_key(OTHERS)).then(|| whole(self.price_micros));
        let allowed = self.list.0.values().filter(|price| price.allowed);
        let listed = allowed.flat_map(|price| [Some(whole(price.price_micros)), price.mms_micros]);
        listed.flatten().chain(own).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(price_micros: i64, mms_micros: Option<i64>, allowed: bool) -> Price {
        Price { price_micros, mms_micros, allowed }
    }

    fn pricing(prices: &[(&str, Price)]) -> Pricing {
        let list = PriceList(prices.iter().map(|(country, price)| ((*country).to_owned(), *price)).collect());
        Pricing { list, ..Pricing::flat(5) }
    }

    fn cost(pricing: &Pricing, country: Option<&str>, segments: u32, has_media: bool) -> Result<i64, Unpriced> {
        pricing.quote(country, segments, has_media).map(|quote| quote.cost_micros)
    }

    #[test]
    fn without_a_list_a_text_has_one_price() {
        let flat = Pricing::flat(5);
        assert_eq!([1, 4].map(|segments| cost(&flat, Some("AE"), segments, false)), [Ok(5), Ok(5)]);
        assert_eq!(cost(&flat, None, 5, false), Err(Unpriced::TooLong { segments: 5 }));
        assert_eq!(cost(&flat, Some("US"), 5, true), Ok(5), "media aren't cut into segments");
        assert_eq!(flat.dearest(), 5);
    }

    #[test]
    fn with_a_list_each_segment_has_the_price_of_its_country() {
        let list = pricing(&[("AE", price(30, None, true)), ("US", price(7, Some(20), true)), ("RU", price(1, None, false))]);
        assert_eq!(cost(&list, Some("AE"), 3, false), Ok(90));
        assert_eq!(cost(&list, Some("US"), 2, false), Ok(14));
        assert_eq!(cost(&list, Some("US"), 9, true), Ok(20));
        assert_eq!(cost(&list, Some("AE"), 3, true), Ok(90), "no price of its own for media");
        assert_eq!(cost(&list, Some("AE"), 5, true), Err(Unpriced::TooLong { segments: 5 }));
        assert_eq!(cost(&list, Some("RU"), 1, false), Err(Unpriced::Country));
        assert_eq!(cost(&list, Some("GB"), 2, false), Ok(10), "the sender's own price");
        assert_eq!(cost(&list, None, 2, false), Ok(10));
    }

    #[test]
    fn others_can_be_priced_or_shut_out() {
        let only = pricing(&[("AE", price(30, None, true)), (OTHERS, price(0, None, false))]);
        assert_eq!(cost(&only, Some("AE"), 1, false), Ok(30));
        assert_eq!([Some("GB"), None].map(|country| cost(&only, country, 1, false)), [Err(Unpriced::Country); 2]);
        let others = pricing(&[("AE", price(30, None, true)), (OTHERS, price(9, None, true))]);
        assert_eq!(cost(&others, Some("GB"), 2, false), Ok(18));
    }

    /// A generator of a few lines (xorshift), so that a failure can be had again.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, below: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % below
        }
    }

    #[test]
    fn nothing_costs_more_than_what_is_kept_for_it() {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let names = ["AE", "US", "SA", OTHERS];
        for round in 0..5_000 {
            let mut prices = BTreeMap::new();
            for name in names {
                if dice.roll(2) == 0 {
                    let mms_micros = (dice.roll(3) == 0).then(|| dice.roll(300) as i64);
                    prices.insert(name.to_owned(), price(dice.roll(100) as i64, mms_micros, dice.roll(4) > 0));
                }
            }
            let max_segments = 1 + dice.roll(24) as u32;
            let pricing = Pricing { price_micros: dice.roll(100) as i64, list: PriceList(prices), max_segments };
            for country in [Some("AE"), Some("US"), Some("SA"), Some("GB"), None] {
                let (segments, has_media) = (dice.roll(30) as u32, dice.roll(2) == 0);
                if let Ok(cost) = cost(&pricing, country, segments, has_media) {
                    assert!(cost <= pricing.dearest(), "round {round}: {cost} of {pricing:?} for {country:?} {segments} {has_media}");
                }
            }
        }
    }
}
