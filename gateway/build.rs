//! Has optimised builds carry the web client as it is then; others read it from its folder.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rerun-if-changed=web/dist");
    }
}
