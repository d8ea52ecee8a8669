//! `tercet data convert`: a data set in another format.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tercet::data::{Format, Openings, write};

use crate::args::data::ConvertArgs;
use crate::output_files::check_writable;
use crate::{loading, output};

/// Reads a data set and writes it in another format.
pub fn run(args: &ConvertArgs) -> anyhow::Result<ExitCode> {
    let format = args.format.map_or_else(|| Format::of(&args.to), Ok)?;
    format.check(&args.to)?;
    if !args.to.is_dir() {
        check_writable(&args.to)?;
    }
    let collection = loading::open_source(&args.from, &args.reading.read_options())?;
    let mut openings = Openings::new();
    let test = collection.test.as_ref().filter(|_| !args.train_only);
    let test = test.map(|test| test.open(&mut openings, "data convert"));
    let written = write(&args.to, format, &collection.train, test.as_ref())?;
    let written: Vec<&Path> = written.iter().map(|path| path.as_ref()).collect();
    output::print_files(args.json, &written, json!({ "data": collection.name }))?;
    Ok(ExitCode::SUCCESS)
}
