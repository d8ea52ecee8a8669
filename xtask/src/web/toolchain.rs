//! A compiler for WebAssembly: rustup's target, or else Debian's compiler, which also builds the standard library.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::command::{cargo, output, run as execute};
use crate::repository::Repository;

const TARGET: &str = "wasm32-unknown-unknown";

/// 128-bit SIMD instructions, which every current browser supports.
const SIMD: &str = "-C target-feature=+simd128";

/// Builds the module and returns its path.
pub fn build(repository: &Repository) -> Result<PathBuf> {
    // A separate folder: another compiler and other flags would cause everything else to be built again.
    let folder = repository.root().join("target/web");
    let arguments = ["build", "--package", "tercet-web", "--target", TARGET, "--profile", "web"];
    let mut command = match sysroot(repository)? {
        Some(root) if has_target(&root) || add_target(&root) => cargo(repository, &arguments),
        root => debian(repository, &arguments, root.as_deref())?,
    };
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(repository).join("\u{1f}")).env("CARGO_TARGET_DIR", &folder);
    execute(command)?;
    Ok(folder.join(TARGET).join("web/tercet_web.wasm"))
}

/// The compiler flags: SIMD, and no paths of this machine in panic messages.
fn flags(repository: &Repository) -> Vec<String> {
    let mut flags: Vec<String> = SIMD.split(' ').map(str::to_owned).collect();
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    flags.extend(cargo_home.map(|home| format!("--remap-path-prefix={}=cargo", home.display())));
    flags.push(format!("--remap-path-prefix={}=tercet", repository.root().display()));
    flags
}

/// The sysroot of the project's compiler.
fn sysroot(repository: &Repository) -> Result<Option<PathBuf>> {
    let mut command = Command::new("rustc");
    command.args(["--print", "sysroot"]).current_dir(repository.root());
    Ok(output(command).ok().map(|path| PathBuf::from(path.trim())))
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

/// Adds the target with rustup; returns whether it is available.
fn add_target(sysroot: &Path) -> bool {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).stdout(Stdio::null()).stderr(Stdio::null());
    println!("$ rustup target add {TARGET}");
    rustup.status().is_ok_and(|status| status.success()) && has_target(sysroot)
}

/// Debian's packages rustc-web, cargo-web and rust-web-src contain a newer compiler with the source of the standard library.
fn debian(repository: &Repository, arguments: &[&str], sysroot: Option<&Path>) -> Result<Command> {
    let (compiler, source) = (Path::new("/usr/bin/rustc"), Path::new("/usr/lib/rustlib/src/rust/library"));
    if !compiler.is_file() || !source.is_dir() {
        bail!(
            "there is no compiler for {TARGET}: run `rustup target add {TARGET}`, or on Debian `apt-get install rustc-web \
             cargo-web rust-web-src`"
        );
    }
    let mut command = Command::new("/usr/bin/cargo");
    command.args(arguments).arg("-Zbuild-std=std,panic_abort").current_dir(repository.root());
    // A cargo started by rustup passes its own compiler to child processes.
    command.env("RUSTC", compiler).env_remove("RUSTUP_TOOLCHAIN").env("RUSTC_BOOTSTRAP", "1");
    if let Some(lld) = sysroot.and_then(linker) {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", lld);
    }
    Ok(command)
}

/// The linker of rustup's toolchain, in the folder of its platform.
fn linker(sysroot: &Path) -> Option<PathBuf> {
    let platforms = std::fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    platforms.flatten().map(|platform| platform.path().join("bin/rust-lld")).find(|lld| lld.is_file())
}
