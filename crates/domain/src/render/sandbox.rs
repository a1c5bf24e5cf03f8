//! What a template may do, and no more.
//!
//! Nothing that a contact or an event brings along is ever taken for HTML: `safe` means something after a fragment only, see
//! [`super::rewrite`].
//!
//! Values can't be built up from one another: there is no `set`, no macro, no `~`, `+` or `*`, and loops run over given values only, so
//! that memory and time are bounded by the size of the source and of the contact. Fuel bounds the rest. Files and other templates can't be
//! reached because `include`, `import` and `extends` aren't there.

use super::{
    entity,
    tags::{Kind, Tag, Token, tags},
};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, escape_formatter, filters, tests};

/// Instructions of one rendering; a long newsletter takes a few hundred.
const FUEL: u64 = 50_000;
const MAX_LOOP_DEPTH: usize = 3;
/// Tags of one text at most.
const MAX_TAGS: usize = 4_000;
/// Words and signs of one tag at most: what is longer nests deeper than a stack goes, however it is written.
const MAX_TOKENS: usize = 300;
/// Branches of all conditions of one text at most; each lies within the one before it.
const MAX_BRANCHES: usize = 200;
/// Bytes that a filter may make of its arguments.
const MAX_FILTERED_BYTES: usize = 64 * 1024;

const MAX_STYLE_BYTES: usize = 100;
/// Put around values among styles; not for authors.
pub(super) const STYLE_FILTER: &str = "style_value";

const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
const KEYWORDS: [&str; 8] = ["if", "elif", "else", "and", "or", "not", "in", "is"];
const FILTERS: [&str; 25] = [
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "e",
    "escape",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "lower",
    "replace",
    "reverse",
    "round",
    "safe",
    "sort",
    "split",
    "title",
    "trim",
    "unique",
    "upper",
    "urlencode",
];
const TESTS: [&str; 14] = [
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "false",
    "in",
    "ne",
    "none",
    "number",
    "odd",
    "startingwith",
    "true",
    "undefined",
];

/// An environment without templates. `is_html` tells by its name whether values in a template are escaped.
pub fn environment(is_html: fn(&str) -> bool) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(50);
    // Makes errors name the variable that has no value.
    environment.set_debug(true);
    environment.set_auto_escape_callback(move |name| if is_html(name) { AutoEscape::Html } else { AutoEscape::None });
    environment.set_formatter(format);
    environment.add_function("range", minijinja::functions::range);
    add_filters(&mut environment);
    add_tests(&mut environment);
    environment
}

fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("abs", filters::abs);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("count", filters::length);
    environment.add_filter("d", filters::default);
    environment.add_filter("default", filters::default);
    environment.add_filter("e", filters::escape);
    environment.add_filter("escape", filters::escape);
    environment.add_filter("first", filters::first);
    environment.add_filter("float", filters::float);
    environment.add_filter("int", filters::int);
    environment.add_filter("join", join);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("replace", replace);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("round", filters::round);
    environment.add_filter("safe", |value: Value| value);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("split", filters::split);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("urlencode", filters::urlencode);
    environment.add_filter(STYLE_FILTER, style_value);
}

fn add_tests(environment: &mut Environment<'static>) {
    environment.add_test("defined", tests::is_defined);
    environment.add_test("divisibleby", tests::is_divisibleby);
    environment.add_test("endingwith", tests::is_endingwith);
    environment.add_test("eq", tests::is_eq);
    environment.add_test("even", tests::is_even);
    environment.add_test("false", tests::is_false);
    environment.add_test("in", tests::is_in);
    environment.add_test("ne", tests::is_ne);
    environment.add_test("none", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("true", tests::is_true);
    environment.add_test("undefined", tests::is_undefined);
}

/// minijinja's own formatter escapes slashes too, which makes links hard to read.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) if matches!(state.auto_escape(), AutoEscape::Html) && !value.is_safe() => Ok(out.write_str(&entity::escape(text))?),
        _ => escape_formatter(out, state, value),
    }
}

fn join(values: &Value, between: Option<&str>) -> Result<String, Error> {
    let mut joined = String::new();
    for (index, value) in values.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(between.unwrap_or_default());
        }
        joined.push_str(&value.to_string());
        bounded(joined.len())?;
    }
    Ok(joined)
}

fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    let mut replaced = String::with_capacity(text.len());
    for (index, piece) in text.split(from).enumerate() {
        if index > 0 {
            replaced.push_str(to);
        }
        replaced.push_str(piece);
        bounded(replaced.len())?;
    }
    Ok(replaced)
}

/// A value that stands among styles: a colour, a length, a word. Anything else could end the declaration and begin another.
fn style_value(value: &Value) -> Result<Value, Error> {
    if value.is_undefined() {
        // Writing it names the variable.
        return Ok(value.clone());
    }
    let text = value.to_string();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '#' | '.' | ',' | '%' | '-' | '_');
    match text.len() <= MAX_STYLE_BYTES && text.chars().all(fits) {
        true => Ok(Value::from(text)),
        false => Err(Error::new(ErrorKind::InvalidOperation, "the value is no colour, length or word that a style can have")),
    }
}

