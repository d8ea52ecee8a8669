//! Accuracy against each tuned setting.

use maud::{Markup, html};

use crate::chart::{Curve, Ink, Marker, Plot, Points, Ticks, around, draw, percent_label};
use crate::figure::{Figure, Key};
use crate::numbers::{counted, percent};
use tercet::Result;
use tercet::tune::{Trial, Tuning, Value};

/// The scale of the x axis for a setting's values.
enum Scale {
    /// Linear.
    Linear,
    /// Logarithmic.
    Log,
    /// Categorical: evenly spaced, in the order of the trials.
    Names(Vec<String>),
}

impl Scale {
    fn of(name: &str, values: &[Value]) -> Scale {
        let numbers: Option<Vec<f64>> = values
            .iter()
            .map(|value| match value {
                Value::Number(v) => Some(*v),
                Value::Name(_) => None,
            })
            .collect();
        match numbers {
            Some(_) if name == "k" => Scale::Linear,
            Some(numbers) if numbers.iter().all(|v| *v > 0.0) => Scale::Log,
            // The numbers include 0, which a logarithmic axis cannot show.
            Some(mut numbers) => {
                numbers.sort_by(f64::total_cmp);
                numbers.dedup();
                Scale::Names(numbers.into_iter().map(|v| Value::Number(v).to_string()).collect())
            }
            None => {
                let mut names: Vec<String> = Vec::new();
                for value in values.iter().map(Value::to_string) {
                    if !names.contains(&value) {
                        names.push(value);
                    }
                }
                Scale::Names(names)
            }
        }
    }

    fn place(&self, value: &Value) -> f64 {
        match (self, value) {
            (Scale::Linear, Value::Number(v)) => *v,
            (Scale::Log, Value::Number(v)) => v.log10(),
            (Scale::Names(names), value) => {
                let name = value.to_string();
                names.iter().position(|other| *other == name).unwrap_or(0) as f64
            }
            (_, Value::Name(_)) => 0.0,
        }
    }

    /// The tick labels of the axis, for values at these positions, in order.
    fn ticks(&self, places: &[f64]) -> Ticks {
        match self {
            Scale::Linear => Ticks::Numbers(8),
            Scale::Names(names) => Ticks::Words(
                (0..).map(f64::from).zip(names.iter().map(|name| name.replace(" × ", "×"))).collect(),
            ),
            Scale::Log => {
                let word = |place: f64| (place, Value::Number(10f64.powf(place)).to_string());
                if places.len() <= 10 {
                    return Ticks::Words(places.iter().copied().map(word).collect());
                }
                let (low, high) = (places[0], places[places.len() - 1]);
                // Powers of ten, and also 2 and 5 times them if there are few.
                let digits: &[f64] = if high - low >= 2.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let decades = low.floor() as i32..=high.ceil() as i32;
                let all = decades
                    .flat_map(|decade| digits.iter().map(move |digit| f64::from(decade) + digit.log10()));
                Ticks::Words(all.filter(|place| (low..=high).contains(place)).map(word).collect())
            }
        }
    }
}

/// One chart for each tuned setting.
pub(super) fn figures(tuning: &Tuning) -> Result<Vec<Figure>> {
    tuning.tuned().into_iter().map(|name| chart(tuning, &name)).collect()
}

/// The section of the page; empty if no setting was tuned.
pub(super) fn section(tuning: &Tuning) -> Result<Markup> {
    let charts = figures(tuning)?;
    Ok(html! {
        @if !charts.is_empty() {
            section id="settings" aria-labelledby="settings-title" {
                h2 id="settings-title" { "Accuracy against each setting" }
                div.charts { @for chart in &charts { (chart.markup()) } }
            }
        }
    })
}

