//! What a sender's name, pace and price may be.

use domain::money::Currency;
use runtime::status::Violations;

const MAX_NAME: usize = 200;
/// Far above what any provider takes from one account.
const MAX_RATE_PER_SECOND: f64 = 10_000.0;

pub fn name(name: &str, violations: &mut Violations) {
    violations.expect(!name.is_empty(), "name", "must not be empty").expect(
        name.chars().count() <= MAX_NAME,
        "name",
        "must be at most 200 characters",
    );
}

pub fn rate(per_second: f64, violations: &mut Violations) {
    let fits = per_second > 0.0 && per_second <= MAX_RATE_PER_SECOND;
    violations.expect(fits, "rate_per_second", "must be above 0 and at most 10000");
}

pub fn price(micros: i64, violations: &mut Violations) {
    violations.expect(micros >= 0, "price_micros", "must not be negative");
}

/// The currency of a price; empty is USD.
pub fn currency(code: &str, violations: &mut Violations) -> Currency {
    if code.is_empty() {
        return Currency::USD;
    }
    code.parse().unwrap_or_else(|error: domain::money::UnknownCurrency| {
        violations.add("currency", error.to_string());
        Currency::USD
    })
}
