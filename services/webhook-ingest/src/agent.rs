//! Who fetches a pixel or follows a link: a person's program, or a machine that looks at every message before or instead of them.
//!
//! Only what says so is taken for a machine; a scanner that pretends to be a browser can't be told apart here. An image proxy that
//! fetches when the person opens the message (Gmail's, Yahoo's) is the person.

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
];

/// Whether a request comes from a machine that says so.
pub(crate) fn is_machine(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    if agent == APPLE_PRIVACY_PROXY {
        return true;
    }
    let agent = agent.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| agent.contains(word));
    names(MACHINES) && !names(&PEOPLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

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
}
