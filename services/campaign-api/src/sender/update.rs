//! UpdateSender.

use super::{account, limits, pause, refused, tasks, view};
use crate::{audit::Change, convert::commit, state::State};
use domain::{SenderId, role::Role};
use proto::sender::{UpdateSenderRequest, UpdateSenderResponse};
use providers::{Account, Secret};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::sender::{self, Sender};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateSenderRequest>) -> Result<UpdateSenderResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let id: SenderId = status::id("id", &request.id)?;
    let changed_secrets = !request.secrets.is_empty();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    sender::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let before = sender::get(&mut tx, caller.workspace, id).await.map_err(status::store)?;
    let before = before.ok_or_else(|| status::not_found("sender"))?;
    let after = Sender { updated_at: state.clock.now(), ..change(state, before.clone(), request)? };
    sender::update(&mut tx, &after).await.map_err(refused)?;
    if before.settings != after.settings || changed_secrets {
        tasks::plan(state, &mut tx, &after, after.updated_at).await.map_err(status::store)?;
    }
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "sender.update",
        id: id.0,
        before: Some(&before),
        after: Some(&after),
        at: after.updated_at,
    };
    change.record(&mut tx).await?;
    // New settings or secrets are the remedy for what its provider refused; what a person stopped, a person starts.
    let mended = before.settings != after.settings || changed_secrets;
    let health = view::health_of(&mut tx, &after).await?;
    if mended && !health.is_paused_by_person() {
        pause::clear(&mut tx, &caller, id, after.updated_at).await?;
    }
    let view = view::one(state, &mut tx, after).await?;
    commit(tx).await?;
    Ok(UpdateSenderResponse { sender: Some(view) })
}

fn change(state: &State, mut sender: Sender, request: UpdateSenderRequest) -> Result<Sender, Status> {
    let mut violations = Violations::new();
    if let Some(name) = request.name {
        sender.name = name.trim().to_owned();
        limits::name(&sender.name, &mut violations);
    }
    if let Some(rate) = request.rate_per_second {
        sender.rate_per_second = rate;
        limits::rate(rate, &mut violations);
    }
    if let Some(price) = request.price_micros {
        sender.price_micros = price;
        limits::price(price, &mut violations);
    }
    if !request.settings.is_empty() || !request.secrets.is_empty() {
        let secrets = account::open(&state.kek, sender.sender_id, &sender.sealed_secrets)?;
        let mut account = Account { settings: sender.settings, secrets };
        account::merge(&mut account.settings, request.settings, |value| value);
        account::merge(&mut account.secrets, request.secrets, Secret::new);
        let provider = providers::find(&sender.provider)
            .ok_or_else(|| status::precondition("PROVIDER_GONE", "its provider is no longer supported"))?;
        account::check(provider, sender.channel, &account, &mut violations);
        sender.sealed_secrets = account::seal(&state.kek, sender.sender_id, &account.secrets)?;
        sender.secret_names = account.secrets.into_keys().collect();
        sender.settings = account.settings;
    }
    violations.check()?;
    Ok(sender)
}
