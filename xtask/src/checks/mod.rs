//! The checks that no tool of Rust's does.

pub mod dashboard;
pub mod dependencies;
pub mod features;
pub mod layers;
pub mod links;
pub mod onnx;
pub mod openapi;
pub mod package;
pub mod page;
pub mod tensorboard;
pub mod unsafe_code;
pub mod words;

use anyhow::{Result, bail};

/// Fails where there are findings, and says them all.
pub fn none_of(findings: Vec<String>, remedy: &str) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{}\n{remedy}", findings.join("\n"))
}
