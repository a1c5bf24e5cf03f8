//! Who fetches a pixel or follows a link: a person's program, or a machine that looks at every message before or instead of them.
//!
//! What says so is taken for a machine, and what says less than any person's program does; a scanner that pretends to be a browser can't
//! be told apart here. An image proxy that fetches when the person opens the message (Gmail's, Yahoo's) is the person.

use axum::http::{HeaderMap, header};

/// All that Apple's Mail Privacy Protection says when it fetches the pictures of every message; no browser says so little.
const APPLE_PRIVACY_PROXY: &str = "Mozilla/5.0";
/// People all the same: proxies that fetch when somebody looks, and a make of phones that is called like a robot.
const PEOPLE: [&str; 3] = ["googleimageproxy", "yahoomailproxy", "cubot"];
/// Words in the user agents of security scanners, link checkers, previews and programs without a person, in small letters.
const MACHINES: &[&str] = &[
    "bot",
    "crawler",
    "spider",
    "scanner",
    "scan/",
    "preview",
    "barracuda",
    "mimecast",
    "proofpoint",
    "messagelabs",
    "symantec",
    "trendmicro",
    "zscaler",
    "ironport",
    "fireeye",
    "sophos",
    "urldefense",
    "safelinks",
    "linkcheck",
    "virustotal",
    "headlesschrome",
    "phantomjs",
    "facebookexternalhit",
    "whatsapp/",
    "curl/",
    "wget/",
    "python-",
    "python/",
    "aiohttp",
    "go-http-client",
    "libwww-perl",
    "apache-httpclient",
    "java/",
    "node-fetch",
    "axios/",
    // Microsoft 365 tries links out before it opens them.
    "existence discovery",
    "protocol discovery",
    "google-safety",
    "google-inspectiontool",
    "appengine-google",
    "embedly",
    "iframely",
    "lighthouse",
    "guzzlehttp",
    "scrapy",
];
/// What browsers say of requests that nobody has asked for yet (Fetch standard: Sec-Purpose; the others are what it was before).
const AHEAD_OF_PEOPLE: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/// Whether a request comes from a machine.
pub(crate) fn is_machine(headers: &HeaderMap) -> bool {
    let agent = text(headers, header::USER_AGENT.as_str()).trim();
    if agent == APPLE_PRIVACY_PROXY || is_ahead(headers) {
        return true;
    }
    let agent = agent.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| agent.contains(word));
    names(MACHINES) && !names(&PEOPLE)
}

/// Whether a request for a link's destination comes from a machine. Mail programs may fetch pictures without a word about themselves, but
/// no browser follows a link so (RFC 9110 section 10.1.5: a user agent SHOULD say what it is), and where a browser says how it fetches,
/// a person's click navigates (Fetch Metadata: Sec-Fetch-Mode).
pub(crate) fn is_machine_following(headers: &HeaderMap) -> bool {
    let mode = text(headers, "sec-fetch-mode");
    is_machine(headers) || text(headers, header::USER_AGENT.as_str()).trim().is_empty() || !(mode.is_empty() || mode == "navigate")
}

fn is_ahead(headers: &HeaderMap) -> bool {
    AHEAD_OF_PEOPLE.iter().any(|name| {
        let value = text(headers, name).to_ascii_lowercase();
        ["prefetch", "prerender", "preview"].iter().any(|purpose| value.contains(purpose))
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn machine(agent: &'static str) -> bool {
        is_machine(&HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static(agent))]))
    }

    #[test]
    fn privacy_proxies_and_scanners_are_machines() {
        for agent in [
            "Mozilla/5.0",
            "BarracudaCentral",
            "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "python-requests/2.32.3",
            "curl/8.5.0",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/124.0.0.0 Safari/537.36",
        ] {
            assert!(machine(agent), "{agent}");
        }
    }

    #[test]
    fn people_are_people_even_behind_a_proxy_that_fetches_for_them() {
        for agent in [
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.5134)",
            "Thunderbird/115.10",
            "Mozilla/5.0 (Linux; Android 11; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
        ] {
            assert!(!machine(agent), "{agent}");
        }
        assert!(!is_machine(&HeaderMap::new()), "who says nothing is not a known machine");
    }

    #[test]
    fn what_is_fetched_ahead_of_people_is_fetched_by_a_machine() {
        let browser =
            (header::USER_AGENT, HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"));
        let with = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([browser.clone(), (HeaderName::from_static(name), HeaderValue::from_static(value))])
        };
        for (name, value) in [
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "Prefetch"),
        ] {
            assert!(is_machine(&with(name, value)), "{name}: {value}");
        }
        assert!(!is_machine(&with("sec-purpose", "")));
        assert!(!is_machine_following(&with("sec-fetch-mode", "navigate")));
        assert!(is_machine_following(&with("sec-fetch-mode", "no-cors")), "a picture or a script of some page");
        assert!(is_machine_following(&HeaderMap::new()), "no browser follows a link without saying what it is");
    }
}
