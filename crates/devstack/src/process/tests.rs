use super::*;

/// A shell script as a supervised program; `$1` is its ports file.
fn script(state: &StateDir, text: &str) -> Spec {
    let ports = state.run_dir().join("script.ports");
    let mut spec = Spec::new("script", "/bin/sh", Ready::PortsFile(ports.clone())).args(["-c", text, "script"]).args([ports]);
    spec.ready_within = Duration::from_secs(10);
    spec.grace = Duration::from_secs(5);
    spec
}

const WELL_BEHAVED: &str = r#"trap 'echo bye; exit 0' TERM; echo '{"port":1}' > "$1"; while :; do sleep 0.05; done"#;

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(POLL).await;
    }
}

#[tokio::test]
async fn stop_asks_first_and_leaves_no_record() {
    let state = StateDir::scratch_blocking().unwrap();
    let mut process = Process::start(&state, script(&state, WELL_BEHAVED)).await.unwrap();
    assert!(process.pid().is_some());
    process.stop().await.unwrap();
    assert_eq!(process.pid(), None);
    assert_eq!(process.log_tail(), "bye");
    assert!(!state.run_dir().join("script.pid").exists());
}

#[tokio::test]
async fn one_that_does_not_stop_is_killed_after_its_grace() {
    let state = StateDir::scratch_blocking().unwrap();
    let mut spec = script(&state, r#"trap '' TERM; echo 1 > "$1"; while :; do sleep 0.05; done"#);
    spec.grace = Duration::from_millis(200);
    let mut process = Process::start(&state, spec).await.unwrap();
    let pid = process.pid().unwrap();
    process.stop().await.unwrap();
    until("the process is gone", || Identity::of(pid).is_none()).await;
}

#[tokio::test]
async fn a_killed_one_can_be_restarted_and_its_log_goes_on() {
    let state = StateDir::scratch_blocking().unwrap();
    let text = format!("echo hello; {WELL_BEHAVED}");
    let mut process = Process::start(&state, script(&state, &text)).await.unwrap();
    let first = process.pid();
    process.kill9().await.unwrap();
    process.restart().await.unwrap();
    assert_ne!(process.pid(), first);
    process.stop().await.unwrap();
    assert_eq!(process.log_tail(), "hello\nhello\nbye");
}

#[tokio::test]
async fn one_that_ends_early_is_reported_with_its_last_words() {
    let state = StateDir::scratch_blocking().unwrap();
    let error = Process::start(&state, script(&state, "echo no such luck; exit 3")).await.unwrap_err().to_string();
    assert!(error.contains("no such luck") && error.contains("exit status: 3"), "{error}");
}

#[tokio::test]
async fn one_that_is_never_ready_is_reported_and_gone() {
    let state = StateDir::scratch_blocking().unwrap();
    let mut spec = script(&state, "echo still thinking; exec sleep 600");
    spec.ready_within = Duration::from_millis(300);
    let error = Process::start(&state, spec).await.unwrap_err().to_string();
    assert!(error.contains("was not ready") && error.contains("still thinking"), "{error}");
}

#[tokio::test]
async fn one_that_ends_by_itself_is_noticed() {
    let state = StateDir::scratch_blocking().unwrap();
    let mut process = Process::start(&state, script(&state, WELL_BEHAVED)).await.unwrap();
    process.signal(Signal::SIGTERM).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = process.exited().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline);
        tokio::task::yield_now().await;
    };
    assert!(status.success());
    assert_eq!(process.pid(), None);
}

#[tokio::test]
async fn a_dropped_one_is_stopped_by_its_watchdog() {
    let state = StateDir::scratch_blocking().unwrap();
    let process = Process::start(&state, script(&state, WELL_BEHAVED)).await.unwrap();
    let (pid, log) = (process.pid().unwrap(), process.log().to_owned());
    drop(process);
    until("the watchdog asked it to stop", || fs::read_to_string(&log).is_ok_and(|text| text.contains("bye\n"))).await;
    until("the process is gone", || Identity::of(pid).is_none()).await;
}

#[tokio::test]
async fn settings_meant_for_others_do_not_leak_into_children() {
    let state = StateDir::scratch_blocking().unwrap();
    let mut spec = script(&state, r#"env; echo 1 > "$1"; exec sleep 600"#);
    spec.env = vec![("FANFARE_LISTEN".to_owned(), "127.0.0.1:0".to_owned())];
    let mut process = Process::start(&state, spec).await.unwrap();
    let log = fs::read_to_string(process.log()).unwrap();
    process.kill9().await.unwrap();
    assert!(log.contains("FANFARE_LISTEN=127.0.0.1:0"));
    assert!(!log.lines().any(|line| line.starts_with("DATABASE_URL=") || line.starts_with("PG")), "{log}");
}
