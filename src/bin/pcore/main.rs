//! The `pcore` program.
fn main() {}
