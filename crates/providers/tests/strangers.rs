//! Endpoints that strangers name, against a sender as it is built for production: none may lead into the network that the hub runs in.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    Channel,
    content::{PushVariant, Rendered},
};
use providers::{Account, Device, DeviceKind, FaultAction, Message, Outcome, PushKeys, Secret, Send, public_net, registration};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;
use url::Url;

/// Spellings of addresses that are no push service's: loopback, private, link-local, carrier-grade, documentation, multicast, reserved, and
/// all that stands for one of them. Those with a port or without TLS are refused for that alone.
const PRIVATE: &[&str] = &[
    "https://127.0.0.1/x",
    "https://127.1/x",
    "https://127.0.1/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://0177.0.0.1/x",
    "https://0x7f.0.0.1/x",
    "https://127.255.255.254/x",
    "https://0.0.0.0/x",
    "https://0/x",
    "https://0.1.2.3/x",
    "https://10.0.0.1/x",
    "https://10.255.255.255/x",
    "https://172.16.0.1/x",
    "https://172.31.255.255/x",
    "https://192.168.0.1/x",
    "https://192.168.255.255/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/x",
    "https://100.64.0.1/x",
    "https://100.127.255.255/x",
    "https://192.0.0.1/x",
    "https://192.0.2.1/x",
    "https://192.88.99.1/x",
    "https://198.18.0.1/x",
    "https://198.51.100.1/x",
    "https://203.0.113.1/x",
    "https://224.0.0.1/x",
    "https://239.255.255.255/x",
    "https://240.0.0.1/x",
    "https://255.255.255.255/x",
    "https://[::]/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[::ffff:7f00:1]/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://[::ffff:169.254.169.254]/x",
    "https://[::127.0.0.1]/x",
    "https://[64:ff9b::127.0.0.1]/x",
    "https://[64:ff9b::a9fe:a9fe]/x",
    "https://[64:ff9b:1::1]/x",
    "https://[2002:7f00:1::]/x",
    "https://[2002:a9fe:a9fe::]/x",
    "https://[2001::1]/x",
    "https://[2001:db8::1]/x",
    "https://[3fff::1]/x",
    "https://[fc00::1]/x",
    "https://[fd00:ec2::254]/x",
    "https://[fe80::1]/x",
    "https://[fec0::1]/x",
    "https://[ff02::1]/x",
    "https://[100::1]/x",
    "http://push.example.net/x",
    "http://127.0.0.1/x",
    "https://push.example.net:8443/x",
    "https://push.example.net:22/x",
    "https://user@push.example.net/x",
    "https://user:pass@push.example.net/x",
    "ftp://push.example.net/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:25/_HELO",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:/var/run/docker.sock",
    "https://①②⑦.⓪.⓪.①/x",
    "https://127。0。0。1/x",
    "https://[::ffff:0:127.0.0.1]/x",
];

fn sender() -> Arc<dyn Send> {
    // Its public half is that of the private key below, by RFC 8291's vectors.
    let text = |text: &str| text.to_owned();
    let settings = [
        (text("vapid_public_key"), text("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8")),
        (text("subject"), text("mailto:push@example.com")),
    ];
    let secrets = [(text("vapid_private_key"), Secret::new("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))].into();
    let account = Account { settings: settings.into(), secrets };
    providers::webpush::sender(&account, Channel::Push, Duration::from_secs(5)).unwrap()
}

fn message(endpoint: &str) -> Message {
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let keys = PushKeys {
        p256dh: bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4").try_into().unwrap(),
        auth: bytes("BTBZMqHH6r4Tts7J_aSIgg").try_into().unwrap(),
    };
    let push = PushVariant { title: "t".into(), body: "b".into(), ..PushVariant::default() };
    let device = Some(Device { kind: DeviceKind::WebPush, keys: Some(keys) });
    Message { device, ..Message::new(endpoint, Rendered::Push(push), "d1.017-Ab_c", "d1-key") }
}

#[tokio::test]
async fn no_endpoint_leads_into_a_private_network() {
    assert!(PRIVATE.len() >= 60, "{}", PRIVATE.len());
    let sender = sender();
    for endpoint in PRIVATE {
        let callable = Url::parse(endpoint).is_ok_and(|url| public_net::check(&url).is_ok());
        assert!(!callable, "{endpoint} may be called");
        let Outcome::Refused(fault) = sender.send(&message(endpoint)).await else { panic!("{endpoint} was called") };
        assert_eq!(fault.action, FaultAction::InvalidAddress, "{endpoint}");
        assert!(matches!(fault.code.as_str(), "bad_url" | "private_address"), "{endpoint}: {}", fault.code);
        let keys = message(endpoint).device.unwrap().keys.unwrap();
        let (p256dh, auth) = (BASE64_URL_SAFE_NO_PAD.encode(keys.p256dh), BASE64_URL_SAFE_NO_PAD.encode(keys.auth));
        assert!(registration::read(DeviceKind::WebPush, endpoint, &p256dh, &auth).is_err(), "{endpoint} may be registered");
    }
}

#[tokio::test]
async fn a_name_that_leads_here_is_never_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let sender = sender();
    for name in ["localhost", "localhost.", "LOCALHOST"] {
        let outcome = sender.send(&message(&format!("https://{name}/x"))).await;
        // The name was resolved, and its address left out: no connection, and no doubt.
        assert!(matches!(&outcome, Outcome::Refused(_)), "{name}: {outcome:?}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 0);
}
