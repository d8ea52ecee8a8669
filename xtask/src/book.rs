//! `cargo xtask book`: builds the book and runs every command in it.
//!
//! The commands are the lines of blocks that begin with ```` ```sh ````. Those of a chapter run in order with `sh`, in a
//! temporary folder for the chapter, with the program built from this checkout as `tercet` and a picture of a seven as
//! `seven.png`. A block is skipped if the line above it is `<!-- book: … -->`, with the reason instead of the dots; skipped
//! blocks are listed with their reasons. With `--long`, reasons that begin with `long` do not skip a block. A file that the
//! commands of a chapter write and that the chapter shows or includes is a figure of the book. It must be identical to the
//! file in `docs/src`; `--figures` copies it there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::bench::picture;
use crate::command::{cargo, output, program, run as execute};
use crate::repository::Repository;

/// The version of mdBook that is installed under `target` if it is missing.
const MDBOOK: &str = "0.5.4";

/// Options of `cargo xtask book`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also run the commands that take long
    #[arg(long)]
    long: bool,
    /// Build the pages only, without running commands
    #[arg(long)]
    no_run: bool,
    /// Replace the figures of the book by those that the commands write
    #[arg(long, conflicts_with = "no_run")]
    figures: bool,
    /// Run only the commands of these chapters, such as `linear`
    #[arg(long, value_name = "CHAPTER", conflicts_with = "no_run")]
    only: Vec<String>,
}

/// A block of commands in a chapter.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    line: usize,
    commands: String,
    /// The reason for skipping it, if it is skipped.
    left_out: Option<String>,
}

/// Runs the commands, then builds the pages into `target/book`.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    if !arguments.no_run {
        run_commands(arguments, repository)?;
    }
    let mut build = Command::new(mdbook(repository)?);
    build.arg("build").arg("docs").current_dir(repository.root());
    execute(build)?;
    println!("the book is in target/book/index.html");
    Ok(())
}

/// What the commands of the chapters did.
#[derive(Default)]
struct Outcome {
    /// The blocks that failed, and the figures that are out of date.
    failed: Vec<String>,
    /// The blocks that were skipped, with the reasons.
    left_out: Vec<String>,
}

fn run_commands(arguments: &Arguments, repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["build", "--release"]))?;
    let tercet = program(repository, "release", "tercet")?;
    let folder = tercet.parent().context("the program lies in a folder")?;
    let others = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&others));
    let path = std::env::join_paths(paths).context("a folder of the program that PATH cannot name")?;

    let mut outcome = Outcome::default();
    for chapter in repository.files_with_extension("md")? {
        let name = chapter.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let wanted = arguments.only.is_empty() || arguments.only.contains(&name);
        if !chapter.starts_with("docs/src") || !wanted {
            continue;
        }
        let scratch = tempfile::tempdir().context("cannot create a scratch folder")?;
        // Actually a PGM: the program detects the format of a picture by its content.
        std::fs::write(scratch.path().join("seven.png"), picture(200))?;
        let text = repository.read(&chapter)?;
        for block in blocks(&text) {
            run_block(&block, &chapter, (scratch.path(), &path), arguments.long, &mut outcome)?;
        }
        let beside = repository.root().join(chapter.parent().unwrap_or(Path::new("")));
        compare_figures(&text, scratch.path(), &beside, arguments.figures, &mut outcome)?;
    }
    let Outcome { failed, left_out } = outcome;
    if !left_out.is_empty() {
        println!("\nNot run:\n{}", left_out.join("\n"));
    }
    if !failed.is_empty() {
        bail!("the book is out of date: {}", failed.join(", "));
    }
    Ok(())
}

/// Runs a block of commands in a folder with a search path, unless it is to be skipped.
fn run_block(
    block: &Block,
    chapter: &Path,
    (folder, path): (&Path, &OsStr),
    long: bool,
    outcome: &mut Outcome,
) -> Result<()> {
    let place = format!("{}:{}", chapter.display(), block.line);
    let commands = block.commands.replace('\n', "\n    ");
    if let Some(why) = block.left_out.as_ref().filter(|why| !(long && why.starts_with("long"))) {
        outcome.left_out.push(format!("{place}: {why}\n    {commands}"));
        return Ok(());
    }
    println!("{place}\n    {commands}");
    let start = Instant::now();
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &block.commands]).current_dir(folder).env("PATH", path);
    let done = shell.output().context("cannot start sh, which runs the commands")?;
    println!("    {:.1} s", start.elapsed().as_secs_f64());
    if !done.status.success() {
        println!("{}", String::from_utf8_lossy(&done.stderr));
        outcome.failed.push(place);
    }
    Ok(())
}

