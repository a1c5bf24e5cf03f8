//! What can happen to an accepted message, and sets of it.

use serde::{Deserialize, Serialize};

/// Something that happens to an accepted message. The order is the order they happen in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Sent,
    Delivered,
    Failed,
    Read,
    Click,
    Stop,
}

impl Step {
    pub const ALL: [Step; 6] = [Step::Sent, Step::Delivered, Step::Failed, Step::Read, Step::Click, Step::Stop];

    fn bit(self) -> u8 {
        1 << (self as u8)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Step::Sent => "sent",
            Step::Delivered => "delivered",
            Step::Failed => "failed",
            Step::Read => "read",
            Step::Click => "click",
            Step::Stop => "stop",
        }
    }
}

/// A set of steps in one byte. In JSON it is the list of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Step>", into = "Vec<Step>")]
pub struct StepSet(u8);

impl StepSet {
    pub fn of(steps: &[Step]) -> Self {
        StepSet(steps.iter().fold(0, |bits, step| bits | step.bit()))
    }

    pub fn has(self, step: Step) -> bool {
        self.0 & step.bit() != 0
    }

    #[must_use]
    pub fn with(self, step: Step) -> Self {
        StepSet(self.0 | step.bit())
    }

    #[must_use]
    pub fn without(self, other: StepSet) -> Self {
        StepSet(self.0 & !other.0)
    }

    #[must_use]
    pub fn only(self, other: StepSet) -> Self {
        StepSet(self.0 & other.0)
    }

    pub fn first(self) -> Option<Step> {
        self.iter().next()
    }

    /// One of the steps, the same whenever it is asked with the same salt.
    pub fn any(self, salt: u64) -> Option<Step> {
        let place = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        self.iter().nth(usize::try_from(place.checked_rem(self.len())?).ok()?)
    }

    pub fn len(self) -> u64 {
        u64::from(self.0.count_ones())
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Step> {
        Step::ALL.into_iter().filter(move |step| self.has(*step))
    }
}

impl From<Vec<Step>> for StepSet {
    fn from(steps: Vec<Step>) -> Self {
        StepSet::of(&steps)
    }
}

impl From<StepSet> for Vec<Step> {
    fn from(set: StepSet) -> Self {
        set.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_set_is_a_list_in_json() {
        let set = StepSet::of(&[Step::Read, Step::Sent]);
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["sent","read"]"#);
        assert_eq!(serde_json::from_str::<StepSet>(r#"["read","sent"]"#).unwrap(), set);
        assert_eq!(set.without(StepSet::of(&[Step::Sent])).first(), Some(Step::Read));
    }
}
