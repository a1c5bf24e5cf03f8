//! A batch's rows, each given to the person that it is about: as if they came one after the other, but with the database asked only once.

use super::Draft;
use domain::address::Address;
use std::collections::HashMap;
use uuid::Uuid;

/// A contact that is there, with what it can be known by.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub contact_id: Uuid,
    pub external_id: Option<String>,
    pub name: String,
    pub email: String,
    pub email_key: Option<String>,
    pub phone: String,
    pub phone_key: Option<String>,
}

/// A person that some rows are about.
#[derive(Debug)]
pub struct Person {
    /// None for a new one.
    pub contact_id: Option<Uuid>,
    /// What the rows say, the last one winning.
    pub draft: Draft,
}

/// Gives rows, in their order, to people. Rows with an external id are about the person who has it; others about the one with their e-mail
/// address, then with their phone; of several the oldest. `known` is in order of age.
pub fn by_person(known: Vec<Known>, rows: Vec<Draft>) -> Vec<Person> {
    let mut fold = Fold { people: Vec::with_capacity(known.len() + rows.len()), places: HashMap::new() };
    for contact in known {
        let names = names(&contact);
        fold.people.push((Person { contact_id: Some(contact.contact_id), draft: Draft::default() }, contact));
        fold.place(names, fold.people.len() - 1);
    }
    let mut is_touched = vec![false; fold.people.len()];
    for row in rows {
        let place = fold.give(row);
        is_touched.resize(fold.people.len(), false);
        is_touched[place] = true;
    }
    fold.people.into_iter().zip(is_touched).filter_map(|((person, _), is_touched)| is_touched.then_some(person)).collect()
}

/// What a person can be known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    External(String),
    Email(String),
    Phone(String),
    /// For those who have nothing else.
    Written {
        email: String,
        phone: String,
        name: String,
    },
}

struct Fold {
    /// The oldest first, each with what it can be known by now.
    people: Vec<(Person, Known)>,
    /// Whoever has, or has had, a name.
    places: HashMap<Name, Vec<usize>>,
}

impl Fold {
    fn give(&mut self, row: Draft) -> usize {
        let mut now = Known::default();
        change(&mut now, &row);
        let place = match self.find(&now) {
            Some(place) => place,
            None => {
                self.people.push((Person { contact_id: None, draft: Draft::default() }, Known::default()));
                self.people.len() - 1
            }
        };
        let (person, known) = &mut self.people[place];
        change(known, &row);
        let names = names(known);
        merge(&mut person.draft, row);
        self.place(names, place);
        place
    }

    fn find(&self, row: &Known) -> Option<usize> {
        let names = names(row);
        let sought = if row.external_id.is_some() { &names[..1] } else { &names[..] };
        sought.iter().find_map(|name| {
            let holders = self.places.get(name)?.iter().copied();
            // Some have given that address up since.
            holders.filter(|place| self::names(&self.people[*place].1).contains(name)).min()
        })
    }

