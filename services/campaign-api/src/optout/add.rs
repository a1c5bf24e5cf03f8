//! AddOptOuts. Asking twice adds nothing twice.

use super::{address, channel};
use crate::{audit::Change, contact::read_phone_rules, convert::commit, state::State};
use domain::{
    address::PhoneRules,
    consent::{Evidence, source},
    role::Role,
};
use proto::optout::{AddOptOutsRequest, AddOptOutsResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use serde::Serialize;
use std::collections::HashSet;
use store::optout::{self, OptOut};
use time::OffsetDateTime;
use tonic::{Request, Status};

const MAX_OPT_OUTS: usize = 10_000;
/// Bad ones that are told at once at most.
const MAX_VIOLATIONS: usize = 100;
const MAX_REASON: usize = 1_000;

/// What the audit log keeps.
#[derive(Serialize)]
struct Added {
    opt_outs: Vec<OptOut>,
}

pub async fn run(state: &State, request: Request<AddOptOutsRequest>) -> Result<AddOptOutsResponse, Status> {
    let caller = auth::authorize(&request, Role::Agent)?;
    let request = request.into_inner();
    if request.opt_outs.len() > MAX_OPT_OUTS {
        return Err(status::invalid("opt_outs", "must be at most 10,000"));
    }
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let rules = read_phone_rules(&mut tx, caller.workspace).await?;
    let mut opt_outs = read(request.opt_outs, &rules, now)?;
    let added = optout::add(&mut tx, caller.workspace, &opt_outs, &caller.subject).await.map_err(status::store)?;
    let count = added.len() as u64;
    if count > 0 {
        let mut added: HashSet<_> = added.into_iter().collect();
        opt_outs.retain(|entry| added.remove(&(entry.channel, entry.address_key.clone())));
        let change = Change {
            workspace: caller.workspace,
            caller: &caller,
            action: "opt_out.add",
            id: caller.workspace.0,
            before: None,
            after: Some(&Added { opt_outs }),
            at: now,
        };
        change.record(&mut tx).await?;
        commit(tx).await?;
    }
    Ok(AddOptOutsResponse { added: count })
}

fn read(given: Vec<proto::optout::OptOut>, rules: &PhoneRules, now: OffsetDateTime) -> Result<Vec<OptOut>, Status> {
    let mut violations = Violations::new();
    let mut bad = 0;
    let mut read = Vec::with_capacity(given.len());
    for (index, entry) in given.into_iter().enumerate() {
        match read_one(&entry, rules) {
            Ok((channel, address_key)) => {
                let reason = entry.reason.trim().to_owned();
                let evidence = Evidence::note(&entry.evidence.map(|evidence| evidence.text).unwrap_or_default());
                read.push(OptOut { channel, address_key, source: source::API.to_owned(), reason, created_at: now, evidence });
            }
            Err((field, description)) if bad < MAX_VIOLATIONS => {
                bad += 1;
                violations.add(format!("opt_outs[{index}].{field}"), description);
            }
            Err(_) => {}
        }
    }
    violations.check()?;
    Ok(read)
}

type Entry = (Option<domain::Channel>, String);

fn read_one(entry: &proto::optout::OptOut, rules: &PhoneRules) -> Result<Entry, (&'static str, String)> {
    let channel = channel(entry.channel).ok_or_else(|| ("channel", "is no channel".to_owned()))?;
    if entry.reason.contains('\0') || entry.reason.chars().count() > MAX_REASON {
        return Err(("reason", "must be at most 1,000 characters".to_owned()));
    }
    let address = address(channel, &entry.address, rules);
    match address.key {
        Some(key) => Ok((channel, key)),
        None if address.problem.is_empty() => Err(("address", "must be given".to_owned())),
        None => Err(("address", address.problem)),
    }
}
