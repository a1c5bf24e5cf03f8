//! One operation of an OpenAPI description (3.0 or 3.1), and what is wrong with a call or an answer by it.

use crate::{
    Answer, Call, body,
    document::{self, Document, escaped},
    path,
};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

/// Headers that OpenAPI keeps out of the parameters: they are described by the body and the security schemes. A client's name is its own.
const NO_PARAMETERS: [&str; 4] = ["accept", "content-type", "authorization", "user-agent"];

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `query limit`, `body /to`, `security`, `answer 400`. What [`crate::exceptions`] go by.
    pub place: String,
    pub what: String,
}

impl Fault {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A path and a method of one file.
#[derive(Debug, Clone)]
pub struct Operation {
    pub(crate) document: Arc<Document>,
    /// As in the file: `/v1/Services/{Sid}`.
    pub template: String,
    /// In lower case, as in the file.
    pub method: String,
    pub(crate) pointer: String,
}

/// What names a thing outside of the body.
struct Parameter {
    name: String,
    place: String,
    required: bool,
    schema: String,
}

impl Operation {
    /// The operations that a call may be meant for, the most literal paths only. None: the file has no such path or method.
    #[must_use]
    pub fn matching(file: &'static str, method: &str, target: &str) -> Vec<Self> {
        let document = document::open(file);
        let method = method.to_ascii_lowercase();
        let path = target.split('?').next().unwrap_or_default();
        let Some(paths) = document.at("/paths").as_object() else { panic!("{file} has no paths") };
        let mut found: Vec<Self> = paths
            .iter()
            .filter(|(_, item)| item[&method].is_object())
            .map(|(template, _)| Self {
                document: Arc::clone(&document),
                template: template.clone(),
                method: method.clone(),
                pointer: format!("/paths/{}/{method}", escaped(template)),
            })
            .filter(|operation| operation.path_values(path).is_some())
            .collect();
        let most = found.iter().map(|operation| path::literal_len(&operation.template)).max();
        found.retain(|operation| Some(path::literal_len(&operation.template)) == most);
        found
    }

    /// The file that describes it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.document.file
    }

    /// The schema of its JSON body, if it takes one.
    pub(crate) fn json_schema(&self) -> Option<String> {
        let body = self.document.settle(&format!("{}/requestBody", self.pointer));
        let schema = format!("{body}/content/application~1json/schema");
        (!self.document.at(&schema).is_null()).then_some(schema)
    }

    fn path_values(&self, path: &str) -> Option<Vec<(String, String)>> {
        let parameters = self.parameters();
        let slashes = |name: &str| {
            let schema = parameters.iter().find(|parameter| parameter.place == "path" && parameter.name == name);
            schema.is_some_and(|parameter| {
                self.document.at(&parameter.schema)["pattern"].as_str().is_some_and(|pattern| pattern.contains('/'))
            })
        };
        path::matches(&self.template, path, &slashes)
    }

    /// Its own and its path's; its own count where both have one.
    fn parameters(&self) -> Vec<Parameter> {
        let item = self.pointer.rsplit_once('/').map(|(item, _)| item).unwrap_or_default();
        let mut found: Vec<Parameter> = Vec::new();
        for list in [format!("{}/parameters", self.pointer), format!("{item}/parameters")] {
            for i in 0..self.document.at(&list).as_array().map_or(0, Vec::len) {
                let pointer = self.document.settle(&format!("{list}/{i}"));
                let parameter = self.document.at(&pointer);
                let text = |name: &str| parameter[name].as_str().unwrap_or_default().to_owned();
                let (name, place) = (text("name"), text("in"));
                if !found.iter().any(|known| known.name == name && known.place == place) {
                    found.push(Parameter { name, place, required: parameter["required"] == true, schema: format!("{pointer}/schema") });
                }
            }
        }
        found
    }

