use super::*;

fn shown(written: &str) -> String {
    let address = phone(written, &PhoneRules::default());
    assert_eq!(address.key.is_some(), address.problem.is_empty(), "{written:?} gives {address:?}");
    address.key.unwrap_or_else(|| panic!("{written:?}: {}", address.problem))
}

fn problem(written: &str, rules: &PhoneRules) -> String {
    let address = phone(written, rules);
    assert_eq!(address.key, None, "{written:?} was taken for a number");
    address.problem
}

#[test]
fn one_number_in_many_spellings_is_one_key() {
    for written in [
        "0501234567",
        "050 123 4567",
        "050-123-4567",
        "(050) 123 4567",
        "050.123.4567",
        "050/1234567",
        "501234567",
        "50 1234567",
        "+971501234567",
        "+971 50 123 4567",
        "+971 (0)50 123 4567",
        "+9710501234567",
        "00971501234567",
        "00 971 50 123 4567",
        "00971 050 123 4567",
        "971501234567",
        "971 50 123 4567",
        "0971501234567",
        "+00971501234567",
        "++971501234567",
        "+ 971 50 1234567",
        "'+971501234567",
        "501234567.0",
        " 0501234567\t",
        "\u{200e}+971 50 123 4567\u{202c}",
        "\u{feff}0501234567",
        "٠٥٠١٢٣٤٥٦٧",
        "+٩٧١٥٠١٢٣٤٥٦٧",
        "۰۵۰۱۲۳۴۵۶۷",
        "०५०१२३४५६७",
        "＋９７１５０１２３４５６７",
        "050\u{a0}123\u{2011}4567",
    ] {
        assert_eq!(shown(written), "+971501234567", "{written:?}");
    }
}

#[test]
fn numbers_of_other_countries_stay_as_they_are() {
    for (written, expected) in [
        ("+44 20 7946 0018", "+442079460018"),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("0044 7911 123456", "+447911123456"),
        ("00447911123456", "+447911123456"),
        ("+1 (202) 555-0123", "+12025550123"),
        ("0012025550123", "+12025550123"),
        ("+91 98765 43210", "+919876543210"),
        ("+966 50 123 4567", "+966501234567"),
        ("+966 050 123 4567", "+966501234567"),
        // Leading zeros and eights that belong to the number.
        ("+39 06 6982 1234", "+390669821234"),
        ("+7 812 123-45-67", "+78121234567"),
        ("+7 800 555 35 35", "+78005553535"),
        ("+381 64 1234567", "+381641234567"),
    ] {
        assert_eq!(shown(written), expected, "{written:?}");
    }
}

#[test]
fn each_workspace_has_its_own_default_country() {
    for (code, prefixes, written, expected) in [
        ("44", &["0"][..], "020 7946 0018", "+442079460018"),
        ("44", &["0"], "07911 123456", "+447911123456"),
        ("44", &["0"], "+971501234567", "+971501234567"),
        ("44", &["0", "00971", "+971"], "00971501234567", "+971501234567"),
        ("1", &["1"], "(202) 555-0123", "+12025550123"),
        ("1", &["1"], "1-202-555-0123", "+12025550123"),
        ("1", &["011"], "2025550123", "+12025550123"),
        ("7", &["8"], "8 (912) 345-67-89", "+79123456789"),
        ("7", &["8"], "812 123-45-67", "+78121234567"),
        // Italian numbers keep their zero, whatever the prefixes say.
        ("39", &["0"], "06 6982 1234", "+390669821234"),
        ("91", &["0"], "098765 43210", "+919876543210"),
        ("+91", &["0"], "98765 43210", "+919876543210"),
        ("971", &[], "050 123 4567", "+971501234567"),
    ] {
        let rules = PhoneRules::new(code, prefixes);
        assert_eq!(phone(written, &rules).key.as_deref(), Some(expected), "{written:?} with {rules:?}: {}", phone(written, &rules).problem);
    }
}

#[test]
fn what_is_no_phone_says_why() {
    let rules = PhoneRules::default();
    for (written, part) in [
        ("12345", "no number of the default country +971"),
        ("447911123456", "give numbers of other countries with +"),
        ("050 123 45", "no number of the default country"),
        ("call me", "has 'c' in it"),
        ("050 1234567 ext 5", "has 'e' in it"),
        ("050 1234567; 050 7654321", "has ';' in it"),
        ("050 1234567 / 050 7654321", "no number of the default country"),
        ("+971501234567+971507654321", "+ in its middle"),
        ("9.71501E+11", "spreadsheet"),
        ("9.71501e11", "spreadsheet"),
        ("+999 12345678", "country code that doesn't exist"),
        ("+44 123", "country with the code +44"),
        ("+1234567890123456", "too long"),
        ("+", "no digits"),
        ("--", "no digits"),
        ("1111111111111111111111111", "too long"),
    ] {
        let found = problem(written, &rules);
        assert!(found.contains(part), "{written:?} gives {found:?}, not {part:?}");
        assert_eq!(phone(written, &rules).shown, written, "what was written is kept");
    }
}

#[test]
fn nothing_written_is_no_problem() {
    for written in ["", "  ", "\u{200e}"] {
        assert_eq!(phone(written, &PhoneRules::default()), Address::default());
        assert_eq!(email(written), Address::default());
    }
}

