//! `tercet predict` for the rows of a table or array instead of pictures.

use std::collections::HashMap;
use std::io::Read;
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

/// The endings of files of rows, which may be followed by that of a compressed file.
const ENDINGS: [&str; 14] = [
    "csv", "tsv", "txt", "data", "arff", "json", "jsonl", "ndjson", "npy", "npz", "parquet", "xlsx", "ods",
    "zip",
];

/// The endings of compressed files.
const COMPRESSED: [&str; 3] = [".gz", ".bz2", ".xz"];

/// The first bytes of files of NPY and Parquet.
const STARTS: [&[u8]; 2] = [b"\x93NUMPY", b"PAR1"];

/// How many rows are printed as a table.
const PRINTED: usize = 50;

/// The class of a row, and the scores of all classes.
struct Classified<'a> {
    path: &'a Path,
    /// The number of the row in its file, from 0.
    row: usize,
    /// The identifier of the row, if a column of the file identifies rows.
    id: Option<String>,
    scores: Vec<f32>,
    best: usize,
}

/// Whether a file holds rows, by its ending or its first bytes; all other files are pictures.
pub fn is_rows(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    let name = COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending)) || starts_as_rows(path)
}

/// Whether a file begins as arrays do: of NPY, Parquet or IDX.
fn starts_as_rows(path: &Path) -> bool {
    let mut start = [0; 6];
    let is_file = path.is_file();
    is_file
        && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && (STARTS.iter().any(|with| start.starts_with(with)) || matches!(start, [0, 0, 8..=14, 1..=4, ..]))
}

