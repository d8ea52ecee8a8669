//! Options of `tercet completions`.

use clap::Args;

/// Options of `tercet completions`.
#[derive(Args)]
pub struct CompletionsArgs {
    /// Your shell
    pub shell: clap_complete::Shell,
}
