//! Topics: what campaigns can be about.

mod create;
mod list;
mod update;

use crate::{consent::is_language, convert::timestamp, state::State};
use proto::consent::{
    CreateTopicRequest, CreateTopicResponse, ListTopicsRequest, ListTopicsResponse, Topic, TopicText, UpdateTopicRequest,
    UpdateTopicResponse,
    topic_service_server::{TopicService, TopicServiceServer},
};
use runtime::status::{self, Violations};
use std::collections::{BTreeMap, HashMap};
use store::consent::topic::{self, Text};
use tonic::{Request, Response, Status};

pub struct Topics(State);

pub fn service(state: State) -> TopicServiceServer<Topics> {
    TopicServiceServer::new(Topics(state))
}

#[tonic::async_trait]
impl TopicService for Topics {
    async fn create_topic(&self, request: Request<CreateTopicRequest>) -> Result<Response<CreateTopicResponse>, Status> {
        create::run(&self.0, request).await.map(Response::new)
    }

    async fn list_topics(&self, request: Request<ListTopicsRequest>) -> Result<Response<ListTopicsResponse>, Status> {
        list::run(&self.0, request).await.map(Response::new)
    }

    async fn update_topic(&self, request: Request<UpdateTopicRequest>) -> Result<Response<UpdateTopicResponse>, Status> {
        update::run(&self.0, request).await.map(Response::new)
    }
}

const MAX_NAME: usize = 100;
const MAX_DESCRIPTION: usize = 500;
const MAX_LANGUAGES: usize = 50;

fn name(field: &str, text: &str, violations: &mut Violations) -> String {
    let text = text.trim();
    let fits = (1..=MAX_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    violations.expect(fits, field, "must have 1 to 100 characters, without line breaks");
    text.to_owned()
}

fn description(field: &str, text: &str, violations: &mut Violations) -> String {
    let text = text.trim();
    violations.expect(text.chars().count() <= MAX_DESCRIPTION && !text.contains('\0'), field, "must be at most 500 characters");
    text.to_owned()
}

fn translations(given: &HashMap<String, TopicText>, violations: &mut Violations) -> BTreeMap<String, Text> {
    violations.expect(given.len() <= MAX_LANGUAGES, "translations", "must be in at most 50 languages");
    let mut read = BTreeMap::new();
    for (language, text) in given.iter().take(MAX_LANGUAGES) {
        let field = format!("translations[{language}]");
        violations.expect(!language.is_empty() && is_language(language), &field, "must be a language such as ar or pt-BR");
        let text = Text {
            name: name(&format!("{field}.name"), &text.name, violations),
            description: description(&format!("{field}.description"), &text.description, violations),
        };
        read.insert(language.to_ascii_lowercase(), text);
    }
    read
}

/// What a failed write of a topic means to the caller.
fn refused(error: store::Error) -> Status {
    if error.is_constraint("topic_name") {
        return status::already_exists("topic", "there is a topic of this name already");
    }
    status::store(error)
}

fn present(topic: topic::Topic) -> Topic {
    let text = |(language, text): (String, Text)| (language, TopicText { name: text.name, description: text.description });
    Topic {
        id: topic.topic_id.to_string(),
        name: topic.name,
        description: topic.description,
        translations: topic.translations.into_iter().map(text).collect(),
        archived: topic.archived_at.is_some(),
        created_at: Some(timestamp(topic.created_at)),
    }
}
