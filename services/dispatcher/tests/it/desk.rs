//! A provider that answers like Twilio, as it is told.

use axum::{
    Form, Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::net::TcpListener;

/// What it does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Take,
    /// Takes it and answers 500.
    TakeAndFail,
    /// Answers 500 and forgets it.
    Fail,
    /// Says that the sender goes too fast.
    Throttle,
    /// Says nothing.
    Hang,
}

#[derive(Default)]
struct Book {
    reply: Option<Reply>,
    /// Posts, by number; also of what was not taken.
    posts: BTreeMap<String, usize>,
    taken: Vec<Value>,
}

/// A running provider.
#[derive(Clone)]
pub struct Desk {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
}

impl Desk {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let desk = Self { address: listener.local_addr().unwrap(), book: Arc::default() };
        let path = "/2010-04-01/Accounts/{sid}/Messages.json";
        let router = Router::new().route(path, post(send).get(list)).with_state(desk.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        desk
    }

    pub fn reply(&self, reply: Reply) {
        self.book.lock().unwrap().reply = Some(reply);
    }

    /// All posts.
    pub fn posts(&self) -> usize {
        self.book.lock().unwrap().posts.values().sum()
    }

    /// The most messages that it took for one number.
    pub fn most_for_one(&self) -> usize {
        let mut counts = BTreeMap::<String, usize>::new();
        for message in &self.book.lock().unwrap().taken {
            *counts.entry(message["to"].to_string()).or_default() += 1;
        }
        counts.into_values().max().unwrap_or(0)
    }

    /// The texts of the messages that it took.
    pub fn texts(&self) -> Vec<String> {
        self.book.lock().unwrap().taken.iter().map(|message| message["body"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Of each message that it took, to whom and what it said.
    pub fn bodies(&self) -> Vec<(String, String)> {
        let text = |message: &Value, name: &str| message[name].as_str().unwrap_or_default().to_owned();
        self.book.lock().unwrap().taken.iter().map(|message| (text(message, "to"), text(message, "body"))).collect()
    }

    pub fn taken(&self) -> usize {
        self.book.lock().unwrap().taken.len()
    }

    fn take(&self, to: &str, from: &str, body: &str) -> Value {
        let mut book = self.book.lock().unwrap();
        let message = json!({
            "sid": format!("SM{:032x}", book.taken.len()), "status": "queued", "error_code": null, "direction": "outbound-api",
            "to": to, "from": from, "body": body, "date_created": OffsetDateTime::now_utc().format(&Rfc2822).unwrap(),
        });
        book.taken.push(message.clone());
        message
    }
}

async fn send(State(desk): State<Desk>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let (to, from, body) = (field("To"), field("From"), field("Body"));
    let reply = {
        let mut book = desk.book.lock().unwrap();
        *book.posts.entry(to.clone()).or_default() += 1;
        book.reply.unwrap_or(Reply::Take)
    };
    match reply {
        Reply::Take => (StatusCode::CREATED, Json(desk.take(&to, &from, &body))).into_response(),
        Reply::TakeAndFail => {
            desk.take(&to, &from, &body);
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Reply::Fail => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Reply::Throttle => {
            let body = Json(json!({"code": 20429, "message": "Too Many Requests", "status": 429}));
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], body).into_response()
        }
        Reply::Hang => std::future::pending().await,
    }
}

async fn list(State(desk): State<Desk>) -> Json<Value> {
    Json(json!({"messages": desk.book.lock().unwrap().taken, "next_page_uri": null}))
}