fn chart(tuning: &Tuning, name: &str) -> Result<Figure> {
    // Networks by size, smallest first; settings without a size in the order of the trials, which is that of the list.
    let mut trials: Vec<(&Trial, Value)> = tuning
        .trials
        .iter()
        .filter_map(|trial| {
            let value = trial.settings.values().into_iter().find(|(n, _)| n == name)?.1;
            Some((trial, value))
        })
        .collect();
    trials.sort_by_key(|(trial, _)| (trial.parameters, trial.number));
    let values: Vec<Value> = trials.iter().map(|(_, value)| value.clone()).collect();
    let scale = Scale::of(name, &values);
    let mut places: Vec<f64> = values.iter().map(|value| scale.place(value)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let (first, last) = (places[0], places[places.len() - 1]);
    let margin = match scale {
        Scale::Names(_) => 0.5,
        _ => 0.05 * (last - first),
    };

    let done: Vec<(f64, f64, &Trial)> =
        trials.iter().filter_map(|(t, value)| Some((scale.place(value), t.accuracy?, *t))).collect();
    let floor = floor(done.iter().map(|point| point.1).collect());
    let (above, below): (Vec<_>, Vec<_>) = done.iter().partition::<Vec<_>, _>(|point| point.1 >= floor);
    let ends = above.iter().flat_map(|(_, accuracy, trial)| {
        let error = trial.standard_error.unwrap_or(0.0);
        [accuracy - error, accuracy + error]
    });
    let y = around(ends);
    let whiskers = above
        .iter()
        .filter_map(|(x, accuracy, trial)| {
            let error = trial.standard_error?;
            Some((*x, (accuracy - error).max(y.0), (accuracy + error).min(y.1)))
        })
        .collect::<Vec<_>>();

    let at_floor = |x: f64| (x, y.0 + 0.02 * (y.1 - y.0));
    let diverged: Vec<_> =
        trials.iter().filter(|(t, _)| t.diverged.is_some()).map(|(_, v)| at_floor(scale.place(v))).collect();
    let best = tuning.best();
    let mark = done.iter().find(|(_, _, t)| best.is_some_and(|best| best.number == t.number));
    let repeated = done.len() > places.len();
    let mut curves = Vec::new();
    let line = repeated && !matches!(scale, Scale::Names(_));
    if line {
        curves.push(Curve {
            points: best_of_each(&places, &above),
            ink: Ink::Train,
            width: 3,
            marker: Marker::Nothing,
        });
    }
    let scatter = |points, ink, marker| Curve { points, ink, width: 0, marker };
    curves.push(scatter(below.iter().map(|p| at_floor(p.0)).collect(), Ink::SoFar, Marker::Ring));
    curves.push(scatter(diverged.clone(), Ink::Validation, Marker::Cross));
    curves.push(scatter(above.iter().map(|p| (p.0, p.1)).collect(), Ink::Train, Marker::Dot));

    let description = match best {
        Some(best) => {
            let value = best.settings.values().into_iter().find(|(n, _)| n == name);
            let value = value.map_or(String::new(), |(_, value)| value.to_string());
            format!(
                "The best accuracy, {}, is with {name} {value}.",
                best.accuracy.map_or(String::new(), percent)
            )
        }
        None => "No trial came to an accuracy.".to_owned(),
    };
    let title = format!("Accuracy against {name}");
    let x_name = match scale {
        Scale::Log => format!("{name}, logarithmic"),
        _ => name.to_owned(),
    };
    let plot = Plot {
        id: format!("by-{}", name.replace(' ', "-")),
        title: &title,
        description,
        x_name: &x_name,
        x: (first - margin, last + margin),
        y,
        curves,
        whiskers: whiskers.clone(),
        mark: mark.map(|(x, accuracy, _)| (*x, *accuracy)),
        x_ticks: scale.ticks(&places),
        y_label: &percent_label,
    };
    let trial = if whiskers.is_empty() { "a trial" } else { "a trial, with its standard error" };
    let mut key = vec![(Key::Dot, trial.to_owned())];
    if line {
        key.push((Key::Line(Ink::Train), "the best trial with each value".to_owned()));
    }
    if mark.is_some() {
        key.push((Key::Ring, "the best of all".to_owned()));
    }
    let trials = |count| counted(count, "trial", "trials");
    if !below.is_empty() {
        let words = format!("{} below the picture, under {}", trials(below.len()), percent(y.0));
        key.push((Key::Below, words));
    }
    if !diverged.is_empty() {
        key.push((Key::Cross, format!("{} diverged", trials(diverged.len()))));
    }
    draw(&plot, &title, key, String::new())
}

/// The highest accuracy at each position.
fn best_of_each(places: &[f64], points: &[(f64, f64, &Trial)]) -> Points {
    let best = |place: f64| points.iter().filter(|p| p.0 == place).map(|p| p.1).max_by(f64::total_cmp);
    places.iter().filter_map(|&place| Some((place, best(place)?))).collect()
}

/// The lower end of the accuracy axis: a few failed trials must not press all others against the upper edge. A trial is
/// below the axis if it is more than three times as far from the best one as the median.
fn floor(mut accuracies: Vec<f64>) -> f64 {
    accuracies.sort_by(f64::total_cmp);
    match (accuracies.get(accuracies.len() / 2), accuracies.last()) {
        (Some(median), Some(best)) => best - 3.0 * (best - median).max(0.005),
        _ => 0.0,
    }
}
