//! `tercet export`: a model for other programs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tercet::data::{Collection, Openings, default_validation, split, write_npy};
use tercet::evaluate::{Evaluation, McNemar};
use tercet::export::{COptions, Options, c, in_eight_bits, name_in_c, network_of_raw_input, onnx};
use tercet::model::{DataRecord, StateDict};
use tercet::network::Network;
use tercet::{Dataset, Matrix, Model, text};

use crate::args::export::{ExportArgs, Part};
use crate::output_files::check_writable;
use crate::progress::say;
use crate::table::percent;
use crate::{exit, loading, output};

/// A file to be written: its bytes, which are ready.
type Ready<'a> = (&'a Path, Vec<u8>);

/// Exports a model.
pub fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let header = args.c.as_deref().map(header_beside).transpose()?;
    let files = [&args.onnx, &args.c, &args.state_dict, &args.scores, &header];
    let files: Vec<&PathBuf> = files.into_iter().flatten().collect();
    for (i, path) in files.iter().enumerate() {
        check_writable(path)?;
        if files[..i].contains(path) {
            return Err(exit::usage(format!("{} cannot be two files at once", path.display())));
        }
    }
    if args.measure.is_some() && args.bits != "8" {
        return Err(exit::usage("--measure says what 8 bits cost: add --bits 8"));
    }
    let model = Model::load(&args.model)?;
    let mut ready: Vec<Ready<'_>> = Vec::new();
    if let Some(path) = &args.onnx {
        ready.push((path, onnx(&model, Options { pixels: args.pixels })?));
    }
    if let Some(path) = &args.state_dict {
        ready.push((path, StateDict::of(network(&model, "a state dict")?)?.to_bytes()?));
    }
    let mut cost = None;
    if let (Some(path), Some(header)) = (&args.c, &header) {
        let eight_bits = args.bits == "8";
        let mut options = c_options(&args, path, header, eight_bits);
        // What cannot be written is refused before anything is measured.
        c(&model, &options)?;
        if let Some(part) = args.measure {
            let words = measure(&args, &model, part)?;
            options.note.clone_from(&words);
            cost = Some(words);
        } else if eight_bits {
            say("what 8 bits cost was not measured: --measure validation does, or --measure test");
        }
        let files = c(&model, &options)?;
        say(format!(
            "{} bytes of constants, {} bytes of buffers",
            text::thousands(files.constant_bytes),
            text::thousands(files.buffer_bytes)
        ));
        ready.push((path, files.source.into_bytes()));
        ready.push((header, files.header.into_bytes()));
    }
    let scores = match &args.scores {
        Some(path) => {
            let collection = loading::open(&args.data)?;
            loading::check_fit(&args.model, &model, &collection)?;
            let test = loading::test_set(&collection)?.open(&mut Openings::new(), "export");
            Some((path, model.scores(&test)?))
        }
        None => None,
    };
    for (path, bytes) in ready {
        tercet::file::replace(path, &bytes)?;
        output::print(path.display())?;
    }
    if let Some((path, scores)) = scores {
        write_npy(path, &scores)?;
        output::print(path.display())?;
    }
    cost.map_or(Ok(()), output::print)?;
    Ok(ExitCode::SUCCESS)
}

/// The header that belongs to a file of C.
fn header_beside(path: &Path) -> anyhow::Result<PathBuf> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("c") => Ok(path.with_extension("h")),
        _ => Err(exit::usage(format!(
            "--c {}: expected a name that ends in .c, as the header beside it ends in .h",
            path.display()
        ))),
    }
}

fn c_options(args: &ExportArgs, path: &Path, header: &Path, eight_bits: bool) -> COptions {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    COptions {
        name: args.name.clone().unwrap_or_else(|| name_in_c(&text(path.file_stem()))),
        header: text(header.file_name()),
        eight_bits,
        pixels: args.pixels,
        note: String::new(),
    }
}

/// The layers of a model that has any, as they read raw input.
fn network<'a>(model: &'a Model, format: &str) -> anyhow::Result<&'a Network> {
    if model.classifier().network().is_none() {
        let what = format!("the model to export as {format}");
        return Err(tercet::Error::mismatch(what, "nearest neighbours", "a linear model or a network").into());
    }
    Ok(network_of_raw_input(model)?)
}

/// What 8 bits cost, in a sentence.
fn measure(args: &ExportArgs, model: &Model, part: Part) -> anyhow::Result<String> {
    let collection = loading::open(&args.data)?;
    loading::check_fit(&args.model, model, &collection)?;
    let (set, called) = match part {
        Part::Test => {
            (loading::test_set(&collection)?.open(&mut Openings::new(), "export --measure"), "test")
        }
        Part::Validation => (validation(model, &collection)?, "validation"),
    };
    let rounded = in_eight_bits(network(model, "C")?)?;
    let judge = |scores: &Matrix| Evaluation::from_scores(scores, set.labels(), set.classes());
    let (before, after) = (model.scores(&set)?, rounded.scores(&set)?);
    let (before, after) = (judge(&before)?, judge(&after)?);
    let McNemar { b: lost, c: won, .. } = McNemar::between(&before, &after)?;
    Ok(format!(
        "8-bit weights: {} of the {} {called} examples of {} right, {} with 32 bits; {lost} right no longer, {won} only now",
        percent(after.accuracy),
        text::thousands(set.len()),
        collection.name,
        percent(before.accuracy),
    ))
}

/// The examples that were held out when the model was trained.
fn validation(model: &Model, collection: &Collection) -> anyhow::Result<Dataset> {
    let (card, train) = (&model.card, &collection.train);
    let size = match card.settings["validation"].as_u64() {
        Some(0) => {
            return Err(exit::usage(
                "the model learned from all examples and held none out for validation: --measure test",
            ));
        }
        Some(size) => usize::try_from(size)?,
        None => default_validation(train.len()),
    };
    let parts = split(train, size, card.seed.unwrap_or(0))?;
    if card.data.as_ref().is_none_or(|record| record.digest != DataRecord::of(&parts.train).digest) {
        return Err(exit::usage(format!(
            "the model did not learn from {}, or not with these examples held out, so that none are known that it has not \
             seen: --measure test, or the --data that it was trained with",
            collection.name
        )));
    }
    Ok(parts.validation)
}
