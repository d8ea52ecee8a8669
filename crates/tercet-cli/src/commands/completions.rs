//! `tercet completions`: shell completions.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::Program;
use crate::args::completions::CompletionsArgs;

/// Prints the completions.
pub fn run(args: CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Program::command(), "tercet", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)?;
    Ok(ExitCode::SUCCESS)
}
