//! `cargo xtask web`: the page, from its sources into the crate of the program.
//!
//! ```text
//! crates/tercet-web ──cargo──▶ wasm ──wasm-bindgen──▶ page/pkg ──tsc, esbuild──▶ crates/tercet-cli/page
//! ```
//!
//! What comes out is committed, so that the program can be built without any of this. Beside it lies the digest of what it
//! was made from; `cargo xtask test --only built` compares.

#[cfg(feature = "bind")]
pub mod bind;
pub mod node;
pub mod sources;
mod toolchain;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};

use crate::command::{cargo, run as execute};
use crate::repository::Repository;

/// Where the built page lies.
pub const BUILT: &str = "crates/tercet-cli/page";

/// Where its TypeScript is.
pub const TYPESCRIPT: &str = "crates/tercet-web/page";

/// Where its models are.
const MODELS: &str = "crates/tercet-web/models";

/// Where MNIST's compressed files are: all of it that a site needs.
const DATA: &str = "crates/tercet-mnist/files";

/// What `cargo xtask web` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write a whole site into this folder as well, MNIST included: it works from any static host
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Builds the page.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    let root = repository.root();
    // Before the build, so that what is changed meanwhile counts as newer.
    let digest = sources::digest(repository)?;
    let module = toolchain::build(repository)?;

    let pkg = root.join(TYPESCRIPT).join("pkg");
    let mut bind =
        cargo(repository, &["run", "--quiet", "--package", "xtask", "--features", "bind", "--", "bind"]);
    bind.arg(&module).arg(&pkg);
    execute(bind)?;

    let npm = node::Npm::set_up(repository)?;
    execute(npm.run("check"))?;
    let built = root.join(BUILT);
    let fresh = tempfile::tempdir_in(root.join("crates/tercet-cli"))?;
    let mut bundle = npm.run("build");
    bundle.arg("--").arg(fresh.path());
    execute(bundle)?;
    models(&root.join(MODELS), &fresh.path().join("models"))?;
    fs::copy(
        root.join(TYPESCRIPT).join("node_modules/uplot/LICENSE"),
        fresh.path().join("uPlot.LICENSE.txt"),
    )?;
    fs::write(fresh.path().join(sources::DIGEST), digest + "\n")?;

    // The old page goes only when the new one is whole.
    if built.exists() {
        fs::remove_dir_all(&built).with_context(|| format!("cannot replace {}", built.display()))?;
    }
    let fresh = fresh.keep();
    fs::rename(&fresh, &built).with_context(|| format!("cannot put the page into {}", built.display()))?;
    readable(&built)?;
    sizes(&built)?;

    if let Some(out) = &arguments.out {
        copy(&built, out)?;
        copy(&root.join(DATA), &out.join("data"))?;
        println!("A whole site lies in {}; serve it from anywhere.", out.display());
    }
    Ok(())
}

/// Compresses the models: a static host does that for scripts, but not for files that it does not know.
fn models(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            fs::copy(&path, to.join(path.file_name().context("a file has a name")?))?;
            continue;
        }
        let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned() + ".gz";
        // Without a name and a time, so that the same model gives the same bytes.
        let mut gz = GzBuilder::new().write(fs::File::create(to.join(name))?, Compression::best());
        gz.write_all(&fs::read(&path)?)?;
        gz.finish()?;
    }
    Ok(())
}

/// A temporary folder is its owner's alone; the page is everybody's.
fn readable(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    let _ = folder;
    Ok(())
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name)).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// Says what the page weighs, as it is and compressed.
fn sizes(folder: &Path) -> Result<()> {
    let (mut all, mut compressed) = (0, 0);
    for file in files(folder)? {
        let bytes = fs::read(&file)?;
        let small = if file.extension().is_some_and(|extension| extension == "gz") {
            bytes.len()
        } else {
            let mut gz = GzBuilder::new().write(Vec::new(), Compression::best());
            gz.write_all(&bytes)?;
            gz.finish()?.len()
        };
        let name = file.strip_prefix(folder)?.display().to_string();
        println!("{name:<36} {:>9} {:>9}", bytes.len(), small);
        (all, compressed) = (all + bytes.len(), compressed + small);
    }
    println!("{:<36} {all:>9} {compressed:>9}  bytes, and as gzip has them", "all");
    Ok(())
}

/// Every file in a folder, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}
