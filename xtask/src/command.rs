//! Runs other programs, and prints their command lines.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::repository::Repository;

/// The cargo that runs this program, with arguments, in the root of the repository.
pub fn cargo(repository: &Repository, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(repository.root());
    command
}

/// Runs a command, shows its output, and fails if it fails.
pub fn run(mut command: Command) -> Result<()> {
    let line = shown(&command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// The standard output of a command; its standard error is shown.
pub fn output(mut command: Command) -> Result<String> {
    let line = shown(&command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed something that is no UTF-8"))
}

/// The folder that cargo builds in.
pub fn target_folder(repository: &Repository) -> Result<PathBuf> {
    let metadata = output(cargo(repository, &["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata is no JSON")?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(target))
}

/// The path of a program that cargo builds with a profile, `debug` or `release`.
pub fn program(repository: &Repository, profile: &str, name: &str) -> Result<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    Ok(target_folder(repository)?.join(profile).join(name))
}

/// Builds the program `tercet` as its tests do, so that nothing is built again after them, and returns its path. If it were
/// built alone, it would have other features and be compiled again with all its dependencies.
pub fn tested_program(repository: &Repository) -> Result<PathBuf> {
    run(cargo(repository, &["test", "--workspace", "--no-run", "--test", "cli"]))?;
    program(repository, "debug", "tercet")
}

/// The command as a user would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        let value = value.unwrap_or_default().to_string_lossy();
        let quote = if value.contains(' ') { "'" } else { "" };
        words.push(format!("{}={quote}{value}{quote}", name.to_string_lossy()));
    }
    words.push(program.file_stem().unwrap_or(program.as_os_str()).to_string_lossy().into_owned());
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(shown(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }
}