/// Compares the files that the commands of a chapter wrote with the figures that it shows, or replaces the figures.
fn compare_figures(
    text: &str,
    written: &Path,
    beside: &Path,
    replace: bool,
    outcome: &mut Outcome,
) -> Result<()> {
    for entry in std::fs::read_dir(written)? {
        let made = entry?.path();
        let name = made.file_name().unwrap_or_default().to_string_lossy();
        let of_book = beside.join(&*name);
        if !shows(text, &name) || same(&of_book, &made)? {
            continue;
        }
        let figure = of_book.display();
        if replace {
            std::fs::copy(&made, &of_book).with_context(|| format!("cannot write {figure}"))?;
            println!("    {figure} is new");
        } else {
            outcome.failed.push(format!("{figure} (the commands write another one; --figures takes it)"));
        }
    }
    Ok(())
}

/// Whether the file of the book is identical.
fn same(of_book: &Path, made: &Path) -> Result<bool> {
    Ok(of_book.is_file() && std::fs::read(of_book)? == std::fs::read(made)?)
}

/// Whether a chapter shows or includes the file with that name next to it.
fn shows(text: &str, name: &str) -> bool {
    [format!("]({name})"), format!("{{{{#include {name}}}}}")].iter().any(|mention| text.contains(mention))
}

/// The blocks of commands of a chapter.
fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut mark) = (Vec::new(), None);
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim() == "```sh" {
            let commands: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```").collect();
            blocks.push(Block { line: number + 1, commands: commands.join("\n"), left_out: mark.take() });
        } else if let Some(why) = line.trim().strip_prefix("<!-- book: ").and_then(|s| s.strip_suffix(" -->"))
        {
            mark = Some(why.to_owned());
        } else if !line.trim().is_empty() {
            mark = None;
        }
    }
    blocks
}

/// mdBook, which is installed under `target` if it is missing.
fn mdbook(repository: &Repository) -> Result<PathBuf> {
    let root = repository.root().join("target/tools");
    let program = root.join("bin").join(format!("mdbook{}", std::env::consts::EXE_SUFFIX));
    let version = |program: &Path| {
        output({
            let mut command = Command::new(program);
            command.arg("--version");
            command
        })
    };
    if program.exists() && version(&program).is_ok_and(|found| found.trim().ends_with(MDBOOK)) {
        return Ok(program);
    }
    let mut install = cargo(repository, &["install", "mdbook", "--version", MDBOOK, "--locked"]);
    install.args(["--no-default-features", "--features", "search", "--root"]).arg(&root);
    execute(install)?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_what_the_chapter_shows_or_includes() {
        let text =
            "![A curve](curve.svg) and {{#include out.txt}}, made by `tercet plot a.csv --out curve.svg`.";
        assert!(shows(text, "curve.svg") && shows(text, "out.txt"));
        assert!(!shows(text, "a.csv") && !shows(text, "urve.svg"));
    }

    #[test]
    fn blocks_are_found_with_their_marks() {
        let text = "# A\n\n```sh\ntercet a\ntercet b\n```\n\n```text\ntercet c\n```\n\n<!-- book: long, a minute -->\n\n\
            ```sh\ntercet d\n```\n<!-- book: yours -->\nwords\n```sh\ntercet e\n```\n";
        let block = |line, commands: &str, left_out: Option<&str>| Block {
            line,
            commands: commands.to_owned(),
            left_out: left_out.map(str::to_owned),
        };
        let expected = [
            block(3, "tercet a\ntercet b", None),
            block(14, "tercet d", Some("long, a minute")),
            block(19, "tercet e", None),
        ];
        assert_eq!(blocks(text), expected);
    }
}
