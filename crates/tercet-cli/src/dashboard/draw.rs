//! Draws the dashboard on a screen of any size.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Axis, Block, Borders, Cell, Chart, Dataset, Gauge, GraphType, Paragraph, Row, Table, Wrap,
};
use tercet::text;

use super::curve::Curve;
use super::view::{LayerView, State, View};
use crate::table::percent;

/// The smallest screen for the dashboard.
const LEAST: (u16, u16) = (40, 12);

/// The smallest width for two charts side by side.
const WIDE: u16 = 72;

/// The colours of the training set and of the validation set.
const TRAIN: Color = Color::Cyan;
const VALIDATION: Color = Color::Yellow;

/// Whether a screen has room for a dashboard.
pub fn fits(area: Rect) -> bool {
    area.width >= LEAST.0 && area.height >= LEAST.1
}

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, view: &View) {
    let area = frame.area();
    if !fits(area) {
        return too_small(frame, view);
    }
    let wide = area.width >= WIDE;
    let roomy = wide && area.height >= 18;
    let layers = match roomy {
        // A line, the heading, and as many layers as fit into a third of the screen.
        true => (view.layers.len() as u16).saturating_add(2).min(area.height / 3).max(3),
        false => 0,
    };
    let message = u16::from(area.height >= 16 && view.state != State::Over);
    let [heading, gauge, charts, table, status, message, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(layers),
        Constraint::Length(if wide { 1 } else { 2 }),
        Constraint::Length(message),
        Constraint::Length(u16::from(view.state != State::Over)),
    ])
    .areas(area);

    let title = format!(" {}", view.title);
    let done = match view.state {
        State::Paused => "PAUSED ".to_owned(),
        State::Stopping => "stopping ".to_owned(),
        State::Running | State::Over => {
            steps(view, usize::from(area.width).saturating_sub(title.chars().count()))
        }
    };
    let done = Line::from(done);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(done.width() as u16)]).areas(heading);
    frame.render_widget(Line::from(title).style(Style::new().bold()), left);
    frame.render_widget(done, right);
    progress(frame, view, gauge);

    let losses = |frame: &mut Frame<'_>, area| chart(frame, view, area, &LOSS);
    let accuracies = |frame: &mut Frame<'_>, area| chart(frame, view, area, &ACCURACY);
    if wide {
        let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).spacing(1).areas(charts);
        losses(frame, left);
        accuracies(frame, right);
    } else if charts.height >= 14 {
        let [above, below] = Layout::vertical([Constraint::Fill(1); 2]).areas(charts);
        losses(frame, above);
        accuracies(frame, below);
    } else {
        losses(frame, charts);
    }
    self::layers(frame, view, table);
    frame.render_widget(Paragraph::new(self::status(view)).wrap(Wrap { trim: false }), status);
    if let Some(said) = &view.message {
        let said: String = said.chars().filter(|c| !c.is_control()).collect();
        frame.render_widget(Line::from(format!(" {said}")).style(Style::new().dim()), message);
    }
    frame.render_widget(self::keys(view, area.width), keys);
}

/// A screen as lines of text, without trailing spaces.
pub fn in_lines(buffer: &Buffer) -> Vec<String> {
    let line = |y| {
        let cells = (buffer.area.left()..buffer.area.right()).filter_map(|x| buffer.cell((x, y)));
        cells.map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()
    };
    let mut lines: Vec<String> = (buffer.area.top()..buffer.area.bottom()).map(line).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// A colour, if the screen has colours.
fn colour(view: &View, colour: Color) -> Style {
    if view.colours { Style::new().fg(colour) } else { Style::new() }
}

/// What fits on a screen that is too small for the dashboard.
fn too_small(frame: &mut Frame<'_>, view: &View) {
    let lines = [
        format!("{} of {}", text::thousands(view.step), text::thousands(view.total)),
        loss(view),
        format!("too small: {} × {} needed", LEAST.0, LEAST.1),
    ];
    frame.render_widget(Paragraph::new(lines.map(Line::from).to_vec()), frame.area());
}

/// The number of steps, as detailed as the width allows.
fn steps(view: &View, room: usize) -> String {
    let short = format!(" {} of {} ", text::thousands(view.step), text::thousands(view.total));
    let long = match view.epochs {
        Some(epochs) if view.total > 0 => {
            let epoch = view.step as f64 * epochs as f64 / view.total as f64;
            format!(" step{}, epoch {epoch:.1} of {epochs} ", short.trim_end())
        }
        _ => format!(" step{short}"),
    };
    if long.chars().count() <= room { long } else { short }
}

fn progress(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let share = if view.total == 0 { 0.0 } else { view.step as f64 / view.total as f64 };
    let left = view.pace.left(view.total - view.step.min(view.total));
    let label = match (view.state, left) {
        (State::Over, _) | (_, None) => format!("{:.0} %", share * 100.0),
        (_, Some(left)) => format!("{:.0} %, {} left", share * 100.0, time(left)),
    };
    let gauge = Gauge::default().ratio(share.clamp(0.0, 1.0)).label(label);
    frame.render_widget(gauge.gauge_style(colour(view, TRAIN)).use_unicode(true), area);
}

/// A remaining time, rounded to a sensible unit.
fn time(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s / 60 % 60),
    }
}