fn bounded(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_FILTERED_BYTES { Err(Error::new(ErrorKind::InvalidOperation, "the text becomes too long")) } else { Ok(()) }
}

/// Everything in a source that isn't allowed: line, and reason with its remedy after a colon.
pub fn review(source: &str) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let mut depth = 0_usize;
    let tags = tags(source);
    if let Some(tag) = tags.get(MAX_TAGS) {
        return vec![(tag.line, format!("there are more than {MAX_TAGS} tags: make the text shorter"))];
    }
    let is_branch = |tag: &&Tag<'_>| tag.is_statement && matches!(tag.tokens.first().map(|token| token.kind), Some(Kind::Name("elif")));
    if let Some(tag) = tags.iter().filter(is_branch).nth(MAX_BRANCHES) {
        return vec![(tag.line, format!("there are more than {MAX_BRANCHES} elif branches: make them fewer"))];
    }
    if let Some(tag) = tags.iter().find(|tag| tag.tokens.len() > MAX_TOKENS) {
        return vec![(tag.line, format!("a tag has more than {MAX_TOKENS} words and signs: make it shorter"))];
    }
    for tag in &tags {
        if tag.is_statement {
            review_statement(tag, &mut depth, &mut problems);
        }
        for index in 0..tag.tokens.len() {
            if let Some(problem) = review_token(&tag.tokens, index) {
                problems.push((tag.tokens[index].line, problem));
            }
        }
    }
    problems
}

fn review_statement(tag: &Tag<'_>, depth: &mut usize, problems: &mut Vec<(usize, String)>) {
    let Some(Kind::Name(name)) = tag.tokens.first().map(|token| token.kind) else {
        return;
    };
    if !STATEMENTS.contains(&name) {
        problems.push((tag.line, format!("{{% {name} %}} can't be used: only if, elif, else and for can")));
    }
    match name {
        "for" => {
            *depth += 1;
            if *depth > MAX_LOOP_DEPTH {
                problems.push((tag.line, format!("loops can be at most {MAX_LOOP_DEPTH} deep")));
            }
            if tag.tokens.iter().any(|token| matches!(token.kind, Kind::Sign('[') | Kind::Name("recursive"))) {
                problems.push((tag.line, "a loop can run over a variable only, such as attributes.items".to_owned()));
            }
        }
        "endfor" => *depth = depth.saturating_sub(1),
        _ => {}
    }
}

fn review_token(tokens: &[Token<'_>], index: usize) -> Option<String> {
    let kind = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map(|token| token.kind);
    let before = |steps: usize| kind(index.checked_sub(steps));
    let after = kind(Some(index + 1));
    match tokens[index].kind {
        Kind::Sign(sign @ ('~' | '+' | '*')) => {
            Some(format!("{sign} can't be used: write texts and variables one after the other, without joining them"))
        }
        Kind::Sign('{') => Some("a brace can't be used inside a tag; for a literal brace write {{ \"{\" }}".to_owned()),
        Kind::Sign('|') => match after {
            Some(Kind::Name(filter)) if !FILTERS.contains(&filter) => {
                Some(format!("there is no filter {filter}: there are {}", FILTERS.join(", ")))
            }
            _ => None,
        },
        Kind::Name("is") => match (after, kind(Some(index + 2))) {
            (Some(Kind::Name("not")), Some(Kind::Name(test))) | (Some(Kind::Name(test)), _) if test != "not" && !TESTS.contains(&test) => {
                Some(format!("there is no test {test}: there are {}", TESTS.join(", ")))
            }
            _ => None,
        },
        Kind::Sign('(') => match before(1) {
            Some(Kind::Name(name)) if !KEYWORDS.contains(&name) && name != "range" => {
                let is_test = matches!(before(2), Some(Kind::Name("is" | "not")));
                let is_filter = before(2) == Some(Kind::Sign('|'));
                (!is_test && !is_filter).then(|| format!("{name}(…) can't be called"))
            }
            _ => None,
        },
        Kind::Name(group @ ("attributes" | "campaign" | "event" | "fragments")) if before(1) != Some(Kind::Sign('.')) => match after {
            Some(Kind::Sign('.')) => None,
            Some(Kind::Sign('[')) if matches!(group, "attributes" | "event") => None,
            _ => Some(format!("{group} needs a name after it, such as {group}.name")),
        },
        _ => None,
    }
}

/// The byte where a variable (`name` or `group.name`) is used first.
pub fn place_of(source: &str, variable: &str) -> Option<usize> {
    let (group, member) = variable.split_once('.').map_or((variable, None), |(group, rest)| (group, rest.split('.').next()));
    for tag in &tags(source) {
        for (index, token) in tag.tokens.iter().enumerate() {
            let follows = match member {
                None => true,
                Some(member) => tag.tokens.get(index + 2).is_some_and(|next| next.kind == Kind::Name(member)),
            };
            if token.kind == Kind::Name(group) && follows {
                return Some(token.start);
            }
        }
    }
    None
}
