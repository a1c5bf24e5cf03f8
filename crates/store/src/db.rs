//! The pool, as one service's role.

use crate::Result;
use domain::WorkspaceId;
use sqlx::{
    Executor, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};

/// A transaction; rolled back unless committed.
pub type Tx = Transaction<'static, Postgres>;

/// The database role a service works as: its rights are what it owns (see the migrations).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Api,
    Scheduler,
    Dispatcher,
    Ingest,
    Analytics,
    /// The login itself, for migrations, tests and benches.
    Owner,
}

impl Role {
    const fn set_role(self) -> Option<&'static str> {
        match self {
            Self::Api => Some("SET ROLE fanfare_api"),
            Self::Scheduler => Some("SET ROLE fanfare_scheduler"),
            Self::Dispatcher => Some("SET ROLE fanfare_dispatcher"),
            Self::Ingest => Some("SET ROLE fanfare_ingest"),
            Self::Analytics => Some("SET ROLE fanfare_analytics"),
            Self::Owner => None,
        }
    }
}

/// A pool of connections that all work as one role. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
}

impl Db {
    /// Connects as a role, with at most `max_connections` connections; waits at most 10 s for one.
    ///
    /// # Errors
    /// When the server can't be reached or refuses the role.
    pub async fn connect(url: &str, role: Role, max_connections: u32) -> Result<Self> {
        // A process that freezes or vanishes must not keep its locks for the hours that TCP would give it.
        let options = PgConnectOptions::from_str(url)?.options([
            ("idle_in_transaction_session_timeout", "30000"),
            ("lock_timeout", "15000"),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if let Some(statement) = role.set_role() {
                        connection.execute(statement).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    /// Begins a transaction that sees everything its role may.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(self.pool.begin().await?)
    }

    /// Begins a transaction that sees one workspace only; the database enforces it for [`Role::Api`].
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn tenant(&self, workspace: WorkspaceId) -> Result<Tx> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("SELECT set_config('fanfare.workspace_id', $1, true)").bind(workspace.0.to_string()).execute(&mut *tx).await?;
        Ok(tx)
    }

    /// A connection for a single statement, outside any transaction.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn acquire(&self) -> Result<sqlx::pool::PoolConnection<Postgres>> {
        Ok(self.pool.acquire().await?)
    }

    /// Whether the database answers, for readiness.
    ///
    /// # Errors
    /// When it doesn't.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Waits for connections in use and closes all of them.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
