//! Curves: loss and accuracy during training, accuracy against k.

use maud::{Markup, PreEscaped, html};
use plotters::prelude::*;

use super::numbers::{grouped, percent, three_digits};
use super::record::AccuracyByK;
use crate::train::History;
use crate::{Error, Result};

/// Drawn at about twice the size it is shown at, because the drawing library rounds to whole units.
const SIZE: (u32, u32) = (1040, 600);

/// Points of a curve that are drawn; more could not be told apart.
const POINTS: usize = 400;

/// What a stroke stands for. The page decides on its colour, light and dark, so the drawing carries a mark in its
/// place: the colour #0102nn, with nn the number of the ink.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Ink {
    Text,
    Grid,
    Axis,
    Train,
    SoFar,
    Validation,
}

impl Ink {
    const ALL: [(Ink, &str); 6] = [
        (Ink::Text, "muted"),
        (Ink::Grid, "grid"),
        (Ink::Axis, "axis"),
        (Ink::Train, "train"),
        (Ink::SoFar, "so-far"),
        (Ink::Validation, "validation"),
    ];

    fn mark(self) -> RGBColor {
        RGBColor(1, 2, self as u8)
    }

    /// Puts the page's variables in the place of the marks.
    fn resolve(svg: &str) -> String {
        Ink::ALL.iter().fold(svg.to_owned(), |svg, (ink, name)| {
            let RGBColor(r, g, b) = ink.mark();
            ["fill", "stroke"].iter().fold(svg, |svg, property| {
                let mark = format!("{property}=\"#{r:02X}{g:02X}{b:02X}\"");
                svg.replace(&mark, &format!("style=\"{property}:var(--{name})\""))
            })
        })
    }
}

/// One curve of a plot.
struct Curve {
    points: Vec<(f64, f64)>,
    ink: Ink,
    width: u32,
    dots: bool,
}

struct Plot<'a> {
    /// Names the picture for those who cannot see it; unique on the page.
    id: String,
    title: &'a str,
    /// What the picture says.
    description: String,
    x_name: &'a str,
    x: (f64, f64),
    y: (f64, f64),
    curves: Vec<Curve>,
    /// x, low and high of vertical bars.
    whiskers: Vec<(f64, f64, f64)>,
    /// A point set off from the others.
    mark: Option<(f64, f64)>,
    /// How many numbers stand along x, at most.
    x_labels: usize,
    y_label: &'a dyn Fn(&f64) -> String,
}

fn draw(plot: &Plot) -> Result<Markup> {
    let mut svg = String::new();
    draw_into(&mut svg, plot)
        .map_err(|error| Error::mismatch("chart of the report", error, "one to draw"))?;
    // The page has an <svg> of its own, with a title and no fixed size.
    let inside = svg.split_once('>').map_or("", |(_, rest)| rest);
    let inside = Ink::resolve(inside.trim_end().trim_end_matches("</svg>"));
    let (title, description) = (format!("{}-title", plot.id), format!("{}-description", plot.id));
    Ok(html! {
        svg.chart viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } role="img" aria-labelledby={ (title) " " (description) } {
            title id=(title) { (plot.title) }
            desc id=(description) { (plot.description) }
            (PreEscaped(inside))
        }
    })
}

fn draw_into(svg: &mut String, plot: &Plot) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let label = ("system-ui", 34).into_font().color(&Ink::Text.mark());
    let mut chart = ChartBuilder::on(&root)
        .margin_top(24)
        .margin_right(36)
        .x_label_area_size(92)
        .y_label_area_size(118)
        .build_cartesian_2d(plot.x.0..plot.x.1, plot.y.0..plot.y.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(Ink::Grid.mark().stroke_width(2))
        .light_line_style(TRANSPARENT)
        .axis_style(Ink::Axis.mark().stroke_width(2))
        .x_labels(plot.x_labels)
        .y_labels(6)
        .x_label_formatter(&|x| if x.fract() == 0.0 { grouped(*x as u64) } else { String::new() })
        .y_label_formatter(plot.y_label)
        .label_style(label.clone())
        .axis_desc_style(label)
        .x_desc(plot.x_name)
        .draw()?;
    for &(x, low, high) in &plot.whiskers {
        let style = Ink::Train.mark().stroke_width(3);
        chart.draw_series([PathElement::new([(x, low), (x, high)], style)])?;
    }
    for curve in &plot.curves {
        let style = curve.ink.mark().stroke_width(curve.width);
        chart.draw_series([PathElement::new(curve.points.clone(), style)])?;
        if curve.dots {
            let dot = |&point: &(f64, f64)| Circle::new(point, 7, curve.ink.mark().filled());
            chart.draw_series(curve.points.iter().map(dot))?;
        }
    }
    if let Some(point) = plot.mark {
        chart.draw_series([Circle::new(point, 17, Ink::Validation.mark().stroke_width(5))])?;
    }
    root.present()?;
    Ok(())
}

