//! The table of robustness: what disturbed pictures leave of each model's accuracy.

use maud::{Markup, html};

use super::numbers::percent;
use super::pictures::Pictures;
use super::record::{ModelCard, Run};
use tercet::evaluate::Disturbance;

/// The table of all models that were asked; nothing where none was.
pub(super) fn section(run: &Run, pictures: &Pictures) -> Option<Markup> {
    let asked: Vec<&ModelCard> = run.models.iter().filter(|model| !model.robustness.is_empty()).collect();
    let disturbances = disturbances(run);
    if asked.is_empty() {
        return None;
    }
    // How strong a cell's colour is: the share of the accuracy that is lost.
    let lost = |model: &ModelCard, left: f64| {
        let whole = model.evaluation.accuracy;
        if whole > 0.0 { ((whole - left) / whole).clamp(0.0, 1.0) } else { 0.0 }
    };
    let drawn = (0..disturbances.len()).any(|row| pictures.disturbed(row, "").is_some());
    Some(html! {
        section id="robustness" aria-labelledby="robustness-title" {
            h2 id="robustness-title" { "Disturbed pictures" }
            p.note {
                "What is left of the accuracy where every test picture is moved, turned, made noisy, dull or inverted. The stronger "
                "the colour, the larger the share that is lost."
                @if drawn { " Beside each: what it makes of the first test example." }
            }
            div.scroll role="region" tabindex="0" aria-label="Accuracy on disturbed pictures" {
                table.plain.robustness {
                    thead {
                        tr {
                            @if drawn { th scope="col" { span.hidden { "Picture" } } }
                            th scope="col" { "Disturbance" }
                            @for model in &asked { th.number scope="col" { (model.name) } }
                        }
                    }
                    tbody {
                        tr {
                            @if drawn { td { @if let Some(tile) = pictures.undisturbed("the first test example") { (tile) } } }
                            th scope="row" { "none" }
                            @for model in &asked { td.number { span.lost style="--a:0" { (percent(model.evaluation.accuracy)) } } }
                        }
                        @for (row, disturbance) in disturbances.iter().enumerate() {
                            tr.another[row == 0 || disturbances[row - 1].kind() != disturbance.kind()] {
                                @if drawn {
                                    td { @if let Some(tile) = pictures.disturbed(row, &disturbance.to_string()) { (tile) } }
                                }
                                th scope="row" { (disturbance.kind()) " " span.strength { (disturbance.strength()) } }
                                @for model in &asked {
                                    @match model.robustness.iter().find(|of| of.disturbance == *disturbance) {
                                        Some(of) => td.number {
                                            span.lost style={ "--a:" (format!("{:.2}", lost(model, of.accuracy))) } {
                                                (percent(of.accuracy))
                                            }
                                        }
                                        None => td.number { "–" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}

/// The disturbances of all models, in the order in which they come first.
pub(super) fn disturbances(run: &Run) -> Vec<Disturbance> {
    let mut all = Vec::new();
    for of in run.models.iter().flat_map(|model| &model.robustness) {
        if !all.contains(&of.disturbance) {
            all.push(of.disturbance);
        }
    }
    all
}
