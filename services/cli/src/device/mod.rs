//! `fanfare device`: the apps and browsers of contacts that notifications go to.

use crate::{paging, resolve, session::Session};
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use proto::device::{CreateDeviceLinkRequest, Device, DeviceKind, ListDevicesRequest, RegisterDeviceRequest, UnregisterDeviceRequest};
use serde_json::json;
use std::{fs, path::PathBuf};

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Register a device for a contact; registering it again brings it up to date
    Register(Box<RegisterArgs>),
    /// Show devices
    List(ListArgs),
    /// Take a device out: it gets nothing any more
    Unregister {
        /// The device's id
        id: String,
    },
    /// Make a link to which a browser or an app of this contact posts its own registration
    Link {
        /// The contact's id
        contact: String,
        /// The app: a sender of the channel push (name or id)
        sender: String,
        /// How long it is good, in seconds; 0: a day, at most 30 days
        #[arg(long, default_value_t = 0)]
        valid_seconds: u32,
    },
}

#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The contact's id
    contact: String,
    /// The app: a sender of the channel push (name or id)
    sender: String,
    /// What kind of target it is
    #[arg(long, value_enum, required_unless_present = "subscription", conflicts_with = "subscription")]
    kind: Option<Kind>,
    /// The token, the installation id, or the endpoint
    #[arg(long, required_unless_present = "subscription", conflicts_with = "subscription")]
    target: Option<String>,
    /// A browser's subscription as it writes it (JSON)
    #[arg(long, value_name = "FILE")]
    subscription: Option<PathBuf>,
    /// Of a Web Push subscription: its key, in base64url
    #[arg(long, default_value = "")]
    p256dh: String,
    /// Of a Web Push subscription: its secret, in base64url
    #[arg(long, default_value = "")]
    auth: String,
    /// Such as android or chrome
    #[arg(long, default_value = "")]
    platform: String,
    /// Such as ar or pt-BR
    #[arg(long, default_value = "")]
    locale: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    Fid,
    Token,
    Webpush,
}

impl Kind {
    const fn wire(self) -> DeviceKind {
        match self {
            Self::Fid => DeviceKind::Fid,
            Self::Token => DeviceKind::Token,
            Self::Webpush => DeviceKind::Webpush,
        }
    }
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only of this contact (id)
    #[arg(long)]
    contact: Option<String>,
    /// Only of this app (a sender's name or id)
    #[arg(long)]
    sender: Option<String>,
    /// Those that get nothing any more, too
    #[arg(long)]
    gone: bool,
    /// How many at most; 0 for all
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// # Errors
/// When the hub refuses.
pub async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::Register(args) => register(*args, session).await,
        Verb::List(args) => list(args, session).await,
        Verb::Unregister { id } => {
            session.devices().unregister_device(UnregisterDeviceRequest { id: id.clone() }).await?;
            session.output.value(&json!({ "unregistered": id }), "unregistered")
        }
        Verb::Link { contact, sender, valid_seconds } => {
            let request =
                CreateDeviceLinkRequest { contact_id: contact, sender_id: resolve::sender(session, &sender).await?, valid_seconds };
            let link = session.devices().create_device_link(request).await?.into_inner();
            session.output.message(&link, |link| format!("{}\n{}", link.url, link.vapid_public_key))
        }
    }
}

async fn register(args: RegisterArgs, session: &Session) -> Result<()> {
    let sender_id = resolve::sender(session, &args.sender).await?;
    let request = match &args.subscription {
        Some(file) => of_subscription(&fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?)?,
        None => RegisterDeviceRequest {
            kind: args.kind.map_or(DeviceKind::Unspecified, Kind::wire).into(),
            target: args.target.unwrap_or_default(),
            p256dh: args.p256dh,
            auth: args.auth,
            ..RegisterDeviceRequest::default()
        },
    };
    let request = RegisterDeviceRequest { contact_id: args.contact, sender_id, platform: args.platform, locale: args.locale, ..request };
    let device = session.devices().register_device(request).await?.into_inner().device.context("the hub's answer has no device")?;
    session.output.message(&device, |device| row(device).join("  "))
}

/// `PushSubscription.toJSON()`.
fn of_subscription(text: &str) -> Result<RegisterDeviceRequest> {
    let json: serde_json::Value = serde_json::from_str(text).context("the subscription is no JSON")?;
    let member = |pointer: &str| {
        let text = json.pointer(pointer).and_then(serde_json::Value::as_str);
        text.map(str::to_owned).with_context(|| format!("the subscription has no {pointer}"))
    };
    Ok(RegisterDeviceRequest {
        kind: DeviceKind::Webpush.into(),
        target: member("/endpoint")?,
        p256dh: member("/keys/p256dh")?,
        auth: member("/keys/auth")?,
        ..RegisterDeviceRequest::default()
    })
}

async fn list(args: ListArgs, session: &Session) -> Result<()> {
    let sender_id = match &args.sender {
        Some(sender) => resolve::sender(session, sender).await?,
        None => String::new(),
    };
    let request = ListDevicesRequest {
        contact_id: args.contact.unwrap_or_default(),
        sender_id,
        include_gone: args.gone,
        ..ListDevicesRequest::default()
    };
    let devices = paging::collect(args.limit, |page_size, page_token| {
        let request = ListDevicesRequest { page_size, page_token, ..request.clone() };
        async move {
            let page = session.devices().list_devices(request).await?.into_inner();
            Ok((page.devices, page.next_page_token))
        }
    });
    session.output.rows(["id", "contact", "kind", "target", "platform", "seen", "gone"], &devices.await?, row)
}

fn row(device: &Device) -> [String; 7] {
    let kind = device.kind().as_str_name().trim_start_matches("DEVICE_KIND_").to_lowercase();
    let seen = device.last_seen_at.as_ref().map(ToString::to_string).unwrap_or_default();
    [
        device.id.clone(),
        device.contact_id.clone(),
        kind,
        format!("…{}", device.target_end),
        device.platform.clone(),
        seen,
        device.gone_code.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browsers_subscription_is_read_as_it_is() {
        let request = of_subscription(r#"{"endpoint":"https://p/x","expirationTime":null,"keys":{"p256dh":"B","auth":"A"}}"#).unwrap();
        assert_eq!((request.target.as_str(), request.p256dh.as_str(), request.auth.as_str()), ("https://p/x", "B", "A"));
        assert_eq!(request.kind(), DeviceKind::Webpush);
        assert!(of_subscription(r#"{"endpoint":"https://p/x"}"#).is_err());
    }
}
