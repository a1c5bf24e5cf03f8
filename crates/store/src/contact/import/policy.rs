//! How rows find the people they are about, and what they do to them.

/// How a row finds its person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MatchBy {
    /// By external id when the row has one, else by e-mail address, then by phone.
    #[default]
    Any,
    ExternalId,
    Email,
    Phone,
}

impl MatchBy {
    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ExternalId => "external_id",
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

/// What a row does to somebody who is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnMatch {
    /// Its values replace what is known; an empty one leaves it.
    #[default]
    Overwrite,
    /// Its values go where nothing is known.
    FillEmpty,
    /// Nothing.
    Skip,
}

impl OnMatch {
    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overwrite => "overwrite",
            Self::FillEmpty => "fill_empty",
            Self::Skip => "skip",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    pub match_by: MatchBy,
    pub on_match: OnMatch,
}
