//! The record of past measurements: what was measured, on what machine, and how it went.
//!
//! A crate of its own, since both keep it: the benchmarks beside it, and `cargo xtask bench compare`, which must not
//! wait for all of Tercet to be built.

pub mod machine;
mod record;

pub use record::Record;
