//! Rows of one batch that are about one person, made one: a statement may touch a row only once, and the last row wins.

use super::Draft;
use domain::address::Address;
use std::collections::HashMap;

/// One person, with what all its rows say.
#[derive(Debug, PartialEq)]
pub struct Person {
    pub draft: Draft,
}

impl Person {
    /// Takes over what a later row says; empty fields say nothing.
    pub fn merge(&mut self, later: Draft) {
        let known = &mut self.draft;
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

/// Folds rows in their order. Rows without an external id join the person with their e-mail address, then with their phone.
pub fn by_person(rows: Vec<Draft>) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::with_capacity(rows.len());
    let mut places: HashMap<Name, usize> = HashMap::with_capacity(rows.len() * 2);
    for row in rows {
        let place = find(&people, &places, &row);
        let place = match place {
            Some(place) => {
                people[place].merge(row);
                place
            }
            None => {
                people.push(Person { draft: row });
                people.len() - 1
            }
        };
        for name in names(&people[place].draft) {
            // An address that two people share stays with the first, as in the database.
            places.entry(name).or_insert(place);
        }
    }
    people
}

/// What a person can be known by.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Name {
    External(String),
    Email(String),
    Phone(String),
    Written { email: String, phone: String, name: String },
}

fn names(draft: &Draft) -> Vec<Name> {
    let mut names: Vec<_> = draft.external_id.clone().map(Name::External).into_iter().collect();
    names.extend(draft.email.key.clone().map(Name::Email));
    names.extend(draft.phone.key.clone().map(Name::Phone));
    if names.is_empty() {
        names.push(Name::Written { email: draft.email.shown.clone(), phone: draft.phone.shown.clone(), name: draft.name.clone() });
    }
    names
}

fn find(people: &[Person], places: &HashMap<Name, usize>, row: &Draft) -> Option<usize> {
    // In order of precedence: the external id alone if there is one.
    let names = names(row);
    let sought = if row.external_id.is_some() { &names[..1] } else { &names[..] };
    sought.iter().find_map(|name| {
        let place = *places.get(name)?;
        // It may have had that address only until a later row gave it another.
        self::names(&people[place].draft).contains(name).then_some(place)
    })
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

    fn summary(rows: Vec<Draft>) -> Vec<String> {
        let summary = |person: Person| {
            let draft = person.draft;
            format!("{}|{}|{}|{}", draft.external_id.unwrap_or_default(), draft.name, draft.email.shown, draft.phone.shown)
        };
        by_person(rows).into_iter().map(summary).collect()
    }

    #[test]
    fn the_last_row_of_a_person_wins() {
        let rows = vec![row("1", "A", "a@x.com", ""), row("2", "B", "b@x.com", ""), row("1", "A2", "", "0501234567")];
        assert_eq!(summary(rows), ["1|A2|a@x.com|+971501234567", "2|B|b@x.com|"]);
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
        assert_eq!(summary(rows), ["1|B again|b@x.com|+971501234567", "|C again|c@x.com|+971507654321"]);
    }

    #[test]
    fn people_with_external_ids_stay_apart() {
        let rows = vec![row("1", "A", "a@x.com", ""), row("2", "B", "a@x.com", ""), row("", "who", "a@x.com", "")];
        assert_eq!(summary(rows), ["1|who|a@x.com|", "2|B|a@x.com|"]);
    }

    #[test]
    fn an_address_that_was_given_up_finds_nobody() {
        let rows = vec![row("1", "A", "old@x.com", ""), row("1", "A", "new@x.com", ""), row("", "B", "old@x.com", "")];
        assert_eq!(summary(rows), ["1|A|new@x.com|", "|B|old@x.com|"]);
    }

    #[test]
    fn rows_that_cannot_be_told_apart_are_one() {
        let rows = vec![row("", "A", "bad", ""), row("", "A", "bad", ""), row("", "B", "bad", "")];
        assert_eq!(summary(rows), ["|A|bad|", "|B|bad|"]);
    }

    #[test]
    fn attributes_are_merged() {
        let with = |attributes: serde_json::Value| Draft { attributes: attributes.as_object().unwrap().clone(), ..row("1", "", "", "") };
        let people = by_person(vec![with(json!({"a": "1", "b": "1"})), with(json!({"b": "2"}))]);
        assert_eq!(people[0].draft.attributes, *json!({"a": "1", "b": "2"}).as_object().unwrap());
    }
}
