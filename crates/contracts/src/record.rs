//! Requests written down for `make test-contracts`, which has a mock take them that nobody here has written.

use crate::Call;
use serde_json::json;
use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Leaves a described request in the folder that `FANFARE_CALLS_DIR` names, if it does: a JSON object a line, a file a provider.
pub(crate) fn write_down(provider: &str, description: &str, call: &Call) {
    static WRITING: Mutex<()> = Mutex::new(());
    let Ok(folder) = std::env::var("FANFARE_CALLS_DIR") else { return };
    let line = json!({"file": description, "method": call.method, "target": call.target, "headers": call.headers, "body": hex(&call.body)});
    let path = Path::new(&folder).join(format!("calls-{provider}.jsonl"));
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.unwrap_or_else(|error| panic!("{} can't be written: {error}", path.display()));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
