//! Curves: loss and accuracy during training, accuracy against k.

use super::chart::{Curve, Ink, Marker, Plot, Points, Ticks, around, draw, is_share, percent_label};
use super::figure::{Figure, Key, Picture};
use super::numbers::{grouped, percent, three_digits};
use super::record::AccuracyByK;
use tercet::train::{History, Validation};
use tercet::{Error, Result};

/// The maximum number of points per curve; more could not be distinguished.
const POINTS: usize = 400;

/// Loss and validation accuracy against the step; nothing without a step.
pub(super) fn training(history: &History, id: &str) -> Result<Vec<Figure>> {
    // Training ends at a NaN or infinite loss; the curve ends before it.
    let losses: Vec<f64> =
        history.losses.iter().map(|&loss| f64::from(loss)).take_while(|loss| loss.is_finite()).collect();
    if losses.is_empty() {
        return Ok(Vec::new());
    }
    let is_drawn =
        |check: &&Validation| check.validation_loss.is_finite() && is_share(check.validation_accuracy);
    let checks: Vec<&Validation> = history.validations.iter().filter(is_drawn).collect();
    let last_step = checks.iter().map(|check| check.step).max().unwrap_or(0).max(losses.len());
    let steps = (0.0, last_step.max(2) as f64);
    let mut figures = vec![loss_figure(&losses, &checks, steps, id)?];
    if !checks.is_empty() {
        figures.push(accuracy_figure(&checks, steps, id)?);
    }
    Ok(figures)
}

/// Training and validation loss against the step.
fn loss_figure(losses: &[f64], checks: &[&Validation], steps: (f64, f64), id: &str) -> Result<Figure> {
    let window = (losses.len() / 50).max(1);
    let (running, so_far) = smoothed(losses, window);
    let validation: Points =
        checks.iter().map(|check| (check.step as f64, f64::from(check.validation_loss))).collect();
    let highest = [&running, &so_far, &validation].into_iter().flatten().map(|p| p.1).fold(0.0, f64::max);
    let mut description =
        format!("Training loss {} at step {}.", three_digits(last(&running)), grouped(losses.len() as u64));
    let mean = match window {
        1 => "training: each step".to_owned(),
        _ => format!("training: mean of the last {} steps", grouped(window as u64)),
    };
    let mut key = vec![
        (Key::Line(Ink::Train), mean),
        (Key::Line(Ink::SoFar), "training: mean of all steps so far".to_owned()),
    ];
    if !validation.is_empty() {
        description += &format!(" Validation loss {} at the end.", three_digits(last(&validation)));
        key.push((Key::Line(Ink::Validation), "validation".to_owned()));
    }
    let marker = marker(validation.len());
    let plot = Plot {
        id: format!("{id}-loss"),
        title: "Loss against the step",
        description,
        x_name: "step",
        x: steps,
        y: (0.0, if highest > 0.0 { 1.05 * highest } else { 1.0 }),
        curves: vec![
            Curve { points: so_far, ink: Ink::SoFar, width: 3, marker: Marker::Nothing },
            Curve { points: running, ink: Ink::Train, width: 4, marker: Marker::Nothing },
            Curve { points: validation, ink: Ink::Validation, width: 4, marker },
        ],
        whiskers: Vec::new(),
        mark: None,
        x_ticks: Ticks::Numbers(6),
        y_label: &loss_label,
    };
    draw(&plot, "Loss", key, String::new())
}

/// Validation accuracy against the step.
fn accuracy_figure(checks: &[&Validation], steps: (f64, f64), id: &str) -> Result<Figure> {
    let points: Points = checks.iter().map(|check| (check.step as f64, check.validation_accuracy)).collect();
    let plot = Plot {
        id: format!("{id}-accuracy"),
        title: "Validation accuracy against the step",
        description: format!("Validation accuracy {} at the end.", percent(last(&points))),
        x_name: "step",
        x: steps,
        y: around(points.iter().map(|point| point.1)),
        curves: vec![Curve { marker: marker(points.len()), points, ink: Ink::Validation, width: 4 }],
        whiskers: Vec::new(),
        mark: None,
        x_ticks: Ticks::Numbers(6),
        y_label: &percent_label,
    };
    let key = "validation accuracy".to_owned();
    draw(&plot, "Validation accuracy", vec![(Key::Line(Ink::Validation), key)], String::new())
}

/// The last value of a curve.
fn last(points: &[(f64, f64)]) -> f64 {
    points.last().map_or(f64::NAN, |point| point.1)
}

/// Dots mark the points of a curve only if it has few.
fn marker(points: usize) -> Marker {
    if points <= 40 { Marker::Dot } else { Marker::Nothing }
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

/// The quantity plotted for several training runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The training loss: at each step, its mean over the last fiftieth of all steps.
    Loss,
    /// The validation loss.
    ValidationLoss,
    /// The validation accuracy.
    ValidationAccuracy,
}

