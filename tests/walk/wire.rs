//! Calls of any RPC with a message of bytes, and the answers as bytes.

use crate::rpc::Rpc;
use bytes::{Buf as _, BufMut as _};
use futures::StreamExt as _;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{
    Code, Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    metadata::MetadataValue,
    transport::Channel,
};
use tonic_types::StatusExt as _;

/// For the first answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// A stream that says nothing for so long has said what it has to say.
const QUIET: Duration = Duration::from_secs(2);
/// Answers of a stream that are read at most.
const MOST_ANSWERS: usize = 20;

/// Headers of a call.
pub type Headers = Vec<(&'static str, String)>;

/// The header of a bearer token or an API key.
pub fn bearer(credential: &str) -> Headers {
    vec![("authorization", format!("Bearer {credential}"))]
}

#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub code: Code,
    pub message: String,
    /// Of the `ErrorInfo`.
    pub reason: String,
    /// Fields of the `BadRequest`, without indexes.
    pub fields: Vec<String>,
    /// What was answered before the end.
    pub answers: Vec<Vec<u8>>,
}

impl Outcome {
    fn new(end: Result<(), Status>, answers: Vec<Vec<u8>>) -> Self {
        let Err(status) = end else {
            return Self { code: Code::Ok, message: String::new(), reason: String::new(), fields: Vec::new(), answers };
        };
        let details = status.get_error_details();
        let fields = details.bad_request().map(|bad| bad.field_violations.iter().map(|one| plain(&one.field)).collect());
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            reason: details.error_info().map(|info| info.reason.clone()).unwrap_or_default(),
            fields: fields.unwrap_or_default(),
            answers,
        }
    }

    /// In a word, for findings.
    pub fn in_words(&self) -> String {
        format!("{:?} {} ({}) {:?}", self.code, self.reason, self.message, self.fields)
    }
}

/// `channels[sms].sender_id` as `channels.sender_id`.
fn plain(field: &str) -> String {
    let mut inside = false;
    field
        .chars()
        .filter(|c| {
            inside = (inside || *c == '[') && *c != ']';
            !inside && *c != ']'
        })
        .collect()
}

/// Calls an RPC, whatever its kind, with one message.
pub async fn call(channel: &Channel, rpc: &Rpc, message: Vec<u8>, headers: &Headers) -> Outcome {
    let path: PathAndQuery = rpc.path().parse().unwrap();
    let mut request = Request::new(futures::stream::once(async { message }));
    for (name, value) in headers {
        request.metadata_mut().append(*name, MetadataValue::try_from(value.as_str()).unwrap());
    }
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let first = timeout(DEADLINE, client.streaming(request, path, Raw)).await;
    let mut stream = match first.unwrap_or_else(|_| panic!("{} doesn't answer", rpc.name())) {
        Ok(response) => response.into_inner(),
        Err(status) => return Outcome::new(Err(status), Vec::new()),
    };
    let mut answers = Vec::new();
    while answers.len() < MOST_ANSWERS {
        match timeout(QUIET, stream.next()).await {
            Ok(Some(Ok(answer))) => answers.push(answer),
            Ok(Some(Err(status))) => return Outcome::new(Err(status), answers),
            Ok(None) | Err(_) => break,
        }
    }
    Outcome::new(Ok(()), answers)
}

#[test]
fn a_field_loses_its_indexes() {
    assert_eq!(plain("settings.channels[sms].sender_id"), "settings.channels.sender_id");
    assert_eq!(plain("list_ids[0]"), "list_ids");
    assert_eq!(plain("id"), "id");
}
