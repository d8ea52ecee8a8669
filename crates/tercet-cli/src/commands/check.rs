//! `tercet check exercise`: checks a student's solution to an exercise of the book.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use tercet::Error;
use tercet::graph::{number, rounded};

use crate::args::check::{CheckArgs, CheckSubject};
use crate::exercises::{self, Exercise, Verdict};
use crate::table::{self, table};
use crate::{exit, output};

/// The largest solution that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The exit code for wrong numbers.
const WRONG: u8 = 1;

/// Lists the exercises, or checks the solution to one.
pub fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let CheckSubject::Exercise(args) = args.subject;
    let Some(name) = &args.name else { return list(args.json) };
    let exercise = exercises::named(name).ok_or_else(|| {
        let names: Vec<&str> = exercises::all().map(|exercise| exercise.name).collect();
        exit::usage(format!("found no exercise {name:?}; expected one of {}", names.join(", ")))
    })?;
    if args.question {
        print_question(exercise, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let found = answer(exercise, args.file.as_deref())?;
    let verdict = exercise.check(&found)?;
    match args.json {
        true => print_json(exercise, &verdict)?,
        false => print(exercise, &verdict)?,
    }
    Ok(if verdict.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

fn list(in_json: bool) -> anyhow::Result<ExitCode> {
    if in_json {
        let all: Vec<_> = exercises::all()
            .map(|exercise| {
                let numbers = exercise.entries.len();
                json!({ "name": exercise.name, "chapter": exercise.chapter, "numbers": numbers })
            })
            .collect();
        output::print(serde_json::to_string_pretty(&all)?)?;
    } else {
        let mut rows = table(["exercise", "chapter", "numbers"]);
        rows.add_rows(exercises::all().map(|exercise| {
            [exercise.name.to_owned(), exercise.chapter.to_owned(), exercise.entries.len().to_string()]
        }));
        table::print(&rows)?;
        output::print("\nPrint a question: tercet check exercise NAME --question")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_question(exercise: &Exercise, in_json: bool) -> anyhow::Result<()> {
    let (question, entries) = (exercise.question, exercise.entries);
    if in_json {
        let document = json!({ "name": exercise.name, "question": question, "entries": entries });
        return output::print(serde_json::to_string_pretty(&document)?);
    }
    let n = entries.len();
    let entries = entries.join(", ");
    output::print(format_args!(
        "{question}\n\nExpected, {n} numbers: {entries}\nCheck them: tercet check exercise {} FILE",
        exercise.name
    ))
}

/// The student's numbers, as many as the exercise has.
fn answer(exercise: &Exercise, file: Option<&Path>) -> anyhow::Result<Vec<f64>> {
    let file = file.filter(|file| *file != Path::new("-"));
    let (place, mut text) =
        (file.map_or("standard input".into(), |file| file.display().to_string()), String::new());
    match file {
        Some(path) => {
            let opened = std::fs::File::open(path).map_err(Error::file("read", path))?;
            opened.take(MAX_BYTES).read_to_string(&mut text).map_err(Error::file("read", path))?;
        }
        None => {
            if std::io::stdin().is_terminal() {
                output::tell(format_args!(
                    "{}\n\nType {} numbers, and Ctrl-D on a line of its own:",
                    exercise.question,
                    exercise.entries.len()
                ));
            }
            std::io::stdin()
                .lock()
                .take(MAX_BYTES)
                .read_to_string(&mut text)
                .context("cannot read standard input")?;
        }
    }
    let numbers = exercises::read(&text).with_context(|| place.clone())?;
    let expected = exercise.entries.len();
    if numbers.len() != expected {
        let expected = format!("{expected}: {}", exercise.entries.join(", "));
        return Err(Error::mismatch(format!("numbers in {place}"), numbers.len(), expected).into());
    }
    Ok(numbers)
}

fn print(exercise: &Exercise, verdict: &Verdict) -> anyhow::Result<()> {
    let n = exercise.entries.len();
    if verdict.wrong.is_empty() {
        return output::print(format_args!("Correct: all {n} numbers of {}.", exercise.name));
    }
    let mut rows = table(["entry", "found", "expected"]);
    rows.add_rows(verdict.wrong.iter().map(|wrong| {
        // Integers have no tolerance.
        let expected = match wrong.tolerance {
            ..1e-6 => number(wrong.expected),
            tolerance => format!("{} ± {}", number(wrong.expected), number(rounded(tolerance, 2))),
        };
        [wrong.entry.to_owned(), number(wrong.found), expected]
    }));
    output::print(format_args!(
        "{} of the {n} numbers of {} are wrong.\n",
        verdict.wrong.len(),
        exercise.name
    ))?;
    table::print(&rows)?;
    match verdict.hint {
        Some(hint) => output::print(format_args!("\nHint: {hint}.")),
        None => Ok(()),
    }
}

fn print_json(exercise: &Exercise, verdict: &Verdict) -> anyhow::Result<()> {
    let wrong: Vec<_> = verdict
        .wrong
        .iter()
        .map(|wrong| {
            json!({
                "entry": wrong.entry,
                "found": wrong.found,
                "expected": wrong.expected,
                "tolerance": wrong.tolerance,
            })
        })
        .collect();
    let correct = wrong.is_empty();
    let document =
        json!({ "exercise": exercise.name, "correct": correct, "wrong": wrong, "hint": verdict.hint });
    output::print(serde_json::to_string_pretty(&document)?)
}
