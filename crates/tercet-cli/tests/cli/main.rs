//! The real program in a scratch folder: every verb, every bad input that it promises to refuse, and Ctrl-C.
//!
//! One binary for all of them, since linking a binary takes longer than running its tests.

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
mod http;
#[cfg(unix)]
mod interrupt;
#[cfg(unix)]
mod killed;
mod large;
mod memory;
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