/// Classifies all rows of the files, which go through the preprocessing of the model like examples in `evaluate`.
pub fn run(args: &PredictArgs, ensemble: &Ensemble) -> anyhow::Result<ExitCode> {
    if let Some(picture) = args.pictures.iter().find(|path| !is_rows(path) && *path != Path::new("-")) {
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
        && args.pictures.iter().chain(&args.submission).any(|path| is_same(path, out))
    {
        return Err(exit::usage(format!("{} is the input: name another file to write", out.display())));
    }
    let submission = args.submission.as_deref().map(Submission::open).transpose()?;
    if submission.is_some() && args.out.is_none() {
        return Err(exit::usage("--submission says what to write: name the file with --out"));
    }
    let (mut all, mut id_name) = (Vec::new(), None);
    for path in &args.pictures {
        let (rows, name) = classify(ensemble, path)?;
        all.extend(rows);
        id_name = id_name.or(name);
    }
    if let Some(out) = &args.out {
        let text = match &submission {
            Some(submission) => submission.filled(ensemble, &all)?,
            None => to_csv(ensemble, &all, id_name.as_deref()),
        };
        tercet::file::replace(out, text.as_bytes())?;
        say(format!("{} rows classified: {}", all.len(), out.display()));
    }
    if args.json {
        let documents: Vec<Value> = all.iter().map(|row| to_json(ensemble, row)).collect();
        output::print(serde_json::to_string_pretty(&documents)?)?;
    } else if args.out.is_none() {
        let classes = ensemble.first().classes();
        let id = id_name.as_deref().unwrap_or("row");
        let mut rows = table(["file", id, "class", score_name(ensemble)]);
        rows.add_rows(all.iter().take(PRINTED).map(|row| {
            let Classified { path, row, id, scores, best } = row;
            let score = format!("{:.3}", scores[*best]);
            let row = id.clone().unwrap_or_else(|| row.to_string());
            [path.display().to_string(), row, classes[*best].clone(), score]
        }));
        table::print(&rows)?;
        if all.len() > PRINTED {
            let more = all.len() - PRINTED;
            output::print(format_args!("and {more} more rows; --out FILE.csv or --json gives all"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows of a file with their classes, and the name of the column that identifies them.
fn classify<'a>(
    ensemble: &Ensemble,
    path: &'a PathBuf,
) -> anyhow::Result<(Vec<Classified<'a>>, Option<String>)> {
    let model = ensemble.first();
    let width = model.preprocessing().input().features;
    let names = model.card.data.as_ref().map_or(&[][..], |data| &data.features);
    let Rows { examples, ids, notes } = read_rows(path, width, names, &ReadOptions::default())?;
    notes.iter().for_each(say);
    let scores = ensemble.scores(&examples)?;
    let classified = (0..examples.len()).map(|row| {
        let scores = prediction::shown(ensemble, scores.row(row).to_vec()).scores;
        let best = argmax(&scores) as usize;
        let id = ids.as_ref().and_then(|ids| ids.values.get(row).cloned());
        Classified { path, row, id, scores, best }
    });
    let classified = classified.collect();
    Ok((classified, ids.map(|ids| ids.name)))
}

fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

fn to_json(ensemble: &Ensemble, row: &Classified<'_>) -> Value {
    let model = ensemble.first();
    json!({
        "file": row.path.to_string_lossy(),
        "row": row.row,
        "id": row.id,
        "class": model.classes()[row.best],
        score_name(ensemble): row.scores[row.best],
        "scores": prediction::scores_to_json(model, &row.scores),
    })
}

/// A table of rows, or what identifies them, of classes, and of the score of every class.
fn to_csv(ensemble: &Ensemble, all: &[Classified<'_>], id_name: Option<&str>) -> String {
    let classes = ensemble.first().classes();
    let id = quoted(id_name.unwrap_or("row"));
    let mut text =
        format!("{id},class,{}\n", classes.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(","));
    for Classified { row, id, scores, best, .. } in all {
        let scores: Vec<String> = scores.iter().map(f32::to_string).collect();
        let id = id.as_deref().map_or_else(|| row.to_string(), quoted);
        text += &format!("{id},{},{}\n", quoted(&classes[*best]), scores.join(","));
    }
    text
}

/// The example of a submission that a competition gives: a column that identifies the rows, and a column for their class
/// or one for the score of each class.
struct Submission {
    path: PathBuf,
    header: Vec<String>,
    ids: Vec<String>,
}

impl Submission {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(tercet::Error::file("read", path))?;
        let fields = |line: &str| -> Vec<String> {
            line.split(',').map(|field| field.trim().trim_matches('"').to_owned()).collect()
        };
        let text = text.trim_start_matches('\u{feff}');
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let header = lines.next().map(fields).unwrap_or_default();
        let ids: Vec<String> = lines.map(|line| fields(line).swap_remove(0)).collect();
        if header.len() < 2 || ids.is_empty() {
            let remedy = "Name the file that the competition calls sample_submission.csv.";
            let found = format!("{} columns and {} rows", header.len(), ids.len());
            let expected =
                "a CSV file with a header, a column that identifies the rows, and one for the class";
            return Err(tercet::Error::format(path, found, expected, remedy).into());
        }
        Ok(Submission { path: path.to_owned(), header, ids })
    }

    /// The submission with these rows, in the order of the example.
    fn filled(&self, ensemble: &Ensemble, all: &[Classified<'_>]) -> anyhow::Result<String> {
        let refuse = |found: String, expected: String| {
            let remedy = "Classify the rows of the test set that this submission is for.";
            anyhow::Error::from(tercet::Error::format(&self.path, found, expected, remedy))
        };
        if all.len() != self.ids.len() {
            let expected = format!("{} rows, as many as there are to classify", all.len());
            return Err(refuse(self.ids.len().to_string(), expected));
        }
        // Rows without identifiers are in the order of the example.
        let by_id: HashMap<&str, &Classified<'_>> =
            all.iter().filter_map(|row| Some((row.id.as_deref()?, row))).collect();
        let classes = ensemble.first().classes();
        let columns = self.columns(classes)?;
        let mut text = self.header.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",") + "\n";
        for (id, row) in self.ids.iter().zip(all) {
            let row = match by_id.is_empty() {
                true => row,
                false => by_id.get(id.as_str()).copied().ok_or_else(|| {
                    refuse(format!("the row {id}"), "the rows to classify, which have no such row".to_owned())
                })?,
            };
            let answers = columns.iter().map(|column| match column {
                None => quoted(&classes[row.best]),
                Some(class) => row.scores[*class].to_string(),
            });
            text += &std::iter::once(quoted(id)).chain(answers).collect::<Vec<_>>().join(",");
            text.push('\n');
        }
        Ok(text)
    }

    /// What each column after the first is: the class, or the score of one.
    fn columns(&self, classes: &[String]) -> anyhow::Result<Vec<Option<usize>>> {
        if let [_, _] = self.header[..] {
            return Ok(vec![None]);
        }
        let class = |name: &String| {
            classes.iter().position(|class| class == name).map(Some).ok_or_else(|| {
                let remedy = "Rename the columns, or train with the classes of the competition.";
                let (found, expected) = (format!("the column {name}"), classes.join(", "));
                tercet::Error::format(&self.path, found, format!("a class of the model: {expected}"), remedy)
            })
        };
        Ok(self.header[1..].iter().map(class).collect::<tercet::Result<_>>()?)
    }
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
        assert!(
            ["a.csv", "A.NPY", "b.tsv.gz", "c.jsonl", "d.parquet", "e.csv.xz", "f.npz"]
                .iter()
                .all(|name| is_rows(Path::new(name)))
        );
        assert!(["a.png", "-", "csv", "b.jpg.gz"].iter().all(|name| !is_rows(Path::new(name))));
    }

    #[test]
    fn fields_with_commas_or_quotation_marks_are_quoted() {
        assert_eq!([quoted("a b"), quoted("a,b"), quoted("a\"b")], ["a b", "\"a,b\"", "\"a\"\"b\""]);
    }
}
