//! CreateTopic.

use super::{description, name, present, refused, translations};
use crate::{
    audit::Change,
    convert::{commit, request_id},
    state::State,
};
use domain::{TopicId, role::Role};
use proto::consent::{CreateTopicRequest, CreateTopicResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::{
    consent::topic::{self, Topic},
    request,
};
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<CreateTopicRequest>) -> Result<CreateTopicResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let key = request_id(&request.request_id)?;
    let now = state.clock.now();
    let mut violations = Violations::new();
    let topic = Topic {
        topic_id: TopicId::new(),
        name: name("name", &request.name, &mut violations),
        description: description("description", &request.description, &mut violations),
        translations: translations(&request.translations, &mut violations),
        archived_at: None,
        created_at: now,
    };
    violations.check()?;
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let id = topic.topic_id.0;
    if let Some(first) = request::claim(&mut tx, caller.workspace, "CreateTopic", key, id, now).await.map_err(status::store)? {
        let topic = topic::lock(&mut tx, caller.workspace, first.into()).await.map_err(status::store)?;
        return Ok(CreateTopicResponse { topic: Some(present(topic.ok_or_else(|| status::not_found("topic"))?)) });
    }
    topic::insert(&mut tx, caller.workspace, &topic).await.map_err(refused)?;
    let change =
        Change { workspace: caller.workspace, caller: &caller, action: "topic.create", id, before: None, after: Some(&topic), at: now };
    change.record(&mut tx).await?;
    commit(tx).await?;
    Ok(CreateTopicResponse { topic: Some(present(topic)) })
}
