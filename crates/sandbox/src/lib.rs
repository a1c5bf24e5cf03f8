//! A stand-in for the messaging providers: Twilio, SendGrid and Meta over real HTTP, and an SMTP server.
//!
//! It refuses what the providers' contracts refuse, answers in their shapes, posts signed callbacks, and
//! then plays the recipient: opens, clicks, replies STOP, presses one-click unsubscribe. Which recipient
//! does what is a pure function of a seed, so that a run can be repeated. Every message it accepts is on
//! disk before the sender hears so; that log is what "was anything sent twice, or lost?" is judged by.
//!
//! It does not render provider templates (it shows their name and variables), schedules nothing at the
//! provider's side, offers no TLS, and sends nothing to the outside: callbacks go to loopback addresses only,
//! unless told otherwise. SMTP has no delivery reports but letters that come back, so an e-mail sent that way counts as delivered
//! only once its recipient opened it or clicked.
//!
//! The interface and the settings are in README.md beside this folder. Start reading at `desk` (what happens to a
//! message that is handed in), then [`behaviour`] (who does what), `callbacks` (how it is played) and `ledger`
//! (what is kept).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod admin;
pub mod behaviour;
mod callbacks;
mod clock;
pub mod config;
mod config_mail;
mod config_social;
mod config_whatsapp;
mod conn;
mod desk;
mod facebook;
mod fcm;
mod graph;
mod inbound;
mod instagram;
mod ledger;
mod linkedin;
mod media_type;
mod message;
mod meta;
mod page;
mod recipient;
mod sendgrid;
mod server;
mod smtp;
mod social;
mod twilio;
mod webpush;
mod window;
mod x;

pub use callbacks::sign;
pub use config::{Config, Options};
pub use ledger::figures::{ChannelFigures, Figures};
pub use message::{Channel, Message, Provider};
pub use server::{Sandbox, run};
