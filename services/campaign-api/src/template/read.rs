//! What a caller may write into a template.

use domain::{content::TemplateContent, render::Renderer};
use proto::template::Content;
use runtime::status::Violations;

const MAX_NAME: usize = 200;
/// Problems that are told at once at most.
const MAX_PROBLEMS: usize = 100;

pub fn name(name: &str, violations: &mut Violations) -> String {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    violations.expect(fits, "name", "must have 1 to 200 characters, without line breaks");
    name.to_owned()
}

/// Reads a content, and notes all that is wrong with it.
pub fn content(content: Content, violations: &mut Violations) -> TemplateContent {
    let content = TemplateContent::from(content);
    let problems = Renderer::new(&content).err().unwrap_or_default();
    for problem in problems.into_iter().take(MAX_PROBLEMS) {
        let field = if problem.field.is_empty() { "content".to_owned() } else { format!("content.{}", problem.field) };
        let description = if problem.line == 0 { problem.message } else { format!("line {}: {}", problem.line, problem.message) };
        violations.add(field, description);
    }
    content
}
