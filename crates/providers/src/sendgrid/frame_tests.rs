use super::*;
use crate::conformance::message;
use domain::content::{EmailVariant, Rendered};

fn email(text: &str, html: &str) -> crate::Message {
    let email = EmailVariant { subject: "x".into(), text: text.into(), html: html.into(), ..EmailVariant::default() };
    message("ann@example.net", Rendered::Email(email))
}

/// What SendGrid makes of it for each message.
fn filled(frame: &Frame<'_>) -> Vec<(String, String)> {
    let fill =
        |text: &str, values: &Vec<&str>| frame.tags.iter().zip(values).fold(text.to_owned(), |text, (tag, own)| text.replace(tag, own));
    frame.values.iter().map(|values| (fill(&frame.text, values), fill(&frame.html, values))).collect()
}

fn round_trip(contents: &[(&str, &str)]) -> usize {
    let messages: Vec<_> = contents.iter().map(|(text, html)| email(text, html)).collect();
    let letters: Vec<_> = messages.iter().map(|message| Letter::of(message).unwrap()).collect();
    let letters: Vec<&Letter<'_>> = letters.iter().collect();
    assert!(letters.iter().all(|letter| Shape::of(letter) == Shape::of(letters[0])), "{contents:?}");
    let frame = Frame::of(&letters).unwrap();
    let expected: Vec<_> = contents.iter().map(|(text, html)| ((*text).to_owned(), (*html).to_owned())).collect();
    assert_eq!(filled(&frame), expected);
    frame.tags.len()
}

#[test]
fn every_message_comes_out_word_for_word() {
    let html = |name: &str, token: &str| format!("<p>Dear {name},</p>\n<a href=\"https://hub.example/c/{token}\">Go</a> <b>{name}</b>");
    let [ann, bob] = [html("Ann Marie", "aaa"), html("Bob", "abb")];
    assert_eq!(round_trip(&[("Hi Ann Marie", &ann), ("Hi Bob", &bob)]), 2, "a name has one tag, wherever it stands");
    round_trip(&[("Hi žluť", "<p>ž</p>"), ("Hi žlut", "<p>ź</p>"), ("Hi", "<p>q</p>"), ("Hi žluťoučký", "<p>žž</p>")]);
    round_trip(&[("same", "<p>same</p>"), ("same", "<p>same</p>")]);
    round_trip(&[("a", ""), ("aa", ""), ("aaa", "")]);
    round_trip(&[("aXa", ""), ("aa", "")]);
    round_trip(&[("-1-", "<p>-0-</p>"), ("-10-", "<p>-1-</p>")]);
}

#[test]
fn random_contents_come_out_word_for_word() {
    // A small generator of its own: the same contents each time.
    let mut state = 7_u64;
    let mut next = move |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    for _ in 0..200 {
        let pieces = next(6) + 1;
        let contents: Vec<String> = (0..5)
            .map(|_| {
                let mut html = String::new();
                for piece in 0..pieces {
                    let word: String = (0..next(4)).map(|_| ['a', 'b', 'é', '-', '1', ' '][next(6) as usize]).collect();
                    html.push_str(&format!("<p{piece}>{word}\n"));
                }
                html
            })
            .collect();
        let shapes = |html: &String| pieces_of(html);
        let same: Vec<(&str, &str)> =
            contents.iter().filter(|html| shapes(html) == shapes(&contents[0])).map(|html| ("t", html.as_str())).collect();
        round_trip(&same);
    }
}

fn pieces_of(html: &str) -> usize {
    pieces(html).count()
}

#[test]
fn other_shapes_and_other_files_are_other_calls() {
    let shape = |message: &crate::Message| Shape::of(&Letter::of(message).unwrap());
    let plain = email("t", "<p>x</p>");
    assert_ne!(shape(&plain), shape(&email("t", "<p>x</p><p>y</p>")));
    assert_ne!(shape(&plain), shape(&email("", "<p>x</p>")));
    let file = crate::Attachment {
        name: "a.pdf".into(),
        media_type: "application/pdf".into(),
        content_id: None,
        bytes: std::sync::Arc::from(&b"%PDF"[..]),
    };
    let with = |file: &crate::Attachment| crate::Message { attachments: vec![file.clone()], ..email("t", "<p>x</p>") };
    assert_eq!(shape(&with(&file)), shape(&with(&file.clone())));
    assert_ne!(shape(&plain), shape(&with(&file)));
    let other = crate::Attachment { bytes: std::sync::Arc::from(&b"%PDG"[..]), ..file.clone() };
    assert_ne!(shape(&with(&other)), shape(&with(&file)));
}

#[test]
fn a_tag_that_stands_in_a_message_is_not_taken() {
    let plain = [email("Hi a", ""), email("Hi b", "")];
    let letters: Vec<_> = plain.iter().map(|message| Letter::of(message).unwrap()).collect();
    let taken = prefix(&letters.iter().collect::<Vec<_>>()).unwrap();
    let mean = [email("Hi a", ""), email(&format!("Hi {taken}0-"), "")];
    let letters: Vec<_> = mean.iter().map(|message| Letter::of(message).unwrap()).collect();
    assert_ne!(prefix(&letters.iter().collect::<Vec<_>>()).unwrap(), taken);
    round_trip(&[("Hi a", ""), (&format!("Hi {taken}0-"), "")]);
}

#[test]
fn who_has_too_much_of_their_own_is_named() {
    let long = "x".repeat(MOST_BYTES);
    let messages = [email("Hi a", ""), email(&format!("Hi {long}"), ""), email("Hi b", "")];
    let letters: Vec<_> = messages.iter().map(|message| Letter::of(message).unwrap()).collect();
    assert_eq!(Frame::of(&letters.iter().collect::<Vec<_>>()).unwrap().too_large(), [1]);
}
