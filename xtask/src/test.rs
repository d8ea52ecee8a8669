//! `cargo xtask test`: every check of the project, in order, quick ones first.
//!
//! It stops at the first step that fails and prints the command that runs only this step. `.ci/run` calls it.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;

use crate::checks::{
    dashboard, dependencies, features, layers, links, onnx, openapi, package, page, tensorboard, unsafe_code,
    words,
};
use crate::command::{cargo, program, run as execute, target_folder};
use crate::fmt;
use crate::repository::Repository;

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Run only this step; may be given several times
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.name)))]
    only: Vec<String>,
    /// List the steps without running them
    #[arg(long)]
    list: bool,
}

/// One check of the project.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Repository) -> Result<()>,
}

/// All checks, in order.
const STEPS: &[Step] = &[
    Step { name: "fmt", about: "Rust, Python and TypeScript are formatted", run: fmt::check },
    Step { name: "unsafe", about: "unsafe code is in tercet-kernels alone", run: unsafe_code::check },
    Step { name: "layers", about: "no module of the library uses a later one", run: layers::check },
    Step {
        name: "links",
        about: "relative links and includes of Markdown files have targets",
        run: links::check,
    },
    Step {
        name: "depend",
        about: "the table of dependencies and the lock file are as the manifests say",
        run: dependencies::check,
    },
    Step { name: "words", about: "no file names a path of a developer's machine", run: words::check },
    Step { name: "built", about: "the built page is as new as its sources", run: page::is_new },
    Step { name: "clippy", about: "Clippy reports no warnings", run: clippy },
    Step {
        name: "features",
        about: "the library builds with none of its optional features, each alone and all",
        run: features::check,
    },
    Step { name: "fuzz", about: "the fuzz targets fit the code", run: fuzz },
    Step { name: "doc", about: "the documentation builds without a warning", run: doc },
    Step { name: "test", about: "all tests pass", run: test },
    Step { name: "isa", about: "kernels and neighbours pass without SIMD too", run: isa },
    Step { name: "examples", about: "every example of the library runs", run: examples },
    Step { name: "dashboard", about: "the keys of the dashboard work", run: dashboard::check },
    Step {
        name: "tensorboard",
        about: "TensorBoard reads the event files of a training",
        run: tensorboard::check,
    },
    Step { name: "onnx", about: "ONNX Runtime gives the scores of Tercet", run: onnx::check },
    Step { name: "openapi", about: "the HTTP interface keeps what it describes", run: openapi::check },
    Step { name: "page", about: "the page works in a real browser", run: page::works },
    Step { name: "release", about: "the program builds as users build it", run: release },
    Step { name: "python", about: "the Python package installs and passes its tests", run: package::check },
];

/// Runs the selected steps.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    if arguments.list {
        for step in STEPS {
            println!("{:<11} {}", step.name, step.about);
        }
        return Ok(());
    }
    let wanted =
        |step: &&Step| arguments.only.is_empty() || arguments.only.iter().any(|name| name == step.name);
    let steps: Vec<&Step> = STEPS.iter().filter(wanted).collect();

    let mut summary = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        println!("\n=== {} of {}: {} – {}", number + 1, steps.len(), step.name, step.about);
        let start = Instant::now();
        let done = (step.run)(repository);
        let time = start.elapsed();
        println!(
            "=== {}: {} in {}",
            step.name,
            if done.is_ok() { "passed" } else { "FAILED" },
            seconds(time)
        );
        summary.push(format!("{:<11} {:>9}", step.name, seconds(time)));
        if let Err(error) = done {
            println!("\n{}", summary.join("\n"));
            bail!("{}: {error:#}\nTo run this step alone: cargo xtask test --only {}", step.name, step.name);
        }
    }
    println!("\n{}\nAll {} steps passed.", summary.join("\n"), steps.len());
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn clippy(repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// Checked with the stable compiler and without libFuzzer, which is only missed when a target is linked.
fn fuzz(repository: &Repository) -> Result<()> {
    let fuzz = repository.root().join("fuzz");
    let mut command = cargo(repository, &["check", "--locked", "--bins", "--manifest-path"]);
    command.arg(fuzz.join("Cargo.toml")).env("CUSTOM_LIBFUZZER_PATH", fuzz.join("none.a"));
    // This reuses the dependencies that were built for the workspace.
    command.arg("--target-dir").arg(target_folder(repository)?);
    execute(command)
}

/// Documents the programs with their private items, since they have no others, and then the libraries with their public
/// items. They cannot be documented together: the library `tercet` and the program `tercet` share a page.
fn doc(repository: &Repository) -> Result<()> {
    for arguments in [
        &["doc", "--workspace", "--bins", "--no-deps", "--document-private-items"][..],
        &["doc", "--workspace", "--lib", "--no-deps"],
    ] {
        let mut command = cargo(repository, arguments);
        command.env("RUSTDOCFLAGS", "-D warnings");
        execute(command)?;
    }
    Ok(())
}

fn test(repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["test", "--workspace"]))
}

/// Runs the tests whose results must be the same on every instruction set, with the one that every processor has. They are
/// selected from those of the whole workspace, so that nothing is built again with other features after the step `test`.
fn isa(repository: &Repository) -> Result<()> {
    let mut files = names_in(repository, "crates/tercet-kernels/tests")?;
    files.push("neighbors".to_owned());
    let files = files.iter().flat_map(|name| ["--test", name.as_str()]);
    let whole: Vec<&str> = ["test", "--workspace"].into_iter().chain(files).collect();
    for arguments in [&whole[..], &["test", "--workspace", "--lib", "neighbors::"]] {
        let mut command = cargo(repository, arguments);
        command.env("TERCET_ISA", "portable");
        execute(command)?;
    }
    Ok(())
}

fn examples(repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["build", "--workspace", "--examples"]))?;
    for name in names_in(repository, "crates/tercet/examples")? {
        let mut example = Command::new(program(repository, "debug/examples", &name)?);
        example.current_dir(repository.root());
        execute(example)?;
    }
    Ok(())
}

/// The names of the Rust files in a folder, in order.
fn names_in(repository: &Repository, folder: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in repository.files_with_extension("rs")? {
        if file.parent().is_some_and(|parent| parent.ends_with(folder))
            && let Some(name) = file.file_stem()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    if names.is_empty() {
        bail!("found no file of Rust in {folder}");
    }
    Ok(names)
}

fn release(repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["build", "--release", "--locked"]))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_names_of_all() {
        let Err(error) = Line::try_parse_from(["test", "--only", "spelling"]) else {
            panic!("there is no step called spelling");
        };
        let message = error.to_string();
        assert!(STEPS.iter().all(|step| message.contains(step.name)), "{message}");
    }

    #[test]
    fn names_of_steps_are_unique() {
        for (i, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..i].iter().all(|before| before.name != step.name), "{} stands twice", step.name);
        }
    }

    #[test]
    fn examples_run_in_the_order_of_their_numbers() {
        let (_folder, repository) = crate::repository::planted(&[
            ("crates/tercet/examples/02_b.rs", ""),
            ("crates/tercet/examples/01_c.rs", ""),
            ("crates/tercet/src/a.rs", ""),
        ]);
        assert_eq!(names_in(&repository, "crates/tercet/examples").unwrap(), ["01_c", "02_b"]);
    }
}
