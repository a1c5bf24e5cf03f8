//! The program `with-servers`, from outside: exit codes, and that nothing is left running whatever ends it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![cfg(target_os = "linux")]

use devstack::StateDir;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(120);

fn with_servers(state: &StateDir, command: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_with-servers"));
    program.arg("--").args(command).env_remove("DATABASE_URL").env_remove("NATS_URL").env("FANFARE_STATE_DIR", state.path());
    program
}

/// Processes that have the folder in their command line: the servers, and a command that was given it.
fn using(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(folder)).collect()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Starts a command that says when it runs, and waits for that.
fn started(state: &StateDir) -> Child {
    let said = state.path().join("said");
    let script = format!("env > {0}.new; mv {0}.new {0}; sleep 600; : {0}", said.display());
    let child = with_servers(state, &["sh", "-c", &script]).stdout(Stdio::null()).spawn().unwrap();
    until("the command runs", || said.exists());
    let said = fs::read_to_string(said).unwrap();
    assert!(said.contains("DATABASE_URL=postgres://") && said.contains("NATS_URL=nats://"), "{said}");
    assert!(using(state.path()).len() >= 3, "two servers and the command");
    child
}

fn id(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

fn no_folder_is_left(state: &StateDir) -> bool {
    fs::read_dir(state.path().join("ephemeral")).unwrap().count() == 0
}

#[test]
fn the_exit_code_is_the_commands_and_the_servers_stop() {
    let state = StateDir::scratch_blocking().unwrap();
    let status = with_servers(&state, &["sh", "-c", "exit 7"]).status().unwrap();
    assert_eq!(status.code(), Some(7));
    assert_eq!(using(state.path()), Vec::<String>::new());
    assert!(no_folder_is_left(&state));
}

#[test]
fn a_polite_stop_takes_the_command_and_the_servers_along() {
    let state = StateDir::scratch_blocking().unwrap();
    let mut child = started(&state);
    kill(id(&child), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(using(state.path()), Vec::<String>::new());
    assert!(no_folder_is_left(&state));
}

#[test]
fn after_kill_9_nothing_is_left_running() {
    let state = StateDir::scratch_blocking().unwrap();
    let mut child = started(&state);
    kill(id(&child), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    until("everything has stopped", || using(state.path()).is_empty());
    assert!(!no_folder_is_left(&state), "nobody was there to remove it");
}
