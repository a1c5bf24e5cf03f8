//! What a filter may be: limits on depth, size and values, so that any of them compiles to a statement that can be run.

use super::{AttributeTest, Deed, Engaged, Filter, NumberTest, TextTest, TimeTest};
use crate::{CampaignId, ListId};

/// Tests inside of tests at most.
pub const MAX_DEPTH: usize = 8;
/// Tests in all at most, `All`, `Any` and `Not` included.
pub const MAX_NODES: usize = 100;
/// Values or lists of one test at most.
pub const MAX_VALUES: usize = 500;
/// Characters of a value or an attribute's name at most.
pub const MAX_TEXT: usize = 200;
/// The longest time that is counted in days.
pub const MAX_DAYS: u32 = 3_660;
/// Numbers are compared up to this one, below which all whole numbers are exact.
const MAX_NUMBER: f64 = 1e15;

/// What is wrong with a filter, with the path of the field as in the proto.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub field: String,
    pub problem: String,
}

/// Problems that are told of at most; the author gets the idea.
const MAX_PROBLEMS: usize = 50;

/// Collects problems.
#[derive(Debug, Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn expect(&mut self, holds: bool, field: &str, problem: impl Into<String>) {
        if !holds && self.0.len() < MAX_PROBLEMS {
            self.0.push(Problem { field: field.to_owned(), problem: problem.into() });
        }
    }
}

impl Filter {
    /// Everything that is wrong with it; `field` is where it stands in a request.
    #[must_use]
    pub fn problems(&self, field: &str) -> Vec<Problem> {
        let mut problems = Problems::default();
        let nodes = self.nodes();
        problems.expect(nodes <= MAX_NODES, field, format!("has {nodes} tests: at most {MAX_NODES} are allowed"));
        let depth = self.depth();
        problems.expect(depth <= MAX_DEPTH, field, format!("is {depth} levels deep: at most {MAX_DEPTH} are allowed"));
        if problems.0.is_empty() {
            self.visit(field, &mut |field, filter| filter.check(field, &mut problems));
        }
        problems.0
    }

    /// The lists that it names, with the path of each.
    #[must_use]
    pub fn lists(&self, field: &str) -> Vec<(String, ListId)> {
        let mut lists = Vec::new();
        self.visit(field, &mut |field, filter| {
            if let Self::OnList(ids) = filter {
                lists.extend(ids.iter().enumerate().map(|(index, id)| (format!("{field}.list.list_ids[{index}]"), *id)));
            }
        });
        lists
    }

    /// The campaigns that it names, with the path of each.
    #[must_use]
    pub fn campaigns(&self, field: &str) -> Vec<(String, CampaignId)> {
        let mut campaigns = Vec::new();
        self.visit(field, &mut |field, filter| {
            if let Self::Engaged(Engaged { campaign_id: Some(id), .. }) = filter {
                campaigns.push((format!("{field}.engagement.campaign_id"), *id));
            }
        });
        campaigns
    }

    fn parts(&self) -> &[Self] {
        match self {
            Self::All(parts) | Self::Any(parts) => parts,
            Self::Not(part) => std::slice::from_ref(part),
            _ => &[],
        }
    }

    fn nodes(&self) -> usize {
        1 + self.parts().iter().map(Self::nodes).sum::<usize>()
    }

    fn depth(&self) -> usize {
        1 + self.parts().iter().map(Self::depth).max().unwrap_or_default()
    }

    fn visit(&self, field: &str, see: &mut impl FnMut(&str, &Self)) {
        see(field, self);
        for (index, part) in self.parts().iter().enumerate() {
            let field = match self {
                Self::All(_) => format!("{field}.all.filters[{index}]"),
                Self::Any(_) => format!("{field}.any.filters[{index}]"),
                _ => format!("{field}.not"),
            };
            part.visit(&field, see);
        }
    }

    fn check(&self, field: &str, problems: &mut Problems) {
        match self {
            Self::All(parts) => problems.expect(!parts.is_empty(), &format!("{field}.all.filters"), "must have at least one filter"),
            Self::Any(parts) => problems.expect(!parts.is_empty(), &format!("{field}.any.filters"), "must have at least one filter"),
            Self::Not(_) => {}
            Self::Profile { is, .. } => is.check(&format!("{field}.profile.is"), problems),
            Self::LastActive(is) => is.check_past(&format!("{field}.last_active"), problems),
            Self::Created(is) => is.check_past(&format!("{field}.created"), problems),
            Self::OnList(lists) => {
                let holds = (1..=MAX_VALUES).contains(&lists.len());
                problems.expect(holds, &format!("{field}.list.list_ids"), format!("must be 1 to {MAX_VALUES} lists"));
            }
            Self::Attribute { name, is } => {
                check_text(&format!("{field}.attribute.name"), name, problems);
                is.check(&format!("{field}.attribute"), problems);
            }
            Self::Engaged(Engaged { within_days, .. }) => {
                let field = format!("{field}.engagement.within_days");
                problems.expect(*within_days <= MAX_DAYS, &field, format!("must be at most {MAX_DAYS}, or 0 for ever"));
            }
        }
    }
}

fn check_text(field: &str, text: &str, problems: &mut Problems) {
    let holds = !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control);
    problems.expect(holds, field, format!("must have 1 to {MAX_TEXT} characters, without line breaks"));
}

impl TextTest {
    fn check(&self, field: &str, problems: &mut Problems) {
        match self {
            Self::Equals(text) => check_text(&format!("{field}.equals"), text, problems),
            Self::StartsWith(text) => check_text(&format!("{field}.starts_with"), text, problems),
            Self::Contains(text) => check_text(&format!("{field}.contains"), text, problems),
            Self::OneOf(texts) => {
                let field = format!("{field}.one_of.values");
                problems.expect((1..=MAX_VALUES).contains(&texts.len()), &field, format!("must be 1 to {MAX_VALUES} values"));
                for (index, text) in texts.iter().enumerate() {
                    check_text(&format!("{field}[{index}]"), text, problems);
                }
            }
            Self::Exists(_) => {}
        }
    }
}

impl AttributeTest {
    fn check(&self, field: &str, problems: &mut Problems) {
        match self {
            Self::Text(test) => test.check(&format!("{field}.text"), problems),
            Self::Number(test) => test.check(&format!("{field}.number"), problems),
            Self::Time(test) => test.check(&format!("{field}.time"), problems),
            Self::Truth(_) => {}
        }
    }
}

impl NumberTest {
    fn check(self, field: &str, problems: &mut Problems) {
        problems.expect(self.operand().abs() <= MAX_NUMBER, field, "must be a number between -10^15 and 10^15");
    }
}

impl TimeTest {
    fn check(self, field: &str, problems: &mut Problems) {
        let (name, days) = match self {
            Self::InLastDays(days) => ("in_last_days", days),
            Self::InNextDays(days) => ("in_next_days", days),
            Self::Before(_) | Self::Since(_) => return,
        };
        problems.expect((1..=MAX_DAYS).contains(&days), &format!("{field}.{name}"), format!("must be 1 to {MAX_DAYS}"));
    }

    fn check_past(self, field: &str, problems: &mut Problems) {
        self.check(field, problems);
        let is_future = matches!(self, Self::InNextDays(_));
        problems.expect(!is_future, &format!("{field}.in_next_days"), "never holds here: it is about what has happened");
    }
}

impl Deed {
    /// The name used on the command line and in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Replied => "replied",
            Self::Converted => "converted",
        }
    }
}
