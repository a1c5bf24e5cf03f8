//! `migrate!` reads the folder when it is compiled: compile again when a migration is added.
fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
