//! The three services that answer RPCs, in this process, on one database and one broker.

use clap::Parser as _;
use devstack::{
    TestDatabase, test_database,
    testing::{TestServers, subject_prefix},
};
use domain::{WorkspaceId, role::Role};
use runtime::{
    Shutdown,
    auth::{Grant, Issuer},
    seal::Kek,
};
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};
use store::{Db, admin::raw};
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tonic::{Code, transport::Channel};
use uuid::Uuid;

use crate::{
    rpc::{self, Rpc},
    wire,
};

/// For a service to answer.
const DEADLINE: Duration = Duration::from_secs(30);

pub struct Hub {
    pub issuer: Issuer,
    /// The database as its owner sees it.
    pub db: Db,
    services: BTreeMap<&'static str, Channel>,
    /// Which service serves which of the protocol's.
    places: BTreeMap<String, &'static str>,
    shutdown: Shutdown,
    folder: PathBuf,
    _database: TestDatabase,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.shutdown.begin();
        fs::remove_dir_all(&self.folder).unwrap_or_default();
    }
}

impl Hub {
    pub async fn start() -> Self {
        runtime::install_crypto();
        let (servers, database) = (TestServers::shared().await.unwrap(), test_database().await.unwrap());
        let folder = std::env::temp_dir().join(format!("fanfare-walk-{}", Uuid::now_v7().simple()));
        fs::create_dir(&folder).unwrap();
        let issuer = Issuer::generate().unwrap();
        let key = folder.join("jwt.pem");
        fs::write(&key, issuer.public_pem()).unwrap();
        let common = [
            format!("--database-url={}", database.url),
            format!("--nats-url={}", servers.nats_url),
            format!("--subject-prefix={}", subject_prefix()),
            format!("--jwt-public-key={}", key.display()),
            "--private-networks=allow".to_owned(),
        ];
        let shutdown = Shutdown::new(Duration::from_secs(5));
        let args = |name: &str, more: &[String]| {
            let ports = format!("--ports-file={}", folder.join(name).display());
            [&[name.to_owned(), ports][..], &common[..], more].concat()
        };
        let ending = || shutdown.clone();

        let scheduler = tokio::spawn(scheduler::run(scheduler::Config::parse_from(args("scheduler", &[])), ending()));
        let scheduler_url = url(&folder.join("scheduler"), &scheduler).await;
        let internal = issuer.token(&Grant::new("campaign-api", None, Role::Internal, OffsetDateTime::now_utc())).unwrap();
        let more = [
            format!("--kek={}", Kek::generate().unwrap()),
            format!("--link-key={}", Kek::generate().unwrap()),
            "--public-url=https://hub.example".to_owned(),
            format!("--scheduler-url={scheduler_url}"),
            format!("--internal-token={internal}"),
        ];
        let api = tokio::spawn(campaign_api::run(campaign_api::Config::parse_from(args("campaign-api", &more)), ending()));
        let seldom = ["--reconcile-every=3600".to_owned()];
        let analytics = tokio::spawn(analytics::run(analytics::Config::parse_from(args("analytics", &seldom)), ending()));

        let mut services = BTreeMap::from([("scheduler", runtime::client::channel(&scheduler_url).unwrap())]);
        for (name, task) in [("campaign-api", &api), ("analytics", &analytics)] {
            services.insert(name, runtime::client::channel(&url(&folder.join(name), task).await).unwrap());
        }
        let db = Db::connect(&database.url, store::Role::Owner, 4).await.unwrap();
        let mut hub = Self { issuer, db, services, places: BTreeMap::new(), shutdown, folder, _database: database };
        hub.places = hub.find_places().await;
        hub
    }

    /// Asks each service for one RPC of each of the protocol's: exactly one of them serves it.
    async fn find_places(&self) -> BTreeMap<String, &'static str> {
        let token = wire::bearer(&self.token(WorkspaceId::new(), Role::Agent));
        let mut places = BTreeMap::new();
        for rpc in rpc::all() {
            if places.contains_key(&rpc.service) {
                continue;
            }
            let mut serving = Vec::new();
            for (name, channel) in &self.services {
                if wire::call(channel, &rpc, Vec::new(), &token).await.code != Code::Unimplemented {
                    serving.push(*name);
                }
            }
            assert_eq!(serving.len(), 1, "{} is served by {serving:?}", rpc.service);
            places.insert(rpc.service, serving[0]);
        }
        places
    }

    /// Calls an RPC where it is served.
    pub async fn call(&self, rpc: &Rpc, message: Vec<u8>, headers: &wire::Headers) -> wire::Outcome {
        wire::call(&self.services[self.place(rpc)], rpc, message, headers).await
    }

    /// The service that serves an RPC.
    pub fn place(&self, rpc: &Rpc) -> &'static str {
        self.places[&rpc.service]
    }

    /// A channel to campaign-api.
    pub fn api(&self) -> Channel {
        self.services["campaign-api"].clone()
    }

    /// A good token; with the role internal it names no workspace.
    pub fn token(&self, workspace: WorkspaceId, role: Role) -> String {
        let workspace = Some(workspace).filter(|_| role != Role::Internal);
        self.issuer.token(&Grant::new(format!("walk-{role}"), workspace, role, OffsetDateTime::now_utc())).unwrap()
    }

    /// Runs one statement as the owner; answers how many rows it touched or found.
    pub async fn sql(&self, statement: &str) -> u64 {
        let mut connection = self.db.acquire().await.unwrap();
        raw(&mut connection, statement).await.unwrap_or_else(|error| panic!("{error}: {statement}"))
    }
}

async fn url(ports: &std::path::Path, task: &JoinHandle<anyhow::Result<()>>) -> String {
    let asking = async {
        loop {
            assert!(!task.is_finished(), "the service of {} has stopped", ports.display());
            let port = fs::read(ports).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok()?["port"].as_u64());
            if let Some(port) = port {
                return format!("http://127.0.0.1:{port}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.expect("the service answers in time")
}
