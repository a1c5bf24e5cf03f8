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
fn line(person: Person) -> String {
    let id = person.contact_id.map(|id| id.as_u128().to_string()).unwrap_or_default();
    let Some(draft) = person.draft else { return format!("{id} as it was") };
    format!("{id}|{}|{}|{}|{}", draft.external_id.unwrap_or_default(), draft.name, draft.email.shown, draft.phone.shown)
}

fn summary(known: Vec<Known>, rows: Vec<Draft>) -> Vec<String> {
    by_person(known, rows, Policy::default()).0.into_iter().map(line).collect()
}

fn known(id: u128, external_id: &str, email: &str, phone: &str) -> Known {
    let mut known = Known { contact_id: Uuid::from_u128(id), ..Known::default() };
    merge::overwrite_known(&mut known, &row(external_id, "old", email, phone));
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
    for (on_match, b) in [(OnMatch::Overwrite, "2"), (OnMatch::FillEmpty, "1"), (OnMatch::Skip, "1")] {
        let rows = vec![with(json!({"a": "1", "b": "1"})), with(json!({"b": "2"}))];
        let (people, _) = by_person(vec![], rows, Policy { on_match, ..Policy::default() });
        assert_eq!(people[0].draft.as_ref().unwrap().attributes, *json!({"a": "1", "b": b}).as_object().unwrap());
    }
}

#[test]
fn what_is_known_is_filled_or_left_alone_if_so_asked() {
    use Outcome::{Created, Skipped, Updated};
    let rows =
        || vec![row("1", "A", "new@x.com", "0501111111"), row("1", "A2", "", "0502222222"), row("2", "B", "", ""), row("2", "B2", "", "")];
    let there = || vec![known(7, "1", "old@x.com", "")];
    let with = |on_match| by_person(there(), rows(), Policy { on_match, ..Policy::default() });

    let (people, outcomes) = with(OnMatch::FillEmpty);
    assert_eq!(outcomes, [Updated, Updated, Created, Updated]);
    assert_eq!((people[0].known.email.as_str(), people[0].known.phone.as_str()), ("old@x.com", "+971501111111"));
    let lines: Vec<_> = people.into_iter().map(line).collect();
    assert_eq!(lines, ["7|1|A|new@x.com|+971501111111", "|2|B||"], "the first row wins");

    let (people, outcomes) = with(OnMatch::Skip);
    assert_eq!(outcomes, [Skipped, Skipped, Created, Skipped]);
    assert_eq!(people.into_iter().map(line).collect::<Vec<_>>(), ["7 as it was", "|2|B||"]);
}

#[test]
fn people_are_matched_by_what_is_asked() {
    use Outcome::{Created, Refused, Updated};
    let there = || vec![known(1, "1", "a@x.com", "0501111111"), known(2, "", "b@x.com", "0502222222")];
    let by = |match_by, rows| by_person(there(), rows, Policy { match_by, ..Policy::default() });

    let rows = vec![
        row("1", "", "a@x.com", ""),
        row("9", "", "a@x.com", ""),
        row("1", "", "b@x.com", ""),
        row("2", "", "b@x.com", ""),
        row("", "", "A@x.com", "0503333333"),
        row("2", "", "c@x.com", ""),
        row("3", "", "c@x.com", "0501111111"),
    ];
    let (people, outcomes) = by(MatchBy::Email, rows);
    let refused = [Refused(HAS_ANOTHER_ID), Refused(HOLDS_ANOTHERS_ID)];
    assert_eq!(outcomes, [Updated, refused[0], refused[1], Updated, Updated, refused[1], Created]);
    assert_eq!(people[1].known.external_id.as_deref(), Some("2"), "one without an external id gets it");

    let (_, outcomes) = by(MatchBy::Phone, vec![row("", "", "a@x.com", "0502222222"), row("", "", "a@x.com", "0509999999")]);
    assert_eq!(outcomes, [Updated, Created]);
    let (_, outcomes) = by(MatchBy::ExternalId, vec![row("1", "", "", ""), row("7", "", "a@x.com", "")]);
    assert_eq!(outcomes, [Updated, Created]);
}
