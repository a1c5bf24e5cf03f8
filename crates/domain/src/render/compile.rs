//! From a template's texts to something that renders: parsed, reviewed, with the fragments in an order in which they can be rendered.

use super::{
    ContentProblem, Field, RenderError, Renderer, check,
    context::{GROUPS, NAMES, Occasion, Scope},
    sandbox,
};
use crate::{Channel, content::TemplateContent};
use minijinja::{Environment, Error, ErrorKind};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
};

/// A template in a form that can be rendered; see [`Renderer`].
#[derive(Debug)]
pub struct Compiled {
    pub content: TemplateContent,
    environment: Environment<'static>,
    /// The fragments that a channel's variant needs, each after those that it uses itself.
    fragments: HashMap<Channel, Vec<String>>,
}

pub fn compile(content: &TemplateContent) -> Result<Compiled, Vec<ContentProblem>> {
    let mut problems = check::variants(content);
    let mut environment = sandbox::environment(|name| name == "email.html");
    let mut uses: HashMap<Field, BTreeSet<String>> = HashMap::new();
    for (field, source) in texts(content) {
        match add(&mut environment, &field, source) {
            Ok(variables) => {
                problems.extend(unknown(&field, source, &variables, content));
                uses.insert(field, variables);
            }
            Err(found) => problems.extend(found),
        }
    }
    let mut order = Order { uses: &uses, problems: Vec::new() };
    let fragments = content.channels().map(|channel| (channel, order.of_channel(content, channel))).collect();
    problems.extend(order.of_unused(content));
    if problems.is_empty() { Ok(Compiled { content: content.clone(), environment, fragments }) } else { Err(problems) }
}

/// Every text of a content, with its name.
fn texts(content: &TemplateContent) -> Vec<(Field, &str)> {
    let mut texts: Vec<_> = content.fragments.iter().map(|(name, text)| (Field::Fragment(name.clone()), text.as_str())).collect();
    for channel in content.channels() {
        texts.extend(texts_of(content, channel));
    }
    texts
}

fn texts_of(content: &TemplateContent, channel: Channel) -> Vec<(Field, &str)> {
    let mut texts = Vec::new();
    match channel {
        Channel::Email => texts.extend(content.email.iter().flat_map(|email| {
            [(Field::EmailSubject, email.subject.as_str()), (Field::EmailHtml, &email.html), (Field::EmailText, &email.text)]
        })),
        Channel::Sms => texts.extend(content.sms.iter().map(|sms| (Field::SmsText, sms.text.as_str()))),
        Channel::Whatsapp => {
            let variant = content.whatsapp.as_ref();
            if let Some(twilio) = variant.and_then(|variant| variant.twilio.as_ref()) {
                texts.extend(twilio.variables.iter().map(|(position, text)| (Field::TwilioVariable(position.clone()), text.as_str())));
            }
            if let Some(meta) = variant.and_then(|variant| variant.meta.as_ref()) {
                texts.push((Field::MetaHeaderImage, &meta.header_image_url));
                texts.extend(meta.body.iter().enumerate().map(|(index, text)| (Field::MetaBody(index), text.as_str())));
                texts.extend(meta.url_buttons.iter().map(|(index, text)| (Field::MetaButton(*index), text.as_str())));
            }
        }
    }
    texts
}

/// Adds a text to the environment; answers with the variables that it names.
fn add(environment: &mut Environment<'static>, field: &Field, source: &str) -> Result<BTreeSet<String>, Vec<ContentProblem>> {
    let problem = |line, message| ContentProblem { field: field.to_string(), line, message };
    let most = field.limit().bytes().max(64 * 1024);
    if source.len() > most {
        return Err(vec![problem(0, format!("is longer than {most} bytes"))]);
    }
    let refused = sandbox::review(source);
    if !refused.is_empty() {
        return Err(refused.into_iter().map(|(line, message)| problem(line, message)).collect());
    }
    let name = field.to_string();
    environment.add_template_owned(name.clone(), source.to_owned()).map_err(|error| {
        let reason = error.detail().unwrap_or("can't be read");
        vec![problem(error.line().unwrap_or(0), format!("can't be read: {reason}"))]
    })?;
    let template = environment.get_template(&name).map_err(|error| vec![problem(0, error.to_string())])?;
    let globals = ["range"];
    Ok(template.undeclared_variables(true).into_iter().filter(|variable| !globals.contains(&variable.as_str())).collect())
}

