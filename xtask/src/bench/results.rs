//! `cargo xtask bench results RECIPE`: the test error of a recipe over several seeds, with the program as users run it.
//!
//! For each seed, it runs `tercet train --recipe RECIPE --seed SEED` and `tercet evaluate`, and writes the test errors to
//! the record. The models stay in the folder `results` of the target folder, so that an interrupted measurement resumes
//! at the seed it had reached, and the models can be evaluated as an ensemble.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tercet_record::{Record, machine};

use crate::command::{cargo, program, run as execute};
use crate::repository::Repository;

/// Options of `cargo xtask bench results`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The name of a built-in recipe, or a file
    recipe: String,
    /// Number of seeds, counted from 0
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Run once without a seed, for recipes without random numbers
    #[arg(long, conflicts_with = "seeds")]
    once: bool,
    /// Number of threads [default: all processors]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// The data set, as for `tercet train --data`
    #[arg(long, value_name = "SOURCE", default_value = "mnist")]
    data: String,
    /// Average over shifts of each picture, like `tercet evaluate --test-time-shifts`
    #[arg(long, value_name = "PIXELS")]
    shifts: Option<usize>,
    /// Also evaluate all models as an ensemble
    #[arg(long)]
    ensemble: bool,
}

/// The evaluation of a model, or of an ensemble.
struct Evaluated {
    /// `None` for an ensemble, and without random numbers.
    seed: Option<u64>,
    models: usize,
    train: Option<f64>,
    evaluate: f64,
    errors: u64,
    examples: u64,
    threads: u64,
    isa: String,
}

/// Trains and evaluates a model for each seed, and appends a row to the record.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["build", "--release"]))?;
    let tercet = program(repository, "release", "tercet")?;
    let folder = tercet.ancestors().nth(2).context("the program lies in no target folder")?.join("results");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let name = Path::new(&arguments.recipe).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let record = Record::open(&repository.root().join("benchmarks/records/results.csv"))?;

    let seeds: Vec<Option<u64>> =
        if arguments.once { vec![None] } else { (0..arguments.seeds).map(Some).collect() };
    let (mut models, mut errors) = (Vec::new(), Vec::new());
    for seed in seeds {
        let model = folder.join(match seed {
            Some(seed) => format!("{name}-{seed}.safetensors"),
            None => format!("{name}.safetensors"),
        });
        let evaluated = evaluate_one(arguments, &tercet, seed, &model)?;
        append(&record, repository, &name, arguments, &evaluated)?;
        errors.push(100.0 * evaluated.errors as f64 / evaluated.examples as f64);
        models.push(model);
    }
    println!("{name}: {}", in_words(&errors));
    if arguments.ensemble {
        let evaluated = evaluate_models(arguments, &tercet, &models)?;
        append(&record, repository, &name, arguments, &evaluated)?;
        println!(
            "{name}, {} together: {} errors of {}",
            evaluated.models, evaluated.errors, evaluated.examples
        );
    }
    Ok(())
}

/// Trains the model of a seed, unless its file exists, and evaluates it.
fn evaluate_one(arguments: &Arguments, tercet: &Path, seed: Option<u64>, model: &Path) -> Result<Evaluated> {
    let mut train = None;
    if !model.exists() {
        let mut command = with_threads(tercet, "train", arguments);
        command.args(["--recipe", &arguments.recipe, "--quiet", "--out"]).arg(model);
        if let Some(seed) = seed {
            command.args(["--seed", &seed.to_string()]);
        }
        let start = Instant::now();
        execute(command)?;
        train = Some(start.elapsed().as_secs_f64());
    }
    let evaluated = evaluate_models(arguments, tercet, &[model.to_owned()])?;
    Ok(Evaluated { seed, train, ..evaluated })
}

/// The number of test examples that the models, as an ensemble, misclassify, by `tercet evaluate`.
fn evaluate_models(arguments: &Arguments, tercet: &Path, models: &[PathBuf]) -> Result<Evaluated> {
    let mut command = with_threads(tercet, "evaluate", arguments);
    let (first, others) = models.split_first().context("no model")?;
    command.arg(first).arg("--json");
    if let Some(shifts) = arguments.shifts {
        command.args(["--test-time-shifts", &shifts.to_string()]);
    }
    if !others.is_empty() {
        command.arg("--ensemble").args(others);
    }
    let start = Instant::now();
    let output = command.output().context("cannot start `tercet evaluate`")?;
    let evaluate = start.elapsed().as_secs_f64();
    ensure!(
        output.status.success(),
        "`tercet evaluate` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let run: Value =
        serde_json::from_slice(&output.stdout).context("`tercet evaluate --json` printed no JSON")?;
    let number = |pointer: &str| {
        run.pointer(pointer).and_then(Value::as_u64).with_context(|| format!("the run has no {pointer}"))
    };
    let examples = number("/models/0/evaluation/count")?;
    Ok(Evaluated {
        seed: None,
        models: models.len(),
        train: None,
        evaluate,
        errors: examples - number("/models/0/evaluation/correct")?,
        examples,
        threads: number("/threads")?,
        isa: run["isa"].as_str().unwrap_or_default().to_owned(),
    })
}

fn with_threads(tercet: &Path, verb: &str, arguments: &Arguments) -> Command {
    let mut command = Command::new(tercet);
    command.args([verb, "--data", &arguments.data]);
    if let Some(threads) = arguments.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    command
}

fn append(
    record: &Record,
    repository: &Repository,
    name: &str,
    arguments: &Arguments,
    evaluated: &Evaluated,
) -> Result<()> {
    let seconds = |seconds: Option<f64>| seconds.map(|s| format!("{s:.1}")).unwrap_or_default();
    let row = [
        ("date", humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        ("commit", machine::commit(repository.root())),
        ("cpu", machine::cpu()),
        ("isa", evaluated.isa.clone()),
        ("threads", evaluated.threads.to_string()),
        ("data", arguments.data.clone()),
        ("recipe", name.to_owned()),
        ("seed", evaluated.seed.map(|seed| seed.to_string()).unwrap_or_default()),
        ("models", evaluated.models.to_string()),
        ("shifts", arguments.shifts.map(|shifts| shifts.to_string()).unwrap_or_default()),
        ("test errors", evaluated.errors.to_string()),
        ("test examples", evaluated.examples.to_string()),
        ("seconds, train", seconds(evaluated.train)),
        ("seconds, evaluate", seconds(Some(evaluated.evaluate))),
    ];
    record.append(&row.map(|(column, value)| (column.to_owned(), value)))?;
    let seed = evaluated.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
    let (errors, examples) = (evaluated.errors, evaluated.examples);
    println!("{name}{seed}: {errors} errors of {examples}");
    Ok(())
}

/// Mean and standard deviation over seeds.
fn in_words(errors: &[f64]) -> String {
    let count = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / count;
    match errors {
        [one] => format!("{one:.2} %"),
        _ => {
            let squares: f64 = errors.iter().map(|error| (error - mean) * (error - mean)).sum();
            let deviation = (squares / (count - 1.0)).sqrt();
            format!("{mean:.3} % ± {deviation:.3} (standard deviation of {count} seeds)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_over_seeds() {
        assert_eq!(in_words(&[1.0, 2.0, 3.0]), "2.000 % ± 1.000 (standard deviation of 3 seeds)");
        assert_eq!(in_words(&[0.49]), "0.49 %");
    }
}
