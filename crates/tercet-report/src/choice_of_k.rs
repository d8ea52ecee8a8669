//! The page of a [`ChoiceOfK`]: the chosen k, the accuracy against k with its intervals, and all numbers in a table.

use std::path::Path;

use maud::{Markup, html};

use crate::curves::accuracy_by_k;
use crate::numbers::{grouped, percent};
use crate::page::{bar, document};
use crate::{AccuracyAtK, AccuracyByK};
use tercet::Result;
use tercet::neighbors::{ChoiceOfK, Priors};

/// Styles of this page in addition to those of the report.
const STYLE: &str = include_str!("tuning/page.css");

/// The maximum number of rows of the table; the record has all of them.
const ROWS: usize = 500;

/// The page of a choice of k as HTML: a single file that works offline, light and dark, and loads nothing. `data` is
/// the name of the data set.
///
/// # Errors
/// None for a result of [`choose_k`](tercet::neighbors::NeighborsClassifier::choose_k).
pub fn render(choice: &ChoiceOfK, data: &str) -> Result<String> {
    let by_k = AccuracyByK {
        on: format!("{} examples, each classified by the others", grouped(choice.examples as u64)),
        chosen: choice.k,
        points: choice
            .accuracies
            .iter()
            .map(|point| AccuracyAtK { k: point.k, accuracy: point.accuracy, interval: point.interval })
            .collect(),
    };
    let body = html! {
        a.skip href="#chosen" { "Skip to the result" }
        header.page {
            (bar("choice of k"))
            h1 { "Choice of k on " (data) }
            p.lede {
                "Each of " (grouped(choice.examples as u64)) " examples was classified by its nearest among all others, for k from 1 to "
                (grouped(choice.accuracies.len() as u64)) ". The test set was not used."
            }
        }
        main {
            (chosen(choice))
            section aria-labelledby="curve-title" {
                h2 id="curve-title" { "Accuracy against k" }
                @if let Some(chart) = accuracy_by_k(&by_k, "choice")? { div.charts { (chart.markup()) } }
            }
            (table(choice))
        }
    };
    Ok(document(&format!("Choice of k on {data}"), env!("CARGO_PKG_VERSION"), Some(STYLE), body, None))
}

/// Writes the page of a choice of k to the file at `path`. If writing fails, an existing file is unchanged.
///
/// # Errors
/// Those of [`render`], and a file that cannot be written.
pub fn write(path: &Path, choice: &ChoiceOfK, data: &str) -> Result<()> {
    tercet::file::replace(path, render(choice, data)?.as_bytes())
}

fn chosen(choice: &ChoiceOfK) -> Markup {
    let best = choice.best();
    html! {
        section id="chosen" aria-labelledby="chosen-title" {
            h2 id="chosen-title" { "k = " (choice.k) }
            p.score {
                strong { (percent(best.accuracy)) } " of the examples are classified correctly; the 95 % interval goes from "
                (percent(best.interval.low)) " to " (percent(best.interval.high)) "."
            }
            dl.facts {
                div { dt { "metric" } dd { (choice.metric) } }
                div { dt { "vote" } dd { (choice.vote) } }
                div { dt { "priors" } dd { (choice.priors) } }
                div { dt { "weights" } dd { @if choice.weighted { "of each example" } @else { "all equal" } } }
            }
            @if choice.weighted || choice.priors != Priors::Data {
                p.note {
                    "Each example has the weight of its vote: its sample weight times the prior of its class, divided by the fraction of "
                    "examples in the class. The effective sample size is "
                    (grouped(choice.effective_examples.round() as u64)) " examples."
                }
            }
            p.note {
                "The k with the highest accuracy is chosen; if there is a tie, the smallest. Because the same examples chose it, this "
                "accuracy is optimistically biased. Evaluate the model on a test set."
            }
        }
    }
}

fn table(choice: &ChoiceOfK) -> Markup {
    html! {
        section aria-labelledby="all-title" {
            h2 id="all-title" { "All k" }
            div.scroll.tall role="region" tabindex="0" aria-label="The accuracy with every k" {
                table.plain {
                    thead {
                        tr {
                            th.number scope="col" { "k" }
                            th.number scope="col" { "Accuracy" }
                            th.number scope="col" { "Standard error" }
                            th.number scope="col" { "95 % interval" }
                        }
                    }
                    tbody {
                        @for point in choice.accuracies.iter().take(ROWS) {
                            tr {
                                th.number scope="row" { (point.k) }
                                td.number { @if point.k == choice.k { strong { (percent(point.accuracy)) } } @else { (percent(point.accuracy)) } }
                                td.number { (percent(point.standard_error)) }
                                td.number { (percent(point.interval.low)) " – " (percent(point.interval.high)) }
                            }
                        }
                    }
                }
            }
            p.note {
                "Wilson intervals, which assume independent examples. Leave-one-out predictions are slightly dependent. "
                "All accuracies are on the same examples, so a difference of two is more certain than their intervals suggest."
                @if choice.accuracies.len() > ROWS { " The first " (ROWS) " of " (grouped(choice.accuracies.len() as u64)) " are shown." }
            }
        }
    }
}
