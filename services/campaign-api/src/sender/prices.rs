//! SetSenderPrices and ListSenderPrices: what texts cost by country.

use crate::{audit::Change, convert::commit, state::State};
use domain::{
    Channel, SenderId, WorkspaceId,
    role::Role,
    sms::{
        Price, PriceList, country,
        price::{MAX_MICROS, OTHERS},
    },
};
use proto::sender::{CountryPrice, ListSenderPricesRequest, ListSenderPricesResponse, SetSenderPricesRequest, SetSenderPricesResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::{PgConnection, sender};
use tonic::{Request, Status};

/// More than there are countries.
const MAX_PRICES: usize = 300;

pub async fn set(state: &State, request: Request<SetSenderPricesRequest>) -> Result<SetSenderPricesResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let id: SenderId = status::id("sender_id", &request.sender_id)?;
    let after = read(&request.prices)?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    sender::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    of_texts(&mut tx, caller.workspace, id).await?;
    let before = sender::price::list(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    if before != after {
        sender::price::replace(&mut tx, caller.workspace, id, &after).await.map_err(status::store)?;
        let (action, workspace) = ("sender.set_prices", caller.workspace);
        let change = Change { workspace, caller: &caller, action, id: id.0, before: Some(&before), after: Some(&after), at: now };
        change.record(&mut tx).await?;
    }
    commit(tx).await?;
    Ok(SetSenderPricesResponse { prices: present(&after) })
}

pub async fn list(state: &State, request: Request<ListSenderPricesRequest>) -> Result<ListSenderPricesResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: SenderId = status::id("sender_id", &request.get_ref().sender_id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let sender = sender::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    sender.ok_or_else(|| status::not_found("sender"))?;
    let list = sender::price::list(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    Ok(ListSenderPricesResponse { prices: present(&list) })
}

/// Only texts are priced by country here.
async fn of_texts(connection: &mut PgConnection, workspace: WorkspaceId, id: SenderId) -> Result<(), Status> {
    let sender = sender::get(connection, workspace, id).await.map_err(status::store)?;
    let sender = sender.ok_or_else(|| status::not_found("sender"))?;
    match sender.channel {
        Channel::Sms => Ok(()),
        channel => {
            Err(status::precondition("NOT_A_TEXT_SENDER", format!("only senders of sms have prices by country; this one sends {channel}")))
        }
    }
}

fn read(prices: &[CountryPrice]) -> Result<PriceList, Status> {
    if prices.len() > MAX_PRICES {
        return Err(status::invalid("prices", format!("must be at most {MAX_PRICES} countries")));
    }
    let mut violations = Violations::new();
    let mut list = PriceList::default();
    for (index, price) in prices.iter().enumerate() {
        let field = |name: &str| format!("prices[{index}].{name}");
        if price.country != OTHERS && !country::exists(&price.country) {
            violations.add(field("country"), "must be two capital letters of a country, such as AE, or * for all others");
        }
        let mut amount = |name: &str, micros: i64| {
            violations.expect((0..=MAX_MICROS).contains(&micros), &field(name), "must be from 0 to 1,000,000 units of the currency");
        };
        amount("price_micros", price.price_micros);
        amount("mms_micros", price.mms_micros.unwrap_or_default());
        let read = Price { price_micros: price.price_micros, mms_micros: price.mms_micros, allowed: !price.refused };
        if list.0.insert(price.country.clone(), read).is_some() {
            violations.add(field("country"), format!("{} is there twice", price.country.chars().take(8).collect::<String>()));
        }
    }
    violations.check()?;
    Ok(list)
}

fn present(list: &PriceList) -> Vec<CountryPrice> {
    let one = |(country, price): (&String, &Price)| CountryPrice {
        country: country.clone(),
        price_micros: price.price_micros,
        mms_micros: price.mms_micros,
        refused: !price.allowed,
    };
    list.0.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt as _;

    fn price(country: &str, price_micros: i64) -> CountryPrice {
        CountryPrice { country: country.to_owned(), price_micros, ..CountryPrice::default() }
    }

    #[test]
    fn a_list_is_shown_as_it_was_set() {
        let given = [
            CountryPrice { refused: true, ..price("*", 0) },
            price("AE", 32_000),
            CountryPrice { mms_micros: Some(20_000), ..price("US", 7_900) },
        ];
        assert_eq!(present(&read(&given).unwrap()), given);
    }

    #[test]
    fn what_is_wrong_is_said_of_each() {
        let given = [price("ae", 1), price("US", -1), price("US", MAX_MICROS + 1)];
        let fields = read(&given).unwrap_err().get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = fields.into_iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["prices[0].country", "prices[1].price_micros", "prices[2].price_micros", "prices[2].country"]);
        assert!(read(&vec![price("AE", 1); 301]).is_err());
    }
}
