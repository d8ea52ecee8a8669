//! `tercet completions`: completions for a shell.

use std::process::ExitCode;

use clap::CommandFactory;

/// What `tercet completions` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// Your shell
    shell: clap_complete::Shell,
}

/// Prints the completions.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::Program::command(), "tercet", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)?;
    Ok(ExitCode::SUCCESS)
}
