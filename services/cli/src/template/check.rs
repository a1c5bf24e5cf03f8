//! `fanfare template check`: what is wrong with a content, and what should be looked at.

use super::file;
use crate::{output::line, resolve, session::Session};
use anyhow::{Result, bail};
use clap::Args;
use proto::{
    convert::content_variant,
    template::{ContentProblem, ValidateTemplateRequest, ValidateTemplateResponse, content_problem::Severity},
};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Name or id of a template
    #[arg(required_unless_present = "file")]
    template: Option<String>,
    /// 0: the newest
    #[arg(long, default_value_t = 0)]
    version: u32,
    /// A template's JSON file, instead of a template
    #[arg(long, conflicts_with_all = ["template", "version"])]
    file: Option<PathBuf>,
}

/// # Errors
/// When there is something wrong: programs see it by the exit code.
pub async fn run(args: CheckArgs, session: &Session) -> Result<()> {
    let request = match (args.file, args.template) {
        (Some(file), _) => ValidateTemplateRequest { content: file::read(&file)?.content, ..ValidateTemplateRequest::default() },
        (None, Some(template)) => {
            let id = resolve::template(session, &template).await?;
            ValidateTemplateRequest { content: None, id, version: args.version }
        }
        (None, None) => bail!("name a template, or a file with --file"),
    };
    let answer = session.templates().validate_template(request).await?.into_inner();
    session.output.message(&answer, describe)?;
    if answer.valid { Ok(()) } else { bail!("it can't be used like that") }
}

fn describe(answer: &ValidateTemplateResponse) -> String {
    if answer.problems.is_empty() { "nothing is wrong with it".to_owned() } else { lines(&answer.problems).join("\n") }
}

/// Says problems to people; programs have them in the answer.
///
/// # Errors
/// When stdout is closed.
pub fn say(session: &Session, problems: &[ContentProblem]) -> Result<()> {
    if session.output.is_json() { Ok(()) } else { lines(problems).iter().try_for_each(|problem| line(problem)) }
}

/// `warning  email.html [ar], line 3, column 7: …; remedy`.
pub fn lines(problems: &[ContentProblem]) -> Vec<String> {
    problems.iter().map(one).collect()
}

fn one(problem: &ContentProblem) -> String {
    let severity = if problem.severity() == Severity::Error { "error" } else { "warning" };
    let field = match (problem.field.as_str(), content_variant(problem.variant)) {
        ("", Some(variant)) => variant.to_string(),
        ("", None) => "content".to_owned(),
        (field, _) => field.to_owned(),
    };
    let locale = if problem.locale.is_empty() { String::new() } else { format!(" [{}]", problem.locale) };
    let place = match (problem.line, problem.column) {
        (0, _) => String::new(),
        (line, 0) => format!(", line {line}"),
        (line, column) => format!(", line {line}, column {column}"),
    };
    let remedy = if problem.remedy.is_empty() { String::new() } else { format!("; {}", problem.remedy) };
    format!("{severity}  {field}{locale}{place}: {}{remedy}", problem.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_where_it_is_and_what_helps() {
        let problem = ContentProblem {
            severity: Severity::Error.into(),
            field: "email.html".into(),
            locale: "ar".into(),
            line: 3,
            column: 7,
            message: "there is no variable nickname".into(),
            remedy: "use first_name".into(),
            ..ContentProblem::default()
        };
        let expected = "error  email.html [ar], line 3, column 7: there is no variable nickname; use first_name";
        assert_eq!(lines(std::slice::from_ref(&problem)), [expected]);
        let whole = ContentProblem { severity: Severity::Warning.into(), message: "is long".into(), ..ContentProblem::default() };
        assert_eq!(lines(&[whole]), ["warning  content: is long"]);
    }
}