impl Quantity {
    /// The curve of one training, which ends where the training diverged, without values above `most`.
    fn points(self, history: &History, most: Option<f64>) -> Points {
        let of_checks = |value: fn(&Validation) -> f64| -> Points {
            history.validations.iter().map(|check| (check.step as f64, value(check))).collect()
        };
        let points = match self {
            Quantity::Loss => {
                let losses: Vec<f64> = history.losses.iter().map(|&loss| f64::from(loss)).collect();
                smoothed(&losses, (losses.len() / 50).max(1)).0
            }
            Quantity::ValidationLoss => of_checks(|check| f64::from(check.validation_loss)),
            Quantity::ValidationAccuracy => of_checks(|check| check.validation_accuracy),
        };
        let finite = points.into_iter().take_while(|(_, y)| y.is_finite());
        finite.filter(|(_, y)| most.is_none_or(|most| *y <= most)).collect()
    }
}

/// The colours of the training runs, and thus the maximum number of runs in one plot.
const INKS: [Ink; 5] = [Ink::Train, Ink::Validation, Ink::Third, Ink::Fourth, Ink::Fifth];

/// Several training runs in one plot, each with its name. Losses above `most`, if given, are omitted, so that a run
/// that diverges does not flatten all others.
///
/// # Errors
/// No training run, or more than five; a run with nothing to draw; a `most` below all losses.
///
/// ```
/// use tercet_report::{Quantity, trainings};
/// use tercet::train::History;
/// let slow = History { losses: vec![2.3, 2.2, 2.1], ..History::default() };
/// let fast = History { losses: vec![2.3, 1.0, 0.5], ..History::default() };
/// let picture = trainings("losses", &[("slow", &slow), ("fast", &fast)], Quantity::Loss, None)?;
/// assert_eq!(picture.name, "losses.svg");
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn trainings(
    name: &str,
    trainings: &[(&str, &History)],
    quantity: Quantity,
    most: Option<f64>,
) -> Result<Picture> {
    if !(1..=INKS.len()).contains(&trainings.len()) {
        return Err(Error::setting("the trainings of a picture", trainings.len(), "1 to 5"));
    }
    let (mut curves, mut key) = (Vec::new(), Vec::new());
    for (&(name, history), ink) in trainings.iter().zip(INKS) {
        let points = quantity.points(history, most);
        if points.is_empty() {
            let expected = match most {
                Some(most) => format!("some at most {most}"),
                None => "some: trained with a validation set, and a finite loss".to_owned(),
            };
            return Err(Error::mismatch(format!("values of {name}"), "none to draw", expected));
        }
        let marker = if quantity == Quantity::Loss { Marker::Nothing } else { marker(points.len()) };
        key.push((Key::Line(ink), name.to_owned()));
        curves.push(Curve { points, ink, width: 4, marker });
    }
    let all = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let last_step = all().map(|point| point.0).fold(2.0, f64::max);
    let highest = all().map(|point| point.1).fold(0.0, f64::max);
    let (title, y) = match quantity {
        Quantity::Loss => ("Training loss against the step", (0.0, 1.05 * highest)),
        Quantity::ValidationLoss => ("Validation loss against the step", (0.0, 1.05 * highest)),
        Quantity::ValidationAccuracy => {
            ("Validation accuracy against the step", around(all().map(|point| point.1)))
        }
    };
    let names: Vec<&str> = trainings.iter().map(|training| training.0).collect();
    let plot = Plot {
        id: name.to_owned(),
        title,
        description: format!("{} of {}.", title, names.join(", ")),
        x_name: "step",
        x: (0.0, last_step),
        y: if y.1 > y.0 { y } else { (0.0, 1.0) },
        curves,
        whiskers: Vec::new(),
        mark: None,
        x_ticks: Ticks::Numbers(6),
        y_label: if quantity == Quantity::ValidationAccuracy { &percent_label } else { &loss_label },
    };
    Ok(Picture::of(name.to_owned(), &draw(&plot, title, key, String::new())?))
}

/// Accuracy against k, with intervals and the k in use; `None` if no k was tried.
pub(crate) fn accuracy_by_k(by_k: &AccuracyByK, id: &str) -> Result<Option<Figure>> {
    let mut tried: Vec<_> = by_k.points.iter().filter(|p| is_share(p.accuracy)).collect();
    tried.sort_by_key(|p| p.k);
    let (Some(first), Some(last)) = (tried.first(), tried.last()) else { return Ok(None) };
    let mark = tried.iter().find(|p| p.k == by_k.chosen).map(|p| (p.k as f64, p.accuracy));
    let ends = tried.iter().flat_map(|p| [p.interval.low, p.interval.high, p.accuracy]);
    let plot = Plot {
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
    };
    let key = vec![
        (Key::Line(Ink::Train), "accuracy with its 95 % interval".to_owned()),
        (Key::Ring, format!("k = {}, the one in use", by_k.chosen)),
    ];
    Ok(Some(draw(&plot, &format!("Accuracy on {}", by_k.on), key, String::new())?))
}

