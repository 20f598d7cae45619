//! Writes the TypeScript form of every message to where the web client keeps it.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::write(root.join(rookery_schemas::typescript::PATH), rookery_schemas::typescript::declarations())
}
