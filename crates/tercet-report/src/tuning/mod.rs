//! The page of a hyper-parameter search: the best settings, a table of all trials, and the accuracy against each tuned
//! setting.

mod plots;

use std::path::Path;

use maud::{Markup, html};

use crate::Picture;
use crate::figure::file_name;
use crate::numbers::{counted, grouped, percent, seconds, three_digits};
use crate::page::{bar, document};
use tercet::Result;
use tercet::tune::{Search, Trial, Tuning, ValidationMethod};

/// Styles of this page in addition to those of the report.
const STYLE: &str = include_str!("page.css");

/// The maximum number of rows of the table; the JSON has all of them.
const ROWS: usize = 500;

/// The page of a search as HTML: a single file that works offline, light and dark, and loads nothing.
///
/// # Errors
/// None for the result of a search.
pub fn render(tuning: &Tuning) -> Result<String> {
    let body = html! {
        a.skip href="#best" { "Skip to the result" }
        (head(tuning))
        main {
            (best(tuning))
            (plots::section(tuning)?)
            (trials(tuning))
        }
    };
    let title = format!("Tuning on {}", tuning.data);
    Ok(document(&title, env!("CARGO_PKG_VERSION"), Some(STYLE), body, None))
}

/// Writes the page of a search to the file at `path`. If writing fails, an existing file is unchanged.
///
/// # Errors
/// Those of [`render`], and a file that cannot be written.
pub fn write(path: &Path, tuning: &Tuning) -> Result<()> {
    tercet::file::replace(path, render(tuning)?.as_bytes())
}

/// The charts of a search as separate files: `tuning-learning-rate.svg`, ….
///
/// # Errors
/// A chart that cannot be drawn.
pub fn figures(tuning: &Tuning) -> Result<Vec<Picture>> {
    let names = tuning.tuned().into_iter().map(|name| format!("tuning-{}", file_name(&name)));
    Ok(names.zip(plots::figures(tuning)?).map(|(name, chart)| Picture::of(name, &chart)).collect())
}

fn head(tuning: &Tuning) -> Markup {
    let search = match tuning.plan.search {
        Search::Grid => "grid search",
        Search::Random { .. } => "random search",
    };
    html! {
        header.page {
            (bar("tuning"))
            h1 { "Tuning on " (tuning.data) }
            p.lede {
                (counted(tuning.trials.len(), "trial", "trials")) " of a " (search) " in " (seconds(tuning.seconds))
                ", each evaluated by " (validation_method(tuning)) " of " (grouped(tuning.examples as u64)) " examples. The test set was not used."
            }
            @if !tuning.complete {
                p.incomplete role="note" {
                    "Incomplete: the search was ended after " (grouped(tuning.trials.len() as u64)) " of "
                    (counted(tuning.planned, "trial", "trials")) "."
                }
            }
        }
    }
}

fn validation_method(tuning: &Tuning) -> String {
    match tuning.plan.validation {
        ValidationMethod::HoldOut { size } => format!("holding out {}", grouped(size as u64)),
        ValidationMethod::OfData { size } => {
            format!("the validation set of the data, {} examples", grouped(size as u64))
        }
        ValidationMethod::KFold(k) => format!("{k}-fold cross-validation"),
    }
}

fn best(tuning: &Tuning) -> Markup {
    html! {
        section id="best" aria-labelledby="best-title" {
            h2 id="best-title" { "Best settings" }
            @match tuning.best() {
                None => p { "No trial has an accuracy." },
                Some(trial) => {
                    p.score { strong { (accuracy(trial)) } " validation accuracy of trial " (trial.number) "." }
                    dl.facts {
                        @for (name, value) in &trial.words { div { dt { (name) } dd { (value) } } }
                        div { dt { "seed" } dd { (tuning.plan.seed) } }
                    }
                    p.note {
                        "The best of many trials is optimistically biased, because the same examples chose it. "
                        "Evaluate the model on a test set."
                    }
                }
            }
        }
    }
}

/// "97.05 % ± 0.12 %".
fn accuracy(trial: &Trial) -> String {
    match (trial.accuracy, trial.standard_error) {
        (Some(mean), Some(error)) => format!("{} ± {}", percent(mean), percent(error)),
        (Some(mean), None) => percent(mean),
        (None, _) => "–".to_owned(),
    }
}

fn trials(tuning: &Tuning) -> Markup {
    let folds = matches!(tuning.plan.validation, ValidationMethod::KFold(_));
    let losses = tuning.trials.iter().any(|trial| trial.loss.is_some());
    let parameters = tuning.trials.iter().any(|trial| trial.parameters.is_some());
    let names: Vec<&str> = tuning
        .trials
        .first()
        .map_or(Vec::new(), |trial| trial.words.iter().map(|(name, _)| name.as_str()).collect());
    html! {
        section id="trials" aria-labelledby="trials-title" {
            h2 id="trials-title" { "Trials" }
            @if tuning.trials.is_empty() { p { "No trial was completed." } }
            @else {
                div.scroll.tall role="region" tabindex="0" aria-label="All trials, best first" {
                    table.plain.trials {
                        thead {
                            tr {
                                th.number scope="col" { "Trial" }
                                th.number scope="col" { @if folds { "Mean accuracy" } @else { "Accuracy" } }
                                @if folds { th.number scope="col" { "Standard error" } }
                                @if losses { th.number scope="col" { "Loss" } }
                                @for name in &names { th.number scope="col" { (name) } }
                                @if parameters { th.number scope="col" { "Parameters" } }
                                th.number scope="col" { "Time" }
                            }
                        }
                        tbody {
                            @for trial in tuning.trials.iter().take(ROWS) {
                                (row(trial, folds, losses, parameters))
                            }
                        }
                    }
                }
            }
            p.note {
                "Best first. If accuracies are equal, the smaller model comes first, then the earlier trial. "
                @if folds { "The standard error is that of the mean over the folds. " }
                @if losses { "The loss is the validation loss without regularisation. " }
                @if tuning.trials.len() > ROWS { "The best " (ROWS) " of " (grouped(tuning.trials.len() as u64)) " are shown." }
            }
        }
    }
}

fn row(trial: &Trial, folds: bool, losses: bool, parameters: bool) -> Markup {
    html! {
        tr.diverged[trial.diverged.is_some()] {
            th.number scope="row" { (trial.number) }
            @match trial.diverged {
                Some(divergence) => td.wrong.outcome colspan=(1 + usize::from(folds) + usize::from(losses)) { (divergence) },
                None => {
                    td.number { strong { (trial.accuracy.map_or("–".to_owned(), percent)) } }
                    @if folds { td.number { (trial.standard_error.map_or("–".to_owned(), percent)) } }
                    @if losses { td.number { (trial.loss.map_or("–".to_owned(), three_digits)) } }
                }
            }
            @for (_, value) in &trial.words { td.number { (value) } }
            @if parameters { td.number { (trial.parameters.map_or("–".to_owned(), |n| grouped(n as u64))) } }
            td.number { (seconds(trial.seconds)) }
        }
    }
}
