//! `tercet export`: a model as ONNX, C or a PyTorch state dict.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tercet::data::{Collection, Openings, default_validation, split, write_npy};
use tercet::evaluate::{Evaluation, McNemar};
use tercet::export::{COptions, CSource, Options, c, name_in_c, network_of_raw_input, onnx, quantize_int8};
use tercet::model::{DataRecord, StateDict};
use tercet::network::Network;
use tercet::{Dataset, Matrix, Model, text};

use crate::args::export::{ExportArgs, Part};
use crate::output_files::{check_writable, register_input};
use crate::progress::say;
use crate::table::percent;
use crate::{exit, loading, output};

/// A file to write, and its bytes.
type Ready<'a> = (&'a Path, Vec<u8>);

/// Exports a model.
pub fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let header = args.c.as_deref().map(header_beside).transpose()?;
    check(&args, header.as_ref())?;
    register_input(&args.model)?;
    let model = Model::load(&args.model)?;
    let mut ready: Vec<Ready<'_>> = Vec::new();
    if let Some(path) = &args.onnx {
        ready.push((path, onnx(&model, Options { pixels: args.pixels })?));
    }
    if let Some(path) = &args.state_dict {
        ready.push((path, StateDict::of(network(&model, "a state dict")?)?.to_bytes()?));
    }
    let mut loss = None;
    if let (Some(path), Some(header)) = (&args.c, &header) {
        let (files, words) = to_c(&args, &model, path, header)?;
        ready.push((path, files.source.into_bytes()));
        ready.push((header, files.header.into_bytes()));
        loss = words;
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
    let mut written = Vec::new();
    for (path, bytes) in ready {
        tercet::file::replace(path, &bytes)?;
        written.push(path);
    }
    if let Some((path, scores)) = scores {
        write_npy(path, &scores)?;
        written.push(path);
    }
    output::print_files(args.json, &written, json!({ "int8": loss }))?;
    if let Some(loss) = loss.filter(|_| !args.json) {
        output::print(loss)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Rejects files that cannot be written, before the work, and options that do not fit together.
fn check(args: &ExportArgs, header: Option<&PathBuf>) -> anyhow::Result<()> {
    let files = [args.onnx.as_ref(), args.c.as_ref(), args.state_dict.as_ref(), args.scores.as_ref(), header];
    let files: Vec<&PathBuf> = files.into_iter().flatten().collect();
    for (i, path) in files.iter().enumerate() {
        check_writable(path)?;
        if files[..i].contains(path) {
            return Err(exit::usage(format!(
                "{} is named for two files: change one of them",
                path.display()
            )));
        }
    }
    if args.measure.is_some() && args.bits != "8" {
        return Err(exit::usage("--measure belongs to --bits 8: add that, or leave --measure out"));
    }
    Ok(())
}

/// The model in C, and the accuracy lost by 8-bit weights, if it was measured.
fn to_c(
    args: &ExportArgs,
    model: &Model,
    path: &Path,
    header: &Path,
) -> anyhow::Result<(CSource, Option<String>)> {
    let int8 = args.bits == "8";
    let mut options = c_options(args, path, header, int8);
    // Rejects what C cannot express before anything is measured.
    c(model, &options)?;
    let loss = args.measure.map(|part| measure(args, model, part)).transpose()?;
    match &loss {
        Some(words) => options.note.clone_from(words),
        None if int8 => {
            say(
                "the accuracy lost by 8-bit weights was not measured; use --measure validation, or --measure \
                 test",
            );
        }
        None => {}
    }
    let files = c(model, &options)?;
    say(format!(
        "{} bytes of constants, {} bytes of buffers",
        text::thousands(files.constant_bytes),
        text::thousands(files.buffer_bytes)
    ));
    Ok((files, loss))
}

/// The header next to a C file.
fn header_beside(path: &Path) -> anyhow::Result<PathBuf> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("c") => Ok(path.with_extension("h")),
        _ => Err(exit::usage(format!(
            "--c {}: expected a file name that ends in .c; the header next to it ends in .h",
            path.display()
        ))),
    }
}

fn c_options(args: &ExportArgs, path: &Path, header: &Path, int8: bool) -> COptions {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    COptions {
        name: args.prefix.clone().unwrap_or_else(|| name_in_c(&text(path.file_stem()))),
        header: text(header.file_name()),
        int8,
        pixels: args.pixels,
        note: String::new(),
    }
}

/// The network of a model that has one, with the preprocessing folded in.
fn network<'a>(model: &'a Model, format: &str) -> anyhow::Result<&'a Network> {
    if model.classifier().network().is_none() {
        let what = format!("the model to export as {format}");
        return Err(tercet::Error::mismatch(what, "nearest neighbours", "a linear model or a network").into());
    }
    Ok(network_of_raw_input(model)?)
}

/// The accuracy lost by 8-bit weights, in a sentence.
fn measure(args: &ExportArgs, model: &Model, part: Part) -> anyhow::Result<String> {
    let collection = loading::open(&args.data)?;
    loading::check_fit(&args.model, model, &collection)?;
    let (set, called) = match part {
        Part::Test => {
            (loading::test_set(&collection)?.open(&mut Openings::new(), "export --measure"), "test")
        }
        Part::Validation => (validation(model, &collection)?, "validation"),
    };
    let rounded = quantize_int8(network(model, "C")?)?;
    let evaluate = |scores: &Matrix| Evaluation::from_scores(scores, set.labels(), set.classes());
    let (before, after) = (model.scores(&set)?, rounded.scores(&set)?);
    let (before, after) = (evaluate(&before)?, evaluate(&after)?);
    let McNemar { b: lost, c: won, .. } = McNemar::between(&before, &after)?;
    Ok(format!(
        "8-bit weights: accuracy {} on the {} {called} examples of {}, {} with 32-bit weights; {lost} \
         examples lost, {won} gained",
        percent(after.accuracy),
        text::thousands(set.len()),
        collection.name,
        percent(before.accuracy),
    ))
}

/// The validation set of the model's training.
fn validation(model: &Model, collection: &Collection) -> anyhow::Result<Dataset> {
    let (card, train) = (&model.card, &collection.train);
    let size = match card.settings["validation"].as_u64() {
        Some(0) => {
            return Err(exit::usage(
                "the model was trained on all examples, without a validation set: use --measure test",
            ));
        }
        Some(size) => usize::try_from(size)?,
        None => default_validation(train.len()),
    };
    let parts = split(train, size, card.seed.unwrap_or(0))?;
    if card.data.as_ref().is_none_or(|record| record.digest != DataRecord::of(&parts.train).digest) {
        return Err(exit::usage(format!(
            "the model was not trained on {} with this validation set, so its validation set is unknown: use \
             --measure test, or the --data that it was trained on",
            collection.name
        )));
    }
    Ok(parts.validation)
}
