//! The built page is up to date with its sources, and passes its tests in a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{run, tested_program};
use crate::repository::Repository;
use crate::web::{BUILT, node::Npm, sources};

/// Possible names of the browser.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Compares the digest next to the built page with that of the sources. This needs only Rust.
pub fn is_new(repository: &Repository) -> Result<()> {
    let built = repository
        .read(&Path::new(BUILT).join(sources::DIGEST))
        .context("the page has not been built: run `cargo xtask web`")?;
    if built.trim() != sources::digest(repository)? {
        bail!(
            "the page in {BUILT} is older than its sources: run `cargo xtask web` and commit what it writes"
        );
    }
    Ok(())
}

/// Tests the built page in Chromium, and compares it with the program.
pub fn works(repository: &Repository) -> Result<()> {
    let npm = Npm::set_up(repository)?;
    let browser = browser()?;
    let tercet = tested_program(repository)?;
    let mut tests = npm.run("test");
    tests.env("CHROMIUM", browser).env("TERCET", tercet);
    run(tests)
}

/// Chromium: from `CHROMIUM`, on the path, or installed with apt.
pub fn browser() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        run(command)
    };
    println!("There is no Chromium on the path; asking apt for it.");
    if apt(&["update", "--quiet"]).is_ok()
        && apt(&["install", "--yes", "--quiet", "chromium"]).is_ok()
        && let Some(found) = find()
    {
        return Ok(found);
    }
    bail!("the tests of the page need Chromium: install it, or name it in the environment variable CHROMIUM")
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| {
            BROWSERS.map(|name| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
        })
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::planted;

    #[test]
    fn a_source_that_changed_since_the_build_is_noticed() {
        let (folder, repository) =
            planted(&[("crates/tercet-web/src/lib.rs", "one"), ("crates/tercet-cli/page/index.html", "")]);
        let error = is_new(&repository).unwrap_err();
        assert!(error.to_string().contains("has not been built"), "{error}");

        let digest = sources::digest(&repository).unwrap();
        std::fs::write(folder.path().join(BUILT).join(sources::DIGEST), digest + "\n").unwrap();
        is_new(&repository).unwrap();

        std::fs::write(folder.path().join("crates/tercet-web/src/lib.rs"), "two").unwrap();
        let error = is_new(&repository).unwrap_err();
        assert!(error.to_string().contains("older than its sources"), "{error}");
    }
}
