//! `tercet data`: one file per subcommand.

mod check;
mod convert;
mod fetch;
mod info;
mod show;

use std::process::ExitCode;

use crate::args::data::{DataCommand, DataCommandArgs};

/// Runs the subcommand.
pub fn run(args: DataCommandArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        DataCommand::Info(args) => info::run(&args),
        DataCommand::Check(args) => check::run(&args),
        DataCommand::Show(args) => show::run(&args),
        DataCommand::Fetch(args) => fetch::run(args),
        DataCommand::Convert(args) => convert::run(&args),
    }
}
