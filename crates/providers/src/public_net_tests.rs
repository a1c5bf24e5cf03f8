//! What must not get in, in every spelling.

use super::*;

#[test]
fn addresses_of_the_internet_are_public_and_no_others() {
    for good in ["1.1.1.1", "8.8.8.8", "100.63.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808"] {
        assert!(is_public(good.parse().unwrap()), "{good}");
    }
    for bad in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:a00:1::",
        "2002:7f00:1::1",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "5f00::1",
    ] {
        assert!(!is_public(bad.parse().unwrap()), "{bad}");
    }
}

#[test]
fn one_private_address_spoils_a_name() {
    let of = |addresses: &[&str]| addresses.iter().map(|text| text.parse::<SocketAddr>().unwrap()).collect::<Vec<_>>();
    let (good, mixed) = (of(&["8.8.8.8:0", "[2606:4700::1111]:0"]), of(&["8.8.8.8:0", "127.0.0.1:0"]));
    assert_eq!(kept(good.iter().copied(), false), good);
    assert!(kept(mixed.iter().copied(), false).is_empty());
    assert_eq!(kept(mixed.iter().copied(), true), mixed);
}

fn code(url: &str, private: bool) -> String {
    look_over(&Url::parse(url).unwrap(), private).err().map(|fault| fault.code).unwrap_or_default()
}

#[test]
fn a_url_with_a_user_a_port_or_of_another_scheme_is_refused() {
    for bad in [
        "ftp://example.com/a",
        "file:///etc/passwd",
        "http://example.com/",
        "https://user@example.com/",
        "https://:p@example.com/",
        "https://example.com:8443/",
        "https://example.com:80/",
        "data:,x",
    ] {
        assert_eq!(code(bad, false), "bad_url", "{bad}");
    }
    for good in ["https://push.example.com/a", "https://push.example.com:443/a", "https://8.8.8.8/", "https://[2606:4700::1111]/"] {
        assert_eq!(code(good, false), "", "{good}");
    }
    assert_eq!(code("http://127.0.0.1:8080/push/1", true), "", "a stand-in on this machine, where that is allowed");
    assert_eq!(code("ftp://127.0.0.1/", true), "bad_url");
}

#[test]
fn every_spelling_of_a_private_address_is_seen_through() {
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "0xa000001",
        "167772161",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "172.16.0.1",
        "192.168.0.1",
        "192.168.1",
        "100.64.1.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:a9fe:a9fe]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
        "[2001::1]",
        "\u{ff11}27.0.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
        "%31%32%37.0.0.1",
    ] {
        assert_eq!(code(&format!("https://{host}/"), false), "private_address", "{host}");
    }
}

#[tokio::test]
async fn a_fetch_keeps_to_its_size_and_types_and_follows_nobody() {
    use crate::conformance::stub::{Protocol, Stub, Then, http};
    let of = async |status, headers: &[(&str, &str)], body: &[u8]| {
        let stub = Stub::start(Protocol::Http, Then::Reply(http(status, headers, body))).await;
        fetch(&Url::parse(&format!("http://{}/a.png", stub.addr)).unwrap(), 4, &["image/png"]).await
    };
    let png = [("Content-Type", "Image/PNG; charset=binary")];
    let got = of(200, &png, b"1234").await.unwrap();
    assert_eq!((got.bytes.as_slice(), got.media_type.as_str()), (&b"1234"[..], "image/png"));
    let code = |result: Result<Fetched, Fault>| result.unwrap_err().code;
    assert_eq!(code(of(200, &png, b"12345").await), "too_large");
    assert_eq!(code(of(200, &[("Content-Type", "text/html")], b"1").await), "wrong_type");
    assert_eq!(code(of(200, &[], b"1").await), "wrong_type");
    assert_eq!(code(of(302, &[("Location", "http://127.0.0.1:1/")], b"").await), "http_302");
    assert_eq!(code(of(404, &[], b"").await), "http_404");
    assert_eq!(code(of(503, &[], b"").await), "http_503");
}
