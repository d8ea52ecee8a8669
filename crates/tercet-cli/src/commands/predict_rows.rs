//! `tercet predict` for the rows of a table or array instead of pictures.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use tercet::data::{ReadOptions, Rows, read_rows};
use tercet::matrix::argmax;

use crate::args::predict::PredictArgs;
use crate::ensemble::Ensemble;
use crate::output_files::check_writable;
use crate::prediction::{self, score_name};
use crate::progress::say;
use crate::table::{self, table};
use crate::{exit, output};

/// The endings of files of rows, which may be followed by `.gz`.
const ENDINGS: [&str; 9] = ["csv", "tsv", "txt", "data", "arff", "json", "jsonl", "npy", "zip"];

/// How many rows are printed as a table.
const PRINTED: usize = 50;

/// The class of a row, and the scores of all classes.
struct Classified<'a> {
    path: &'a Path,
    /// The number of the row in its file, from 0.
    row: usize,
    scores: Vec<f32>,
    best: usize,
}

/// Whether a file holds rows, by its ending; all other files are pictures.
pub fn is_rows(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

/// Classifies all rows of the files, which go through the preprocessing of the model like examples in `evaluate`.
pub fn run(args: &PredictArgs, ensemble: &Ensemble) -> anyhow::Result<ExitCode> {
    if let Some(picture) = args.pictures.iter().find(|path| !is_rows(path)) {
        let picture = picture.display();
        return Err(exit::usage(format!(
            "{picture} is no file of rows: classify pictures and rows separately"
        )));
    }
    if args.explain || args.report.is_some() || args.prepared.is_some() {
        return Err(exit::usage(
            "--explain, --report and --prepared are for pictures: leave them out for rows",
        ));
    }
    args.out.as_deref().map_or(Ok(()), check_writable)?;
    if let Some(out) = &args.out
        && args.pictures.iter().any(|path| is_same(path, out))
    {
        return Err(exit::usage(format!("{} is the input: name another file to write", out.display())));
    }
    let mut all = Vec::new();
    for path in &args.pictures {
        all.extend(classify(ensemble, path)?);
    }
    if let Some(out) = &args.out {
        tercet::file::replace(out, to_csv(ensemble, &all).as_bytes())?;
        say(format!("{} rows classified: {}", all.len(), out.display()));
    }
    if args.json {
        let documents: Vec<Value> = all.iter().map(|row| to_json(ensemble, row)).collect();
        output::print(serde_json::to_string_pretty(&documents)?)?;
    } else if args.out.is_none() {
        let classes = ensemble.first().classes();
        let mut rows = table(["file", "row", "class", score_name(ensemble)]);
        rows.add_rows(all.iter().take(PRINTED).map(|row| {
            let Classified { path, row, scores, best } = row;
            let score = format!("{:.3}", scores[*best]);
            [path.display().to_string(), row.to_string(), classes[*best].clone(), score]
        }));
        table::print(&rows)?;
        if all.len() > PRINTED {
            let more = all.len() - PRINTED;
            output::print(format_args!("and {more} more rows; --out FILE.csv or --json gives all"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn classify<'a>(ensemble: &Ensemble, path: &'a PathBuf) -> anyhow::Result<Vec<Classified<'a>>> {
    let width = ensemble.first().preprocessing().input().features;
    let Rows { examples, notes } = read_rows(path, width, &ReadOptions::default())?;
    notes.iter().for_each(say);
    let scores = ensemble.scores(&examples)?;
    let classified = (0..examples.len()).map(|row| {
        let scores = prediction::shown(ensemble, scores.row(row).to_vec()).scores;
        let best = argmax(&scores) as usize;
        Classified { path, row, scores, best }
    });
    Ok(classified.collect())
}

fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

fn to_json(ensemble: &Ensemble, row: &Classified<'_>) -> Value {
    let model = ensemble.first();
    json!({
        "file": row.path.to_string_lossy(),
        "row": row.row,
        "class": model.classes()[row.best],
        score_name(ensemble): row.scores[row.best],
        "scores": prediction::scores_to_json(model, &row.scores),
    })
}

/// A table of rows, classes, and the score of every class.
fn to_csv(ensemble: &Ensemble, all: &[Classified<'_>]) -> String {
    let classes = ensemble.first().classes();
    let mut text = format!("row,class,{}\n", classes.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(","));
    for Classified { row, scores, best, .. } in all {
        let scores: Vec<String> = scores.iter().map(f32::to_string).collect();
        text += &format!("{row},{},{}\n", quoted(&classes[*best]), scores.join(","));
    }
    text
}

/// A field of a CSV file.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_known_by_the_ending() {
        assert!(["a.csv", "A.NPY", "b.tsv.gz", "c.jsonl"].iter().all(|name| is_rows(Path::new(name))));
        assert!(["a.png", "-", "csv", "b.jpg.gz"].iter().all(|name| !is_rows(Path::new(name))));
    }

    #[test]
    fn fields_with_commas_or_quotation_marks_are_quoted() {
        assert_eq!([quoted("a b"), quoted("a,b"), quoted("a\"b")], ["a b", "\"a,b\"", "\"a\"\"b\""]);
    }
}
