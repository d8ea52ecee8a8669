//! The section of one model.

use maud::{Markup, html};

use super::numbers::{bytes, counted, grouped, percent, percent_or_dash, seconds, three_digits};
use super::pictures::{Pictures, RIGHT_ONES, WORST};
use super::record::{ModelCard, NeighborStory};
use super::{confidence, curves, templates};
use tercet::Result;
use tercet::data::Dataset;
use tercet::evaluate::Evaluation;

/// With more classes than this, a list of the most frequent confusions replaces the matrix.
const MOST_CLASSES: usize = 128;

/// The length of this list.
const LISTED: usize = 100;

/// The section about model `number`.
pub(super) fn section(
    model: &ModelCard,
    number: usize,
    pictures: &Pictures,
    test: &Dataset,
) -> Result<Markup> {
    let id = format!("model-{number}");
    let evaluation = &model.evaluation;
    let weights = model
        .templates
        .iter()
        .enumerate()
        .map(|(i, of_layer)| templates::gallery(of_layer, &format!("{id}-weights-{i}")))
        .collect::<Result<Vec<_>>>()?;
    let curves = model.history.as_ref().map(|history| curves::training(history, &id)).transpose()?;
    let by_k =
        model.accuracy_by_k.as_ref().map(|by_k| curves::accuracy_by_k(by_k, &id)).transpose()?.flatten();
    let sure = model.confidence.as_ref().map(|of| confidence::section(of, evaluation, &id)).transpose()?;
    Ok(html! {
        section.model id=(id) aria-labelledby={ (id) "-title" } {
            header {
                h2 id={ (id) "-title" } { (model.name) }
                p.kind { (model.kind) }
                p.score {
                    strong { (percent(evaluation.accuracy)) }
                    " of " (counted(evaluation.count, "test example", "test examples"))
                    ", 95 % interval " (percent(evaluation.interval.low)) " to " (percent(evaluation.interval.high))
                }
            }
            dl.facts {
                @for (name, value) in &model.settings { div { dt { (name) } dd { (value) } } }
                @if let Some(fit) = model.fit_seconds { div { dt { "fit" } dd { (seconds(fit)) } } }
                div { dt { "prediction" } dd { (seconds(model.predict_seconds_per_example)) " each" } }
                div { dt { "size" } dd { (bytes(model.model_bytes)) } }
            }
            h3 { "Confusion matrix" }
            (confusion(evaluation, number, test))
            @if let Some(curves) = curves.filter(|curves| !curves.is_empty()) {
                h3 { "Training" }
                div.charts { @for curve in &curves { (curve.markup()) } }
            }
            @for gallery in weights.iter().flatten() { (gallery) }
            @if let Some(story) = &model.neighbor_story { (neighbors(story, number, pictures, test)) }
            @if let Some(by_k) = by_k {
                h3 { "Choice of k" }
                div.charts { (by_k.markup()) }
            }
            @if let Some(sure) = sure { (sure) }
            (worst(evaluation, pictures, test))
            (per_class(evaluation))
        }
    })
}

/// The confusion matrix. Each cell opens its examples.
fn confusion(evaluation: &Evaluation, number: usize, test: &Dataset) -> Markup {
    let classes = test.classes();
    let view = format!("cell-{number}");
    html! {
        div.confusion data-model=(number) {
            @if classes.len() <= MOST_CLASSES {
                (matrix(evaluation, classes, &view))
            } @else {
                (most_frequent(evaluation, classes, &view))
            }
            section.cell id=(view) aria-label="Examples of the chosen cell" {
                // Screen readers announce only this when a cell is opened, not the pictures.
                div.title aria-live="polite" {
                    p.note {
                        "Choose a cell to see its test examples: all misclassified ones, and the first " (RIGHT_ONES)
                        " correctly classified ones of a class. Arrow keys move between cells."
                    }
                }
                div.examples {}
                noscript { p.note { "This needs JavaScript; the worst mistakes are shown below without it." } }
            }
        }
    }
}