/// Loss and validation accuracy against the step, side by side; nothing where there is no step.
pub(super) fn training(history: &History, id: &str) -> Result<Option<Markup>> {
    // A loss that is NaN or infinite ends training; the curve ends before it.
    let losses: Vec<f64> =
        history.losses.iter().map(|&loss| f64::from(loss)).take_while(|loss| loss.is_finite()).collect();
    let checks: Vec<_> = history
        .checks
        .iter()
        .filter(|check| check.validation_loss.is_finite() && check.validation_accuracy.is_finite())
        .collect();
    if losses.is_empty() {
        return Ok(None);
    }
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
            Curve { points: so_far, ink: Ink::SoFar, width: 3, dots: false },
            Curve { points: running, ink: Ink::Train, width: 4, dots: false },
            Curve { points: validation.clone(), ink: Ink::Validation, width: 4, dots: checks.len() <= 40 },
        ],
        whiskers: Vec::new(),
        mark: None,
        x_labels: 6,
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
            curves: vec![Curve {
                points: accuracies,
                ink: Ink::Validation,
                width: 4,
                dots: checks.len() <= 40,
            }],
            whiskers: Vec::new(),
            mark: None,
            x_labels: 6,
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
fn smoothed(losses: &[f64], window: usize) -> (Vec<(f64, f64)>, Vec<(f64, f64)>) {
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
pub(super) fn accuracy_by_k(by_k: &AccuracyByK, id: &str) -> Result<Option<Markup>> {
    let points: Vec<_> = by_k.points.iter().map(|p| (p.k as f64, p.accuracy)).collect();
    let (Some(first), Some(last)) = (by_k.points.first(), by_k.points.last()) else { return Ok(None) };
    let mark = by_k.points.iter().find(|p| p.k == by_k.chosen).map(|p| (p.k as f64, p.accuracy));
    let ends = by_k.points.iter().flat_map(|p| [p.interval.low, p.interval.high, p.accuracy]);
    let chart = draw(&Plot {
        id: format!("{id}-k"),
        title: "Accuracy against the number of neighbours",
        description: format!("k from {} to {}; k = {} is in use.", first.k, last.k, by_k.chosen),
        x_name: "k",
        x: (first.k as f64 - 0.5, last.k.max(first.k) as f64 + 0.5),
        y: around(ends),
        curves: vec![Curve { points, ink: Ink::Train, width: 4, dots: true }],
        whiskers: by_k.points.iter().map(|p| (p.k as f64, p.interval.low, p.interval.high)).collect(),
        mark,
        x_labels: if by_k.points.len() <= 12 { 14 } else { 8 },
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

fn percent_label(share: &f64) -> String {
    let percent = 100.0 * share;
    if (percent - percent.round()).abs() < 1e-6 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// A range of shares that leaves room around the values.
fn around(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let room = (0.08 * (high - low)).max(0.002);
    ((low - room).max(0.0), (high + room).min(1.0))
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
        let history = History { losses: vec![3.0, 2.0, f32::NAN], checks: vec![check] };
        let markup = training(&history, "m").unwrap().unwrap().into_string();
        assert!(markup.contains("var(--train)") && markup.contains("var(--validation)"));
        assert!(!markup.contains("#0102") && !markup.contains("http"), "{markup}");
    }

    #[test]
    fn histories_with_nothing_to_draw_are_left_out() {
        assert!(training(&History::default(), "m").unwrap().is_none());
        let history = History { losses: vec![f32::NAN], checks: Vec::new() };
        assert!(training(&history, "m").unwrap().is_none());
        assert!(accuracy_by_k(&AccuracyByK::default(), "m").unwrap().is_none());
    }

    #[test]
    fn losses_without_checks_and_constant_ones_are_drawn() {
        for losses in [vec![0.0], vec![5.0; 3], vec![f32::MAX; 2]] {
            assert!(training(&History { losses, checks: Vec::new() }, "m").unwrap().is_some());
        }
    }
}