/// A loss without trailing zeros: 0.5, not 0.5000.
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

    #[test]
    fn the_means_are_those_of_the_caption() {
        let (running, so_far) = smoothed(&[4.0, 2.0, 6.0, 0.0], 2);
        assert_eq!(running, [(1.0, 4.0), (2.0, 3.0), (3.0, 4.0), (4.0, 3.0)]);
        assert_eq!(so_far, [(1.0, 4.0), (2.0, 3.0), (3.0, 4.0), (4.0, 3.0)]);
        let (running, _) = smoothed(&[1.0; 100_000], 10);
        assert!(running.len() <= POINTS + 2 && running.last() == Some(&(100_000.0, 1.0)));
    }

    #[test]
    fn no_placeholder_remains_and_nothing_is_loaded() {
        let check = Validation { step: 2, train_loss: 1.0, validation_loss: 0.5, validation_accuracy: 0.9 };
        let history =
            History { losses: vec![3.0, 2.0, f32::NAN], validations: vec![check], ..History::default() };
        let figures = training(&history, "m").unwrap();
        let markup: String = figures.iter().map(|figure| figure.markup().into_string()).collect();
        assert!(markup.contains("var(--train)") && markup.contains("var(--validation)"));
        assert!(!markup.contains("#0102") && !markup.contains("http"), "{markup}");
        let alone = figures[0].svg();
        assert!(alone.contains("training: mean of all steps so far"), "the key is in the picture: {alone}");
        assert!(!alone.contains("#0102") && !alone.contains("var("), "{alone}");
        assert_eq!(alone.matches("http").count(), 1, "the namespace alone: {alone}");
    }

    #[test]
    fn several_runs_are_distinguished_and_a_diverging_one_ends() {
        let of = |losses: &[f32]| History { losses: losses.to_vec(), ..History::default() };
        let (good, bad) = (of(&[2.0, 1.0, 0.5]), of(&[2.0, 900.0, f32::NAN]));
        let drawn = |most| trainings("x", &[("good", &good), ("a < b", &bad)], Quantity::Loss, most);
        let svg = String::from_utf8(drawn(None).unwrap().content).unwrap();
        assert!(svg.contains(">good<") && svg.contains(">a &lt; b<") && svg.contains("stroke-validation"));
        assert!(svg.contains("800") && !svg.contains("NaN"), "{svg}");
        assert!(!String::from_utf8(drawn(Some(5.0)).unwrap().content).unwrap().contains("800"));
        assert!(drawn(Some(0.1)).is_err());
        assert!(trainings("x", &[("good", &good)], Quantity::ValidationLoss, None).is_err());
        assert!(trainings("x", &[("a", &good); 6], Quantity::Loss, None).is_err());
    }

    #[test]
    fn histories_with_nothing_to_draw_are_left_out() {
        assert!(training(&History::default(), "m").unwrap().is_empty());
        let history = History { losses: vec![f32::NAN], validations: Vec::new(), ..History::default() };
        assert!(training(&history, "m").unwrap().is_empty());
        assert!(accuracy_by_k(&AccuracyByK::default(), "m").unwrap().is_none());
    }

    #[test]
    fn unordered_or_out_of_range_numbers_are_drawn() {
        let at = |k, accuracy| super::super::AccuracyAtK {
            k,
            accuracy,
            interval: tercet::interval::Interval { low: -7.0, high: f64::NAN },
        };
        let points = vec![at(9, 0.5), at(1, 0.9), at(3, 1.5), at(4, f64::NAN)];
        let by_k = AccuracyByK { on: "x".into(), chosen: 2, points };
        assert!(accuracy_by_k(&by_k, "m").unwrap().is_some());
        let check = Validation { step: 1, train_loss: 1.0, validation_loss: -3.0, validation_accuracy: 1.5 };
        let history = History { losses: vec![-2.0, -1.0], validations: vec![check], ..History::default() };
        assert!(!training(&history, "m").unwrap().is_empty());
    }

    #[test]
    fn losses_without_checks_and_constant_ones_are_drawn() {
        for losses in [vec![0.0], vec![5.0; 3], vec![f32::MAX; 2]] {
            let history = History { losses, validations: Vec::new(), ..History::default() };
            assert_eq!(training(&history, "m").unwrap().len(), 1);
        }
    }
}
