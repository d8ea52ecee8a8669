//! Generates the bindings of a WebAssembly module, like the command `wasm-bindgen`, in the version of the crate.

use std::path::PathBuf;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

/// The module to bind, and the output folder.
#[derive(clap::Args)]
pub struct Arguments {
    /// The module that cargo built
    module: PathBuf,
    /// The folder for the bound module, its JavaScript and its types
    out: PathBuf,
}

/// Generates the bindings.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(&arguments.module).web(true)?.typescript(true).omit_default_module_path(true);
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.generate(&arguments.out).with_context(|| format!("cannot bind {}", arguments.module.display()))
}
