//! The preference page and the confirmation of a list: what a GET shows, and what only a POST does.

use crate::support::Ingest;
use domain::{ContactId, DeliveryId, ListId, TopicId, link::Recipient};
use proto::event::Preferences;
use reqwest::StatusCode;
use store::admin;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Somebody with an e-mail address, a phone and two topics, whose brand has a name that wants to be a script.
struct Person {
    contact: ContactId,
    offers: TopicId,
    news: TopicId,
    list: ListId,
}

async fn execute(ingest: &Ingest, sql: String) {
    admin::raw(&mut ingest.db.acquire().await.unwrap(), &sql).await.unwrap();
}

async fn person(ingest: &Ingest, locale: &str) -> Person {
    let (contact, offers, news, list) = (ContactId::new(), TopicId::new(), TopicId::new(), ListId::new());
    let workspace = ingest.workspace;
    for sql in [
        format!("UPDATE core.workspace SET name = '<script>alert(1)</script> & Co' WHERE workspace_id = '{workspace}'"),
        format!(
            "INSERT INTO core.contact (contact_id, workspace_id, email, email_key, phone, phone_key, locale, created_at, updated_at)
             VALUES ('{contact}', '{workspace}', 'sara@example.com', 'sara@example.com', '+971501234567', '+971501234567', '{locale}', now(), now())"
        ),
        format!(
            "INSERT INTO core.topic (topic_id, workspace_id, name, description, translations, created_at)
             VALUES ('{offers}', '{workspace}', 'Offers', '\"><img src=x onerror=alert(1)>', '{{\"ar\": {{\"name\": \"عروض\"}}}}', now()),
                    ('{news}', '{workspace}', 'News', '', '{{}}', now())"
        ),
        format!(
            "INSERT INTO core.topic_opt_out (topic_id, subject, workspace_id, source, created_at)
             VALUES ('{news}', '{contact}', '{workspace}', 'api', now())"
        ),
        format!(
            "INSERT INTO core.opt_out (workspace_id, channel, address_key, source, created_at)
             VALUES ('{workspace}', 'whatsapp', '+971501234567', 'api', now())"
        ),
        format!(
            "INSERT INTO core.list (list_id, workspace_id, name, created_at, double_opt_in, wording_version)
             VALUES ('{list}', '{workspace}', 'Internal name', now(), true, 2)"
        ),
        format!(
            "INSERT INTO core.list_wording (list_id, version, workspace_id, texts, created_at, created_by)
             VALUES ('{list}', 1, '{workspace}', '{{\"\": \"Old words.\"}}', now(), 't'),
                    ('{list}', 2, '{workspace}', '{{\"\": \"Yes, <b>news</b>.\", \"ru\": \"Да, новости.\"}}', now(), 't')"
        ),
    ] {
        execute(ingest, sql).await;
    }
    Person { contact, offers, news, list }
}

impl Ingest {
    fn preferences_path(&self, person: &Person) -> String {
        format!("/preferences/{}", self.links.preferences_token(Recipient::Contact(person.contact)))
    }

    async fn submit(&self, path: &str, body: String) -> reqwest::Response {
        let post = self.client.post(format!("{}{path}", self.base)).header("content-type", "application/x-www-form-urlencoded");
        post.header("user-agent", FIREFOX).header("x-forwarded-for", "203.0.113.9, 192.0.2.7").body(body).send().await.unwrap()
    }
}

