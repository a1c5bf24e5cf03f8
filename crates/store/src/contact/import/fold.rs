//! A batch's rows, each given to the person that it is about: as if they came one after the other, but with the database asked only once.

mod merge;
#[cfg(test)]
mod tests;

use super::{
    super::Draft,
    policy::{MatchBy, OnMatch, Policy},
};
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
    /// What the rows say; None when they change nothing of somebody who is there.
    pub draft: Option<Draft>,
    /// What the person can be known by now.
    pub known: Known,
}

/// What a row came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    Skipped,
    /// It can't be taken, and why.
    Refused(&'static str),
}

const HOLDS_ANOTHERS_ID: &str = "has the external id of another contact than the one that it is matched with";
const HAS_ANOTHER_ID: &str = "has another external id than the contact that it is matched with";

/// Gives rows, in their order, to people; answers with those whom a row is about, and with what each row came to. `known` is in order of
/// age: of several who could be meant it is the oldest. A known external id is never changed.
pub fn by_person(known: Vec<Known>, rows: Vec<Draft>, policy: Policy) -> (Vec<Person>, Vec<Outcome>) {
    let mut fold = Fold { policy, people: Vec::with_capacity(known.len() + rows.len()), places: HashMap::new(), is_touched: Vec::new() };
    for contact in known {
        fold.add(Person { contact_id: Some(contact.contact_id), draft: None, known: contact }, false);
    }
    let outcomes = rows.into_iter().map(|row| fold.give(row)).collect();
    let people = fold.people.into_iter().zip(fold.is_touched);
    (people.filter_map(|(person, is_touched)| is_touched.then_some(person)).collect(), outcomes)
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
    policy: Policy,
    /// The oldest first.
    people: Vec<Person>,
    is_touched: Vec<bool>,
    /// Whoever has, or has had, a name.
    places: HashMap<Name, Vec<usize>>,
}

impl Fold {
    fn add(&mut self, person: Person, is_touched: bool) {
        let names = names(&person.known);
        self.people.push(person);
        self.is_touched.push(is_touched);
        self.place(names, self.people.len() - 1);
    }

    fn give(&mut self, row: Draft) -> Outcome {
        let mut alone = Known::default();
        merge::overwrite_known(&mut alone, &row);
        let place = self.find(&alone);
        let holder = alone.external_id.clone().and_then(|id| self.holder(&Name::External(id)));
        match place {
            Some(place) if self.policy.on_match == OnMatch::Skip => {
                self.is_touched[place] = true;
                Outcome::Skipped
            }
            _ if holder.is_some() && holder != place => Outcome::Refused(HOLDS_ANOTHERS_ID),
            Some(place) if holder.is_none() && alone.external_id.is_some() && self.people[place].known.external_id.is_some() => {
                Outcome::Refused(HAS_ANOTHER_ID)
            }
            Some(place) => {
                self.change(place, row);
                Outcome::Updated
            }
            None => {
                self.add(Person { contact_id: None, draft: Some(row), known: alone }, true);
                Outcome::Created
            }
        }
    }

    fn change(&mut self, place: usize, row: Draft) {
        let person = &mut self.people[place];
        let is_filled_only = self.policy.on_match == OnMatch::FillEmpty;
        if is_filled_only {
            merge::fill_known(&mut person.known, &row);
        } else {
            merge::overwrite_known(&mut person.known, &row);
        }
        match &mut person.draft {
            Some(draft) if is_filled_only => merge::fill(draft, row),
            Some(draft) => merge::overwrite(draft, row),
            None => person.draft = Some(row),
        }
        let names = names(&person.known);
        self.is_touched[place] = true;
        self.place(names, place);
    }

    fn find(&self, row: &Known) -> Option<usize> {
        let names = names(row);
        let is_sought = |name: &Name| match self.policy.match_by {
            MatchBy::Any => row.external_id.is_none() || matches!(name, Name::External(_)),
            MatchBy::ExternalId => matches!(name, Name::External(_)),
            MatchBy::Email => matches!(name, Name::Email(_)),
            MatchBy::Phone => matches!(name, Name::Phone(_)),
        };
        names.iter().filter(|name| is_sought(name)).find_map(|name| self.holder(name))
    }

    /// The oldest who has a name now.
    fn holder(&self, name: &Name) -> Option<usize> {
        let holders = self.places.get(name)?.iter().copied();
        // Some have given that address up since.
        holders.filter(|place| has(&self.people[*place].known, name)).min()
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

/// Whether a name is among [`names`].
fn has(known: &Known, name: &Name) -> bool {
    match name {
        Name::External(id) => known.external_id.as_ref() == Some(id),
        Name::Email(key) => known.email_key.as_ref() == Some(key),
        Name::Phone(key) => known.phone_key.as_ref() == Some(key),
        Name::Written { email, phone, name } => {
            let has_nothing_else = known.external_id.is_none() && known.email_key.is_none() && known.phone_key.is_none();
            has_nothing_else && (&known.email, &known.phone, &known.name) == (email, phone, name)
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
