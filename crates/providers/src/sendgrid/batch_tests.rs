use crate::conformance::{
    message,
    stub::{body, http},
};
use crate::errors::{INVALID, PERMANENT};
use crate::{Account, FaultAction, Message, Outcome, Secret, Send};
use domain::{
    Channel,
    content::{EmailVariant, Rendered},
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

type Answer = fn(&Value) -> Vec<u8>;

/// A SendGrid that answers by what it is asked, and keeps that.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { url: format!("http://{}", listener.local_addr().unwrap()), asked: Arc::default() };
        let asked = server.asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, answer, &asked).await;
            }
        });
        server
    }

    fn sender(&self, more: &[(&str, &str)]) -> Arc<dyn Send> {
        let settings = [("from", "news@example.com"), ("base_url", self.url.as_str())];
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let account = Account {
            settings: settings.iter().chain(more).map(text).collect(),
            secrets: [("api_key".to_owned(), Secret::new("SG.not-a-real-key"))].into(),
        };
        super::super::sender(&account, Channel::Email, Duration::from_secs(10)).unwrap()
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, asked: &Mutex<Vec<Value>>) {
    let mut request = Vec::new();
    let json: Value = loop {
        let mut part = [0; 65_536];
        let read = stream.read(&mut part).await.unwrap_or_default();
        if read == 0 {
            return;
        }
        request.extend_from_slice(&part[..read]);
        if request.windows(4).any(|at| at == b"\r\n\r\n")
            && let Ok(json) = serde_json::from_slice(body(&request))
        {
            break json;
        }
    };
    let reply = answer(&json);
    asked.lock().unwrap().push(json);
    let text = String::from_utf8(reply).unwrap().replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(text.as_bytes()).await.unwrap();
}

fn mail(to: &str, name: &str) -> Message {
    let email = EmailVariant {
        subject: format!("Hello {name}"),
        text: format!("Hi {name}, see https://hub.example/c/{to}"),
        html: format!("<p>Hi {name},</p><a href=\"https://hub.example/c/{to}\">see</a>"),
        ..EmailVariant::default()
    };
    Message {
        correlation: format!("correlation-{to}"),
        unsubscribe_url: Some(format!("https://hub.example/u/{to}")),
        ..message(&format!("{to}@example.net"), Rendered::Email(email))
    }
}

fn taken(_: &Value) -> Vec<u8> {
    http(202, &[("X-Message-Id", "abc")], b"")
}

fn refused(field: &str) -> Vec<u8> {
    http(400, &[], json!({"errors": [{"message": "no", "field": field}]}).to_string().as_bytes())
}

fn ids(outcomes: &[Outcome]) -> Vec<String> {
    let id = |outcome: &Outcome| match outcome {
        Outcome::Accepted { provider_message_id, .. } => provider_message_id.clone(),
        Outcome::Refused(fault) => format!("refused {}", fault.code),
        Outcome::Uncertain(fault) => format!("uncertain {}", fault.code),
        Outcome::Pending { .. } => "pending".to_owned(),
    };
    outcomes.iter().map(id).collect()
}

#[tokio::test]
async fn messages_of_one_shape_go_in_one_call_that_fits_the_contract() {
    let server = Server::start(taken).await;
    let sender = server.sender(&[("unsubscribe_group", "17")]);
    assert_eq!(sender.batch(), 1_000);
    let messages: Vec<Message> = (0..200).map(|n| mail(&format!("p{n}"), ["Ann Marie", "Bob", "Žofie"][n % 3])).collect();
    let outcomes = sender.send_batch(&messages).await;
    assert_eq!(ids(&outcomes), (0..200).map(|n| format!("abc#{n}")).collect::<Vec<_>>());
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    let pointer = "/components/requestBodies/PostMailSend/content/application~1json/schema";
    contracts::assert_valid(&contracts::schema("sendgrid/openapi.json", pointer), &asked[0]);
    assert_eq!(asked[0]["asm"], json!({"group_id": 17}));
    for (n, (own, message)) in asked[0]["personalizations"].as_array().unwrap().iter().zip(&messages).enumerate() {
        let fill = |text: &Value| {
            let own = own["substitutions"].as_object().unwrap();
            own.iter().fold(text.as_str().unwrap().to_owned(), |text, (tag, value)| text.replace(tag, value.as_str().unwrap()))
        };
        let Rendered::Email(email) = &message.content else { panic!() };
        assert_eq!(
            (fill(&asked[0]["content"][0]["value"]), fill(&asked[0]["content"][1]["value"])),
            (email.text.clone(), email.html.clone())
        );
        assert_eq!(own["to"], json!([{"email": message.to, "name": "Ann Example"}]));
        assert_eq!(own["subject"], email.subject);
        assert_eq!(own["headers"]["List-Unsubscribe"], format!("<{}>", message.unsubscribe_url.as_deref().unwrap()));
        assert_eq!(own["custom_args"], json!({"fanfare": message.correlation, "fanfare_n": n.to_string()}));
    }
}

