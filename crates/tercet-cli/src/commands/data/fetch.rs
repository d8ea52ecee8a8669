//! `tercet data fetch`: downloads a data set, or one file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tercet::data::NamedSet;

use crate::args::data::FetchArgs;
use crate::download::{self, Download, Outcome};
use crate::output_files::check_folder;
use crate::progress::say;
use crate::{exit, interrupt, output};

/// Downloads a data set, or one file.
pub fn run(args: FetchArgs) -> anyhow::Result<ExitCode> {
    let FetchArgs { what, sha256, out, mirror, json: as_json } = args;
    let is_url = ["http://", "https://"].iter().any(|scheme| what.starts_with(scheme));
    match (is_url, sha256) {
        (false, Some(_)) => {
            Err(exit::usage("--sha256 belongs to a URL; the digests of data sets are built in"))
        }
        (false, None) => fetch_set(what.parse()?, out, &mirror, as_json),
        (true, _) if !mirror.is_empty() => {
            Err(exit::usage("--mirror belongs to the name of a data set; a URL is complete"))
        }
        (true, None) => Err(exit::usage(
            "a URL needs --sha256, since only verified files are kept: find the digest on the page of the \
             file, or compute it with `sha256sum FILE` from a copy",
        )),
        (true, Some(sha256)) => {
            fetch_file(&what, &sha256, &out.unwrap_or_else(|| PathBuf::from(".")), as_json)
        }
    }
}

fn fetch_file(url: &str, sha256: &str, folder: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let sha256 = sha256.to_ascii_lowercase();
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(exit::usage(format!("--sha256 {sha256}: expected 64 hexadecimal digits")));
    }
    let (plain, _) = url.split_once(['?', '#']).unwrap_or((url, ""));
    let name = plain.rsplit('/').next().unwrap_or_default();
    // http://host/name has three slashes.
    let is_name = !name.is_empty() && name != ".." && name != "." && !name.contains(['\\', ':']);
    if !is_name || plain.matches('/').count() < 3 {
        return Err(exit::usage(format!("{url}: expected a URL that ends with a file name")));
    }
    check_folder(folder).map_err(tercet::Error::file("write into", folder))?;
    interrupt::watch("stopping; the partial download is kept")?;
    let path = folder.join(name);
    let download = Download { urls: vec![url.to_owned()], path: &path, sha256: &sha256, bytes: None };
    match download::fetch(&download)? {
        Outcome::Interrupted => return Ok(exit::interrupted()),
        Outcome::Present => say(format!("{} exists already", path.display())),
        Outcome::Downloaded => {}
    }
    output::print_files(as_json, &[&path], json!({}))?;
    Ok(ExitCode::SUCCESS)
}

fn fetch_set(
    set: NamedSet,
    out: Option<PathBuf>,
    mirrors: &[String],
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let folder = out.or_else(|| set.folder()).ok_or_else(|| {
        exit::usage("HOME is not set, so there is no default folder: name one with --out FOLDER")
    })?;
    std::fs::create_dir_all(&folder).map_err(tercet::Error::file("create the folder", &folder))?;
    check_folder(&folder).map_err(tercet::Error::file("write into", &folder))?;
    interrupt::watch("stopping; the partial download is kept")?;
    say(format!("{}: {}", set.name(), set.terms()));
    if set.is_fetched(&folder) {
        say("it exists already");
        output::print_files(as_json, &[&folder], json!({ "data": set.name() }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mirrors: Vec<String> = match mirrors {
        [] => set.mirrors().iter().map(|mirror| (*mirror).to_owned()).collect(),
        named => named.iter().map(|mirror| format!("{}/", mirror.trim_end_matches('/'))).collect(),
    };
    for file in set.files() {
        let path = folder.join(file.file);
        let urls = mirrors.iter().map(|mirror| format!("{mirror}{}", file.file)).collect();
        let download = Download { urls, path: &path, sha256: file.sha256, bytes: Some(file.bytes) };
        match download::fetch(&download)? {
            Outcome::Interrupted => return Ok(exit::interrupted()),
            Outcome::Present => say(format!("{} exists already", file.file)),
            Outcome::Downloaded => {}
        }
        // Archives are deleted once they are unpacked.
        let is_archive = match set {
            NamedSet::Cifar10 => download::untar(&path, &folder).map(|()| true)?,
            _ => !set.unpack(&path, &folder)?.is_empty(),
        };
        if is_archive {
            std::fs::remove_file(&path).map_err(tercet::Error::file("remove", &path))?;
        }
    }
    output::print_files(as_json, &[&folder], json!({ "data": set.name() }))?;
    Ok(ExitCode::SUCCESS)
}