    /// Everything that is wrong with a request, but for what [`crate::exceptions`] excuse.
    #[must_use]
    pub fn request(&self, call: &Call) -> Vec<Fault> {
        let mut faults = Vec::new();
        let parameters = self.parameters();
        let of = |place: &str| parameters.iter().filter(|parameter| parameter.place == place).collect::<Vec<_>>();
        let in_path = self.path_values(call.path()).unwrap_or_default();
        self.named("path", &of("path"), &in_path, &mut faults);
        let query = call.query();
        self.named("query", &of("query"), &query, &mut faults);
        for (name, _) in &query {
            if !parameters.iter().any(|parameter| parameter.place == "query" && parameter.name == *name) {
                faults.push(Fault::new(format!("query {name}"), "is not described"));
            }
        }
        let headers: Vec<_> =
            of("header").into_iter().filter(|header| !NO_PARAMETERS.contains(&header.name.to_ascii_lowercase().as_str())).collect();
        self.named("header", &headers, &call.headers, &mut faults);
        if !self.signed_in(call) {
            faults.push(Fault::new("security", "the credentials are not given as described"));
        }
        body::check(self, call, &mut faults);
        faults.retain(|fault| !crate::exceptions::excused(self, &fault.place));
        faults
    }

    /// Checks the values given to parameters of one place.
    fn named(&self, place: &str, parameters: &[&Parameter], given: &[(String, String)], faults: &mut Vec<Fault>) {
        for parameter in parameters {
            let same = |name: &str| if place == "header" { name.eq_ignore_ascii_case(&parameter.name) } else { name == parameter.name };
            let values: Vec<&str> = given.iter().filter(|(name, _)| same(name)).map(|(_, value)| value.as_str()).collect();
            let at = format!("{place} {}", parameter.name);
            if values.is_empty() {
                if parameter.required {
                    faults.push(Fault::new(at, "is missing"));
                }
            } else if let Err(what) = self.read(&parameter.schema, &values) {
                faults.push(Fault::new(at, what));
            }
        }
    }

    /// The value that a text stands for, by the schema at `pointer`: a text, a list of texts, or JSON.
    pub(crate) fn read(&self, pointer: &str, values: &[&str]) -> Result<Value, String> {
        let mut readings = Vec::new();
        if let [only] = values {
            readings.push(json!(only));
            readings.extend(serde_json::from_str::<Value>(only));
            readings.push(json!(only.split(',').collect::<Vec<_>>()));
        }
        readings.push(json!(values));
        let mut first = None;
        for reading in readings {
            let faults = self.document.faults(pointer, &reading);
            match faults.into_iter().next() {
                None => return Ok(reading),
                Some((_, what)) => first = first.or(Some(what)),
            }
        }
        Err(first.unwrap_or_else(|| "can't be read".to_owned()))
    }

    /// Whether the credentials are where and as the description says. Not whether they are right.
    fn signed_in(&self, call: &Call) -> bool {
        let own = self.document.at(&format!("{}/security", self.pointer));
        let wanted = if own.is_array() { own } else { self.document.at("/security") };
        let Some(ways) = wanted.as_array().filter(|ways| !ways.is_empty()) else { return true };
        let given = call.header("authorization").unwrap_or_default();
        let as_described = |scheme: &String| {
            let scheme = self.document.at(&format!("/components/securitySchemes/{}", escaped(scheme)));
            let word = match (scheme["type"].as_str(), scheme["scheme"].as_str()) {
                (Some("oauth2"), _) => "Bearer",
                (Some("http"), Some(word)) => word,
                other => panic!("{}: a security scheme of another kind: {other:?}", self.document.file),
            };
            given.split_once(' ').is_some_and(|(given, rest)| given.eq_ignore_ascii_case(word) && !rest.trim().is_empty())
        };
        ways.iter().filter_map(Value::as_object).any(|way| way.keys().all(as_described))
    }

    /// Everything that is wrong with an answer, but for what [`crate::exceptions`] excuse.
    #[must_use]
    pub fn answer(&self, answer: &Answer) -> Vec<Fault> {
        let mut faults = Vec::new();
        let status = answer.status.to_string();
        let responses = format!("{}/responses", self.pointer);
        let family = format!("{}XX", &status[..1]);
        let named = [status.as_str(), family.as_str(), "default"];
        match named.into_iter().find(|name| !self.document.at(&format!("{responses}/{name}")).is_null()) {
            None => faults.push(Fault::new(format!("answer {status}"), "this status is not described")),
            Some(name) => {
                let pointer = self.document.settle(&format!("{responses}/{name}"));
                body::check_answer(self, answer, &pointer, &mut faults);
            }
        }
        faults.retain(|fault| !crate::exceptions::excused(self, &fault.place));
        faults
    }
}