/// The curves of a chart, and how their values become heights and labels.
struct Shown {
    name: &'static str,
    curves: fn(&View) -> [&Curve; 2],
    height: fn(f64) -> f64,
    label: fn(f64) -> String,
}

/// Losses fall over orders of magnitude, so the scale is logarithmic.
const LOSS: Shown = Shown {
    name: "loss (log)",
    curves: |view| [&view.train_losses, &view.validation_losses],
    height: |loss| loss.max(1e-9).log10(),
    label: |height| short(10f64.powf(height)),
};

const ACCURACY: Shown = Shown {
    name: "accuracy",
    curves: |view| [&view.train_accuracies, &view.validation_accuracies],
    height: |accuracy| accuracy * 100.0,
    label: |height| format!("{height:.1} %"),
};

fn chart(frame: &mut Frame<'_>, view: &View, area: Rect, shown: &Shown) {
    // A braille cell is two dots wide, and more points would only blur the curve.
    let dots = usize::from(area.width) * 2;
    let [train, validation] = (shown.curves)(view).map(|curve| -> Vec<(f64, f64)> {
        curve.thinned(dots).map(|(step, value)| (step, (shown.height)(value))).collect()
    });
    let names = [("⠤ train", TRAIN), ("• validation", VALIDATION)];
    let mut title = vec![Span::from(format!(" {}:", shown.name))];
    title.extend(names.map(|(name, of)| Span::styled(format!(" {name} "), colour(view, of))));
    let block = Block::new().borders(Borders::TOP).title(Line::from(title));
    let heights = || train.iter().chain(&validation).map(|point| point.1);
    let (low, high) = (heights().fold(f64::INFINITY, f64::min), heights().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        let waiting = Paragraph::new(" nothing yet").block(block);
        return frame.render_widget(waiting, area);
    }
    // A flat curve is drawn in the middle.
    let (low, high) = if high - low < 1e-9 { (low - 0.5, high + 0.5) } else { (low, high) };
    let heights = [low, (low + high) / 2.0, high];
    let last = view.step.max(1);
    let dataset = |points, marker, of| {
        Dataset::default().data(points).marker(marker).graph_type(GraphType::Line).style(colour(view, of))
    };
    // The few points of the validation set are drawn last, as dots on top of the line.
    let datasets = vec![
        dataset(&train, Marker::Braille, TRAIN),
        dataset(&validation, Marker::Dot, VALIDATION).graph_type(GraphType::Scatter),
    ];
    let x = Axis::default().bounds([0.0, last as f64]);
    let x = if area.height >= 8 { x.labels(["0".to_owned(), text::thousands(last)]) } else { x };
    let y = Axis::default()
        .bounds([low, high])
        .labels(heights.map(shown.label))
        .labels_alignment(Alignment::Right);
    let chart = Chart::new(datasets).block(block).x_axis(x).y_axis(y).legend_position(None);
    frame.render_widget(chart, area);
}

