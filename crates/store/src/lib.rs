//! PostgreSQL, the truth: the pool, the migrations and all SQL, one module an aggregate.
//!
//! Free functions take a connection first, so that the caller owns the transaction; time is a parameter; statements are
//! set-based. What tenants see goes through [`Db::tenant`], which fences the transaction to one workspace.
//! No rule of the business is decided here other than what must be decided inside a statement (the gate, the fold).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod admin;
pub mod alert;
pub mod api_key;
pub mod approval;
pub mod attachment;
pub mod attribution;
pub mod audience;
pub mod audit;
pub mod bounce_mailbox;
pub mod budget;
pub mod campaign;
pub mod connection;
pub mod consent;
pub mod contact;
pub mod conversation;
pub mod conversion;
pub mod db;
pub mod delivery;
pub mod device;
pub mod domain_hold;
pub mod dry_run;
pub mod error;
pub mod expand;
pub mod explain;
pub mod fact;
pub mod freeze;
pub mod gate;
pub mod ingest;
pub mod job;
pub mod layout;
pub mod list;
pub mod notice;
pub mod oauth;
pub mod optout;
pub mod outbox;
pub mod page;
pub(crate) mod progress;
pub mod provider_media;
pub mod provider_template;
pub mod rebuild;
pub mod record;
pub mod recount;
pub mod reopen;
pub mod request;
pub mod requeue;
pub mod rescue;
pub mod run;
pub mod run_content;
pub mod segment;
pub mod sender;
pub mod sender_state;
pub mod sender_task;
pub mod settle;
pub mod short_link;
pub mod stats;
pub mod template;
pub mod test_send;
pub mod tracking;
pub mod unread_post;
pub mod user;
pub mod workspace;

pub use db::{Db, Role, Tx};
pub use error::Error;
pub use sqlx::PgConnection;

/// What every function here answers with.
pub type Result<T> = std::result::Result<T, Error>;