fn matrix(evaluation: &Evaluation, classes: &[String], view: &str) -> Markup {
    let confusion = &evaluation.confusion;
    let count = classes.len();
    let long = classes.iter().any(|name| name.chars().count() > 3);
    let errors =
        (0..count).flat_map(|t| (0..count).filter(move |&p| p != t).map(move |p| confusion.get(t, p)));
    let most_errors = errors.max().unwrap_or(0);
    // The intensity of a cell's colour: on the diagonal, the recall of the class; elsewhere, the square root of the
    // count, so that rare confusions are visible next to frequent ones.
    let strength = |truth: usize, predicted: usize, cell: u64| {
        if truth == predicted {
            cell as f64 / confusion.support(truth) as f64
        } else {
            (cell as f64 / most_errors as f64).sqrt()
        }
    };
    html! {
        div.matrix {
            p.axes aria-hidden="true" { span { "rows: true class" } span { "columns: predicted class" } }
            div.scroll role="region" tabindex="0" aria-label="Confusion matrix" {
                table.heat.long[long] {
                    caption.hidden { "Confusion matrix: rows are true classes, columns are predicted classes" }
                    thead { tr { td {} @for name in classes { th scope="col" title=(name) { span { (name) } } } } }
                    tbody {
                        @for (truth, true_name) in classes.iter().enumerate() {
                            tr {
                                th scope="row" title=(true_name) { span { (true_name) } }
                                @for (predicted, name) in classes.iter().enumerate() {
                                    @let cell = confusion.get(truth, predicted);
                                    td.right[truth == predicted] {
                                        @if cell > 0 {
                                            button type="button" aria-controls=(view) aria-pressed="false"
                                                data-t=(truth) data-p=(predicted)
                                                aria-label={ "true " (true_name) ", predicted " (name) ": "
                                                    (counted(cell as usize, "example", "examples")) }
                                                style={ "--a:" (format!("{:.2}", strength(truth, predicted, cell))) }
                                            { (cell) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn most_frequent(evaluation: &Evaluation, classes: &[String], view: &str) -> Markup {
    let confusion = &evaluation.confusion;
    let mut cells = std::collections::BTreeMap::new();
    for mistake in &evaluation.mistakes {
        let (truth, predicted) = (mistake.truth as usize, mistake.predicted as usize);
        cells.insert((truth, predicted), confusion.get(truth, predicted));
    }
    let total = cells.len();
    let mut cells: Vec<_> = cells.into_iter().collect();
    cells.sort_by_key(|&(pair, count)| (std::cmp::Reverse(count), pair));
    cells.truncate(LISTED);
    html! {
        div.matrix {
            p.note {
                (grouped(classes.len() as u64)) " classes are too many for a matrix: the "
                (cells.len()) " most frequent of " (counted(total, "confusion", "confusions")) "."
            }
            div.scroll.tall role="region" tabindex="0" aria-label="Most frequent confusions" {
                table.plain {
                    thead { tr { th scope="col" { "True" } th scope="col" { "Predicted" } th.number scope="col" { "Examples" } } }
                    tbody {
                        @for &((truth, predicted), count) in &cells {
                            tr {
                                td { (classes[truth]) }
                                td { (classes[predicted]) }
                                td.number {
                                    button type="button" aria-controls=(view) aria-pressed="false"
                                        data-t=(truth) data-p=(predicted) { (grouped(count)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The mistakes with the highest confidence.
fn worst(evaluation: &Evaluation, pictures: &Pictures, test: &Dataset) -> Markup {
    let shown = &evaluation.mistakes[..evaluation.mistakes.len().min(WORST)];
    if shown.is_empty() {
        return html! { p.note { "Every test example is classified correctly." } };
    }
    let name = |class: u32| &test.classes()[class as usize];
    let ordered = shown.iter().any(|mistake| mistake.margin.is_some());
    html! {
        h3 { @if ordered { "The worst mistakes" } @else { "The first mistakes" } }
        p.note {
            (shown.len()) " of " (counted(evaluation.errors(), "mistake", "mistakes"))
            @if ordered {
                ", sorted by the margin between the scores of the predicted and the true class, largest first"
            }
            ". The small number is the index in the test set, counted from 0."
        }
        @if pictures.sprites.is_some() {
            ol.gallery {
                @for mistake in shown {
                    li {
                        @if let Some(tile) = pictures.example(mistake.index, &pictures.describe(mistake)) { (tile) }
                        p.labels {
                            (name(mistake.truth)) " classified as " b.wrong { (name(mistake.predicted)) }
                        }
                        p.index {
                            "#" (mistake.index)
                            @if let Some(margin) = mistake.margin { br; "by " (three_digits(margin)) }
                        }
                    }
                }
            }
        } @else {
            div.scroll role="region" tabindex="0" aria-label="Worst mistakes" {
                table.plain {
                    thead {
                        tr {
                            th.number scope="col" { "Example" } th scope="col" { "True" } th scope="col" { "Predicted" }
                            @if ordered { th.number scope="col" { "Margin" } }
                        }
                    }
                    tbody {
                        @for mistake in shown {
                            tr {
                                td.number { (mistake.index) }
                                td { (name(mistake.truth)) }
                                td { (name(mistake.predicted)) }
                                @if ordered {
                                    td.number { @if let Some(margin) = mistake.margin { (three_digits(margin)) } @else { "–" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Precision, recall and F1 of each class.
fn per_class(evaluation: &Evaluation) -> Markup {
    html! {
        details open[evaluation.classes.len() <= 12] {
            summary { h3 { "Precision and recall of each class" } }
            div.scroll role="region" tabindex="0" aria-label="Precision and recall" {
                table.plain {
                    thead {
                        tr {
                            th scope="col" { "Class" }
                            th.number scope="col" { "Precision %" }
                            th.number scope="col" { "Recall %" }
                            th.number scope="col" { "F1 %" }
                            th.number scope="col" { "Examples" }
                        }
                    }
                    tbody {
                        @for class in &evaluation.classes {
                            tr {
                                th scope="row" { (class.name) }
                                @for share in [class.precision, class.recall, class.f1] {
                                    td.number { (percent_or_dash(share)) }
                                }
                                td.number { (grouped(class.support)) }
                            }
                        }
                    }
                }
            }
            p.note {
                "Precision: the fraction of predictions of the class that are correct. Recall: the fraction of examples of the class "
                "that are predicted correctly. F1: their harmonic mean."
            }
        }
    }
}

/// A misclassified example, its neighbours and their votes.
fn neighbors(story: &NeighborStory, number: usize, pictures: &Pictures, test: &Dataset) -> Markup {
    let name = |class: u32| &test.classes()[class as usize];
    let total: f64 = story.votes.iter().sum();
    let share = |votes: f64| if total > 0.0 { 100.0 * votes / total } else { 0.0 };
    let describe = format!("test example {}, a {}", story.query, name(story.truth));
    html! {
        h3 { "One mistake, explained" }
        div.story {
            figure.query {
                @if let Some(tile) = pictures.example(story.query, &describe) { (tile) }
                figcaption { "Test example " (story.query) ": true " b { (name(story.truth)) }
                    ", predicted " b.wrong[story.truth != story.predicted] { (name(story.predicted)) } }
            }
            ol.gallery {
                @for (rank, neighbor) in story.neighbors.iter().enumerate() {
                    @let label = name(neighbor.label);
                    li {
                        @let describe = format!("neighbour {}: training example {}, a {label}", rank + 1, neighbor.index);
                        @if let Some(tile) = pictures.neighbor(number, rank, &describe) { (tile) }
                        p.labels { "a " b.wrong[neighbor.label != story.truth] { (label) } }
                        p.index { "distance " (three_digits(neighbor.distance)) br; "#" (neighbor.index) }
                    }
                }
            }
            dl.votes {
                @for (class, &votes) in story.votes.iter().enumerate().filter(|(class, votes)| **votes > 0.0 && *class < test.class_count()) {
                    div {
                        dt { (test.classes()[class]) }
                        dd { span.bar style={ "--share:" (format!("{:.1}", share(votes))) } {} (format!("{:.0} %", share(votes))) }
                    }
                }
            }
        }
        p.note {
            "The " (counted(story.neighbors.len(), "training example", "training examples")) " nearest to the test example by "
            (story.metric) ", nearest first, and the share of the vote that each class gets."
        }
    }
}
