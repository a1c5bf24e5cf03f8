//! What surrounds a place in a piece of HTML.

use super::scan::{Attribute, Piece, Scan, Start};
use std::ops::Range;

#[derive(Debug, PartialEq, Eq)]
pub enum Context<'s> {
    /// Between tags.
    Text,
    /// Within an attribute's value.
    Value(&'s Start, &'s Attribute),
    /// Within a tag, in its name or in an attribute's.
    Name,
    /// Within a tag, beside its attributes.
    Tag,
    Comment,
    /// Within an element whose content is no markup, such as `style`.
    Raw(&'s str),
}

impl Scan {
    pub fn context(&self, at: usize) -> Context<'_> {
        let after = self.pieces.partition_point(|piece| piece.at().start <= at);
        let Some(piece) = after.checked_sub(1).map(|index| &self.pieces[index]).filter(|piece| piece.at().contains(&at)) else {
            return Context::Text;
        };
        match piece {
            Piece::Start(start) => start.context(at),
            Piece::End { .. } => Context::Tag,
            Piece::Comment(_) => Context::Comment,
            Piece::Raw { element, .. } => Context::Raw(element),
        }
    }

    pub fn starts(&self) -> impl Iterator<Item = &Start> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Start(start) => Some(start),
            _ => None,
        })
    }
}

impl Piece {
    pub const fn at(&self) -> &Range<usize> {
        match self {
            Self::Start(Start { at, .. }) | Self::End { at, .. } | Self::Comment(at) | Self::Raw { at, .. } => at,
        }
    }
}

impl Start {
    fn context(&self, at: usize) -> Context<'_> {
        let is_name = |range: &Range<usize>| range.contains(&at);
        if is_name(&self.name_at) || self.attributes.iter().any(|attribute| is_name(&attribute.name_at)) {
            return Context::Name;
        }
        let value = |attribute: &&Attribute| attribute.value_at.as_ref().is_some_and(is_name);
        self.attributes.iter().find(value).map_or(Context::Tag, |attribute| Context::Value(self, attribute))
    }

    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}
