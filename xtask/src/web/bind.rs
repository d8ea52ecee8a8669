//! The bindings of a WebAssembly module: what `wasm-bindgen` on the command line does, in the version of the crate.

use std::path::PathBuf;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

/// What is bound, and where to.
#[derive(clap::Args)]
pub struct Arguments {
    /// The module that cargo built
    module: PathBuf,
    /// The folder for the bound module, its JavaScript and its types
    out: PathBuf,
}

/// Binds.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(&arguments.module).web(true)?.typescript(true).omit_default_module_path(true);
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.generate(&arguments.out).with_context(|| format!("cannot bind {}", arguments.module.display()))
}
