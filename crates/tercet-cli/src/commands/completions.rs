//! `tercet completions`: shell completions, with the names of data sets and recipes next to files.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{ColorChoice, Command};
use clap_complete::Shell;
use tercet::data::NamedSet;
use tercet::recipe::Recipe;

use crate::args::Program;
use crate::args::completions::CompletionsArgs;

/// Prints the completions.
pub fn run(args: CompletionsArgs) -> anyhow::Result<ExitCode> {
    std::io::Write::write_all(&mut std::io::stdout(), script(args.shell).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The names of all data sets.
fn data_sets() -> Vec<&'static str> {
    NamedSet::all().iter().map(|set| set.name()).collect()
}

/// The script for a shell. The generator completes either a list of words or files, so the names are given as words,
/// and the script is changed to complete files, too.
fn script(shell: Shell) -> String {
    let mut program = with_names(Program::parser(ColorChoice::Never));
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "tercet", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    for names in [data_sets(), Recipe::names()] {
        script = and_files(shell, &script, &names);
    }
    script
}

/// The command with the names as the values of arguments that accept them.
fn with_names(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        "data" | "source" | "test_data" | "from" => arg.value_parser(PossibleValuesParser::new(data_sets())),
        "what" => arg.value_parser(PossibleValuesParser::new(data_sets())),
        "recipe" | "augment" => arg.value_parser(PossibleValuesParser::new(Recipe::names())),
        _ => arg,
    });
    command.mut_subcommands(with_names)
}

/// The script with files next to these names.
fn and_files(shell: Shell, script: &str, names: &[&str]) -> String {
    let words = names.join(" ");
    match shell {
        Shell::Bash => {
            script.replace(&format!("compgen -W \"{words}\""), &format!("compgen -f -W \"{words}\""))
        }
        Shell::Zsh => script.replace(
            &format!(":({words})"),
            &format!(":{{_alternative \"names\\:name\\:({words})\" \"files\\:file\\:_files\"}}"),
        ),
        Shell::Fish => {
            let first = format!("-a \"{}\\t", names[0]);
            let lines = script.split_inclusive('\n').map(|line| match line.contains(&first) {
                true => line.replacen(" -f ", " -F ", 1),
                false => line.to_owned(),
            });
            lines.collect()
        }
        _ => script.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_data_sets_and_recipes_are_completed_next_to_files() {
        for (shell, sign) in
            [(Shell::Bash, "compgen -f -W"), (Shell::Zsh, "_alternative"), (Shell::Fish, "-r -F -a")]
        {
            let script = script(shell);
            for name in ["fashion-mnist", "ninety-nine"] {
                let completed = script.lines().any(|line| line.contains(name) && line.contains(sign));
                // Fish has a line for each name.
                let completed =
                    completed || (shell == Shell::Fish && script.contains(name) && script.contains(sign));
                assert!(completed, "{shell}: {name}");
            }
        }
    }
}
