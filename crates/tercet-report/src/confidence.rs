//! Confidence: a reliability diagram, and accuracy against coverage.

use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::chart::{Curve, Ink, Marker, Plot, Ticks, around, draw, percent_label};
use super::figure::{Figure, Key};
use super::numbers::{grouped, percent, three_digits};
use tercet::evaluate::{
    BINS, Calibration, Evaluation, RiskCoverage, Scores, confidences, fit_temperature, probabilities_at,
};
use tercet::interval::Interval;
use tercet::{Matrix, Result};

/// The confidence of a model's predictions: calibration and selective prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// The measure of confidence: "the predicted probability".
    pub measure: String,
    /// The calibration, if the scores are probabilities.
    pub calibration: Option<Calibration>,
    /// The calibration after temperature scaling; the temperature was fitted on other examples.
    pub scaled: Option<Scaled>,
    /// Selective prediction: the accuracy of the predictions that the model is most confident of.
    pub selective: RiskCoverage,
}

/// Calibration after temperature scaling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaled {
    /// T of softmax(z / T).
    pub temperature: f64,
    /// The examples that it was fitted on: "the validation set, 5,000 examples".
    pub on: String,
    /// The calibration at this temperature.
    pub calibration: Calibration,
}

impl Confidence {
    /// Evaluates the scores of a model on labelled examples.
    ///
    /// `validation` holds the logits, the labels and the name of examples that the model was not trained on; the
    /// temperature is fitted on them.
    ///
    /// # Errors
    /// Those of [`Calibration::of`], [`RiskCoverage::of`] and [`fit_temperature`].
    pub fn of(
        scores: &Matrix,
        are: Option<Scores>,
        labels: &[u32],
        validation: Option<(&Matrix, &[u32], String)>,
    ) -> Result<Self> {
        let measure = match are {
            Some(Scores::Logits) => "the predicted probability",
            Some(Scores::Shares) => "the vote share of the predicted class",
            None => "the margin by which the best score exceeds the second",
        };
        let answers = scores.argmax();
        let right: Vec<bool> = answers.iter().zip(labels).map(|(answer, label)| answer == label).collect();
        let at = |temperature| {
            are.map(|are| Calibration::of(&probabilities_at(scores, are, temperature), labels, BINS))
                .transpose()
        };
        let mut scaled = None;
        if let (Some(Scores::Logits), Some((logits, labels, on))) = (are, validation) {
            let temperature = fit_temperature(logits, labels)?;
            scaled = at(temperature)?.map(|calibration| Scaled { temperature, on, calibration });
        }
        Ok(Confidence {
            measure: measure.to_owned(),
            calibration: at(1.0)?,
            scaled,
            selective: RiskCoverage::of(&confidences(scores, are), &right)?,
        })
    }
}

/// The charts in a model's section.
pub(super) fn figures(confidence: &Confidence, evaluation: &Evaluation, id: &str) -> Result<Vec<Figure>> {
    let reliability =
        confidence.calibration.as_ref().map(|calibration| reliability(calibration, confidence, id));
    reliability.into_iter().chain([coverage(confidence, evaluation, id)]).collect()
}

/// The confidence part of a model's section.
pub(super) fn section(confidence: &Confidence, evaluation: &Evaluation, id: &str) -> Result<Markup> {
    let figures = figures(confidence, evaluation, id)?;
    Ok(html! {
        h3 { "Calibration and selective prediction" }
        div.charts { @for figure in &figures { (figure.markup()) } }
        @if let Some(Calibration { ece, confidence: mean, accuracy, .. }) = &confidence.calibration {
            p.note {
                "Expected calibration error " (percent(*ece)) " over " (BINS) " bins of equal width: its mean confidence is "
                (percent(*mean)) " and its accuracy " (percent(*accuracy)) "."
                @if let Some(scaled) = &confidence.scaled {
                    " With its scores divided by the temperature " (three_digits(scaled.temperature)) ", fitted on " (scaled.on)
                    ", the error is " (percent(scaled.calibration.ece)) "; predictions do not change."
                }
            }
        }
        p.note {
            "With selective prediction: "
            @for (i, goal) in confidence.selective.relevant_goals().iter().enumerate() {
                @if i > 0 { ", " }
                (goal_in_words(goal.accuracy, goal.coverage))
            }
            ". Choose a threshold on other examples, such as the validation set."
        }
    })
}

fn goal_in_words(accuracy: f64, coverage: Option<f64>) -> String {
    let right = percent_label(&accuracy);
    match coverage {
        Some(coverage) => format!("{right} accuracy at {} coverage", percent(coverage)),
        None => format!("{right} accuracy at no threshold"),
    }
}

