use super::{Auth, Common, Internal, Kek, Links, Secret};
use clap::{CommandFactory as _, Parser};

#[derive(Debug, Parser)]
struct Whole {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    auth: Auth,
    #[command(flatten)]
    kek: Kek,
    #[command(flatten)]
    links: Links,
    #[command(flatten)]
    internal: Internal,
}

const REQUIRED: [&str; 13] = [
    "service",
    "--database-url=postgres://u:hunter2@h/d",
    "--nats-url=nats://h",
    "--jwt-public-key=/key.pem",
    "--kek=c2VjcmV0",
    "--link-key=bGluaw==",
    "--public-url=https://hub.example",
    "--scheduler-url=http://127.0.0.1:1",
    "--internal-token=tok",
    "--cors-origins=https://a.example,https://b.example",
    "--reflection=false",
    "--listen=127.0.0.1:8080",
    "--log=debug",
];

#[test]
fn every_piece_parses_together() {
    let whole = Whole::try_parse_from(REQUIRED).unwrap();
    assert_eq!(whole.common.cors_origins, ["https://a.example", "https://b.example"]);
    assert!(!whole.common.reflection);
    assert_eq!(whole.auth.jwt_issuer, "fanfare");
    assert_eq!(&*whole.links.link_key, "bGluaw==");
    assert_eq!(whole.internal.scheduler_url, "http://127.0.0.1:1");
}

#[test]
fn help_names_every_variable() {
    let help = Whole::command().render_long_help().to_string();
    for variable in [
        "DATABASE_URL",
        "NATS_URL",
        "FANFARE_SUBJECT_PREFIX",
        "FANFARE_LISTEN",
        "FANFARE_PORTS_FILE",
        "FANFARE_CORS_ORIGINS",
        "FANFARE_REFLECTION",
        "FANFARE_PRIVATE_NETWORKS",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "RUST_LOG",
        "FANFARE_JWT_PUBLIC_KEY",
        "FANFARE_JWKS_URL",
        "FANFARE_JWT_ISSUER",
        "FANFARE_JWT_AUDIENCE",
        "FANFARE_KEK",
        "FANFARE_KEK_FILE",
        "FANFARE_LINK_KEY",
        "FANFARE_PUBLIC_URL",
        "FANFARE_SCHEDULER_URL",
        "FANFARE_INTERNAL_TOKEN",
    ] {
        assert!(help.contains(&format!("[env: {variable}")), "{variable} is missing");
    }
}

#[test]
fn secrets_are_absent_from_debug() {
    let whole = Whole::try_parse_from(REQUIRED).unwrap();
    let shown = format!("{whole:?}");
    for secret in ["hunter2", "c2VjcmV0", "bGluaw==", "tok\""] {
        assert!(!shown.contains(secret), "{secret} shows in {shown}");
    }
}

#[test]
fn two_sources_of_keys_are_refused() {
    let both = REQUIRED.iter().copied().chain(["--jwks-url=https://issuer.example/keys"]);
    assert!(Whole::try_parse_from(both).is_err());
}

#[test]
fn a_kek_may_come_from_a_file() {
    let file = std::env::temp_dir().join(format!("fanfare-kek-{}", uuid::Uuid::new_v4()));
    std::fs::write(&file, format!("{}\n", crate::seal::Kek::generate().unwrap())).unwrap();
    let loaded = Kek { kek: None, kek_file: Some(file.clone()) }.load();
    std::fs::remove_file(file).unwrap();
    assert!(loaded.is_ok());
    assert!(Kek { kek: Some(Secret::from("short")), kek_file: None }.load().is_err());
}

#[test]
fn sizes_of_streams_are_read_by_name() {
    let mut given = REQUIRED.to_vec();
    given.push("--stream-bytes=SEND=1048576,EVENTS=2097152");
    let common = Whole::try_parse_from(given).unwrap().common;
    assert_eq!(common.stream_sizes().collect::<Vec<_>>(), [("SEND", 1_048_576), ("EVENTS", 2_097_152)]);
    for bad in ["SEND", "SEND=", "SEND=-1", "SEND=1 MiB"] {
        assert!(bad.parse::<super::StreamBytes>().is_err(), "{bad}");
    }
}
