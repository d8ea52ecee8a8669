//! Options of `tercet man`.

use std::path::PathBuf;

use clap::Args;

/// Options of `tercet man`.
#[derive(Args)]
pub struct ManArgs {
    /// Write the pages to this folder, such as ~/.local/share/man/man1
    #[arg(short, long, value_name = "FOLDER", default_value = "man1")]
    pub out: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