#[tokio::test]
async fn other_shapes_go_in_calls_of_their_own_and_what_does_not_fit_in_none() {
    let server = Server::start(taken).await;
    let mut other = mail("c", "Cid");
    if let Rendered::Email(email) = &mut other.content {
        email.html.push_str("<p>more</p>");
    }
    let empty = message("d@example.net", Rendered::Email(EmailVariant::default()));
    let outcomes = server.sender(&[]).send_batch(&[mail("a", "Ann"), other, empty, mail("b", "Bob")]).await;
    let mut ids = ids(&outcomes);
    assert_eq!((ids.remove(1), ids.remove(1)), ("abc".to_owned(), "refused content".to_owned()));
    assert_eq!(ids, ["abc#0", "abc#1"]);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_refused_recipient_keeps_back_nobody_else() {
    let server = Server::start(|request| {
        let all = request["personalizations"].as_array().unwrap();
        match all.iter().position(|one| one["to"][0]["email"] == "b@example.net") {
            Some(n) => refused(&format!("personalizations.{n}.to.0.email")),
            None => taken(request),
        }
    })
    .await;
    let outcomes = server.sender(&[]).send_batch(&[mail("a", "A"), mail("b", "B"), mail("c", "C")]).await;
    assert_eq!(ids(&outcomes), ["abc#0", "refused http_400", "abc#1"]);
    assert!(matches!(&outcomes[1], Outcome::Refused(fault) if fault.action == INVALID));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn one_that_is_refused_for_nobody_knows_which_is_found() {
    let server =
        Server::start(|request| if request.to_string().contains("poison") { refused("content.0.value") } else { taken(request) }).await;
    let messages: Vec<Message> = (0..100).map(|n| mail(&format!("p{n}"), if n == 63 { "poison" } else { "Ann" })).collect();
    let outcomes = server.sender(&[]).send_batch(&messages).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Accepted { .. } => assert_ne!(n, 63),
            Outcome::Refused(fault) => assert_eq!((n, fault.action), (63, PERMANENT)),
            other => panic!("{other:?}"),
        }
    }
    assert!(server.asked().len() <= 16, "{}", server.asked().len());
}

#[tokio::test]
async fn what_there_are_too_many_calls_for_was_not_tried() {
    let server = Server::start(taken).await;
    let of_own_shape = |n: usize| {
        let mut mail = mail(&format!("p{n}"), "Ann");
        if let Rendered::Email(email) = &mut mail.content {
            email.html.push_str(&"<br>".repeat(n));
        }
        mail
    };
    let outcomes = server.sender(&[]).send_batch(&(0..45).map(of_own_shape).collect::<Vec<_>>()).await;
    let waiting: Vec<_> = outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::Accepted { .. })).collect();
    assert_eq!((waiting.len(), server.asked().len()), (5, 40));
    assert!(waiting.iter().all(|outcome| matches!(outcome, Outcome::Refused(fault) if fault.code == crate::NOT_TRIED)), "{waiting:?}");
}

#[tokio::test]
async fn what_is_open_or_too_fast_is_not_sent_again() {
    let cases: [(Answer, &str); 4] = [
        (|_| http(500, &[], b"oops"), "uncertain http_500"),
        (|_| http(202, &[], b"<html>hotel</html>"), "uncertain garbage"),
        (|_| http(429, &[("Retry-After", "2")], b"{}"), "refused http_429"),
        (|_| http(401, &[], b"{}"), "refused http_401"),
    ];
    for (answer, expected) in cases {
        let server = Server::start(answer).await;
        let outcomes = server.sender(&[]).send_batch(&[mail("a", "A"), mail("b", "B")]).await;
        assert_eq!(ids(&outcomes), [expected; 2]);
        assert_eq!(server.asked().len(), 1, "{expected}");
        if let Outcome::Refused(fault) = &outcomes[0] {
            assert!(matches!(fault.action, FaultAction::Throttle { .. } | FaultAction::PauseSender));
        }
    }
}

#[tokio::test]
async fn one_with_too_much_of_its_own_goes_alone() {
    let server = Server::start(taken).await;
    let outcomes = server.sender(&[]).send_batch(&[mail("a", "A"), mail("b", &"B".repeat(9_000)), mail("c", "C")]).await;
    assert_eq!(ids(&outcomes), ["abc#0", "abc", "abc#1"]);
}

#[tokio::test]
async fn an_account_may_want_smaller_calls() {
    let server = Server::start(taken).await;
    assert_eq!(server.sender(&[("batch_size", "50")]).batch(), 50);
}
