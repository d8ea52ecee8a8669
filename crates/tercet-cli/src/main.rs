//! The `tercet` program.
fn main() {}