fn unknown(field: &Field, source: &str, variables: &BTreeSet<String>, content: &TemplateContent) -> Vec<ContentProblem> {
    let problem =
        |variable: &str, message: String| ContentProblem { field: field.to_string(), line: sandbox::line_of(source, variable), message };
    let check = |variable: &String| match variable.split('.').collect::<Vec<_>>()[..] {
        ["attributes", ..] | ["campaign", "name"] => None,
        ["campaign", other] => Some(problem(variable, format!("a campaign has no {other}: only campaign.name can be used"))),
        ["fragments", name] if content.fragments.contains_key(name) => None,
        ["fragments", name] => Some(problem(variable, format!("there is no fragment named {name}"))),
        [name] if NAMES.contains(&name) => None,
        [group] if GROUPS.contains(&group) => Some(problem(variable, format!("{group} needs a name after it"))),
        [name, ..] if NAMES.contains(&name) => Some(problem(variable, format!("{name} is a text and has nothing named {variable}"))),
        _ => Some(problem(
            variable,
            format!("there is no variable {variable}: there are {}, attributes.…, campaign.name and fragments.…", NAMES.join(", ")),
        )),
    };
    variables.iter().filter_map(check).collect()
}

/// Puts fragments in order, and finds those that refer to each other in a circle.
struct Order<'a> {
    uses: &'a HashMap<Field, BTreeSet<String>>,
    problems: Vec<ContentProblem>,
}

impl Order<'_> {
    fn of_channel(&mut self, content: &TemplateContent, channel: Channel) -> Vec<String> {
        let mut ordered = Vec::new();
        for (field, _) in texts_of(content, channel) {
            for fragment in self.used_by(&field) {
                self.visit(&fragment, &mut ordered, &mut Vec::new());
            }
        }
        ordered
    }

    /// Circles among fragments that no variant uses yet.
    fn of_unused(mut self, content: &TemplateContent) -> Vec<ContentProblem> {
        let mut ordered = Vec::new();
        for fragment in content.fragments.keys() {
            self.visit(fragment, &mut ordered, &mut Vec::new());
        }
        self.problems.dedup();
        let mut seen = BTreeSet::new();
        self.problems.retain(|problem| seen.insert(problem.field.clone()));
        self.problems
    }

    fn used_by(&self, field: &Field) -> Vec<String> {
        let variables = self.uses.get(field).into_iter().flatten();
        variables.filter_map(|variable| variable.strip_prefix("fragments.")).map(str::to_owned).collect()
    }

    fn visit(&mut self, fragment: &str, ordered: &mut Vec<String>, path: &mut Vec<String>) {
        if ordered.iter().any(|done| done == fragment) {
            return;
        }
        if path.iter().any(|open| open == fragment) {
            let message = format!("fragments refer to each other in a circle: {} → {fragment}", path.join(" → "));
            self.problems.push(ContentProblem { field: Field::Fragment(fragment.to_owned()).to_string(), line: 0, message });
            return;
        }
        path.push(fragment.to_owned());
        for inner in self.used_by(&Field::Fragment(fragment.to_owned())) {
            self.visit(&inner, ordered, path);
        }
        path.pop();
        ordered.push(fragment.to_owned());
    }
}

impl Compiled {
    /// The scope with the fragments that a channel needs, rendered.
    pub fn with_fragments(&self, channel: Channel, scope: Scope) -> Result<Scope, RenderError> {
        let Some(needed) = self.fragments.get(&channel).filter(|needed| !needed.is_empty()) else {
            return Ok(scope);
        };
        let mut rendered = BTreeMap::new();
        let mut scope = scope;
        for name in needed {
            rendered.insert(name.clone(), self.render(&Field::Fragment(name.clone()), &scope)?);
            scope = scope.with_fragments(&rendered);
        }
        Ok(scope)
    }

    pub fn render(&self, field: &Field, scope: &Scope) -> Result<String, RenderError> {
        let name = field.to_string();
        let limit = field.limit();
        let mut output = Bounded { text: Vec::new(), limit: limit.bytes() };
        let template = self.environment.get_template(&name).map_err(|error| explain(field, &error))?;
        template.render_captured_to(scope.value(), &mut output).map_err(|error| explain(field, &error))?;
        let text = String::from_utf8(output.text).map_err(|error| failed(field, 0, error.to_string()))?;
        if limit.is_exceeded_by(&text) {
            return Err(too_long(field));
        }
        Ok(text)
    }
}

impl Renderer {
    /// Renders every variant for a made-up person, to find what only shows when it runs.
    pub(super) fn try_out(&self, content: &TemplateContent) -> Result<(), Vec<ContentProblem>> {
        let occasion = Occasion { campaign_name: "Campaign".to_owned(), unsubscribe_url: "https://example.com/u/token".to_owned() };
        let mut problems = Vec::new();
        for channel in content.channels() {
            // A made-up attribute has a made-up type; what depends on it shows in a preview for a real contact.
            problems.extend(self.render_made_up(channel, &occasion).err().and_then(|error| match error {
                RenderError::TooLong { field, limit, unit } => {
                    Some(ContentProblem { field, line: 0, message: format!("is longer than the {limit} {unit} allowed") })
                }
                RenderError::Failed { field, line, message } if message == OUT_OF_FUEL => Some(ContentProblem { field, line, message }),
                _ => None,
            }));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

const OUT_OF_FUEL: &str = "takes too long: make its loops shorter";

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

/// Takes so much and no more.
struct Bounded {
    text: Vec<u8>,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.limit {
            return Err(io::Error::other("too long"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
