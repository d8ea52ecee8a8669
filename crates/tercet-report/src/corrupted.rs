//! The robustness table: the accuracy of each model on corrupted images.

use maud::{Markup, html};

use super::numbers::percent;
use super::pictures::Pictures;
use super::record::{ModelCard, Run};
use tercet::evaluate::Corruption;

/// The table of all models whose robustness was evaluated; `None` if there are none.
pub(super) fn section(run: &Run, pictures: &Pictures) -> Option<Markup> {
    let evaluated: Vec<&ModelCard> = run.models.iter().filter(|model| !model.robustness.is_empty()).collect();
    let corruptions = corruptions(run);
    if evaluated.is_empty() {
        return None;
    }
    // The intensity of a cell's colour: the fraction of the accuracy that is lost.
    let lost = |model: &ModelCard, left: f64| {
        let whole = model.evaluation.accuracy;
        if whole > 0.0 { ((whole - left) / whole).clamp(0.0, 1.0) } else { 0.0 }
    };
    let drawn = (0..corruptions.len()).any(|row| pictures.corrupted(row, "").is_some());
    Some(html! {
        section id="robustness" aria-labelledby="robustness-title" {
            h2 id="robustness-title" { "Corrupted images" }
            p.note {
                "Accuracy on the test pictures after a shift, a rotation, added noise, reduced contrast or inversion. The stronger "
                "the colour, the larger the loss of accuracy."
                @if drawn { " The pictures show each corruption of the first test example." }
            }
            div.scroll role="region" tabindex="0" aria-label="Accuracy on corrupted images" {
                table.plain.robustness {
                    thead {
                        tr {
                            @if drawn { th scope="col" { span.hidden { "Picture" } } }
                            th scope="col" { "Corruption" }
                            @for model in &evaluated { th.number scope="col" { (model.name) } }
                        }
                    }
                    tbody {
                        tr {
                            @if drawn { td { @if let Some(tile) = pictures.uncorrupted("the first test example") { (tile) } } }
                            th scope="row" { "none" }
                            @for model in &evaluated { td.number { span.lost style="--a:0" { (percent(model.evaluation.accuracy)) } } }
                        }
                        @for (row, corruption) in corruptions.iter().enumerate() {
                            tr.another[row == 0 || corruptions[row - 1].kind() != corruption.kind()] {
                                @if drawn {
                                    td { @if let Some(tile) = pictures.corrupted(row, &corruption.to_string()) { (tile) } }
                                }
                                th scope="row" { (corruption.kind()) " " span.strength { (corruption.strength()) } }
                                @for model in &evaluated {
                                    @match model.robustness.iter().find(|of| of.corruption == *corruption) {
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

/// The corruptions of all models, in the order of their first occurrence.
pub(super) fn corruptions(run: &Run) -> Vec<Corruption> {
    let mut all = Vec::new();
    for of in run.models.iter().flat_map(|model| &model.robustness) {
        if !all.contains(&of.corruption) {
            all.push(of.corruption);
        }
    }
    all
}
