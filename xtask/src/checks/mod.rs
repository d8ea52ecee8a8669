//! The checks that Rust's tools do not do.

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

/// Fails if there are findings, and lists all of them.
pub fn none_of(findings: Vec<String>, remedy: &str) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{}\n{remedy}", findings.join("\n"))
}
