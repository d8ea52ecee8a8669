//! One file per command.

pub mod check;
pub mod compare;
pub mod completions;
pub mod data;
pub mod describe;
pub mod evaluate;
pub mod export;
pub mod graph;
pub mod import;
pub mod man;
pub mod plot;
pub mod predict;
pub mod predict_rows;
pub mod probe;
pub mod search;
pub mod serve;
pub mod train;
pub mod tune;
