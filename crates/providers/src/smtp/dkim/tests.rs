use super::*;
use crate::Secret;
use ring::signature::{self, KeyPair, UnparsedPublicKey};

const RSA: &str = include_str!("../fixtures/dkim_rsa.pem");
const PKCS1: &str = include_str!("../fixtures/dkim_rsa_pkcs1.pem");
const SHORT: &str = include_str!("../fixtures/dkim_rsa_1024.pem");
/// The key of RFC 8463's example (A.2), which is the first of RFC 8032's.
const ED25519: &str =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
const LETTER: &str = "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
    Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

fn account(settings: &[(&str, &str)], key: &str) -> Account {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let secrets = if key.is_empty() { [].into() } else { [(KEY.to_owned(), Secret::new(key))].into() };
    Account { settings, secrets }
}

fn signer(key: &str) -> Signer {
    Signer::read(&account(&[(DOMAIN, "mail.example.com"), (SELECTOR, "s1")], key), "example.com").unwrap().unwrap()
}

fn signed(signer: &Signer, letter: &[u8]) -> Vec<u8> {
    signer.sign(letter, OffsetDateTime::from_unix_timestamp(1_528_637_909).unwrap()).unwrap()
}

/// A verifier of its own: what is signed, made from the signed letter alone.
fn verifies(signer: &Signer, mail: &[u8]) -> bool {
    let (headers, body) = relaxed::split(mail).unwrap();
    let mut fields = relaxed::fields(headers);
    let own = fields.remove(0);
    let tag = |name: &str| {
        let value = own.line.split_once(':').unwrap().1;
        let found = value.split(';').map(str::trim).find_map(|tag| tag.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        found.unwrap()
    };
    if STANDARD.encode(digest(&SHA256, &relaxed::body(body))) != tag("bh") {
        return false;
    }
    let mut data = String::new();
    for name in tag("h").split(':') {
        if let Some(at) = fields.iter().rposition(|field| field.name == name) {
            data.push_str(&fields.remove(at).line);
            data.push_str("\r\n");
        }
    }
    let signature = STANDARD.decode(tag("b").replace(' ', "")).unwrap();
    let (unsigned, _) = own.line.rsplit_once("; b=").unwrap();
    data.push_str(&format!("{unsigned}; b="));
    match &signer.key {
        Key::Rsa(key) => {
            let public = UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, key.public().as_ref());
            public.verify(data.as_bytes(), &signature).is_ok()
        }
        Key::Ed25519(key) => {
            let public = UnparsedPublicKey::new(&signature::ED25519, key.public_key().as_ref());
            public.verify(digest(&SHA256, data.as_bytes()).as_ref(), &signature).is_ok()
        }
    }
}

