//! Curves: loss and accuracy during training, accuracy against k.

use maud::{Markup, html};

use super::chart::{Curve, Ink, Marker, Plot, Points, Ticks, around, draw, is_share, percent_label};
use super::numbers::{grouped, percent, three_digits};
use super::record::AccuracyByK;
use crate::Result;
use crate::train::History;

/// Points of a curve that are drawn; more could not be told apart.
const POINTS: usize = 400;

/// Loss and validation accuracy against the step, side by side; nothing where there is no step.
pub(super) fn training(history: &History, id: &str) -> Result<Option<Markup>> {
    // A loss that is NaN or infinite ends training; the curve ends before it.
    let losses: Vec<f64> =
        history.losses.iter().map(|&loss| f64::from(loss)).take_while(|loss| loss.is_finite()).collect();
    let checks: Vec<_> = history
        .checks
        .iter()
        .filter(|check| check.validation_loss.is_finite() && is_share(check.validation_accuracy))
        .collect();
    if losses.is_empty() {
        return Ok(None);
    }
    let few = if checks.len() <= 40 { Marker::Dot } else { Marker::Nothing };
    let window = (losses.len() / 50).max(1);
    let (running, so_far) = smoothed(&losses, window);
    let validation: Vec<_> = checks.iter().map(|c| (c.step as f64, f64::from(c.validation_loss))).collect();
    let last_step = checks.iter().map(|c| c.step).max().unwrap_or(0).max(losses.len()) as f64;
    let steps = (0.0, last_step.max(2.0));

    let highest = [&running, &so_far, &validation].into_iter().flatten().map(|p| p.1).fold(0.0, f64::max);
    let last = |points: &[(f64, f64)]| points.last().map_or(f64::NAN, |point| point.1);
    let mut description =
        format!("Training loss {} at step {}.", three_digits(last(&running)), grouped(losses.len() as u64));
    if !validation.is_empty() {
        description += &format!(" Validation loss {} at the end.", three_digits(last(&validation)));
    }
    let loss = draw(&Plot {
        id: format!("{id}-loss"),
        title: "Loss against the step",
        description,
        x_name: "step",
        x: steps,
        y: (0.0, if highest > 0.0 { 1.05 * highest } else { 1.0 }),
        curves: vec![
            Curve { points: so_far, ink: Ink::SoFar, width: 3, marker: Marker::Nothing },
            Curve { points: running, ink: Ink::Train, width: 4, marker: Marker::Nothing },
            Curve { points: validation.clone(), ink: Ink::Validation, width: 4, marker: few },
        ],
        whiskers: Vec::new(),
        mark: None,
        x_ticks: Ticks::Numbers(6),
        y_label: &loss_label,
    })?;

    let accuracies: Vec<_> = checks.iter().map(|c| (c.step as f64, c.validation_accuracy)).collect();
    let accuracy = if accuracies.is_empty() {
        None
    } else {
        Some(draw(&Plot {
            id: format!("{id}-accuracy"),
            title: "Validation accuracy against the step",
            description: format!("Validation accuracy {} at the end.", percent(last(&accuracies))),
            x_name: "step",
            x: steps,
            y: around(accuracies.iter().map(|point| point.1)),
            curves: vec![Curve { points: accuracies, ink: Ink::Validation, width: 4, marker: few }],
            whiskers: Vec::new(),
            mark: None,
            x_ticks: Ticks::Numbers(6),
            y_label: &percent_label,
        })?)
    };
    Ok(Some(html! {
        div.charts {
            figure {
                h4 { "Loss" }
                (loss)
                figcaption {
                    span.key.train {
                        @if window > 1 { "training: mean of the last " (grouped(window as u64)) " steps" }
                        @else { "training: each step" }
                    }
                    span.key.so-far { "training: mean of all steps so far" }
                    @if !validation.is_empty() { span.key.validation { "validation" } }
                }
            }
            @if let Some(accuracy) = accuracy {
                figure {
                    h4 { "Validation accuracy" }
                    (accuracy)
                    figcaption { span.key.validation { "share of the validation set that is classified correctly" } }
                }
            }
        }
    }))
}

/// The mean of the last `window` losses at each step, and the mean of all losses so far; both thinned to [`POINTS`].
fn smoothed(losses: &[f64], window: usize) -> (Points, Points) {
    let mut sums = vec![0.0];
    for loss in losses {
        sums.push(sums[sums.len() - 1] + loss);
    }
    let stride = losses.len().div_ceil(POINTS);
    let steps = (1..=losses.len()).filter(|step| step % stride == 0 || *step == 1 || *step == losses.len());
    steps
        .map(|step| {
            let from = step.saturating_sub(window);
            let recent = (sums[step] - sums[from]) / (step - from) as f64;
            ((step as f64, recent), (step as f64, sums[step] / step as f64))
        })
        .unzip()
}

