//! Parameters put into a link's query. All else of the link stays byte for byte: some sites sign theirs.

use super::Utm;
use url::form_urlencoded;

/// The link with those of the parameters that it hasn't got yet.
pub fn with_parameters(link: &str, utm: &Utm) -> String {
    with(link, &utm.parameters())
}

/// The link with these parameters at the end of its query, but for empty ones and those that it has.
pub fn with(link: &str, parameters: &[(&str, &str)]) -> String {
    let (address, fragment) = link.split_once('#').map_or((link, None), |(address, fragment)| (address, Some(fragment)));
    let query = address.split_once('?').map(|(_, query)| query);
    let mut url = address.to_owned();
    let mut separator = match query {
        None => "?",
        Some(query) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    for (name, value) in parameters {
        if value.is_empty() || query.is_some_and(|query| has(query, name)) {
            continue;
        }
        url.push_str(separator);
        url.push_str(name);
        url.push('=');
        url.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        separator = "&";
    }
    if let Some(fragment) = fragment {
        url.push('#');
        url.push_str(fragment);
    }
    url
}

fn has(query: &str, wanted: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_to_the_end_of_the_query() {
        for (link, expected) in [
            ("https://a.example", "https://a.example?x=1+2&y=%26"),
            ("https://a.example/p#top", "https://a.example/p?x=1+2&y=%26#top"),
            ("https://a.example/?b=%7e", "https://a.example/?b=%7e&x=1+2&y=%26"),
            ("https://a.example/?", "https://a.example/?x=1+2&y=%26"),
            ("https://a.example/?b&#?x=3", "https://a.example/?b&x=1+2&y=%26#?x=3"),
            ("https://a.example/?X=3", "https://a.example/?X=3&y=%26"),
            ("https://a.example/?%78=3&y", "https://a.example/?%78=3&y"),
        ] {
            assert_eq!(with(link, &[("x", "1 2"), ("empty", ""), ("y", "&")]), expected, "{link}");
        }
    }
}
