//! From a template's texts to something that renders: parsed, reviewed, with the fragments in an order in which they can be rendered.

use super::{
    Field, RenderError,
    bounded::Bounded,
    context::{EMAIL_NAMES, GROUPS, NAMES, Scope},
    html::{self, css::Left},
    order::Order,
    problem::{ContentProblem, Place},
    rewrite, sandbox,
    texts::{self, Text},
};
use crate::content::{TemplateContent, Variant};
use minijinja::{Environment, Error, ErrorKind};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// A template in one language, in a form that can be rendered; see [`super::Renderer`].
#[derive(Debug)]
pub struct Compiled {
    pub content: Arc<TemplateContent>,
    environment: Environment<'static>,
    /// The fragments that a variant needs, each after those that it uses itself.
    fragments: HashMap<Variant, Vec<String>>,
    /// Whether fragments are used as HTML.
    has_html_fragments: bool,
    /// A link of the e-mail, or what its markup becomes, is known only once it is rendered.
    pub changes_links: bool,
    /// Lines of the e-mail's HTML are those of what was written.
    is_as_written: bool,
    /// Why the e-mail's styles stay where they are.
    pub left: Option<Left>,
}

/// What of a template is written in HTML has this before its name.
const HTML: &str = "html:";

/// # Errors
/// With everything that keeps it from being rendered.
pub fn compile(content: TemplateContent) -> Result<Compiled, Vec<ContentProblem>> {
    let content = Arc::new(content);
    let mut compiled = Compiled {
        content: Arc::clone(&content),
        environment: sandbox::environment(|name| name.starts_with(HTML)),
        fragments: HashMap::new(),
        has_html_fragments: false,
        changes_links: false,
        is_as_written: true,
        left: Some(Left::NoStyles),
    };
    let mut problems = Vec::new();
    let mut uses = HashMap::new();
    for Text { field, source } in texts::of(&content) {
        match compiled.add(&field, &source) {
            Ok(variables) => {
                problems.extend(unknown(&field, &source, &variables, &content));
                uses.insert(field, variables);
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        problems.extend(compiled.add_html().err().into_iter().flatten());
    }
    let mut order = Order::new(&uses);
    compiled.fragments = content.variants().map(|variant| (variant, order.of_variant(&content, variant))).collect();
    problems.extend(order.of_unused(&content));
    if problems.is_empty() { Ok(compiled) } else { Err(problems) }
}

/// Bytes of a source at most.
fn most_bytes(field: &Field) -> usize {
    field.limit().bytes().max(64 * 1024)
}

fn unknown(field: &Field, source: &str, variables: &BTreeSet<String>, content: &TemplateContent) -> Vec<ContentProblem> {
    let names: Vec<&str> = NAMES.into_iter().chain(EMAIL_NAMES.into_iter().filter(|_| field.is_part_of_email())).collect();
    let problem = |variable: &str, message: String, remedy: String| {
        let problem = ContentProblem::error(field, message, remedy);
        match sandbox::place_of(source, variable) {
            Some(at) => problem.at(Place::of(source, at)),
            None => problem,
        }
    };
    let check = |variable: &String| match variable.split('.').collect::<Vec<_>>()[..] {
        ["attributes" | "event", ..] | ["campaign", "name"] => None,
        ["campaign", other] => Some(problem(variable, format!("a campaign has no {other}"), "only campaign.name can be used".to_owned())),
        ["fragments", name] if content.fragments.contains_key(name) => None,
        ["fragments", name] => {
            Some(problem(variable, format!("there is no fragment named {name}"), "add it, or correct the name".to_owned()))
        }
        ["body"] if *field == Field::EmailLayout => None,
        [name] if names.contains(&name) => None,
        [group] if GROUPS.contains(&group) => {
            Some(problem(variable, format!("{group} needs a name after it"), format!("write {group}.name")))
        }
        [name, ..] if names.contains(&name) => {
            Some(problem(variable, format!("{name} is a text and has nothing named {variable}"), format!("write {name}")))
        }
        _ => Some(problem(
            variable,
            format!("there is no variable {variable}"),
            format!("there are {}, attributes.…, event.…, campaign.name and fragments.…", names.join(", ")),
        )),
    };
    variables.iter().filter_map(check).collect()
}

impl Compiled {
    /// Adds a text to the environment; answers with the variables that it names.
    fn add(&mut self, field: &Field, source: &str) -> Result<BTreeSet<String>, Vec<ContentProblem>> {
        let problem = |line, message: String, remedy: &str| ContentProblem::error(field, message, remedy).on_line(line);
        let most = most_bytes(field);
        if source.len() > most {
            return Err(vec![problem(0, format!("is longer than {most} bytes"), "make it shorter")]);
        }
        let refused = sandbox::review(source);
        if !refused.is_empty() {
            let split = |(line, text): (usize, String)| match text.split_once(": ") {
                Some((message, remedy)) => problem(line, message.to_owned(), remedy),
                None => problem(line, text, ""),
            };
            return Err(refused.into_iter().map(split).collect());
        }
        let name = field.to_string();
        let added = self.environment.add_template_owned(name.clone(), source.to_owned());
        added.map_err(|error| {
            let reason = error.detail().unwrap_or("can't be read");
            vec![problem(
                error.line().unwrap_or(0),
                format!("can't be read: {reason}"),
                "look for a tag that isn't closed as it was opened",
            )]
        })?;
        let template = self.environment.get_template(&name).map_err(|error| vec![problem(0, error.to_string(), "")])?;
        let variables = template.undeclared_variables(true);
        self.add_rewritten(field, name, source).map_err(|error| vec![problem(error.line().unwrap_or(0), error.to_string(), "")])?;
        Ok(variables.into_iter().filter(|variable| variable != "range").collect())
    }

    /// With the policies for missing values in it, which change what it renders, but not which variables it names.
    fn add_rewritten(&mut self, field: &Field, name: String, source: &str) -> Result<(), Error> {
        let rewritten = rewrite::missing(source, &self.content);
        if matches!(field, Field::Fragment(_)) {
            let as_html = rewrite::html_fragments(&rewritten);
            self.has_html_fragments |= as_html != rewritten;
            // What stands in its links and styles is held to the same as in the e-mail itself.
            let guarded = html::guard(&as_html);
            self.changes_links |= html::changes_links(&guarded);
            self.environment.add_template_owned(format!("{HTML}{name}"), guarded)?;
        }
        self.environment.add_template_owned(name, rewritten)
    }

    fn add_html(&mut self) -> Result<(), Vec<ContentProblem>> {
        let content = Arc::clone(&self.content);
        let Some(email) = &content.email else { return Ok(()) };
        let assembled = html::assemble(email, &content.locale)?;
        let field = html::body_field(email);
        let source = rewrite::missing(&assembled.source, &content);
        let with_html = rewrite::html_fragments(&source);
        self.has_html_fragments |= with_html != source;
        let guarded = html::guard(&with_html);
        self.changes_links |= html::changes_links(&guarded);
        self.is_as_written = assembled.is_as_written;
        self.left = assembled.left;
        let added = self.environment.add_template_owned(format!("{HTML}{}", Field::EmailHtml), guarded);
        // Each part could be read; what joins them may not.
        added.map_err(|error| {
            vec![ContentProblem::error(field, format!("can't be put together: {error}"), "look at how the layout and the body meet")]
        })
    }

    /// The scope with the fragments that a variant needs, rendered.
    pub fn with_fragments(&self, variant: Variant, scope: Scope) -> Result<Scope, RenderError> {
        let Some(needed) = self.fragments.get(&variant).filter(|needed| !needed.is_empty()) else {
            return Ok(scope);
        };
        let is_html = self.has_html_fragments && variant == Variant::Email;
        let (mut rendered, mut as_html) = (BTreeMap::new(), BTreeMap::new());
        let mut scope = scope;
        for name in needed {
            let field = Field::Fragment(name.clone());
            rendered.insert(name.clone(), self.render(&field, &scope)?);
            if is_html {
                as_html.insert(name.clone(), self.render_named(&field, &format!("{HTML}{field}"), &scope)?);
            }
            scope = scope.with_fragments(&rendered, &as_html);
        }
        Ok(scope)
    }

    pub fn render(&self, field: &Field, scope: &Scope) -> Result<String, RenderError> {
        self.render_named(field, &field.to_string(), scope)
    }

    /// The e-mail's HTML, whole.
    pub fn render_html(&self, scope: &Scope) -> Result<String, RenderError> {
        let name = format!("{HTML}{}", Field::EmailHtml);
        self.render_named(&Field::EmailHtml, &name, scope).map_err(|error| match error {
            // The line is one of what the author never saw.
            RenderError::Failed { field, message, .. } if !self.is_as_written => RenderError::Failed { field, line: 0, message },
            error => error,
        })
    }

    fn render_named(&self, field: &Field, name: &str, scope: &Scope) -> Result<String, RenderError> {
        let limit = field.limit();
        let mut output = Bounded::new(limit.bytes());
        let template = self.environment.get_template(name).map_err(|error| explain(field, &error))?;
        template.render_captured_to(scope.value(), &mut output).map_err(|error| explain(field, &error))?;
        let text = String::from_utf8(output.bytes).map_err(|error| failed(field, 0, error.to_string()))?;
        if limit.is_exceeded_by(&text) {
            return Err(too_long(field));
        }
        Ok(text)
    }
}

pub const OUT_OF_FUEL: &str = "takes too long: make its loops shorter";

fn explain(field: &Field, error: &Error) -> RenderError {
    match error.kind() {
        ErrorKind::WriteFailure => too_long(field),
        ErrorKind::OutOfFuel => failed(field, error.line().unwrap_or(0), OUT_OF_FUEL.to_owned()),
        ErrorKind::UndefinedError => {
            // minijinja says "`attributes.x` is undefined".
            let variable = error.detail().and_then(|detail| detail.split('`').nth(1)).unwrap_or("a variable");
            RenderError::Missing { field: field.to_string(), variable: variable.to_owned() }
        }
        kind => {
            let detail = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
            failed(field, error.line().unwrap_or(0), detail)
        }
    }
}

fn failed(field: &Field, line: usize, message: String) -> RenderError {
    RenderError::Failed { field: field.to_string(), line, message }
}

fn too_long(field: &Field) -> RenderError {
    RenderError::TooLong { field: field.to_string(), limit: field.limit().number(), unit: field.limit().unit() }
}