/// Accuracy against k, with intervals and the k in use; nothing where no k was tried.
pub(crate) fn accuracy_by_k(by_k: &AccuracyByK, id: &str) -> Result<Option<Markup>> {
    let mut tried: Vec<_> = by_k.points.iter().filter(|p| is_share(p.accuracy)).collect();
    tried.sort_by_key(|p| p.k);
    let (Some(first), Some(last)) = (tried.first(), tried.last()) else { return Ok(None) };
    let mark = tried.iter().find(|p| p.k == by_k.chosen).map(|p| (p.k as f64, p.accuracy));
    let ends = tried.iter().flat_map(|p| [p.interval.low, p.interval.high, p.accuracy]);
    let chart = draw(&Plot {
        id: format!("{id}-k"),
        title: "Accuracy against the number of neighbours",
        description: format!("k from {} to {}; k = {} is in use.", first.k, last.k, by_k.chosen),
        x_name: "k",
        x: (first.k as f64 - 0.5, last.k as f64 + 0.5),
        y: around(ends),
        curves: vec![Curve {
            points: tried.iter().map(|p| (p.k as f64, p.accuracy)).collect(),
            ink: Ink::Train,
            width: 4,
            marker: if tried.len() <= 40 { Marker::Dot } else { Marker::Nothing },
        }],
        whiskers: tried.iter().map(|p| (p.k as f64, p.interval.low, p.interval.high)).collect(),
        mark,
        x_ticks: Ticks::Numbers(if tried.len() <= 12 { 14 } else { 8 }),
        y_label: &percent_label,
    })?;
    Ok(Some(html! {
        div.charts {
            figure {
                h4 { "Accuracy on " (by_k.on) }
                (chart)
                figcaption {
                    span.key.train { "accuracy with its 95 % interval" }
                    span.key.ring { "k = " (by_k.chosen) ", the one in use" }
                }
            }
        }
    }))
}

/// A loss as short as its axis allows: 0.5, not 0.5000.
fn loss_label(loss: &f64) -> String {
    if *loss != 0.0 && !(1e-3..1e5).contains(loss) {
        return format!("{loss:.0e}");
    }
    let text = format!("{loss:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Check;

    #[test]
    fn the_means_are_the_ones_that_the_caption_states() {
        let (running, so_far) = smoothed(&[4.0, 2.0, 6.0, 0.0], 2);
        assert_eq!(running, [(1.0, 4.0), (2.0, 3.0), (3.0, 4.0), (4.0, 3.0)]);
        assert_eq!(so_far, [(1.0, 4.0), (2.0, 3.0), (3.0, 4.0), (4.0, 3.0)]);
        let (running, _) = smoothed(&[1.0; 100_000], 10);
        assert!(running.len() <= POINTS + 2 && running.last() == Some(&(100_000.0, 1.0)));
    }

    #[test]
    fn no_mark_is_left_in_the_drawing_and_nothing_is_loaded() {
        let check = Check { step: 2, train_loss: 1.0, validation_loss: 0.5, validation_accuracy: 0.9 };
        let history = History { losses: vec![3.0, 2.0, f32::NAN], checks: vec![check], ..History::default() };
        let markup = training(&history, "m").unwrap().unwrap().into_string();
        assert!(markup.contains("var(--train)") && markup.contains("var(--validation)"));
        assert!(!markup.contains("#0102") && !markup.contains("http"), "{markup}");
    }

    #[test]
    fn histories_with_nothing_to_draw_are_left_out() {
        assert!(training(&History::default(), "m").unwrap().is_none());
        let history = History { losses: vec![f32::NAN], checks: Vec::new(), ..History::default() };
        assert!(training(&history, "m").unwrap().is_none());
        assert!(accuracy_by_k(&AccuracyByK::default(), "m").unwrap().is_none());
    }

    #[test]
    fn numbers_out_of_order_or_out_of_range_do_no_harm() {
        let at = |k, accuracy| super::super::AccuracyAtK {
            k,
            accuracy,
            interval: crate::evaluate::Interval { low: -7.0, high: f64::NAN },
        };
        let points = vec![at(9, 0.5), at(1, 0.9), at(3, 1.5), at(4, f64::NAN)];
        let by_k = AccuracyByK { on: "x".into(), chosen: 2, points };
        assert!(accuracy_by_k(&by_k, "m").unwrap().is_some());
        let check = Check { step: 1, train_loss: 1.0, validation_loss: -3.0, validation_accuracy: 1.5 };
        let history = History { losses: vec![-2.0, -1.0], checks: vec![check], ..History::default() };
        assert!(training(&history, "m").unwrap().is_some());
    }

    #[test]
    fn losses_without_checks_and_constant_ones_are_drawn() {
        for losses in [vec![0.0], vec![5.0; 3], vec![f32::MAX; 2]] {
            assert!(
                training(&History { losses, checks: Vec::new(), ..History::default() }, "m")
                    .unwrap()
                    .is_some()
            );
        }
    }
}
