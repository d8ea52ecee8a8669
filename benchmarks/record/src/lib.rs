//! The record of past measurements: the subject, the machine and the results.
//!
//! This is a separate crate because two programs use it: the benchmarks, and `cargo xtask bench compare`, which must not
//! have to wait until all of Tercet is built.

pub mod machine;
mod record;

pub use record::Record;
