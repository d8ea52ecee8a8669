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
        on: format!("{} examples, each judged by the others", grouped(choice.examples as u64)),
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
            h1 { "How many neighbours to ask on " (data) }
            p.lede {
                "Each of " (grouped(choice.examples as u64)) " examples was classified by its nearest among all others, for k from 1 to "
                (grouped(choice.accuracies.len() as u64)) ". The test set was not looked at."
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
                    "Each example counts as its vote does: its weight times the prior of its class over the share of the class. "
                    "That tells as much as " (grouped(choice.effective_examples.round() as u64)) " examples of equal weight would."
                }
            }
            p.note {
                "The highest accuracy wins; of several, the smallest k. It owes a part of itself to luck on the very examples that chose it; "
                "a test set that took no part in the choice says what it is worth."
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
                "Intervals are Wilson's. They take the examples as independent of one another, which neighbours of each other are not quite. "
                "Of two accuracies on the same examples, the difference is surer than their intervals make it look."
                @if choice.accuracies.len() > ROWS { " The first " (ROWS) " of " (grouped(choice.accuracies.len() as u64)) " are shown." }
            }
        }
    }
}