#[test]
fn a_key_read_again_is_the_same_key() {
    let rules = [PhoneRules::default(), PhoneRules::new("1", &["1"]), PhoneRules::new("39", &["0"]), PhoneRules::new("7", &["8"])];
    let mut seed = 7_u64;
    let mut found = 0;
    for _ in 0..400 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let written = (seed >> 20) % 10_u64.pow(8 + u32::try_from(seed % 5).unwrap());
        for prefix in ["0", "", "+971", "+1", "00"] {
            for rules in &rules {
                let Some(key) = phone(&format!("{prefix}{written}"), rules).key else { continue };
                found += 1;
                assert!(key.starts_with('+') && key.len() <= 16, "{key}");
                for again in &rules_of_the_world() {
                    assert_eq!(phone(&key, again).key.as_deref(), Some(key.as_str()), "{prefix}{written}");
                }
            }
        }
    }
    assert!(found > 500, "only {found} numbers were valid");
}

fn rules_of_the_world() -> [PhoneRules; 3] {
    [PhoneRules::default(), PhoneRules::new("44", &["0"]), PhoneRules::new("1", &["1", "011"])]
}

#[test]
fn country_codes_are_known() {
    for code in ["971", "1", "44", "91", "381"] {
        assert!(is_country_code(code), "{code}");
    }
    for code in ["", "0", "999", "+971", "0971", "97 1", "x"] {
        assert!(!is_country_code(code), "{code}");
    }
}

#[test]
fn spellings_of_one_email_are_one_key() {
    for (written, expected) in [
        ("sara@example.com", "sara@example.com"),
        (" Sara.Ali@EXAMPLE.com ", "Sara.Ali@example.com"),
        ("\u{200e}sara@example.com\u{200f}", "sara@example.com"),
        ("sara+news@sub.example.co.uk", "sara+news@sub.example.co.uk"),
        ("o'hara_1@example.museum", "o'hara_1@example.museum"),
        ("info@Bücher.example", "info@xn--bcher-kva.example"),
        ("info@مثال.example", "info@xn--mgbh0fb.example"),
        ("a@1and1.example", "a@1and1.example"),
    ] {
        let address = email(written);
        assert_eq!(address.problem, "", "{written:?}");
        assert_eq!(address.shown, expected);
        assert_eq!(address.key, Some(expected.to_lowercase()));
        assert_eq!(email(&address.shown), address, "reading it again changes nothing");
    }
}

#[test]
fn what_is_no_email_says_why() {
    let long = format!("{}@example.com", "a".repeat(65));
    let longer = format!("a@{}.com", ["b".repeat(60).as_str(); 5].join("."));
    for (written, part) in [
        ("sara", "no @"),
        ("@example.com", "nothing before the @"),
        ("sara@", "nothing after the @"),
        ("sara@example", "not complete"),
        ("sara@@example.com", "more than one @"),
        ("Sara <sara@example.com>", "address alone"),
        ("sara@example.com, ali@example.com", "space"),
        ("sara@example.com,ali@example.com", "more than one"),
        ("sara ali@example.com", "space"),
        ("sara@example..com", "domain"),
        ("sara@-example.com", "domain"),
        ("sara@exa_mple.com", "domain"),
        ("sara@[127.0.0.1]", "IP address"),
        ("sara@127.0.0.1", "domain"),
        ("sara@example.com\r\nBcc: x@example.com", "space"),
        (".sara@example.com", "in a place"),
        ("sara.@example.com", "in a place"),
        ("sa..ra@example.com", "in a place"),
        ("\"sara\"@example.com", "quotes"),
        ("سارة@example.com", "before the @"),
        ("sara@exam%70le.com", "domain"),
        (&long, "64 characters"),
        (&longer, "254 characters"),
    ] {
        let address = email(written);
        assert_eq!(address.key, None, "{written:?} was taken");
        assert!(address.problem.contains(part), "{written:?} gives {:?}, not {part:?}", address.problem);
        assert_eq!(address.shown, written);
    }
}

#[test]
fn the_kind_of_an_address_is_seen() {
    let rules = PhoneRules::default();
    assert_eq!(any("Sara@Example.com", &rules).key.as_deref(), Some("sara@example.com"));
    assert_eq!(any("0501234567", &rules).key.as_deref(), Some("+971501234567"));
}

#[test]
fn each_channel_has_its_own_form() {
    use crate::Channel;
    let read = |channel, written: &str| of_channel(channel, written, &PhoneRules::default()).key;
    let id = "0192f0c1-2345-7890-abcd-0123456789ab";
    assert_eq!(read(Channel::Email, "Ann@Example.com").as_deref(), Some("ann@example.com"));
    assert_eq!(read(Channel::Whatsapp, "00971501234567").as_deref(), Some("+971501234567"));
    assert_eq!(read(Channel::Whatsapp, " wa:US.13491208655302741918 ").as_deref(), Some("wa:US.13491208655302741918"));
    assert_eq!(read(Channel::Sms, "wa:US.13491208655302741918"), None);
    assert_eq!(read(Channel::Push, id), Some(format!("contact:{id}")));
    assert_eq!(read(Channel::Push, &format!("contact:{id}")), Some(format!("contact:{id}")));
    for (channel, bad) in
        [(Channel::Push, "me@example.com"), (Channel::Whatsapp, "wa:"), (Channel::Whatsapp, "wa:a b"), (Channel::Social, "@fanfare")]
    {
        let read = of_channel(channel, bad, &PhoneRules::default());
        assert!(read.key.is_none() && !read.problem.is_empty(), "{channel} {bad}");
    }
}
