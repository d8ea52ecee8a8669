//! `tercet data fetch`: a data set from the net, or one file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tercet::data::NamedSet;

use crate::args::data::FetchArgs;
use crate::download::{self, Outcome, Wanted};
use crate::output_files::check_folder;
use crate::progress::say;
use crate::{exit, interrupt, output};

/// Fetches a set by its name, or one file.
pub fn run(args: FetchArgs) -> anyhow::Result<ExitCode> {
    let FetchArgs { what, sha256, to, mirror } = args;
    let is_address = ["http://", "https://"].iter().any(|scheme| what.starts_with(scheme));
    match (is_address, sha256) {
        (false, Some(_)) => {
            Err(exit::usage("--sha256 is for an address; the digests of named sets are known"))
        }
        (false, None) => fetch_set(what.parse()?, to, &mirror),
        (true, _) if !mirror.is_empty() => {
            Err(exit::usage("--mirror is for named sets; an address says itself where the file is"))
        }
        (true, None) => Err(exit::usage(
            "an address needs --sha256, as a file that cannot be checked is not kept: its page may name it, or \
             `sha256sum FILE` where somebody has the file",
        )),
        (true, Some(sha256)) => fetch_file(&what, &sha256, &to.unwrap_or_else(|| PathBuf::from("."))),
    }
}

fn fetch_file(address: &str, sha256: &str, folder: &Path) -> anyhow::Result<ExitCode> {
    let sha256 = sha256.to_ascii_lowercase();
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(exit::usage(format!("--sha256 {sha256}: expected 64 hexadecimal digits")));
    }
    let (plain, _) = address.split_once(['?', '#']).unwrap_or((address, ""));
    let name = plain.rsplit('/').next().unwrap_or_default();
    // http://host/name has three of them.
    let is_name = !name.is_empty() && name != ".." && name != "." && !name.contains(['\\', ':']);
    if !is_name || plain.matches('/').count() < 3 {
        return Err(exit::usage(format!("{address}: expected an address that ends with the name of a file")));
    }
    check_folder(folder).map_err(tercet::Error::file("write into", folder))?;
    interrupt::watch("stopping; what has come is kept")?;
    let path = folder.join(name);
    let wanted = Wanted { addresses: vec![address.to_owned()], path: &path, sha256: &sha256, bytes: None };
    match download::fetch(&wanted)? {
        Outcome::Interrupted => return Ok(exit::interrupted()),
        Outcome::WasThere => say(format!("{} was there already", path.display())),
        Outcome::Fetched => {}
    }
    output::print(path.display())?;
    Ok(ExitCode::SUCCESS)
}

fn fetch_set(set: NamedSet, to: Option<PathBuf>, mirrors: &[String]) -> anyhow::Result<ExitCode> {
    let folder = to
        .or_else(|| set.folder())
        .ok_or_else(|| exit::usage("nothing says where your home is (HOME): name a folder, --to FOLDER"))?;
    std::fs::create_dir_all(&folder).map_err(tercet::Error::file("create the folder", &folder))?;
    check_folder(&folder).map_err(tercet::Error::file("write into", &folder))?;
    interrupt::watch("stopping; what has come is kept")?;
    say(format!("{}: {}", set.name(), set.terms()));
    if set.is_fetched(&folder) {
        say("it was there already");
        output::print(folder.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mirrors: Vec<String> = match mirrors {
        [] => set.mirrors().iter().map(|mirror| (*mirror).to_owned()).collect(),
        named => named.iter().map(|mirror| format!("{}/", mirror.trim_end_matches('/'))).collect(),
    };
    for file in set.files() {
        let path = folder.join(file.file);
        let addresses = mirrors.iter().map(|mirror| format!("{mirror}{}", file.file)).collect();
        let wanted = Wanted { addresses, path: &path, sha256: file.sha256, bytes: Some(file.bytes) };
        match download::fetch(&wanted)? {
            Outcome::Interrupted => return Ok(exit::interrupted()),
            Outcome::WasThere => say(format!("{} was there already", file.file)),
            Outcome::Fetched => {}
        }
        // Of an archive, only what is in it is kept.
        let is_archive = match set {
            NamedSet::Cifar10 => download::untar(&path, &folder).map(|()| true)?,
            _ => !set.unpack(&path, &folder)?.is_empty(),
        };
        if is_archive {
            std::fs::remove_file(&path).map_err(tercet::Error::file("remove", &path))?;
        }
    }
    output::print(folder.display())?;
    Ok(ExitCode::SUCCESS)
}
