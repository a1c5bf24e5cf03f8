//! Databases and migrations: for installers, local runs and tests.

use crate::{Error, Result};
use domain::WorkerId;
use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, PgConnection, migrate::Migrator};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Brings a database up to date; harmless when it is, and when several do it at once.
///
/// # Errors
/// When the server can't be reached or a migration fails; the failed one is rolled back.
pub async fn migrate(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    MIGRATOR.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// The same with the migrations of a folder, read now: for making the checked SQL of a schema that isn't compiled in yet.
///
/// # Errors
/// When the folder can't be read, and as [`migrate`].
pub async fn migrate_from(url: &str, folder: &Path) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    Migrator::new(folder).await?.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Runs one statement as it is, and answers how many rows it touched. For benches, which measure bare statements, and for filling
/// their tables; nothing else builds SQL from text.
///
/// # Errors
/// When the statement fails.
pub async fn raw(connection: &mut PgConnection, sql: &str) -> Result<u64> {
    Ok(sqlx::query(AssertSqlSafe(sql.to_owned())).execute(connection).await?.rows_affected())
}

/// The least that any claim does: what the gate is measured against. For benches only, because it asks no rule.
///
/// # Errors
/// When the statement fails.
pub async fn minimal_claim(connection: &mut PgConnection, worker: WorkerId, delivery_ids: &[i64]) -> Result<usize> {
    let claimed = sqlx::query!(
        "UPDATE send.delivery SET state = 'sending', attempt = attempt + 1, worker_id = $2, updated_at = now()
         WHERE delivery_id = ANY($1) AND state = 'queued' RETURNING delivery_id, address",
        delivery_ids,
        worker.0
    )
    .fetch_all(connection)
    .await?;
    Ok(claimed.len())
}

/// Creates a database, as a copy of `template` if given. The name is letters, digits and `_`.
///
/// # Errors
/// When the name is taken or not allowed.
pub async fn create_database(url: &str, name: &str, template: Option<&str>) -> Result<()> {
    let clause = match template {
        Some(template) => format!(" TEMPLATE {}", identifier(template)?),
        None => String::new(),
    };
    execute(url, format!("CREATE DATABASE {}{clause}", identifier(name)?)).await
}

/// Drops a database, ending its sessions; harmless when it isn't there.
///
/// # Errors
/// When the server refuses.
pub async fn drop_database(url: &str, name: &str) -> Result<()> {
    execute(url, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name)?)).await
}

async fn execute(url: &str, sql: String) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

fn identifier(name: &str) -> Result<&str> {
    let allowed = !name.is_empty() && name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if allowed {
        Ok(name)
    } else {
        Err(Error::Corrupt { what: "database name", reason: "only letters, digits and _ are allowed".to_owned() })
    }
}