    fn place(&mut self, names: Vec<Name>, place: usize) {
        for name in names {
            let places = self.places.entry(name).or_default();
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
}

fn names(known: &Known) -> Vec<Name> {
    let mut names: Vec<_> = known.external_id.clone().map(Name::External).into_iter().collect();
    names.extend(known.email_key.clone().map(Name::Email));
    names.extend(known.phone_key.clone().map(Name::Phone));
    if names.is_empty() {
        names.push(Name::Written { email: known.email.clone(), phone: known.phone.clone(), name: known.name.clone() });
    }
    names
}

/// What a person is known by after a row.
fn change(known: &mut Known, row: &Draft) {
    if row.external_id.is_some() {
        known.external_id.clone_from(&row.external_id);
    }
    if !row.name.is_empty() {
        known.name.clone_from(&row.name);
    }
    if !row.email.shown.is_empty() {
        (known.email, known.email_key) = (row.email.shown.clone(), row.email.key.clone());
    }
    if !row.phone.shown.is_empty() {
        (known.phone, known.phone_key) = (row.phone.shown.clone(), row.phone.key.clone());
    }
}

/// Takes over what a later row says; empty fields say nothing.
fn merge(known: &mut Draft, later: Draft) {
    known.external_id = later.external_id.or_else(|| known.external_id.take());
    take(&mut known.name, later.name);
    take_address(&mut known.email, later.email);
    take_address(&mut known.phone, later.phone);
    take(&mut known.locale, later.locale);
    take(&mut known.timezone, later.timezone);
    take(&mut known.role, later.role);
    take(&mut known.city, later.city);
    take(&mut known.postal_code, later.postal_code);
    known.attributes.extend(later.attributes);
}

fn take(known: &mut String, later: String) {
    if !later.is_empty() {
        *known = later;
    }
}

fn take_address(known: &mut Address, later: Address) {
    if !later.shown.is_empty() {
        *known = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::address::{self, PhoneRules};
    use serde_json::json;

    fn row(external_id: &str, name: &str, email: &str, phone: &str) -> Draft {
        Draft {
            external_id: Some(external_id.to_owned()).filter(|id| !id.is_empty()),
            name: name.to_owned(),
            email: address::email(email),
            phone: address::phone(phone, &PhoneRules::default()),
            ..Draft::default()
        }
    }

    /// As `contact id|external id|name|e-mail|phone`, of what the rows say.
    fn summary(known: Vec<Known>, rows: Vec<Draft>) -> Vec<String> {
        let summary = |Person { contact_id, draft }: Person| {
            let id = contact_id.map(|id| id.as_u128().to_string()).unwrap_or_default();
            format!("{id}|{}|{}|{}|{}", draft.external_id.unwrap_or_default(), draft.name, draft.email.shown, draft.phone.shown)
        };
        by_person(known, rows).into_iter().map(summary).collect()
    }

    fn known(id: u128, external_id: &str, email: &str, phone: &str) -> Known {
        let mut known = Known { contact_id: Uuid::from_u128(id), ..Known::default() };
        change(&mut known, &row(external_id, "old", email, phone));
        known
    }

    #[test]
    fn the_last_row_of_a_person_wins() {
        let rows = vec![row("1", "A", "a@x.com", ""), row("2", "B", "b@x.com", ""), row("1", "A2", "", "0501234567")];
        assert_eq!(summary(vec![], rows), ["|1|A2|a@x.com|+971501234567", "|2|B|b@x.com|"]);
    }

    #[test]
    fn rows_without_an_external_id_are_known_by_their_addresses() {
        let rows = vec![
            row("1", "A", "a@x.com", "0501234567"),
            row("", "A by mail", "A@X.com", ""),
            row("", "B", "b@x.com", "0501234567"),
            row("", "B again", "", "050 123 4567"),
            row("", "C", "c@x.com", "0507654321"),
            row("", "C again", "", "0507654321"),
        ];
        assert_eq!(summary(vec![], rows), ["|1|B again|b@x.com|+971501234567", "||C again|c@x.com|+971507654321"]);
    }

    #[test]
    fn people_with_external_ids_stay_apart() {
        let rows = vec![row("1", "A", "a@x.com", ""), row("2", "B", "a@x.com", ""), row("", "who", "a@x.com", "")];
        assert_eq!(summary(vec![], rows), ["|1|who|a@x.com|", "|2|B|a@x.com|"]);
    }

    #[test]
    fn an_address_that_was_given_up_finds_nobody() {
        let rows = vec![row("1", "A", "new@x.com", ""), row("", "B", "old@x.com", "")];
        assert_eq!(summary(vec![known(7, "1", "old@x.com", "")], rows), ["7|1|A|new@x.com|", "||B|old@x.com|"]);
    }

    #[test]
    fn the_oldest_with_an_address_is_meant() {
        let contacts = || vec![known(1, "1", "a@x.com", "0501111111"), known(2, "2", "b@x.com", "0502222222")];
        let rows = vec![row("", "B", "b@x.com", "0501111111"), row("", "A", "", "0501111111"), row("", "D", "d@x.com", "0501111111")];
        assert_eq!(summary(contacts(), rows), ["1||D|d@x.com|+971501111111", "2||B|b@x.com|+971501111111"]);
        assert_eq!(summary(contacts(), vec![row("2", "B", "", "")]), ["2|2|B||"], "whom no row is about is left alone");
    }

    #[test]
    fn rows_that_cannot_be_told_apart_are_one() {
        let rows = || vec![row("", "A", "bad", ""), row("", "A", "bad", ""), row("", "B", "bad", "")];
        assert_eq!(summary(vec![], rows()), ["||A|bad|", "||B|bad|"]);
        let there = Known { name: "B".to_owned(), ..known(5, "", "bad", "") };
        assert_eq!(summary(vec![there], rows()), ["5||B|bad|", "||A|bad|"]);
    }

    #[test]
    fn attributes_are_merged() {
        let with = |attributes: serde_json::Value| Draft { attributes: attributes.as_object().unwrap().clone(), ..row("1", "", "", "") };
        let people = by_person(vec![], vec![with(json!({"a": "1", "b": "1"})), with(json!({"b": "2"}))]);
        assert_eq!(people[0].draft.attributes, *json!({"a": "1", "b": "2"}).as_object().unwrap());
    }
}
