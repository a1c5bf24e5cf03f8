//! Compiles `proto/` without a protoc, and keeps the descriptor set for reflection.
#![allow(clippy::expect_used, reason = "a build script has no other way to fail")]

use prost::Message;
use std::{env, fs, path::Path};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let files: Vec<_> = fs::read_dir(root.join("fanfare"))
        .expect("proto/fanfare is readable")
        .flat_map(|area| fs::read_dir(area.expect("entry").path().join("v1")).expect("v1 is readable"))
        .map(|file| file.expect("entry").path())
        .collect();
    let descriptors = protox::compile(&files, [&root]).expect("proto/ compiles");
    let out = Path::new(&env::var("OUT_DIR").expect("OUT_DIR is set")).join("descriptors.bin");
    fs::write(out, descriptors.encode_to_vec()).expect("OUT_DIR is writable");
    tonic_prost_build::configure().build_transport(true).compile_fds(descriptors).expect("code is generated");
}
