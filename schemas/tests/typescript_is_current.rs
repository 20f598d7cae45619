//! The checked-in TypeScript is what the Rust types make today.

use std::path::Path;

#[test]
fn typescript_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(rookery_schemas::typescript::PATH);
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(kept == rookery_schemas::typescript::declarations(), "the TypeScript types are stale: run `make generate`");
}