#[test]
fn the_published_example_is_reproduced() {
    // RFC 8463, A.3: the header as published, and its signature.
    let header = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
        q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
    let (headers, body) = relaxed::split(LETTER.as_bytes()).unwrap();
    assert_eq!(STANDARD.encode(digest(&SHA256, &relaxed::body(body))), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    let mut data: String = relaxed::fields(headers).into_iter().map(|field| field.line + "\r\n").collect();
    data.push_str(&relaxed::field(header).unwrap().line);
    let signature = STANDARD.encode(signer(ED25519).key.sign(data.as_bytes()).unwrap());
    assert_eq!(signature, "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==");
}

#[test]
fn both_kinds_of_key_sign_and_any_change_breaks_it() {
    for key in [RSA, PKCS1, ED25519] {
        let signer = signer(key);
        let mail = signed(&signer, LETTER.as_bytes());
        assert!(verifies(&signer, &mail));
        let text = String::from_utf8(mail).unwrap();
        for (from, to) in [("hungry", "angry"), ("dinner", "lunch"), ("joe@football", "eve@football"), ("t=1528637909", "t=1528637910")] {
            assert!(text.contains(from));
            assert!(!verifies(&signer, text.replacen(from, to, 1).as_bytes()), "{from}");
        }
        let second_from = text.replacen("To: Suzie", "From: eve@example.net\r\nTo: Suzie", 1);
        assert!(!verifies(&signer, second_from.as_bytes()), "no second From can be added");
        // What relays do to white space.
        let refolded = text.replace("Is dinner ready?", "Is\r\n dinner   ready? ").replace("game.  Are", "game. Are  ");
        assert!(verifies(&signer, format!("{refolded}\r\n\r\n").as_bytes()));
    }
}

#[test]
fn the_headers_of_one_click_unsubscribe_are_covered() {
    let letter = LETTER.replacen(
        "\r\n\r\n",
        "\r\nList-Unsubscribe: <https://hub.example.com/u/t>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n",
        1,
    );
    let mail = String::from_utf8(signed(&signer(ED25519), letter.as_bytes())).unwrap();
    assert!(mail.contains("h=from:from:to:subject:date:message-id:list-unsubscribe:list-unsubscribe-post;"), "{mail}");
    assert!(!verifies(&signer(ED25519), mail.replacen("/u/t", "/u/x", 1).as_bytes()));
    assert!(mail.split("\r\n").all(|line| line.len() <= 998));
}

#[test]
fn what_leaves_has_no_bare_line_ends() {
    let signer = signer(ED25519);
    for body in ["a\nb\rc\r\n", "\n\n", "\r", "", "no end", "trailing \t \r\n\r\n \r\n", "žluťoučký kůň\n"] {
        let letter = format!("From: a@example.com\nSubject: x\n\n{body}");
        let mail = signed(&signer, letter.as_bytes());
        assert!(verifies(&signer, &mail), "{body:?}");
        let text = String::from_utf8(mail).unwrap().replace("\r\n", "");
        assert!(!text.contains(['\r', '\n']), "{body:?}");
    }
}

#[test]
fn bodies_are_reduced_as_the_rfc_shows() {
    // RFC 6376, 3.4.5.
    assert_eq!(relaxed::body(b" C \r\nD \t E\r\n\r\n\r\n"), b" C\r\nD E\r\n");
    assert_eq!(relaxed::field("A: X\r\n").unwrap().line, "a:X");
    assert_eq!(relaxed::field("B : Y\t\r\n\tZ  \r\n").unwrap().line, "b:Y Z");
    assert_eq!(relaxed::body(b"\r\n\r\n"), b"");
}

#[test]
fn an_account_has_key_and_selector_or_neither() {
    let read = |settings: &[(&str, &str)], key: &str| Signer::read(&account(settings, key), "example.com");
    assert!(read(&[], "").unwrap().is_none());
    assert_eq!(read(&[(SELECTOR, "s1")], RSA).unwrap().unwrap().domain, "example.com", "the sending address's unless set");
    for (settings, key, field) in [
        (&[(SELECTOR, "s1")][..], "", KEY),
        (&[(DOMAIN, "example.com")][..], "", SELECTOR),
        (&[][..], RSA, SELECTOR),
        (&[(SELECTOR, "s 1")][..], RSA, SELECTOR),
        (&[(SELECTOR, "s1")][..], "nonsense", KEY),
        (&[(SELECTOR, "s1")][..], SHORT, KEY),
    ] {
        assert_eq!(read(settings, key).err().unwrap().field, field);
    }
    assert!(read(&[(SELECTOR, "s1")], SHORT).err().unwrap().remedy.contains("2,048"));
    assert!(!format!("{:?}", signer(RSA)).contains("PRIVATE"));
}

#[test]
fn a_letter_without_from_is_not_signed() {
    let now = OffsetDateTime::UNIX_EPOCH;
    assert_eq!(signer(ED25519).sign(b"Subject: x\r\n\r\nhi", now), Err(Unsigned));
    assert_eq!(signer(ED25519).sign(b"no headers at all", now), Err(Unsigned));
}

/// A `SubjectPublicKeyInfo` up to the key, for RSA of 2,048 bits (RFC 5280, RFC 3279).
const SPKI_RSA_2048: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01,
    0x0f, 0x00,
];

/// The key as the DNS has it.
fn record(signer: &Signer) -> String {
    match &signer.key {
        Key::Rsa(key) => format!("v=DKIM1; k=rsa; p={}", STANDARD.encode([&SPKI_RSA_2048[..], key.public().as_ref()].concat())),
        Key::Ed25519(key) => format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(key.public_key().as_ref())),
    }
}

/// Letters of all kinds; the same ones each time.
fn random_letter(next: &mut impl FnMut(usize) -> usize) -> String {
    let words =
        ["Hi", "  two  blanks ", "\t", "žluťoučký kůň", "😀", ".", "..", "=3D", "From: eve@example.net", "\u{a0}", &"long ".repeat(300)];
    let mut letter = String::from("From: Shop <news@mail.example.com>\r\nTo: ann@example.net\r\n");
    for name in ["Subject", "X-Other", "List-Unsubscribe", "List-Unsubscribe-Post", "Reply-To"] {
        if next(2) == 0 {
            letter.push_str(&format!("{name}: {}\r\n {}\r\n", words[next(3)].trim(), words[next(3)].trim()));
        }
    }
    letter.push_str("\r\n");
    for _ in 0..next(12) {
        letter.push_str(words[next(words.len())]);
        letter.push_str(["\r\n", "\n", "\r", " \r\n", "\r\n\r\n", ""][next(6)]);
    }
    letter
}

/// With `FANFARE_DKIM_OUT` the letters and keys are left in that folder, for another verifier (tests/contracts/verify_dkim.py).
#[test]
fn a_hundred_letters_verify() {
    let out = std::env::var_os("FANFARE_DKIM_OUT").map(std::path::PathBuf::from);
    let mut state = 1_u64;
    let mut next = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % most
    };
    for (kind, key) in [("rsa", RSA), ("ed25519", ED25519)] {
        let signer = signer(key);
        for number in 0..50 {
            let letter = random_letter(&mut next);
            let mail = signed(&signer, letter.as_bytes());
            assert!(verifies(&signer, &mail), "{letter:?}");
            if let Some(folder) = &out {
                std::fs::write(folder.join(format!("{kind}-{number}.eml")), &mail).unwrap();
            }
        }
        if let Some(folder) = &out {
            std::fs::write(folder.join(format!("{kind}.txt")), record(&signer)).unwrap();
        }
    }
}
