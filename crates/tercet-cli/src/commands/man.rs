//! `tercet man`: manual pages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ColorChoice, Command};
use clap_mangen::Man;
use serde_json::json;

use crate::args::Program;
use crate::args::man::ManArgs;
use crate::output;

/// Writes a page for every command: `tercet.1`, `tercet-train.1`, `tercet-train-network.1`, ….
pub fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(&args.out).map_err(tercet::Error::file("create the folder", &args.out))?;
    let mut program = Program::parser(ColorChoice::Never).disable_help_subcommand(true);
    program.build();
    let mut written = Vec::new();
    for (name, page) in pages(&program) {
        let path: PathBuf = args.out.join(name);
        tercet::file::replace(&path, &page)?;
        written.push(path);
    }
    let written: Vec<&Path> = written.iter().map(PathBuf::as_path).collect();
    output::print_files(args.json, &written, json!({}))?;
    Ok(ExitCode::SUCCESS)
}

/// The pages of a command and its subcommands, each with its file name.
fn pages(command: &Command) -> Vec<(String, Vec<u8>)> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page).expect("a Vec takes all bytes");
    let mut all = vec![(man.get_filename(), page)];
    all.extend(command.get_subcommands().filter(|child| !child.is_hide_set()).flat_map(pages));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_options() {
        let mut program = Program::parser(ColorChoice::Never).disable_help_subcommand(true);
        program.build();
        let pages = pages(&program);
        let page = |name: &str| {
            let (_, page) =
                pages.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("no {name}"));
            String::from_utf8(page.clone()).unwrap()
        };
        assert!(page("tercet.1").contains(".TH tercet 1"));
        let network = page("tercet-train-network.1");
        assert!(network.contains("weight\\-decay") && network.contains("tercet train network"), "{network}");
        assert!(page("tercet-data-fetch.1").contains("sha256"));
    }
}
