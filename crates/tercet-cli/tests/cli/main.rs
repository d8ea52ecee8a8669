//! The real program in a scratch folder: every command, invalid input, and Ctrl-C.
//!
//! One binary for all of them, since linking takes longer than running the tests.

mod common;

mod attack;
mod bad_data;
mod bad_requests;
mod check;
#[cfg(unix)]
mod checkpoints;
mod compare;
mod consistency;
mod data;
mod deforming;
mod descending;
mod describe;
mod deterministic;
mod evaluate;
mod exact;
mod export;
mod fetch;
mod formats;
mod graph;
mod help;
mod http;
#[cfg(unix)]
mod interrupt;
mod json;
#[cfg(unix)]
mod killed;
mod kinds;
mod large;
mod memory;
mod own_input;
mod plot;
mod predict;
mod probe;
mod replay;
mod sealed;
mod serve;
mod train;
mod tune;
mod watching;
mod welcome;
