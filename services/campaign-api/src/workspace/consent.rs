//! What a workspace says about opting in and out.

use super::limits;
use proto::workspace::UpdateWorkspaceRequest;
use runtime::status::Violations;
use store::workspace::ConsentSettings;

/// A message of a few parts.
const MAX_HELP_TEXT: usize = 1_000;
const MAX_BOUNCES: u32 = 100;

/// What the request says about it; what it leaves out stays.
pub fn change(settings: &mut ConsentSettings, request: &UpdateWorkspaceRequest, violations: &mut Violations) {
    if let Some(text) = &request.help_text {
        let text = text.trim();
        let fits = text.chars().count() <= MAX_HELP_TEXT && !text.contains('\0');
        violations.expect(fits, "help_text", "must be at most 1,000 characters");
        text.clone_into(&mut settings.help_text);
    }
    if let Some(bounces) = request.bounces_before_opt_out {
        violations.expect((1..=MAX_BOUNCES).contains(&bounces), "bounces_before_opt_out", "must be 1 to 100");
        settings.bounces_before_opt_out = bounces.clamp(1, MAX_BOUNCES).cast_signed();
    }
    let lists = [
        ("opt_in_keywords", &request.opt_in_keywords, request.replace_opt_in_keywords, &mut settings.opt_in_keywords),
        ("help_keywords", &request.help_keywords, request.replace_help_keywords, &mut settings.help_keywords),
    ];
    for (field, words, replace, kept) in lists {
        if replace {
            *kept = limits::keywords(field, words, violations);
        } else {
            violations.expect(words.is_empty(), &format!("replace_{field}"), "must be set for the keywords to be replaced");
        }
    }
}
