//! `tercet completions`.

use clap::Args;

/// What `tercet completions` understands.
#[derive(Args)]
pub struct CompletionsArgs {
    /// Your shell
    pub shell: clap_complete::Shell,
}
