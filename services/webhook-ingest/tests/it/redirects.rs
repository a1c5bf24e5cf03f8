//! Nobody makes the hub lead anywhere but to a link of a message: whatever is put around, into or in place of a token.

use crate::{links::to, support::Ingest};
use domain::DeliveryId;
use reqwest::{Method, StatusCode, header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The only place that any of these may lead to.
const GOOD: &str = "https://shop.example/sale";

/// What open redirects are tried with: other hosts in every disguise, other schemes, broken headers, and ways out of a path.
const TARGETS: [&str; 44] = [
    "https://evil.example",
    "http://evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "https:\\/\\/evil.example",
    "http:/\\evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "hTtPs://evil.example",
    "https://shop.example@evil.example",
    "https://shop.example:pass@evil.example",
    "https://shop.example%40evil.example",
    "https://evil.example#shop.example",
    "https://evil.example?shop.example",
    "https://evil.example/shop.example",
    "https://evil.example\\shop.example",
    "https://shop.example.evil.example",
    "https://evilshop.example",
    "https://evil.example%2f..",
    "https://evil.example%00.shop.example",
    "https://evil.example%0d%0a.shop.example",
    "https://evil.example。shop.example",
    "https://ⓔⓥⓘⓛ.example",
    "https://3232235777",
    "https://0x7f000001",
    "http://[::ffff:127.0.0.1]",
    "javascript:alert(1)",
    "java%0ascript:alert(1)",
    "JaVaScRiPt://evil.example/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "ftp://evil.example",
    "%2f%2fevil.example",
    "%5c%5cevil.example",
    "%68%74%74%70%73%3a%2f%2fevil.example",
    "%0d%0aLocation:%20https://evil.example",
    "\u{9}//evil.example",
];

/// Names of parameters by which other redirectors are told where to go.
const NAMES: [&str; 6] = ["url", "u", "next", "redirect", "r", "to"];

/// Percent-encoded, so that it may stand in a path or a query of a request.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// What can be put into a request line as it is.
fn printable(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The paths that are asked for, with a click's token and a short link's.
fn payloads(tokens: [(&str, &str); 2]) -> Vec<String> {
    let mut paths = Vec::new();
    for (index, target) in TARGETS.into_iter().enumerate() {
        let (encoded, printable) = (encoded(target), printable(target));
        for (route, token) in tokens {
            let name = NAMES[index % NAMES.len()];
            paths.push(format!("/{route}/{encoded}"));
            paths.push(format!("/{route}/{token}?{name}={encoded}"));
            paths.push(format!("/{route}/{token}{encoded}"));
            paths.push(format!("/{route}/{encoded}{token}"));
            paths.push(format!("/{route}/{printable}"));
            paths.push(format!("/{route}/{token}/{printable}"));
            paths.push(format!("/{route}/{token}/..{printable}"));
            paths.push(format!("/{printable}/{route}/{token}"));
        }
    }
    paths
}

/// Sends a request line as it is, which no HTTP client would do; answers with the head of the response.
async fn ask_raw(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let agent = crate::support::BROWSER;
    let request = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split("\r\n\r\n").next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn seven_hundred_payloads_lead_nowhere_else() {
    let ingest = Ingest::start().await;
    let click = ingest.links.click_token(DeliveryId(6), &to(GOOD));
    let short = ingest.links.short_token(ingest.short_link(&to(GOOD)).await, DeliveryId(6));
    let address = ingest.base.trim_start_matches("http://").to_owned();
    let (mut refused, mut led_home) = (0, 0);
    for path in payloads([("c", click.as_str()), ("s", short.as_str())]) {
        let head = ask_raw(&address, &path).await;
        let locations: Vec<_> = head.lines().filter(|line| line.to_ascii_lowercase().starts_with("location:")).collect();
        match locations.as_slice() {
            [] => refused += 1,
            [line] => {
                assert_eq!(line["location:".len()..].trim(), GOOD, "{path}");
                led_home += 1;
            }
            more => panic!("{path}: {more:?}"),
        }
        assert!(!head.contains("evil.example"), "{path}: {head}");
    }
    // With a token that is whole and something else in the query, it leads where the token says.
    assert_eq!(led_home, 2 * TARGETS.len(), "and {refused} were refused");
    assert_eq!(refused + led_home, 2 * 8 * TARGETS.len());
    assert!(refused + led_home >= 700);
}

#[tokio::test]
async fn no_header_changes_where_a_link_leads() {
    let ingest = Ingest::start().await;
    let path = format!("{}/c/{}", ingest.base, ingest.links.click_token(DeliveryId(6), &to(GOOD)));
    let mut tried = 0;
    for name in [
        "host",
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-server",
        "x-original-url",
        "x-rewrite-url",
        "x-host",
        "x-forwarded-prefix",
        "referer",
        "origin",
        "cookie",
    ] {
        for value in ["evil.example", "https://evil.example", "host=evil.example;proto=https", "//evil.example/"] {
            let answer = ingest.client.get(&path).header(name, value).send().await.unwrap();
            let location = answer.headers()[header::LOCATION].to_str().unwrap();
            assert_eq!((answer.status(), location), (StatusCode::FOUND, GOOD), "{name}: {value}");
            tried += 1;
        }
    }
    assert_eq!(tried, 48);
}

/// What a message's own link could be made of, by whoever writes the content or fills a contact's attributes.
#[tokio::test]
async fn a_token_that_was_made_for_no_web_link_leads_nowhere() {
    let ingest = Ingest::start().await;
    for target in ["javascript:alert(1)", "data:text/html,x", "//evil.example", "file:///etc/passwd", "", "httpsx://evil.example"] {
        let path = format!("/c/{}", ingest.links.click_token(DeliveryId(6), &to(target)));
        assert_eq!(ingest.get(&path).await.status(), StatusCode::NOT_FOUND, "{target}");
    }
    let broken = ingest.links.click_token(DeliveryId(6), &to("https://shop.example/\r\nSet-Cookie: a=b\r\n\r\n<script>"));
    let answer = ingest.get(&format!("/c/{broken}")).await;
    assert_eq!(answer.headers()["location"], "https://shop.example/%0D%0ASet-Cookie:%20a=b%0D%0A%0D%0A<script>");
    assert_eq!(answer.headers().get("set-cookie"), None);
}

#[tokio::test]
async fn links_are_followed_by_get_alone() {
    let ingest = Ingest::start().await;
    let path = format!("{}/c/{}", ingest.base, ingest.links.click_token(DeliveryId(6), &to(GOOD)));
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let answer = ingest.client.request(method.clone(), &path).send().await.unwrap();
        assert_eq!((answer.status(), answer.headers().get(header::LOCATION)), (StatusCode::METHOD_NOT_ALLOWED, None), "{method}");
    }
}
