//! The whole page: head, summary, models, foot.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::json;

use super::numbers::{bytes, counted, grouped, percent, seconds};
use super::pictures::Pictures;
use super::record::{ModelCard, Run};
use super::sprites::Sprites;
use super::{check, corrupted, model};
use tercet::data::Dataset;
use tercet::{Error, Result};

const STYLE: &str = include_str!("page.css");
const THEME: &str = include_str!("theme.js");
const SCRIPT: &str = include_str!("page.js");

/// Nothing may be loaded from anywhere: the browser enforces that the page is self-contained.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The HTML of a run's page.
pub(super) fn page(run: &Run, test: &Dataset) -> Result<String> {
    run.check_against(test)?;
    let pictures = Pictures::collect(run, test);
    let sections = run
        .models
        .iter()
        .enumerate()
        .map(|(number, card)| model::section(card, number, &pictures, test))
        .collect::<Result<Vec<_>>>()?;
    let draw = |at, description: &str| pictures.checked(at, description);
    let start = if run.models.is_empty() { "record" } else { "summary" };
    let body = html! {
        a.skip href={ "#" (start) } { "Skip to the " (start) }
        (head(run))
        main {
            @if !run.models.is_empty() { (summary(run)) }
            @if let Some(table) = corrupted::section(run, &pictures) { (table) }
            @for section in &sections { (section) }
            @if let Some(found) = &run.check { (check::section(found, test.classes(), &draw)) }
            (record(run))
        }
        script type="application/json" id="run" { (PreEscaped(data(run, test, &pictures)?)) }
    };
    let sheet = pictures.sprites.as_ref().map(Sprites::style).transpose()?;
    Ok(document(&run.title, &run.version, sheet.as_deref(), body, Some(SCRIPT)))
}

/// A whole page around a body: head, style sheet, theme switch, foot.
pub(crate) fn document(
    title: &str,
    version: &str,
    more_style: Option<&str>,
    body: Markup,
    more_script: Option<&str>,
) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="generator" content={ "Tercet " (version) };
                title { (title) " · Tercet" }
                style { (PreEscaped(STYLE)) }
                @if let Some(style) = more_style { style { (PreEscaped(style)) } }
            }
            body {
                (body)
                footer {
                    p { "Made by Tercet " (version) ". This page is one file: it loads nothing and can be kept, mailed and printed." }
                }
                script { (PreEscaped(THEME)) }
                @if let Some(script) = more_script { script { (PreEscaped(script)) } }
            }
        }
    };
    markup.into_string()
}

/// The bar at the top of a page: its kind, and the theme switch.
pub(crate) fn bar(kind: &str) -> Markup {
    html! {
        div.bar {
            p.brand { "Tercet" span { " " (kind) } }
            button type="button" id="theme" hidden { "Theme: system" }
        }
    }
}

fn head(run: &Run) -> Markup {
    let data = &run.data;
    html! {
        header.page {
            (bar("run report"))
            h1 { (run.title) }
            p.lede {
                @if run.models.is_empty() && run.check.is_some() {
                    "What to check before training on " (data.name) "."
                } @else {
                    (counted(run.models.len(), "model", "models")) ", evaluated on the "
                    (counted(data.test, "test example", "test examples")) " of " (data.name) "."
                }
            }
            @if run.models.len() > 1 {
                nav aria-label="On this page" {
                    a href="#summary" { "Summary" }
                    @if run.models.iter().any(|model| !model.robustness.is_empty()) { a href="#robustness" { "Corrupted images" } }
                    @for (i, model) in run.models.iter().enumerate() { a href={ "#model-" (i) } { (model.name) } }
                    @if run.check.is_some() { a href="#data" { "Data" } }
                    a href="#record" { "Record" }
                }
            }
        }
    }
}

fn summary(run: &Run) -> Markup {
    let floor = axis_floor(&run.models);
    html! {
        section id="summary" aria-labelledby="summary-title" {
            h2 id="summary-title" { "Summary" }
            div.scroll role="region" tabindex="0" aria-label="Summary of the models" {
                table.plain.summary {
                    thead {
                        tr {
                            th scope="col" { "Model" }
                            th.number scope="col" { "Test accuracy" }
                            th scope="col" {
                                "95 % interval"
                                span.scale aria-hidden="true" { span { (format!("{:.0} %", 100.0 * floor)) } span { "100 %" } }
                            }
                            th.number scope="col" { "Errors" }
                            th.number scope="col" { "Fit" }
                            th.number scope="col" { "Prediction, each" }
                            th.number scope="col" { "Size" }
                            th scope="col" { "Settings" }
                        }
                    }
                    tbody { @for (number, model) in run.models.iter().enumerate() { (summary_row(model, number, floor)) } }
                }
            }
            @if !run.comparisons.is_empty() {
                h3 { "Significance" }
                ul.comparisons { @for comparison in &run.comparisons { li { (unbroken(&comparison.sentence)) } } }
                p.note {
                    "McNemar's test, exact: p is the probability that two equally good models differ by chance as much as these, "
                    "or more, on the examples that only one of them gets right."
                }
            }
        }
    }
}

/// The sentence, with no line break inside its p-value.
fn unbroken(sentence: &str) -> String {
    sentence.replace("p = ", "p\u{a0}=\u{a0}").replace("p < ", "p\u{a0}<\u{a0}")
}