/// The layers with parameters: their update-to-weight ratio, and their dead units.
fn layers(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let shown = usize::from(area.height).saturating_sub(2);
    let mut title = " layers".to_owned();
    if view.layers.len() > shown {
        title.push_str(&format!(", the first {shown} of {}", view.layers.len()));
    }
    let rows = view.layers.iter().zip(1..).take(shown).map(|(layer, n)| {
        Row::new([
            Cell::from(format!(" {n}  {} → {}", layer.inputs, layer.outputs)),
            match layer.update_ratio {
                Some(ratio) if ratio.is_finite() => Cell::from(short(ratio)).style(ratio_colour(view, ratio)),
                _ => Cell::from("–"),
            },
            Cell::from(trend(layer, 20)),
            Cell::from(dead(layer)),
        ])
    });
    let heading = Row::new([" layer", "‖ΔW‖ / ‖W‖", "trend", "dead units"]).style(Style::new().dim());
    let widths = [Constraint::Fill(2), Constraint::Length(11), Constraint::Length(20), Constraint::Fill(2)];
    let table = Table::new(rows, widths).header(heading).column_spacing(2);
    frame.render_widget(table.block(Block::new().borders(Borders::TOP).title(title)), area);
}

/// About 10⁻³ is usual. A factor of ten more or less is a warning, a factor of a hundred is a problem.
fn ratio_colour(view: &View, ratio: f64) -> Style {
    match (ratio / 1e-3).log10().abs() {
        off if off <= 1.0 => colour(view, Color::Green),
        off if off <= 2.0 => colour(view, Color::Yellow),
        _ => colour(view, Color::Red),
    }
}

/// The last `most` ratios as bars on a logarithmic scale, which covers at least a factor of ten.
fn trend(layer: &LayerView, most: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let points = layer.ratios.points();
    let latest = &points[points.len().saturating_sub(most)..];
    let low = latest.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = latest.iter().map(|point| point.1).fold(low + 1.0, f64::max);
    let bar =
        |point: &(f64, f64)| BARS[((point.1 - low) / (high - low) * 7.0).round().clamp(0.0, 7.0) as usize];
    latest.iter().map(bar).collect()
}

fn dead(layer: &LayerView) -> String {
    match layer.dead_units {
        Some(share) => {
            let units = (share * layer.outputs as f64).round() as usize;
            format!("{units} of {}, {}", text::thousands(layer.outputs), percent(share))
        }
        None => "–".to_owned(),
    }
}

/// The mean loss of the latest steps; a dash before the first step.
fn loss(view: &View) -> String {
    match view.loss {
        loss if !loss.is_finite() => "loss –".to_owned(),
        loss if loss.abs() < 1e4 => format!("loss {loss:.4}"),
        loss => format!("loss {loss:.1e}"),
    }
}

fn status(view: &View) -> Line<'static> {
    let mut words = vec![loss(view)];
    words.extend(view.accuracy.map(|accuracy| format!("validation {}", percent(accuracy))));
    let mut rate = format!("lr {}", short(view.learning_rate.into()));
    let divisor = 1.0 / f64::from(view.factor);
    if divisor != 1.0 {
        let exact = divisor.fract() == 0.0 && divisor < 1e6;
        rate.push_str(&format!(
            " (÷ {})",
            if exact { text::thousands(divisor as usize) } else { short(divisor) }
        ));
    }
    words.push(rate);
    words.push(view.pace.speed());
    Line::from(format!(" {}", words.join("  ")))
}

fn keys(view: &View, width: u16) -> Line<'static> {
    let wide = width >= WIDE;
    let pause = if view.state == State::Paused { "resume" } else { "pause" };
    let mut halve = if wide { "halve the learning rate" } else { "halve rate" }.to_owned();
    if view.to_halve > 0 {
        halve.push_str(&format!(" ({})", view.to_halve));
    }
    let stop = if wide { "stop and keep the model" } else { "stop" };
    let key = |key: &'static str| Span::styled(format!(" {key} "), Style::new().reversed());
    Line::from(vec![
        key("space"),
        Span::from(format!(" {pause}  ")),
        key("h"),
        Span::from(format!(" {halve}  ")),
        key("s"),
        Span::from(format!(" {stop}")),
    ])
}

/// A number with three digits.
fn short(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e4).contains(&size) => format!("{number:.1e}"),
        size if size >= 100.0 => format!("{number:.0}"),
        size => format!("{number:.*}", (2 - size.log10().floor() as i32).max(0) as usize),
    }
}

#[cfg(test)]
mod tests;
