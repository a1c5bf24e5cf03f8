//! What a column of CSV, or a name of NDJSON, is: a contact's field, an attribute, or nothing.

use super::super::limits;
use runtime::status::Violations;
use std::collections::{BTreeMap, HashMap};
use tonic::Status;

/// A contact's field that a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    ExternalId,
    Name,
    Email,
    Phone,
    Locale,
    Timezone,
    Role,
    City,
    PostalCode,
    LastActiveAt,
}

impl Field {
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::ExternalId, "external_id"),
        (Self::Name, "name"),
        (Self::Email, "email"),
        (Self::Phone, "phone"),
        (Self::Locale, "locale"),
        (Self::Timezone, "timezone"),
        (Self::Role, "role"),
        (Self::City, "city"),
        (Self::PostalCode, "postal_code"),
        (Self::LastActiveAt, "last_active_at"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(field, _)| *field)
    }

    /// The field that a column is named like: "External ID" is `external_id`.
    pub fn of_column(name: &str) -> Option<Self> {
        Self::named(&name.to_lowercase().replace([' ', '-'], "_"))
    }

    pub const fn max_characters(self) -> usize {
        match self {
            Self::ExternalId => limits::MAX_EXTERNAL_ID,
            Self::Name => limits::MAX_NAME,
            Self::Email | Self::Phone => limits::MAX_ADDRESS,
            _ => limits::MAX_FIELD,
        }
    }
}

/// What an attribute's text is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As it is.
    Text,
    Number,
    Boolean,
    /// A day or a time, kept as text in one form.
    Date,
}

impl Kind {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Text, "text"), (Self::Number, "number"), (Self::Boolean, "boolean"), (Self::Date, "date")];
}

/// What becomes of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Field(Field),
    Attribute { name: String, kind: Kind },
    Nothing,
}

/// What an attribute's column may be called, so that it can't be taken for a field's.
pub const ATTRIBUTE_PREFIX: &str = "attributes.";

impl Target {
    /// `attributes.NAME` or `attributes.NAME:number`.
    fn attribute(text: &str) -> Option<Self> {
        let name = text.strip_prefix(ATTRIBUTE_PREFIX)?;
        let typed = Kind::ALL.iter().find_map(|(kind, word)| Some((name.strip_suffix(word)?.strip_suffix(':')?, *kind)));
        let (name, kind) = typed.unwrap_or((name, Kind::Text));
        Some(Self::Attribute { name: name.trim().to_owned(), kind })
    }

    /// What a column is by its own name.
    fn of_column(name: &str) -> Self {
        match Field::of_column(name) {
            Some(field) => Self::Field(field),
            None => Self::attribute(name).unwrap_or_else(|| Self::Attribute { name: name.to_owned(), kind: Kind::Text }),
        }
    }

    /// Whether two columns would fill the same place.
    pub fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Field(one), Self::Field(other)) => one == other,
            (Self::Attribute { name: one, .. }, Self::Attribute { name: other, .. }) => one == other,
            _ => false,
        }
    }
}

/// What the caller says of columns that aren't named like what they are.
#[derive(Debug, Clone, Default)]
pub struct Mapping(BTreeMap<String, Target>);

impl Mapping {
    /// # Errors
    /// INVALID_ARGUMENT for each one that leads to nothing there is.
    pub fn read(columns: &HashMap<String, String>) -> Result<Self, Status> {
        let mut violations = Violations::new();
        let mut mapping = BTreeMap::new();
        for (column, text) in columns {
            match read(text) {
                Ok(target) => drop(mapping.insert(column.trim().to_owned(), target)),
                Err(reason) => drop(violations.add(format!("options.columns.{column}"), reason)),
            }
        }
        violations.check()?;
        Ok(Self(mapping))
    }

    pub fn target(&self, column: &str) -> Target {
        self.0.get(column).cloned().unwrap_or_else(|| Target::of_column(column))
    }

    /// Whether a column's name is one that we have heard of.
    pub fn knows(&self, column: &str) -> bool {
        self.0.contains_key(column) || column.starts_with(ATTRIBUTE_PREFIX) || Field::of_column(column).is_some()
    }

    /// The columns that the caller speaks of.
    pub fn columns(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}

fn read(text: &str) -> Result<Target, String> {
    if text.is_empty() {
        return Ok(Target::Nothing);
    }
    if let Some(field) = Field::named(text) {
        return Ok(Target::Field(field));
    }
    let fields: Vec<_> = Field::ALL.iter().map(|(_, name)| *name).collect();
    let unknown = || format!("must be empty, attributes.NAME (perhaps with :number, :boolean or :date) or one of {}", fields.join(", "));
    let target = Target::attribute(text).ok_or_else(unknown)?;
    match &target {
        Target::Attribute { name, .. } => limits::attribute_name(name).map_or(Ok(()), Err)?,
        _ => return Err(unknown()),
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_leads_to_fields_attributes_or_nothing() {
        let map = |pairs: &[(&str, &str)]| {
            Mapping::read(&pairs.iter().map(|(column, target)| ((*column).to_owned(), (*target).to_owned())).collect())
        };
        let attribute = |name: &str, kind| Target::Attribute { name: name.to_owned(), kind };
        let mapping = map(&[("Mail", "email"), ("junk", ""), ("Spent", "attributes.spent:number"), ("When", "attributes.when")]).unwrap();
        for (column, target) in [
            ("Mail", Target::Field(Field::Email)),
            ("junk", Target::Nothing),
            ("Spent", attribute("spent", Kind::Number)),
            ("When", attribute("when", Kind::Text)),
            ("Last active at", Target::Field(Field::LastActiveAt)),
            ("Tier", attribute("Tier", Kind::Text)),
            ("attributes.email", attribute("email", Kind::Text)),
            ("attributes.vip:boolean", attribute("vip", Kind::Boolean)),
            ("rate:number", attribute("rate:number", Kind::Text)),
        ] {
            assert_eq!(mapping.target(column), target, "{column}");
        }
        for bad in ["e-mail", "attributes.", "attributes.:number", "attribute.x"] {
            assert!(map(&[("x", bad)]).is_err(), "{bad}");
        }
    }
}
