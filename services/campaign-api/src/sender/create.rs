//! CreateSender.

use super::{account, limits, refused, tasks, view};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{Channel, SenderId, WorkspaceId, role::Role};
use proto::sender::{CreateSenderRequest, CreateSenderResponse};
use providers::Account;
use runtime::{
    auth,
    status::{self, Violations},
};
use std::collections::BTreeMap;
use store::{
    request,
    sender::{self, Sender},
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CreateSenderRequest>) -> Result<CreateSenderResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?.to_owned();
    let sender = read(state, caller.workspace, request)?;
    let (id, now) = (sender.sender_id, sender.created_at);
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "CreateSender", &key, id.0, now).await.map_err(status::store)? {
        let sender = sender::get(&mut tx, caller.workspace, first.into()).await.map_err(status::store)?;
        let sender = sender.ok_or_else(|| status::not_found("sender"))?;
        return Ok(CreateSenderResponse { sender: Some(view::one(state, &mut tx, sender).await?) });
    }
    sender::insert(&mut tx, &sender).await.map_err(refused)?;
    tasks::plan(state, &mut tx, &sender, now).await.map_err(status::store)?;
    let change = Change {
        workspace: caller.workspace,
        caller: &caller,
        action: "sender.create",
        id: id.0,
        before: None,
        after: Some(&sender),
        at: now,
    };
    change.record(&mut tx).await?;
    let view = view::one(state, &mut tx, sender).await?;
    commit(tx).await?;
    Ok(CreateSenderResponse { sender: Some(view) })
}

fn read(state: &State, workspace: WorkspaceId, request: CreateSenderRequest) -> Result<Sender, Status> {
    let mut violations = Violations::new();
    let name = request.name.trim().to_owned();
    limits::name(&name, &mut violations);
    limits::price(request.price_micros, &mut violations);
    let currency = limits::currency(&request.currency, &mut violations);
    let channel = proto::convert::channel(request.channel);
    let default_rate = channel.map_or(1.0, Channel::default_rate_per_second);
    let rate_per_second = if request.rate_per_second == 0.0 { default_rate } else { request.rate_per_second };
    limits::rate(rate_per_second, &mut violations);
    let mut account = Account { settings: BTreeMap::new(), secrets: BTreeMap::new() };
    account::merge(&mut account.settings, request.settings, |value| value);
    account::merge(&mut account.secrets, request.secrets, providers::Secret::new);
    check_provider(&request.provider, channel, &account, &mut violations);
    violations.check()?;
    let channel = channel.ok_or_else(|| status::invalid("channel", "must be given"))?;
    let (id, now) = (SenderId::new(), state.clock.now());
    Ok(Sender {
        sender_id: id,
        workspace_id: workspace,
        name,
        channel,
        provider: request.provider,
        sealed_secrets: account::seal(&state.kek, id, &account.secrets)?,
        secret_names: account.secrets.into_keys().collect(),
        settings: account.settings,
        rate_per_second,
        price_micros: request.price_micros,
        currency: currency.as_str().to_owned(),
        created_at: now,
        updated_at: now,
    })
}

fn check_provider(slug: &str, channel: Option<Channel>, account: &Account, violations: &mut Violations) {
    let Some(channel) = channel else {
        violations.add("channel", "must be given: email, sms, whatsapp, push or social");
        return;
    };
    let Some(provider) = providers::find(slug) else {
        let slugs: Vec<_> = providers::registry::PROVIDERS.iter().map(|provider| provider.slug).collect();
        violations.add("provider", format!("must be one of {}", slugs.join(", ")));
        return;
    };
    if provider.channels.contains(&channel) {
        account::check(provider, channel, account, violations);
    } else {
        let channels: Vec<_> = provider.channels.iter().map(|channel| channel.as_str()).collect();
        violations.add("channel", format!("{slug} carries {}, not {channel}", channels.join(" and ")));
    }
}