#[tokio::test]
async fn the_page_is_in_the_persons_language_and_shows_no_address_in_full() {
    let ingest = Ingest::start().await;
    let person = person(&ingest, "ar-AE").await;
    let path = ingest.preferences_path(&person);
    let answer = ingest.get(&path).await;
    assert_eq!((answer.status(), &answer.headers()["content-language"]), (StatusCode::OK, &"ar".parse().unwrap()));
    assert!(answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let html = answer.text().await.unwrap();
    assert!(html.contains(r#"<html lang="ar" dir="rtl">"#) && html.contains("تفضيلاتك") && html.contains("عروض"), "{html}");
    assert!(html.contains("s•••@example.com") && !html.contains("sara@") && !html.contains("1234567"), "{html}");
    assert!(!html.contains("<script") && !html.contains("<img"), "what people typed is text: {html}");
    for input in ["c-email", "c-sms", "c-whatsapp", "language", &format!("t-{}", person.offers)] {
        assert!(html.contains(&format!("for=\"{input}\"")) && html.contains(&format!("id=\"{input}\"")), "{input} has a label");
    }
    assert!(html.contains(r#"id="c-whatsapp" name="on" value="whatsapp" disabled aria-describedby="h-whatsapp""#), "{html}");
    let chosen = ingest.get(&format!("{path}?lang=sr-Latn")).await.text().await.unwrap();
    assert!(chosen.contains(r#"<html lang="sr-Latn">"#) && chosen.contains("Vaša podešavanja"));
}

#[tokio::test]
async fn looking_changes_nothing_and_saving_tells_what_was_changed() {
    let mut ingest = Ingest::start().await;
    let person = person(&ingest, "en").await;
    let path = ingest.preferences_path(&person);
    for _ in 0..3 {
        ingest.get(&path).await;
        assert_eq!(ingest.head(&path).await.status(), StatusCode::OK);
        ingest.get_as("Mozilla/5.0 (compatible; Barracuda Sentinel (EE))", &format!("{path}?action=leave")).await;
    }
    // Saved as it was shown, and posted by something that isn't the form.
    let as_it_was = format!("action=save&was_on=email&on=email&was_on=sms&on=sms&was_topic={0}&topic={0}&language=en", person.offers);
    assert_eq!(ingest.submit(&path, as_it_was).await.status(), StatusCode::OK);
    assert_eq!(ingest.submit(&path, String::new()).await.status(), StatusCode::BAD_REQUEST);
    let changed =
        format!("action=save&was_on=email&was_on=sms&on=sms&on=whatsapp&was_topic={}&topic={}&language=hi", person.offers, person.news);
    let saved = ingest.submit(&path, changed).await;
    assert_eq!(saved.status(), StatusCode::OK);
    assert!(saved.text().await.unwrap().contains(r#"<html lang="hi">"#), "from now on in that language");
    let message = ingest.message().await;
    let expected = Preferences {
        channels_off: vec!["email".to_owned()],
        topics_off: vec![person.offers.to_string()],
        topics_on: vec![person.news.to_string()],
        language: "hi".to_owned(),
        ..Preferences::default()
    };
    assert_eq!(message.preferences, Some(expected), "WhatsApp was switched off by an admin, and isn't theirs to switch on");
    let origin = message.origin.unwrap();
    assert_eq!((origin.ip.as_str(), origin.user_agent.as_str(), origin.language.as_str()), ("192.0.2.7", FIREFOX, "en"));
    assert_eq!((message.contact_id, message.workspace_id), (person.contact.to_string(), ingest.workspace.to_string()));
    let left = ingest.submit(&path, "action=leave".to_owned()).await;
    assert_eq!(left.status(), StatusCode::OK);
    assert!(ingest.message().await.preferences.unwrap().all_off);
}

#[tokio::test]
async fn only_the_form_confirms_and_says_which_words_were_shown() {
    let mut ingest = Ingest::start().await;
    let person = person(&ingest, "ru-RU").await;
    let token = |address: &str| ingest.links.contact_confirmation_token(person.list, person.contact, address);
    let path = format!("/confirm/{}", token("sara@example.com"));
    for _ in 0..3 {
        let html = ingest.get(&path).await.text().await.unwrap();
        assert!(html.contains("Да, новости.") && html.contains(r#"name="version" value="2""#) && !html.contains("Internal name"), "{html}");
    }
    let english = ingest.get(&format!("{path}?lang=en")).await.text().await.unwrap();
    assert!(english.contains("Yes, &lt;b&gt;news&lt;/b&gt;."), "{english}");
    for body in ["", "confirm=yes", "version=2", "confirm=no&version=2", "confirm=yes&version=3"] {
        assert_eq!(ingest.submit(&path, body.to_owned()).await.status(), StatusCode::BAD_REQUEST, "{body}");
    }
    let other = format!("/confirm/{}", token("somebody@example.com"));
    assert_eq!(ingest.get(&other).await.status(), StatusCode::NOT_FOUND, "an address that isn't theirs");
    assert_eq!(ingest.submit(&other, "confirm=yes&version=2".to_owned()).await.status(), StatusCode::NOT_FOUND);
    // A page that was opened before the words were changed.
    let done = ingest.submit(&path, "confirm=yes&version=1".to_owned()).await;
    assert_eq!(done.status(), StatusCode::OK);
    let message = ingest.message().await;
    let confirmation = message.confirmation.unwrap();
    assert_eq!((confirmation.list_id, confirmation.wording_version), (person.list.to_string(), 1));
    assert_eq!((message.contact_id, message.source.as_str()), (person.contact.to_string(), "confirmation_page"));
    assert_eq!(message.origin.unwrap().language, "ru");
}

#[tokio::test]
async fn a_token_opens_its_own_page_and_no_other() {
    let ingest = Ingest::start().await;
    let person = person(&ingest, "en").await;
    let preferences = ingest.links.preferences_token(Recipient::Contact(person.contact));
    let nobody = ingest.links.preferences_token(Recipient::Contact(ContactId::new()));
    let unknown_message = ingest.links.preferences_token(Recipient::Delivery(DeliveryId(4_711)));
    let unsubscribe = ingest.links.unsubscribe_token(DeliveryId(1));
    for path in [
        format!("/confirm/{preferences}"),
        format!("/u/{preferences}"),
        format!("/preferences/{unsubscribe}"),
        format!("/preferences/{nobody}"),
        format!("/preferences/{unknown_message}"),
        "/preferences/forged".to_owned(),
        "/confirm/forged".to_owned(),
    ] {
        assert_eq!(ingest.get(&path).await.status(), StatusCode::NOT_FOUND, "{path}");
        let body = "action=leave&confirm=yes&version=0&List-Unsubscribe=One-Click".to_owned();
        assert_eq!(ingest.submit(&path, body).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn without_the_database_a_page_says_so_and_the_unsubscribe_link_still_shows() {
    let ingest = Ingest::start().await;
    let person = person(&ingest, "en").await;
    let (preferences, unsubscribe) = (ingest.preferences_path(&person), format!("/u/{}", ingest.links.unsubscribe_token(DeliveryId(1))));
    ingest.database.block(true);
    let answer = ingest.get(&preferences).await;
    assert_eq!((answer.status(), answer.headers().contains_key("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, true));
    assert_eq!(ingest.get(&unsubscribe).await.status(), StatusCode::OK);
}
