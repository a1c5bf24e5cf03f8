//! What the caller asks of an import.

use super::{row::Rules, sniff::DELIMITERS, target::Mapping};
use crate::contact::limits;
use domain::address::{PhoneRules, is_country_code};
use proto::contact::{FileEncoding, FileFormat, ImportOptions, MatchBy as WireMatchBy, OnMatch as WireOnMatch};
use runtime::status::{self, Violations};
use store::{
    contact::import::{MatchBy, OnMatch, Policy},
    workspace::Workspace,
};
use tonic::Status;

const MAX_FILE_NAME: usize = 200;

/// How the file is read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// UNSPECIFIED to find it out, as with the next two.
    pub format: FileFormat,
    pub encoding: FileEncoding,
    pub delimiter: Option<u8>,
    pub mapping: Mapping,
    pub rules: Rules,
}

/// All of it but the list.
#[derive(Debug)]
pub struct Options {
    pub reading: Reading,
    pub policy: Policy,
    pub is_dry_run: bool,
    pub file_name: String,
}

/// # Errors
/// INVALID_ARGUMENT with all that is wrong.
pub fn read(given: &ImportOptions, workspace: &Workspace) -> Result<Options, Status> {
    let mapping = Mapping::read(&given.columns)?;
    let mut violations = Violations::new();
    let format = FileFormat::try_from(given.format);
    violations.expect(format.is_ok(), "options.format", "must be one that the protocol names");
    let encoding = FileEncoding::try_from(given.encoding);
    violations.expect(encoding.is_ok(), "options.encoding", "must be one that the protocol names");
    let policy = policy(given);
    violations.expect(policy.is_some(), "options.match_by", "and on_match must be ones that the protocol names");
    let delimiter = delimiter(&given.delimiter);
    violations.expect(delimiter.is_ok(), "options.delimiter", "must be one of , ; | or a tab, or empty");
    let country = given.default_country_code.trim().trim_start_matches('+');
    violations.expect(
        country.is_empty() || is_country_code(country),
        "options.default_country_code",
        "must be a calling code, such as 971",
    );
    if let Some(reason) = limits::text(&given.file_name, MAX_FILE_NAME) {
        violations.add("options.file_name", reason);
    }
    violations.check()?;
    let country = if country.is_empty() { &workspace.default_country_code } else { country };
    let policy = policy.unwrap_or_default();
    let rules = Rules { phones: PhoneRules::new(country, &workspace.phone_strip_prefixes), match_by: policy.match_by };
    Ok(Options {
        reading: Reading {
            format: format.unwrap_or_default(),
            encoding: encoding.unwrap_or_default(),
            delimiter: delimiter.unwrap_or_default(),
            mapping,
            rules,
        },
        policy,
        is_dry_run: given.dry_run,
        file_name: given.file_name.clone(),
    })
}

fn policy(given: &ImportOptions) -> Option<Policy> {
    let match_by = match WireMatchBy::try_from(given.match_by).ok()? {
        WireMatchBy::Unspecified => MatchBy::Any,
        WireMatchBy::ExternalId => MatchBy::ExternalId,
        WireMatchBy::Email => MatchBy::Email,
        WireMatchBy::Phone => MatchBy::Phone,
    };
    let on_match = match WireOnMatch::try_from(given.on_match).ok()? {
        WireOnMatch::Unspecified | WireOnMatch::Overwrite => OnMatch::Overwrite,
        WireOnMatch::FillEmpty => OnMatch::FillEmpty,
        WireOnMatch::Skip => OnMatch::Skip,
    };
    Some(Policy { match_by, on_match })
}

fn delimiter(text: &str) -> Result<Option<u8>, Status> {
    match text.as_bytes() {
        [] => Ok(None),
        [only] if DELIMITERS.contains(only) => Ok(Some(*only)),
        _ => Err(status::invalid("options.delimiter", "must be one of , ; | or a tab")),
    }
}
