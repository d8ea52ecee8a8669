//! A compiler for WebAssembly: rustup's target, or else Debian's compiler, which builds the standard library itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::command::{cargo, output, run as execute};
use crate::repository::Repository;

const TARGET: &str = "wasm32-unknown-unknown";

/// The instructions on 128 bits at a time, which every browser of today has.
const SIMD: &str = "-C target-feature=+simd128";

/// Builds the module; says where it lies.
pub fn build(repository: &Repository) -> Result<PathBuf> {
    // Its own folder: another compiler's files, and other flags, would only make the others build again.
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

/// The compiler's flags: SIMD, and no folder of this machine in the messages of panics.
fn flags(repository: &Repository) -> Vec<String> {
    let mut flags: Vec<String> = SIMD.split(' ').map(str::to_owned).collect();
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    flags.extend(cargo_home.map(|home| format!("--remap-path-prefix={}=cargo", home.display())));
    flags.push(format!("--remap-path-prefix={}=tercet", repository.root().display()));
    flags
}

/// Where the compiler of the project keeps its libraries.
fn sysroot(repository: &Repository) -> Result<Option<PathBuf>> {
    let mut command = Command::new("rustc");
    command.args(["--print", "sysroot"]).current_dir(repository.root());
    Ok(output(command).ok().map(|path| PathBuf::from(path.trim())))
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

/// Asks rustup for the target; whether it is there then.
fn add_target(sysroot: &Path) -> bool {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).stdout(Stdio::null()).stderr(Stdio::null());
    println!("$ rustup target add {TARGET}");
    rustup.status().is_ok_and(|status| status.success()) && has_target(sysroot)
}

/// Debian's packages rustc-web, cargo-web and rust-web-src bring a newer compiler with the source of the standard library.
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
    // cargo started by rustup names its own compiler to its children.
    command.env("RUSTC", compiler).env_remove("RUSTUP_TOOLCHAIN").env("RUSTC_BOOTSTRAP", "1");
    if let Some(lld) = sysroot.and_then(linker) {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", lld);
    }
    Ok(command)
}

/// The linker that rustup's toolchain brings, in the folder of its own platform.
fn linker(sysroot: &Path) -> Option<PathBuf> {
    let platforms = std::fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    platforms.flatten().map(|platform| platform.path().join("bin/rust-lld")).find(|lld| lld.is_file())
}
