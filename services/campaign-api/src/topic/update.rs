//! UpdateTopic: what is left out stays.

use super::{description, name, present, refused, translations};
use crate::{audit::Change, convert::commit, state::State};
use domain::{TopicId, role::Role};
use proto::consent::{UpdateTopicRequest, UpdateTopicResponse};
use runtime::{
    auth,
    status::{self, Violations},
};
use store::consent::topic::{self, Topic};
use time::OffsetDateTime;
use tonic::{Request, Status};

pub async fn run(state: &State, request: Request<UpdateTopicRequest>) -> Result<UpdateTopicResponse, Status> {
    let caller = auth::authorize(&request, Role::Admin)?;
    let request = request.into_inner();
    let id: TopicId = status::id("id", &request.id)?;
    let now = state.clock.now();
    let mut tx = state.db.tenant(caller.workspace).await.map_err(status::store)?;
    let before = topic::lock(&mut tx, caller.workspace, id).await.map_err(status::store)?.ok_or_else(|| status::not_found("topic"))?;
    let after = change(before.clone(), &request, now)?;
    if after != before {
        topic::update(&mut tx, caller.workspace, &after).await.map_err(refused)?;
        let change = Change {
            workspace: caller.workspace,
            caller: &caller,
            action: "topic.update",
            id: id.0,
            before: Some(&before),
            after: Some(&after),
            at: now,
        };
        change.record(&mut tx).await?;
        commit(tx).await?;
    }
    Ok(UpdateTopicResponse { topic: Some(present(after)) })
}

fn change(mut topic: Topic, request: &UpdateTopicRequest, now: OffsetDateTime) -> Result<Topic, Status> {
    let mut violations = Violations::new();
    if let Some(text) = &request.name {
        topic.name = name("name", text, &mut violations);
    }
    if let Some(text) = &request.description {
        topic.description = description("description", text, &mut violations);
    }
    if request.replace_translations {
        topic.translations = translations(&request.translations, &mut violations);
    } else {
        violations.expect(request.translations.is_empty(), "replace_translations", "must be set for the translations to be replaced");
    }
    topic.archived_at = match request.archived {
        Some(true) => topic.archived_at.or(Some(now)),
        Some(false) => None,
        None => topic.archived_at,
    };
    violations.check()?;
    Ok(topic)
}
