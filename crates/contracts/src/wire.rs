//! A request and an answer as they went over the wire (HTTP/1.1, with a length).

use serde_json::Value;
use url::form_urlencoded;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Reads the bytes of one request.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let (first, headers, body) = parts(bytes);
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { panic!("no request line: {first}") };
        Self { method: method.to_owned(), target: target.to_owned(), headers, body }
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        named(&self.headers, name)
    }

    /// The same with this header instead of any other of that name.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self = self.without_header(name);
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    #[must_use]
    pub fn with_json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.with_header("content-type", "application/json")
    }

    #[must_use]
    pub fn with_form<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes();
        self.with_header("content-type", "application/x-www-form-urlencoded")
    }

    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    #[must_use]
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.target))
    }

    /// The body as a form.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads the bytes of one answer.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let (first, headers, body) = parts(bytes);
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self { status: status.unwrap_or_else(|| panic!("no status line: {first}")), headers, body }
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        named(&self.headers, name)
    }
}

fn named<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The first line, the headers and the body.
fn parts(bytes: &[u8]) -> (String, Vec<(String, String)>, Vec<u8>) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("no end of the head"));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    (first, headers.collect(), bytes[end + 4..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_sent() {
        let call = Call::read(b"POST /v1/x?a=b+c&d=%2F HTTP/1.1\r\nHost: h\r\nX-Y:  z \r\n\r\nA=1&B=%2B2");
        assert_eq!((call.method.as_str(), call.path(), call.header("x-y")), ("POST", "/v1/x", Some("z")));
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        assert_eq!(call.query(), pairs(&[("a", "b c"), ("d", "/")]));
        assert_eq!(call.form(), pairs(&[("A", "1"), ("B", "+2")]));
        assert_eq!(Call::new("POST", "/v1/x").with_form([("A", "1"), ("B", "+2")]).form(), call.form());
    }

    #[test]
    fn an_answer_has_a_status() {
        let answer = Answer::read(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n{}");
        assert_eq!((answer.status, answer.header("retry-after"), answer.body.as_slice()), (429, Some("7"), &b"{}"[..]));
    }
}
