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
    let trials = Trials::of(tuning, name);
    let best = tuning.best();
    let mark = trials.done.iter().find(|(_, _, trial)| best.is_some_and(|best| best.number == trial.number));
    let title = format!("Accuracy against {name}");
    let x_name = match trials.scale {
        Scale::Log => format!("{name}, logarithmic"),
        _ => name.to_owned(),
    };
    let plot = Plot {
        id: format!("by-{}", name.replace(' ', "-")),
        title: &title,
        description: description(best, name),
        x_name: &x_name,
        x: trials.x(),
        y: trials.y,
        curves: trials.curves(),
        whiskers: trials.whiskers(),
        mark: mark.map(|(x, accuracy, _)| (*x, *accuracy)),
        x_ticks: trials.scale.ticks(&trials.places),
        y_label: &percent_label,
    };
    let key = trials.key(!plot.whiskers.is_empty(), mark.is_some());
    draw(&plot, &title, key, String::new())
}

/// The sentence under a chart.
fn description(best: Option<&Trial>, name: &str) -> String {
    let Some(best) = best else { return "No trial has an accuracy.".to_owned() };
    let value = best.settings.values().into_iter().find(|(n, _)| n == name);
    let value = value.map_or(String::new(), |(_, value)| value.to_string());
    let accuracy = best.accuracy.map_or(String::new(), percent);
    format!("The best accuracy, {accuracy}, is with {name} {value}.")
}

/// The trials, placed along the axis of one setting.
struct Trials<'a> {
    scale: Scale,
    /// The places of all values, in ascending order.
    places: Vec<f64>,
    /// Trials that have an accuracy: place and accuracy.
    done: Vec<(f64, f64, &'a Trial)>,
    /// The places of the trials that diverged.
    diverged: Vec<f64>,
    /// Accuracies below this one are drawn as rings on the lower edge.
    floor: f64,
    /// The range of the accuracies drawn.
    y: (f64, f64),
}

impl<'a> Trials<'a> {
    fn of(tuning: &'a Tuning, name: &str) -> Self {
        // By the size of the network; those without one in the order of the trials, which is that of the list.
        let value = |trial: &Trial| Some(trial.settings.values().into_iter().find(|(n, _)| n == name)?.1);
        let mut trials: Vec<(&Trial, Value)> =
            tuning.trials.iter().filter_map(|trial| Some((trial, value(trial)?))).collect();
        trials.sort_by_key(|(trial, _)| (trial.parameters, trial.number));
        let values: Vec<Value> = trials.iter().map(|(_, value)| value.clone()).collect();
        let scale = Scale::of(name, &values);
        let mut places: Vec<f64> = values.iter().map(|value| scale.place(value)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();

        let placed = trials.iter().map(|(trial, value)| (*trial, scale.place(value)));
        let done: Vec<(f64, f64, &Trial)> =
            placed.clone().filter_map(|(trial, place)| Some((place, trial.accuracy?, trial))).collect();
        let diverged = placed.filter(|(trial, _)| trial.diverged.is_some()).map(|(_, place)| place).collect();
        let floor = floor(done.iter().map(|point| point.1).collect());
        let above = done.iter().filter(|(_, accuracy, _)| *accuracy >= floor);
        let y = around(above.flat_map(|(_, accuracy, trial)| {
            let error = trial.standard_error.unwrap_or(0.0);
            [accuracy - error, accuracy + error]
        }));
        Trials { scale, places, done, diverged, floor, y }
    }

    /// The range of the horizontal axis.
    fn x(&self) -> (f64, f64) {
        let (first, last) = (self.places[0], self.places[self.places.len() - 1]);
        let margin = match self.scale {
            Scale::Names(_) => 0.5,
            _ => 0.05 * (last - first),
        };
        (first - margin, last + margin)
    }

    fn above(&self) -> impl Iterator<Item = &(f64, f64, &'a Trial)> {
        self.done.iter().filter(|(_, accuracy, _)| *accuracy >= self.floor)
    }

    fn below(&self) -> impl Iterator<Item = &(f64, f64, &'a Trial)> {
        self.done.iter().filter(|(_, accuracy, _)| *accuracy < self.floor)
    }

    /// Whether a line joins the best trials of each value: where values were tried more than once.
    fn has_line(&self) -> bool {
        self.done.len() > self.places.len() && !matches!(self.scale, Scale::Names(_))
    }

    /// One standard error up and down, clipped to the chart.
    fn whiskers(&self) -> Vec<(f64, f64, f64)> {
        let (low, high) = self.y;
        let whisker = |(x, accuracy, trial): &(f64, f64, &Trial)| {
            let error = trial.standard_error?;
            Some((*x, (accuracy - error).max(low), (accuracy + error).min(high)))
        };
        self.above().filter_map(whisker).collect()
    }

    fn curves(&self) -> Vec<Curve> {
        let scatter = |points, ink, marker| Curve { points, ink, width: 0, marker };
        let bottom = self.y.0 + 0.02 * (self.y.1 - self.y.0);
        let above: Points = self.above().map(|point| (point.0, point.1)).collect();
        let best = self.has_line().then(|| Curve {
            points: best_of_each(&self.places, &above),
            ink: Ink::Train,
            width: 3,
            marker: Marker::Nothing,
        });
        let below = self.below().map(|point| (point.0, bottom)).collect();
        let diverged = self.diverged.iter().map(|&x| (x, bottom)).collect();
        let scattered = [
            scatter(below, Ink::SoFar, Marker::Ring),
            scatter(diverged, Ink::Validation, Marker::Cross),
            scatter(above, Ink::Train, Marker::Dot),
        ];
        best.into_iter().chain(scattered).collect()
    }

    fn key(&self, has_whiskers: bool, has_mark: bool) -> Vec<(Key, String)> {
        let trial = if has_whiskers { "a trial, with its standard error" } else { "a trial" };
        let mut key = vec![(Key::Dot, trial.to_owned())];
        if self.has_line() {
            key.push((Key::Line(Ink::Train), "the best trial with each value".to_owned()));
        }
        if has_mark {
            key.push((Key::Ring, "the best trial".to_owned()));
        }
        let trials = |count| counted(count, "trial", "trials");
        let below = self.below().count();
        if below > 0 {
            key.push((Key::Below, format!("{} below the chart, under {}", trials(below), percent(self.y.0))));
        }
        if !self.diverged.is_empty() {
            key.push((Key::Cross, format!("{} diverged", trials(self.diverged.len()))));
        }
        key
    }
}

/// The highest accuracy at each place that has one.
fn best_of_each(places: &[f64], points: &[(f64, f64)]) -> Points {
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
