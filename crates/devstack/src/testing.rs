//! For the tests of other crates: one pair of servers a process, a migrated database and a subject prefix a test.
//!
//! `make test` starts the servers once for all test programs (see `with-servers`) and sets `DATABASE_URL` and `NATS_URL`;
//! a test program started alone starts its own, which end with it.

use crate::{
    dirs,
    stack::{self, Options, Stack},
};
use anyhow::{Context, Result, anyhow};
use ring::digest;
use std::{
    fs::{self, File},
    io::{Read, Seek, Write},
    path::Path,
    sync::{OnceLock, mpsc},
};
use uuid::Uuid;

/// The database that test databases are copied from.
const TEMPLATE: &str = "fanfare_test_template";

/// The servers that all tests of a process share.
#[derive(Debug)]
pub struct TestServers {
    pub database_url: String,
    pub nats_url: String,
}

impl TestServers {
    /// Starts them at the first call. They outlive the test that asked first, so they run on a thread of their own.
    ///
    /// # Errors
    /// When they can't be had; then every test gets the same answer.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<TestServers, String>> = OnceLock::new();
        let shared =
            tokio::task::spawn_blocking(|| SHARED.get_or_init(|| start_on_a_thread().map_err(|error| format!("{error:#}")))).await?;
        shared.as_ref().map_err(|message| anyhow!("no servers for the tests: {message}"))
    }
}

fn start_on_a_thread() -> Result<TestServers> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("test-servers".to_owned()).spawn(move || {
        let stack = tokio::runtime::Runtime::new().context("no runtime").and_then(|runtime| {
            let options = Options { migrate: false, ..Options::ephemeral()? };
            Ok((runtime.block_on(Stack::start(options))?, runtime))
        });
        let (servers, keep) = match stack {
            Ok((stack, runtime)) => {
                let servers = TestServers { database_url: stack.database_url.clone(), nats_url: stack.nats_url.clone() };
                (Ok(servers), Some((stack, runtime)))
            }
            Err(error) => (Err(error), None),
        };
        if sender.send(servers).is_ok() && keep.is_some() {
            // The servers live as long as this thread holds them: until the process ends.
            loop {
                std::thread::park();
            }
        }
    })?;
    receiver.recv()?
}

/// A subject prefix that no other test has.
#[must_use]
pub fn subject_prefix() -> String {
    format!("t{}", Uuid::now_v7().simple())
}

/// A migrated database of its own for one test, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    pub url: String,
    name: String,
    server_url: String,
}

/// Creates one, on [`TestServers::shared`].
///
/// # Errors
/// When the server can't be had or the migrations fail.
pub async fn test_database() -> Result<TestDatabase> {
    let server_url = TestServers::shared().await?.database_url.clone();
    let name = format!("test_{}", Uuid::now_v7().simple());
    let path = dirs::state_dir()?.join("test-template.lock");
    let mut lock = tokio::task::spawn_blocking(move || locked(&path)).await??;
    ensure_template(&server_url, &mut lock).await?;
    store::admin::create_database(&server_url, &name, Some(TEMPLATE)).await.context("no database for the test")?;
    Ok(TestDatabase { url: with_database(&server_url, &name)?, name, server_url })
}

/// Several test programs share a server: while the lock is held nobody is migrating the template or copying it.
fn locked(path: &Path) -> Result<File> {
    dirs::create_dir(path.parent().context("the lock has no folder")?)?;
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    file.lock()?;
    Ok(file)
}

/// The lock's content says which server and which migrations the template was made for.
async fn ensure_template(server_url: &str, lock: &mut File) -> Result<()> {
    let wanted = template_mark(server_url)?;
    let mut found = String::new();
    lock.read_to_string(&mut found)?;
    if found == wanted {
        return Ok(());
    }
    lock.set_len(0)?;
    lock.rewind()?;
    store::admin::drop_database(server_url, TEMPLATE).await?;
    store::admin::create_database(server_url, TEMPLATE, None).await?;
    stack::migrate(&with_database(server_url, TEMPLATE)?).await?;
    lock.write_all(wanted.as_bytes())?;
    Ok(())
}

fn template_mark(server_url: &str) -> Result<String> {
    let dir = dirs::checkout()?.join("migrations");
    let mut files: Vec<_> = fs::read_dir(&dir).with_context(|| format!("{} can't be read", dir.display()))?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    let mut content = digest::Context::new(&digest::SHA256);
    content.update(server_url.as_bytes());
    for file in files {
        content.update(&fs::read(file.path())?);
    }
    Ok(content.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server_url, name) = (self.server_url.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(store::admin::drop_database(&server_url, &name))?)
        });
        if let Ok(Err(error)) = dropped.join() {
            tracing::debug!(name = self.name, %error, "a test's database is left to its server");
        }
    }
}

/// The same server's URL for another database.
fn with_database(url: &str, name: &str) -> Result<String> {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let (scheme, rest) = address.split_once("://").context("the database URL has no scheme")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{scheme}://{authority}/{name}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_on_the_same_server() {
        assert_eq!(with_database("postgres://u:p@h:1/old?sslmode=disable", "new").unwrap(), "postgres://u:p@h:1/new?sslmode=disable");
        assert_eq!(with_database("postgres://h", "new").unwrap(), "postgres://h/new");
        assert!(with_database("h", "new").is_err());
    }

    #[tokio::test]
    async fn each_test_gets_a_migrated_database_of_its_own() {
        let (one, two) = tokio::join!(test_database(), test_database());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one.url, two.url);
        stack::migrate(&one.url).await.unwrap();
        let (server, name, url) = (one.server_url.clone(), one.name.clone(), one.url.clone());
        drop(one);
        assert!(stack::migrate(&url).await.is_err(), "the database is still there");
        store::admin::create_database(&server, &name, None).await.unwrap();
        store::admin::drop_database(&server, &name).await.unwrap();
    }
}
