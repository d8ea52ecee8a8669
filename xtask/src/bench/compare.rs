//! `cargo xtask bench compare`: the time of `tercet compare`, as a user runs it.
//!
//! It reads these fields of the output of `tercet compare --json`:
//!
//! ```text
//! isa                                    the instruction set, a name
//! threads                                a number
//! models[].name                          a name
//! models[].evaluation.accuracy           correct / all, from 0 to 1
//! models[].fit_seconds                   a number
//! models[].predict_seconds_per_example   a number
//! ```

use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tercet_record::{Record, machine};

use crate::command::{cargo, output, run as execute};
use crate::repository::Repository;

/// Options of `cargo xtask bench compare`.
#[derive(clap::Args)]
pub struct Arguments {
    /// How many times to run it
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// Builds the program, runs it and appends to the record.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["build", "--release"]))?;
    let program = crate::command::program(repository, "release", "tercet")?;

    let commit = machine::commit(repository.root());
    let path = repository.root().join("benchmarks/records/compare.csv");
    let mut first: Option<Vec<Model>> = None;
    for number in 1..=arguments.runs {
        println!("run {number} of {}", arguments.runs);
        let scratch = tempfile::tempdir().context("cannot create a scratch folder")?;
        let mut command = Command::new(&program);
        command.args(["compare", "--json"]).current_dir(scratch.path());
        let start = Instant::now();
        let json = output(command)?;
        let seconds = start.elapsed().as_secs_f64();

        let run = Run::read(&json)?;
        let expected = first.get_or_insert_with(|| run.models.clone());
        expect_same_answers(expected, &run.models)?;
        let row = run.row(&commit, seconds);
        Record::open(&path)?.append(&row)?;
        for (name, value) in row {
            println!("  {name:<40} {value}");
        }
    }
    println!("added {} to benchmarks/records/compare.csv", rows(arguments.runs));
    Ok(())
}

fn rows(n: u32) -> String {
    if n == 1 { "1 row".to_owned() } else { format!("{n} rows") }
}

/// The output of one run.
#[derive(Debug)]
struct Run {
    isa: String,
    threads: u64,
    models: Vec<Model>,
}

#[derive(Clone, Debug)]
struct Model {
    name: String,
    accuracy: f64,
    fit_seconds: f64,
    predict_seconds_per_example: f64,
}

impl Run {
    fn read(json: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(json).context("`tercet compare --json` printed no JSON")?;
        let count = field(&json, "/models", "a list", |models| models.as_array().map(Vec::len))?;
        let mut models = Vec::new();
        for i in 0..count {
            let number = |name: &str| field(&json, &format!("/models/{i}/{name}"), "a number", Value::as_f64);
            let model = Model {
                name: text(&json, &format!("/models/{i}/name"))?,
                accuracy: number("evaluation/accuracy")?,
                fit_seconds: number("fit_seconds")?,
                predict_seconds_per_example: number("predict_seconds_per_example")?,
            };
            ensure!(
                (0.0..=1.0).contains(&model.accuracy),
                "the accuracy of {} is {}; expected correct / all, from 0 to 1",
                model.name,
                model.accuracy
            );
            models.push(model);
        }
        ensure!(!models.is_empty(), "`tercet compare --json` printed no models");
        Ok(Run {
            isa: text(&json, "/isa")?,
            threads: field(&json, "/threads", "a whole number", Value::as_u64)?,
            models,
        })
    }

    /// The row for the record, as column names and values.
    fn row(&self, commit: &str, seconds: f64) -> Vec<(String, String)> {
        let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let mut row = vec![
            ("date".to_owned(), date),
            ("commit".to_owned(), commit.to_owned()),
            ("cpu".to_owned(), machine::cpu()),
            ("isa".to_owned(), self.isa.clone()),
            ("threads".to_owned(), self.threads.to_string()),
            ("seconds".to_owned(), format!("{seconds:.2}")),
        ];
        for model in &self.models {
            row.push((format!("{} accuracy", model.name), model.accuracy.to_string()));
            row.push((format!("{} fit seconds", model.name), format!("{:.3}", model.fit_seconds)));
            row.push((
                format!("{} seconds per image", model.name),
                format!("{:.3e}", model.predict_seconds_per_example),
            ));
        }
        row
    }
}

/// Checks the results: the same seed on the same machine must give the same models.
fn expect_same_answers(first: &[Model], now: &[Model]) -> Result<()> {
    let answers = |models: &[Model]| -> Vec<(String, f64)> {
        models.iter().map(|model| (model.name.clone(), model.accuracy)).collect()
    };
    let (first, now) = (answers(first), answers(now));
    ensure!(first == now, "the runs disagree: accuracies were {first:?}, now {now:?}");
    Ok(())
}

fn text(json: &Value, place: &str) -> Result<String> {
    field(json, place, "a text", |value| value.as_str().map(str::to_owned))
}

/// The value at a JSON pointer, or an error that names the pointer.
fn field<T>(json: &Value, place: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T> {
    let Some(value) = json.pointer(place) else {
        bail!("`tercet compare --json` has nothing at {place}; expected {expected}");
    };
    read(value)
        .with_context(|| format!("`tercet compare --json` has {value} at {place}; expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        serde_json::json!({
            "isa": "portable",
            "threads": 2,
            "models": [{
                "name": "linear",
                "evaluation": { "accuracy": 0.5 },
                "fit_seconds": 1.25,
                "predict_seconds_per_example": 0.000001,
                "more": "is left alone",
            }],
        })
    }

    #[test]
    fn a_run_becomes_a_row() {
        let row = Run::read(&sample().to_string()).unwrap().row("abc", 2.0);
        let value = |column: &str| &row.iter().find(|(name, _)| name == column).unwrap().1;
        assert_eq!([value("isa"), value("threads"), value("seconds")], ["portable", "2", "2.00"]);
        assert_eq!([value("linear accuracy"), value("linear fit seconds")], ["0.5", "1.250"]);
        assert_eq!(value("linear seconds per image"), "1.000e-6");
    }

    #[test]
    fn a_missing_field_and_a_wrong_one_are_named() {
        let mut json = sample();
        json["models"][0].as_object_mut().unwrap().remove("fit_seconds");
        let error = Run::read(&json.to_string()).unwrap_err().to_string();
        assert_eq!(error, "`tercet compare --json` has nothing at /models/0/fit_seconds; expected a number");

        let mut json = sample();
        json["threads"] = "two".into();
        let error = Run::read(&json.to_string()).unwrap_err().to_string();
        assert_eq!(error, "`tercet compare --json` has \"two\" at /threads; expected a whole number");
    }

    #[test]
    fn an_accuracy_in_per_cent_is_refused() {
        let mut json = sample();
        json["models"][0]["evaluation"]["accuracy"] = 97.0.into();
        assert!(Run::read(&json.to_string()).unwrap_err().to_string().contains("from 0 to 1"));
    }

    #[test]
    fn runs_that_disagree_are_refused() {
        let first = Run::read(&sample().to_string()).unwrap().models;
        let mut other = first.clone();
        assert!(expect_same_answers(&first, &other).is_ok());
        other[0].accuracy = 0.25;
        assert!(expect_same_answers(&first, &other).is_err());
    }
}
