//! What a caller may do (A2).

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The role that a caller's token carries, and that an RPC asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Marketing: edits drafts, lists and templates, reads figures.
    Agent,
    /// All that an agent may; also approves, sends, pauses, cancels, removes opt-outs, manages senders and users.
    Admin,
    /// One of the hub's own services calling another. No person has it, and it isn't an admin.
    Internal,
}

impl Role {
    /// Whether a caller with this role may use what asks for `required`.
    #[must_use]
    pub const fn allows(self, required: Self) -> bool {
        matches!((self, required), (Self::Agent | Self::Admin, Self::Agent) | (Self::Admin, Self::Admin) | (Self::Internal, Self::Internal))
    }

    /// The word used in tokens and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Admin => "admin",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word isn't a role.
#[derive(Debug, thiserror::Error)]
#[error("no such role: agent, admin or internal")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "agent" => Ok(Self::Agent),
            "admin" => Ok(Self::Admin),
            "internal" => Ok(Self::Internal),
            _ => Err(UnknownRole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Role::{self, Admin, Agent, Internal};

    #[test]
    fn an_admin_may_what_an_agent_may_and_internal_is_apart() {
        let allowed: Vec<(Role, Role)> = [Agent, Admin, Internal]
            .into_iter()
            .flat_map(|role| [Agent, Admin, Internal].map(|required| (role, required)))
            .filter(|(role, required)| role.allows(*required))
            .collect();
        assert_eq!(allowed, [(Agent, Agent), (Admin, Agent), (Admin, Admin), (Internal, Internal)]);
    }

    #[test]
    fn words_are_read_back() {
        for role in [Agent, Admin, Internal] {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!("root".parse::<Role>().is_err());
        assert!("Admin".parse::<Role>().is_err());
    }
}