fn summary_row(model: &ModelCard, number: usize, floor: f64) -> Markup {
    let evaluation = &model.evaluation;
    let at = |share: f64| format!("{:.2}", 100.0 * (share - floor) / (1.0 - floor));
    let (low, high) = (evaluation.interval.low, evaluation.interval.high);
    html! {
        tr {
            th scope="row" { a href={ "#model-" (number) } { (model.name) } span.kind { (model.kind) } }
            td.number.accuracy { (percent(evaluation.accuracy)) }
            td.interval {
                span.track aria-hidden="true" style={ "--low:" (at(low)) ";--high:" (at(high)) ";--at:" (at(evaluation.accuracy)) } {}
                span.ends { (percent(low)) " – " (percent(high)) }
            }
            td.number { (grouped(evaluation.errors() as u64)) }
            td.number { (model.fit_seconds.map_or("–".to_owned(), seconds)) }
            td.number { (seconds(model.predict_seconds_per_example)) }
            td.number { (bytes(model.model_bytes)) }
            td.settings {
                @for (i, (name, value)) in model.settings.iter().enumerate() {
                    @if i > 0 { ", " }
                    span { (name) " " (value) }
                }
            }
        }
    }
}

/// Where the axis of the intervals starts: a round fraction below all of them, so that they can be distinguished.
fn axis_floor(models: &[ModelCard]) -> f64 {
    let lowest = models.iter().map(|model| model.evaluation.interval.low).fold(1.0, f64::min);
    // A multiple of 0.1, or of 0.01 if all intervals are above 0.95.
    let floor =
        if lowest >= 0.95 { (lowest * 100.0).floor() / 100.0 } else { (lowest * 10.0).floor() / 10.0 };
    floor.clamp(0.0, 0.99)
}

/// What is needed to reproduce the run, and every use of the test set.
fn record(run: &Run) -> Markup {
    let data = &run.data;
    let fact = |name: &str, value: String| html! { div { dt { (name) } dd { (value) } } };
    html! {
        section id="record" aria-labelledby="record-title" {
            h2 id="record-title" { "Record" }
            p { "This command reproduces the run:" }
            div.command {
                pre tabindex="0" { code id="command" { (run.command) } }
                button type="button" id="copy" hidden { "Copy" }
            }
            dl.facts {
                (fact("data", data.name.clone()))
                (fact("training", grouped(data.train as u64)))
                @if data.validation > 0 { (fact("validation", grouped(data.validation as u64))) }
                (fact("test", grouped(data.test as u64)))
                (fact("features", match data.image {
                    Some(shape) => format!("{} ({shape})", grouped(data.features as u64)),
                    None => grouped(data.features as u64),
                }))
                (fact("classes", classes(&data.classes)))
                @if let Some(seed) = run.seed { (fact("seed", seed.to_string())) }
                (fact("Tercet", run.version.clone()))
                (fact("instruction set", run.isa.clone()))
                (fact("threads", run.threads.to_string()))
                (fact("started", run.started.replace('T', " ").replace('Z', " UTC")))
                div.wide { dt { "digest of the data (SHA-256)" } dd { code { (data.digest) } } }
            }
            h3 { "Uses of the test set" }
            @if run.openings.is_empty() {
                p.note { "None is recorded." }
            } @else {
                div.scroll role="region" tabindex="0" aria-label="Uses of the test set" {
                    table.plain {
                        thead { tr { th scope="col" { "When" } th scope="col" { "What for" } th.number scope="col" { "Examples" } } }
                        tbody {
                            @for opening in &run.openings {
                                tr {
                                    td { (opening.at.replace('T', " ").replace('Z', " UTC")) }
                                    td { (opening.reason) }
                                    td.number { (grouped(opening.examples as u64)) }
                                }
                            }
                        }
                    }
                }
            }
            p.note {
                "The intervals are Wilson's, at 95 %. Settings were chosen without the test set; every use of it is listed above. "
                "The same seed gives the same bits on the same instruction set, whatever the number of threads."
            }
        }
    }
}

fn classes(names: &[String]) -> String {
    const NAMED: usize = 12;
    let some = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let rest = if names.len() > NAMED { ", …" } else { "" };
    format!("{}: {some}{rest}", grouped(names.len() as u64))
}

/// The data for the script, as JSON that cannot close the script element around it.
fn data(run: &Run, test: &Dataset, pictures: &Pictures) -> Result<String> {
    let models = run.models.iter().zip(&pictures.right).map(|(model, right)| {
        let wrong = model.evaluation.mistakes.iter().map(|m| json!([m.index, m.truth, m.predicted]));
        let ordered = model.evaluation.mistakes.iter().any(|mistake| mistake.margin.is_some());
        json!({ "ordered": ordered, "wrong": wrong.collect::<Vec<_>>(), "right": right })
    });
    let places = pictures.sprites.as_ref().map(|sprites| sprites.places());
    let columns = pictures.sprites.as_ref().map(|sprites| sprites.grid().0);
    let data = json!({
        "classes": test.classes().names(),
        "columns": columns,
        "places": places,
        "models": models.collect::<Vec<_>>(),
    });
    let text = serde_json::to_string(&data)
        .map_err(|error| Error::mismatch("numbers of the report", error, "ones that JSON can hold"))?;
    Ok(text.replace('<', "\\u003c"))
}
