//! tune
use std::process::ExitCode;
/// Args
#[derive(clap::Args)]
pub struct Arguments {}
/// Run
pub fn run(_: Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