/// Accuracy against confidence, per bin.
fn reliability(calibration: &Calibration, confidence: &Confidence, id: &str) -> Result<Figure> {
    let points = |calibration: &Calibration| -> Vec<(f64, f64)> {
        calibration.bins.iter().filter_map(|bin| Some((bin.confidence?, bin.accuracy()?))).collect()
    };
    let whiskers = calibration.bins.iter().filter_map(|bin| {
        let Interval { low, high } = Interval::wilson(bin.correct, bin.count);
        Some((bin.confidence?, low, high))
    });
    // The points are not connected: bins with few predictions would make the line jagged.
    let dots = |points, ink| Curve { points, ink, width: 0, marker: Marker::Dot };
    let mut curves = vec![
        Curve { points: vec![(0.0, 0.0), (1.0, 1.0)], ink: Ink::SoFar, width: 2, marker: Marker::Nothing },
        dots(points(calibration), Ink::Train),
    ];
    curves.extend(confidence.scaled.as_ref().map(|s| dots(points(&s.calibration), Ink::Validation)));
    let fullest = calibration.bins.iter().max_by_key(|bin| bin.count).map_or(0, |bin| bin.count);
    let total: usize = calibration.bins.iter().map(|bin| bin.count).sum();
    let plot = Plot {
        id: format!("{id}-reliability"),
        title: "Reliability: accuracy against confidence",
        description: format!("Expected calibration error {}.", percent(calibration.ece)),
        x_name: "confidence",
        x: (0.0, 1.0),
        y: (0.0, 1.0),
        curves,
        whiskers: whiskers.collect(),
        mark: None,
        x_ticks: shares(),
        y_label: &percent_label,
    };
    let mut key =
        vec![(Key::Line(Ink::Train), "accuracy at each confidence, with its 95 % interval".to_owned())];
    if confidence.scaled.is_some() {
        key.push((Key::Line(Ink::Validation), "after temperature scaling".to_owned()));
    }
    key.push((Key::Line(Ink::SoFar), "perfect calibration".to_owned()));
    let (fullest, total) = (grouped(fullest as u64), grouped(total as u64));
    let note = format!(
        "The largest bin has {fullest} of {total} predictions. Points below the diagonal are overconfident."
    );
    draw(&plot, "Reliability", key, note)
}

/// Accuracy against coverage, the fraction of examples that are classified.
fn coverage(confidence: &Confidence, evaluation: &Evaluation, id: &str) -> Result<Figure> {
    let points: Vec<_> = confidence.selective.points.iter().map(|p| (p.coverage, p.accuracy)).collect();
    let ends = points.iter().map(|point| point.1).chain([evaluation.accuracy]);
    let plot = Plot {
        id: format!("{id}-coverage"),
        title: "Accuracy against coverage",
        description: format!("Area of risk against coverage {}.", three_digits(confidence.selective.area)),
        x_name: "coverage",
        x: (0.0, 1.0),
        y: around(ends),
        curves: vec![Curve {
            marker: if points.len() <= 12 { Marker::Dot } else { Marker::Nothing },
            points,
            ink: Ink::Train,
            width: 4,
        }],
        whiskers: Vec::new(),
        mark: None,
        x_ticks: shares(),
        y_label: &percent_label,
    };
    let key =
        vec![(Key::Line(Ink::Train), "accuracy of the most confident predictions, by coverage".to_owned())];
    let note = format!(
        "Its confidence is {}. Area of risk against coverage: {}.",
        confidence.measure,
        three_digits(confidence.selective.area)
    );
    draw(&plot, "Selective prediction", key, note)
}

/// Ticks every 20 %: every 10 % would be too crowded on a narrow screen.
fn shares() -> Ticks {
    Ticks::Words((0..=5).map(|fifth| (f64::from(fifth) / 5.0, format!("{} %", 20 * fifth))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> (Matrix, Vec<u32>) {
        let values = (0..400).map(|i| (i * 7919 % 101) as f32 / 20.0).collect();
        (Matrix::new(200, 2, values).unwrap(), (0..200).map(|i| u32::from(i % 3 == 0)).collect())
    }

    #[test]
    fn calibration_and_temperature_depend_on_the_kind_of_score() {
        let (scores, labels) = scores();
        let of = |are, validation| Confidence::of(&scores, are, &labels, validation).unwrap();
        let margin = of(None, None);
        assert!(margin.calibration.is_none() && margin.scaled.is_none());
        let held_out = Some((&scores, &labels[..], "the validation set".to_owned()));
        let logits = of(Some(Scores::Logits), held_out.clone());
        let scaled = logits.scaled.as_ref().unwrap();
        assert!(scaled.temperature > 1.0, "labels by chance deserve no confidence: {}", scaled.temperature);
        assert!(scaled.calibration.ece < logits.calibration.as_ref().unwrap().ece);
        assert!(of(None, held_out).scaled.is_none());
        let json = serde_json::to_string(&logits).unwrap();
        assert_eq!(serde_json::from_str::<Confidence>(&json).unwrap(), logits);
    }

    #[test]
    fn the_section_draws_the_available_figures() {
        let (scores, labels) = scores();
        let classes = ["a".to_owned(), "b".to_owned()];
        let evaluation = Evaluation::from_scores(&scores, &labels, &classes).unwrap();
        let drawn = |are| {
            let validation = Some((&scores, &labels[..], "the validation set".to_owned()));
            let confidence = Confidence::of(&scores, are, &labels, validation).unwrap();
            section(&confidence, &evaluation, "m").unwrap().into_string()
        };
        let logits = drawn(Some(Scores::Logits));
        for part in
            ["m-reliability", "m-coverage", "Expected calibration error", "fitted on the validation set"]
        {
            assert!(logits.contains(part), "{part} is missing");
        }
        let margin = drawn(None);
        assert!(!margin.contains("m-reliability") && margin.contains("m-coverage"));
    }
}
