//! GetListConsent and UpdateListConsent: whether a list asks for confirmation, and in which words.

use super::view;
use crate::{audit::Change, convert::commit, state::State};
use domain::{ListId, role::Role};
use proto::consent::{GetListConsentRequest, GetListConsentResponse, UpdateListConsentRequest, UpdateListConsentResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use std::collections::{BTreeMap, HashMap};
use store::consent::list::{self, Asking};
use tonic::{Request, Status};

const MAX_LANGUAGES: usize = 50;
const MAX_TEXT: usize = 2_000;
const MAX_LANGUAGE: usize = 35;

pub async fn get(state: &State, request: Request<GetListConsentRequest>) -> Result<GetListConsentResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let id: ListId = status::id("list_id", &request.get_ref().list_id)?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let asking = list::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    Ok(GetListConsentResponse { consent: Some(view::list(asking.ok_or_else(|| status::not_found("list"))?)) })
}

pub async fn update(state: &State, request: Request<UpdateListConsentRequest>) -> Result<UpdateListConsentResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let id: ListId = status::id("list_id", &request.list_id)?;
    let wording = wording(&request.wording, request.replace_wording)?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    store::list::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let before = list::get(&mut tx, caller.workspace, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("list"))?;
    let mut after: Asking = before.clone();
    if let Some(on) = request.double_opt_in.filter(|on| *on != before.double_opt_in) {
        list::set_double_opt_in(&mut tx, caller.workspace, id, on).await.map_err(status::store)?;
        after.double_opt_in = on;
    }
    if let Some(wording) = wording.filter(|wording| *wording != before.wording) {
        let version = list::add_wording(&mut tx, caller.workspace, id, &wording, &caller.subject, now).await.map_err(status::store)?;
        (after.wording, after.wording_version) = (wording, version);
    }
    if after != before {
        let change = Change {
            workspace: caller.workspace,
            caller: &caller,
            action: "list.update_consent",
            id: id.0,
            before: Some(&before),
            after: Some(&after),
            at: now,
        };
        change.record(&mut tx).await?;
        commit(tx).await?;
    }
    Ok(UpdateListConsentResponse { consent: Some(view::list(after)) })
}

/// The wording to be used from now on; None: as it is.
fn wording(given: &HashMap<String, String>, replace: bool) -> Result<Option<BTreeMap<String, String>>, Status> {
    let mut violations = Violations::new();
    if !replace {
        violations.expect(given.is_empty(), "replace_wording", "must be set for the wording to be replaced");
        violations.check()?;
        return Ok(None);
    }
    violations.expect(given.len() <= MAX_LANGUAGES, "wording", "must be in at most 50 languages");
    let for_all = given.get("").is_some_and(|text| !text.trim().is_empty());
    violations.expect(for_all, "wording[]", "must say under \"\" what is shown in all other languages");
    let mut wording = BTreeMap::new();
    for (language, text) in given.iter().take(MAX_LANGUAGES) {
        let field = format!("wording[{language}]");
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.contains('\0');
        violations.expect(fits, &field, "must have 1 to 2,000 characters");
        violations.expect(is_language(language), &field, "must be a language such as ar or pt-BR");
        wording.insert(language.to_ascii_lowercase(), text.to_owned());
    }
    violations.check()?;
    Ok(Some(wording))
}

/// A language tag by its form (RFC 5646), or nothing for all others.
pub fn is_language(tag: &str) -> bool {
    tag.is_empty()
        || tag.len() <= MAX_LANGUAGE
            && tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            && tag.split('-').next().is_some_and(|first| (2..=3).contains(&first.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_is_in_known_languages_and_one_for_all() {
        let of = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<HashMap<_, _>>();
        assert_eq!(wording(&of(&[]), false).unwrap(), None);
        let read = wording(&of(&[("", " I agree. "), ("pt-BR", "Concordo.")]), true).unwrap().unwrap();
        assert_eq!(read, [(String::new(), "I agree.".to_owned()), ("pt-br".to_owned(), "Concordo.".to_owned())].into());
        for bad in [&of(&[("ar", "x")]), &of(&[("", "x"), ("english", "y")]), &of(&[("", "x"), ("ar", " ")])] {
            assert!(wording(bad, true).is_err(), "{bad:?}");
        }
        assert!(wording(&of(&[("", "x")]), false).is_err());
    }
}
