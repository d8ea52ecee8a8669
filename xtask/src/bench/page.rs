//! `cargo xtask bench page`: the time in a real browser from a stroke to the displayed predictions, and of the lecture's
//! training run. The page's `tests/measure.mjs` drives the browser.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tercet_record::{Record, machine};

use crate::checks::page::browser;
use crate::command::output;
use crate::repository::Repository;
use crate::web::node::Npm;

/// The output of the script in the browser.
#[derive(Deserialize)]
struct Measured {
    /// One reading for each sampled position of the pen.
    readings: Vec<Reading>,
    /// The duration of each of the lecture's training runs, as the page shows it: "0.29 s".
    lecture: Vec<String>,
}

/// Milliseconds since the drawing changed.
#[derive(Deserialize)]
struct Reading {
    /// Until the answer of the worker.
    computing: f64,
    /// Until the answer was displayed.
    shown: f64,
}

/// Measures the built page and appends to the record.
pub fn run(repository: &Repository) -> Result<()> {
    let npm = Npm::set_up(repository)?;
    let mut command = npm.run("measure");
    command.env("CHROMIUM", browser()?);
    let row = row(&output(command)?, &machine::commit(repository.root()))?;
    Record::open(&repository.root().join("benchmarks/records/page.csv"))?.append(&row)?;
    for (name, value) in row {
        println!("  {name:<24} {value}");
    }
    println!("added a row to benchmarks/records/page.csv");
    Ok(())
}

/// The row for the record, as column names and values.
fn row(json: &str, commit: &str) -> Result<Vec<(String, String)>> {
    let Measured { readings, lecture } =
        serde_json::from_str(json).context("the browser's script printed other JSON than it should")?;
    let seconds = lecture
        .iter()
        .map(|time| time.trim_end_matches(" s").parse::<f64>())
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| {
            format!("the page gave the times of its runs as {lecture:?}; expected \"0.29 s\"")
        })?;
    ensure!(!readings.is_empty() && !seconds.is_empty(), "the browser's script measured nothing");
    let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let computing: Vec<f64> = readings.iter().map(|reading| reading.computing).collect();
    let shown: Vec<f64> = readings.iter().map(|reading| reading.shown).collect();
    let figures = [
        ("readings", readings.len().to_string()),
        ("computing p50 ms", format!("{:.1}", quantile(&computing, 0.5))),
        ("shown p50 ms", format!("{:.1}", quantile(&shown, 0.5))),
        ("shown p95 ms", format!("{:.1}", quantile(&shown, 0.95))),
        ("lecture runs", seconds.len().to_string()),
        ("lecture least s", format!("{:.2}", quantile(&seconds, 0.0))),
        ("lecture p50 s", format!("{:.2}", quantile(&seconds, 0.5))),
    ];
    let known = [("date", date), ("commit", commit.to_owned()), ("cpu", machine::cpu())];
    Ok(known.into_iter().chain(figures).map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The quantile: the value below which the fraction `share` of all values lies.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() as f64 * share) as usize).min(sorted.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_browser_measured_becomes_a_row() {
        let json = r#"{"readings": [{"computing": 1, "shown": 9.5}, {"computing": 2, "shown": 4}, {"computing": 3, "shown": 7}],
            "lecture": ["0.31 s", "0.29 s"]}"#;
        let row = row(json, "abc").unwrap();
        let value = |column: &str| row.iter().find(|(name, _)| name == column).unwrap().1.as_str();
        assert_eq!(
            [value("readings"), value("computing p50 ms"), value("shown p50 ms")],
            ["3", "2.0", "7.0"]
        );
        assert_eq!([value("shown p95 ms"), value("lecture least s")], ["9.5", "0.29"]);
        assert!(super::row(r#"{"readings": [], "lecture": []}"#, "abc").is_err());
        assert!(super::row(r#"{"readings": [], "lecture": ["soon"]}"#, "abc").is_err());
    }
}
