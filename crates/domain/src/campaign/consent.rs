//! What a campaign says about consent: its topic, and the list that its recipients may confirm.

use super::{Settings, complete::Gaps};
use crate::{ListId, TopicId};
use std::collections::BTreeMap;

/// What is known of it. What isn't in here doesn't exist in the workspace.
#[derive(Debug, Clone, Default)]
pub struct ConsentFacts {
    pub topics: BTreeMap<TopicId, TopicFacts>,
    /// Lists that campaigns ask their recipients to confirm.
    pub asking: BTreeMap<ListId, AskingFacts>,
}

#[derive(Debug, Clone, Copy)]
pub struct TopicFacts {
    pub archived: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct AskingFacts {
    pub archived: bool,
    pub double_opt_in: bool,
}

pub(super) fn check(settings: &Settings, facts: &ConsentFacts, gaps: &mut Gaps) {
    if let Some(id) = settings.topic_id {
        match facts.topics.get(&id) {
            None => gaps.wrong("settings.topic_id", format!("there is no topic {id}")),
            Some(topic) if topic.archived => {
                gaps.unfinished("settings.topic_id", "this topic is archived: bring it back or choose another");
            }
            Some(_) => {}
        }
    }
    if let Some(id) = settings.confirm_list_id {
        match facts.asking.get(&id) {
            None => gaps.wrong("settings.confirm_list_id", format!("there is no list {id}")),
            Some(list) if list.archived => {
                gaps.unfinished("settings.confirm_list_id", "this list is archived: restore it or choose another");
            }
            Some(list) if !list.double_opt_in => {
                gaps.unfinished("settings.confirm_list_id", "this list asks for no confirmation: turn its double opt-in on");
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::{Facts, gaps};

    fn fields(settings: &Settings, consent: ConsentFacts) -> Vec<(String, bool)> {
        let facts = Facts { consent, ..Facts::default() };
        let about = |field: &String| field.contains("topic") || field.contains("confirm");
        gaps(settings, &facts).into_iter().map(|gap| (gap.field, gap.wrong)).filter(|(field, _)| about(field)).collect()
    }

    #[test]
    fn a_topic_and_a_list_to_confirm_must_be_there_and_in_use() {
        let (topic, list) = (TopicId::new(), ListId::new());
        let settings = Settings { topic_id: Some(topic), confirm_list_id: Some(list), ..Settings::default() };
        let known = |archived, double_opt_in| ConsentFacts {
            topics: [(topic, TopicFacts { archived })].into(),
            asking: [(list, AskingFacts { archived, double_opt_in })].into(),
        };
        let both = |wrong| vec![("settings.topic_id".to_owned(), wrong), ("settings.confirm_list_id".to_owned(), wrong)];
        assert_eq!(fields(&settings, ConsentFacts::default()), both(true));
        assert_eq!(fields(&settings, known(true, true)), both(false));
        assert_eq!(fields(&settings, known(false, false)), both(false)[1..]);
        assert_eq!(fields(&settings, known(false, true)), []);
        assert_eq!(fields(&Settings::default(), ConsentFacts::default()), []);
    }
}
