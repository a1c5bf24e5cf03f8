//! Dead letters over gRPC, from a real broker, by a scheduler in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use bus::{Bus, Consumer, Delivered, Subject, Verdict};
use clap::Parser as _;
use devstack::{
    TestDatabase, test_database,
    testing::{TestServers, subject_prefix},
};
use domain::{WorkspaceId, role::Role};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use proto::{
    event::{Fact, FactBatch, FactKind},
    operations::{
        DeadLetter, DropDeadLettersRequest, GetDeadLetterRequest, ListDeadLettersRequest, ReplayDeadLettersRequest,
        dead_letter_service_client::DeadLetterServiceClient,
    },
};
use runtime::{
    Shutdown,
    auth::{Grant, Issuer},
    client::Outgoing,
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use store::{Db, admin::raw};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, service::interceptor::InterceptedService, transport::Channel};
use tonic_prost::ProstCodec;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(30);

struct Stage {
    bus: Bus,
    db: Db,
    channel: Channel,
    issuer: Issuer,
    shutdown: Shutdown,
    folder: PathBuf,
    _database: TestDatabase,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shutdown.begin();
        std::fs::remove_dir_all(&self.folder).unwrap_or_default();
    }
}

impl Stage {
    async fn new() -> Self {
        runtime::install_crypto();
        let (servers, database) = (TestServers::shared().await.unwrap(), test_database().await.unwrap());
        let folder = std::env::temp_dir().join(format!("fanfare-scheduler-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&folder).unwrap();
        let (issuer, prefix) = (Issuer::generate().unwrap(), subject_prefix());
        let (key, ports) = (folder.join("key.pem"), folder.join("port.json"));
        std::fs::write(&key, issuer.public_pem()).unwrap();
        let config = scheduler::Config::parse_from([
            "scheduler",
            &format!("--database-url={}", database.url),
            &format!("--nats-url={}", servers.nats_url),
            &format!("--subject-prefix={prefix}"),
            &format!("--jwt-public-key={}", key.display()),
            &format!("--ports-file={}", ports.display()),
        ]);
        let shutdown = Shutdown::new(Duration::from_secs(5));
        tokio::spawn(scheduler::run(config, shutdown.clone()));
        let port = until(async || {
            let text = std::fs::read(&ports).ok()?;
            serde_json::from_slice::<serde_json::Value>(&text).ok()?["port"].as_u64()
        })
        .await;
        let channel = Channel::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect().await.unwrap();
        let bus = Bus::connect(&servers.nats_url, &prefix, 1).await.unwrap();
        let db = Db::connect(&database.url, store::Role::Owner, 4).await.unwrap();
        Self { bus, db, channel, issuer, shutdown, folder, _database: database }
    }

    fn letters(&self, role: Role) -> DeadLetterServiceClient<InterceptedService<Channel, Outgoing>> {
        let workspace = (role != Role::Internal).then(WorkspaceId::new);
        let token = self.issuer.token(&Grant::new("test", workspace, role, OffsetDateTime::now_utc())).unwrap();
        DeadLetterServiceClient::with_interceptor(self.channel.clone(), Outgoing::new(&token.into()).unwrap())
    }

    /// Puts facts of these deliveries into DLQ, each with its row of the outbox.
    async fn bury(&self, deliveries: &[i64]) {
        let mut tx = self.db.begin().await.unwrap();
        for delivery_id in deliveries {
            let fact = Fact { kind: FactKind::Failed.into(), delivery_id: *delivery_id, ..Fact::default() };
            outbox::add(&mut tx, "scheduler", vec![fact], "", OffsetDateTime::now_utc()).await.unwrap();
        }
        tx.commit().await.unwrap();
        let stop = CancellationToken::new();
        let (bus, until_buried) = (outbox::setting_aside(&self.bus, &self.db), stop.clone());
        let reject = |_: Arc<[Delivered<FactBatch>]>| std::future::ready(Verdict::Reject("not today".to_owned()));
        let consuming = tokio::spawn(async move { bus.consume(consumer(), 1, until_buried, reject).await });
        let count = deliveries.len() as u64;
        until(async || (self.list("").await.len() as u64 == count).then_some(())).await;
        stop.cancel();
        consuming.await.unwrap();
    }

    async fn list(&self, stream: &str) -> Vec<DeadLetter> {
        let request = ListDeadLettersRequest { stream: stream.to_owned(), ..ListDeadLettersRequest::default() };
        self.letters(Role::Internal).list_dead_letters(request).await.unwrap().into_inner().letters
    }

    async fn rows(&self) -> u64 {
        raw(&mut self.db.acquire().await.unwrap(), "UPDATE send.outbox SET origin = origin").await.unwrap()
    }
}

fn consumer() -> Consumer {
    Consumer {
        durable: "test".to_owned(),
        subject: Subject::facts(),
        ack_wait: Duration::from_secs(30),
        max_ack_pending: 100,
        max_deliver: None,
    }
}

#[tokio::test]
async fn dead_letters_are_listed_shown_replayed_and_dropped() {
    let stage = Stage::new().await;
    stage.bury(&[1, 2, 3]).await;
    let mut client = stage.letters(Role::Internal);
    let page = ListDeadLettersRequest { page_size: 2, ..ListDeadLettersRequest::default() };
    let page = client.list_dead_letters(page).await.unwrap().into_inner();
    assert_eq!((page.letters.len(), page.total), (2, 3));
    let rest = ListDeadLettersRequest { page_size: 2, page_token: page.next_page_token, stream: "events".to_owned() };
    let rest = client.list_dead_letters(rest).await.unwrap().into_inner();
    assert_eq!((rest.letters.len(), rest.next_page_token.as_str()), (1, ""));
    assert!(stage.list("send").await.is_empty());

    let sequence = page.letters[0].sequence;
    let shown = client.get_dead_letter(GetDeadLetterRequest { sequence }).await.unwrap().into_inner();
    let letter = shown.letter.unwrap();
    assert_eq!((letter.subject.as_str(), letter.reason.as_str()), ("delivery.happened.v1", "not today"));
    assert!(shown.content.starts_with("failed, delivery "), "{}", shown.content);

    let dropped = client.drop_dead_letters(DropDeadLettersRequest { sequences: vec![sequence, 999], all: false }).await.unwrap();
    assert_eq!(dropped.into_inner().dropped, 1);
    assert_eq!(stage.rows().await, 2, "what is dropped is not published again");
    assert_eq!(client.get_dead_letter(GetDeadLetterRequest { sequence }).await.unwrap_err().code(), Code::NotFound);

    let replayed = client.replay_dead_letters(ReplayDeadLettersRequest { sequences: Vec::new(), all: true }).await.unwrap();
    assert_eq!(replayed.into_inner().replayed, 2);
    assert!(stage.list("").await.is_empty());
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let (bus, stop) = (stage.bus.clone(), CancellationToken::new());
    let until_stop = stop.clone();
    tokio::spawn(async move {
        let take = |messages: Arc<[Delivered<FactBatch>]>| {
            messages.iter().for_each(|message| sender.send((message.deliveries, message.outbox_id.is_some())).unwrap());
            std::future::ready(Verdict::Done)
        };
        bus.consume(consumer(), 10, until_stop, take).await;
    });
    for _ in 0..2 {
        let came = tokio::time::timeout(DEADLINE, received.recv()).await.unwrap().unwrap();
        assert_eq!(came, (1, true), "it comes as a new message that still names its row");
    }
    stop.cancel();
}

#[tokio::test]
async fn what_is_asked_for_must_be_meant() {
    let stage = Stage::new().await;
    let mut client = stage.letters(Role::Internal);
    let drop = |sequences, all| DropDeadLettersRequest { sequences, all };
    for request in [drop(Vec::new(), false), drop(vec![1], true), drop(vec![1; 501], false)] {
        assert_eq!(client.drop_dead_letters(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    for (page_size, page_token, stream) in [(501, "", ""), (0, "x", ""), (0, "", "dead")] {
        let request = ListDeadLettersRequest { page_size, page_token: page_token.to_owned(), stream: stream.to_owned() };
        assert_eq!(client.list_dead_letters(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
}

/// Every RPC of the service, found in the descriptors, so that a new one can't be forgotten.
#[tokio::test]
async fn only_those_who_run_the_hub_may_call() {
    let stage = Stage::new().await;
    let files = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap().file;
    let service = files.iter().flat_map(|file| &file.service).find(|service| service.name() == "DeadLetterService").unwrap();
    assert_eq!(service.method.len(), 4);
    for method in &service.method {
        let path = format!("/fanfare.operations.v1.DeadLetterService/{}", method.name());
        for role in [Role::Agent, Role::Admin] {
            let token = stage.issuer.token(&Grant::new("test", Some(WorkspaceId::new()), role, OffsetDateTime::now_utc())).unwrap();
            let connection = InterceptedService::new(stage.channel.clone(), Outgoing::new(&token.into()).unwrap());
            let mut grpc = tonic::client::Grpc::new(connection);
            grpc.ready().await.unwrap();
            // An empty message is one of any type.
            let codec = ProstCodec::<(), ()>::default();
            let answer = grpc.unary(Request::new(()), path.parse().unwrap(), codec).await;
            assert_eq!(answer.unwrap_err().code(), Code::PermissionDenied, "{path} as {role}");
        }
    }
}

async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.expect("the condition was not met in time")
}
