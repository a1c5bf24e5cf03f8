//! PostgreSQL for one copy: durable settings, on a free port of 127.0.0.1 with no Unix socket, behind a random password.
//!
//! It refuses to run as root, so under root it runs as `nobody`, who must be able to pass through every folder above its
//! own. Where the checkout lies below a closed folder, a folder in the system's place for temporary files serves instead.

use crate::{
    dirs,
    ports::free_port,
    process::{Process, Ready, Spec},
    secrets,
    state::StateDir,
    tools,
};
use anyhow::{Context, Result, bail};
use nix::{sys::signal::Signal, unistd};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{io::AsyncWriteExt, process::Command};

pub const NAME: &str = "postgres";
const DATABASE: &str = "fanfare";
const USER: &str = "fanfare";

const SETTINGS: [&str; 11] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "fsync=on",
    "synchronous_commit=on",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",
    "jit=off",
];

/// A started server. `is_new` says that its data didn't exist before.
pub struct Started {
    pub process: Process,
    pub url: String,
    /// Where its data is.
    pub data: PathBuf,
    pub is_new: bool,
}

/// Where it lives and as whom it runs.
struct Home {
    dir: PathBuf,
    bin: PathBuf,
    user: Option<(u32, u32)>,
}

/// Starts it on what the state folder holds, or on a new, empty database.
pub async fn start(state: &StateDir) -> Result<Started> {
    let home = home(state).await?;
    let data = home.dir.join("data");
    let password_file = state.path().join("postgres.password");
    let is_new = !(password_file.is_file() && is_data(&data));
    if is_new {
        dirs::write_private(&password_file, secrets::random_text()?.as_bytes())?;
    }
    let password = fs::read_to_string(&password_file).context("PostgreSQL's password can't be read")?;
    if is_new {
        create(&home, &data, &password).await?;
    }
    let port = free_port()?;
    let settings = SETTINGS.iter().map(|setting| (*setting).to_owned()).chain([format!("port={port}")]);
    let spec = Spec {
        user: home.user,
        // After a power cut it replays its log first.
        ready_within: Duration::from_secs(60),
        // SIGINT is its fast shutdown: it ends sessions instead of waiting for them.
        stop_signal: Signal::SIGINT,
        grace: Duration::from_secs(20),
        // After a kill it refuses to start until the last of its own children is gone.
        attempts: 50,
        ..Spec::new(NAME, home.bin.join("postgres"), Ready::Postmaster(data.join("postmaster.pid")))
            .args(["-D".into(), data.clone().into_os_string()])
            .args(settings.flat_map(|setting| ["-c".to_owned(), setting]))
    };
    let process = Process::start(state, spec).await?;
    Ok(Started { process, url: format!("postgres://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"), data, is_new })
}

async fn home(state: &StateDir) -> Result<Home> {
    let tools::Postgres { bin, root } = tools::postgres().await?;
    let inside = state.path().join("postgres");
    if !unistd::geteuid().is_root() {
        dirs::create_dir(&inside)?;
        return Ok(Home { dir: inside, bin, user: None });
    }
    let nobody = unistd::User::from_name("nobody")?.context("PostgreSQL doesn't run as root and there is no user `nobody` to run it as")?;
    let user = (nobody.uid.as_raw(), nobody.gid.as_raw());
    let dir = if let Some(outside) = state.outside() {
        outside
    } else if can_pass(state.path(), user).await? {
        dirs::create_dir(&inside)?;
        inside
    } else {
        outside(state, user).await?
    };
    let bin = if can_pass(&bin.join("postgres"), user).await? { bin } else { copy_programs(&bin, &root, &dir).await? };
    Ok(Home { dir, bin, user: Some(user) })
}

/// Whether that user can reach the path: enter the folder, or run the program.
async fn can_pass(path: &Path, (user, group): (u32, u32)) -> Result<bool> {
    let status =
        Command::new("/bin/sh").args(["-c", "test -x \"$1\"", "sh"]).arg(path).current_dir("/").uid(user).gid(group).status().await;
    Ok(status.context("/bin/sh can't be run as `nobody`")?.success())
}

/// A new folder that `nobody` can reach. `/var/tmp` comes first since it outlives a restart of the machine.
async fn outside(state: &StateDir, user: (u32, u32)) -> Result<PathBuf> {
    for parent in [PathBuf::from("/var/tmp"), env::temp_dir(), PathBuf::from("/tmp")] {
        if parent.is_dir() && can_pass(&parent, user).await? {
            return state.create_outside(&parent);
        }
    }
    bail!("PostgreSQL runs as `nobody`, who can reach neither this checkout nor a folder for temporary files")
}

async fn copy_programs(bin: &Path, root: &Path, home: &Path) -> Result<PathBuf> {
    let target = home.join("server");
    let inner = bin.strip_prefix(root).context("the programs are not below their installation")?;
    if !target.is_dir() {
        let draft = home.join("server.new");
        run(Command::new("rm").arg("-rf").arg(&draft)).await?;
        run(Command::new("cp").arg("-R").arg(root).arg(&draft)).await?;
        run(Command::new("chmod").args(["-R", "a+rX"]).arg(&draft)).await?;
        fs::rename(&draft, &target)?;
    }
    Ok(target.join(inner))
}

/// Creates the data folder, whole or not at all.
async fn create(home: &Home, data: &Path, password: &str) -> Result<()> {
    let draft = home.dir.join("data.new");
    let password_file = home.dir.join("password.new");
    for old in [&draft, data] {
        run(Command::new("rm").arg("-rf").arg(old)).await?;
    }
    fs::create_dir(&draft)?;
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o700))?;
    dirs::write_private(&password_file, password.as_bytes())?;
    if let Some((user, group)) = home.user {
        for path in [&draft, &password_file] {
            std::os::unix::fs::chown(path, Some(user), Some(group))?;
        }
    }
    let mut initdb = as_user(home, "initdb");
    initdb.args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8"]);
    // Sorting by code point, letters of every script, and the same on each machine.
    initdb.args(["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]);
    run(initdb.arg("--pwfile").arg(&password_file).arg("-D").arg(&draft)).await?;
    fs::remove_file(&password_file)?;
    create_database(home, &draft).await?;
    fs::rename(&draft, data).context("the new database can't be moved into place")
}

/// In single-user mode, before anybody can connect, so that a data folder without the database never exists.
async fn create_database(home: &Home, data: &Path) -> Result<()> {
    let mut command = as_user(home, "postgres");
    command.arg("--single").arg("-D").arg(data).arg("postgres");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut stdin = child.stdin.take().context("no pipe to PostgreSQL")?;
    stdin.write_all(format!("CREATE DATABASE {DATABASE}\n").as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || said.contains("ERROR:") {
        bail!("the database can't be created: {}", said.trim());
    }
    Ok(())
}

fn as_user(home: &Home, program: &str) -> Command {
    let mut command = Command::new(home.bin.join(program));
    if let Some((user, group)) = home.user {
        command.uid(user).gid(group).current_dir("/");
    }
    command
}

pub(crate) async fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let program = command.as_std().get_program().to_owned();
    let output = output.with_context(|| format!("{} can't be run", program.display()))?;
    if !output.status.success() {
        let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{} failed: {}\n{}", program.display(), said.trim(), failed.trim());
    }
    Ok(())
}

fn is_data(path: &Path) -> bool {
    path.join("PG_VERSION").is_file()
}
