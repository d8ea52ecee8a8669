//! `cargo xtask web`: builds the page from its sources into the crate of the program.
//!
//! ```text
//! crates/tercet-web ──cargo──▶ wasm ──wasm-bindgen──▶ page/pkg ──tsc, esbuild──▶ crates/tercet-cli/page
//! ```
//!
//! The result is committed, so that the program can be built without these tools. The digest of its sources is next to it;
//! `cargo xtask test --only built` compares it.

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

/// The folder of the built page.
pub const BUILT: &str = "crates/tercet-cli/page";

/// The folder of its TypeScript.
pub const TYPESCRIPT: &str = "crates/tercet-web/page";

/// The folder of its models.
const MODELS: &str = "crates/tercet-web/models";

/// The folder of MNIST's compressed files, which a site needs.
const DATA: &str = "crates/tercet-mnist/files";

/// Options of `cargo xtask web`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also write a whole site, including MNIST, to this folder; any static host can serve it
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Builds the page.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    let root = repository.root();
    // Computed before the build, so that files changed during the build count as newer.
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

    // The old page is deleted only when the new one is complete.
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

/// Compresses the models: static hosts compress scripts, but not files of unknown types.
fn models(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            fs::copy(&path, to.join(path.file_name().context("a file has a name")?))?;
            continue;
        }
        let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned() + ".gz";
        // Without a name and a timestamp, so that the same model gives the same bytes.
        let mut gz = GzBuilder::new().write(fs::File::create(to.join(name))?, Compression::best());
        gz.write_all(&fs::read(&path)?)?;
        gz.finish()?;
    }
    Ok(())
}

/// Makes the page readable for everybody; a temporary folder is readable only for its owner.
fn readable(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    let _ = folder;
    Ok(())
}

/// Copies a folder with its contents.
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

/// Prints the size of the page, uncompressed and compressed.
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
