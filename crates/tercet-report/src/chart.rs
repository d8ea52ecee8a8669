//! Charts: curves, bars and marks over two axes, in the colours of the page.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::figure::{Figure, Key};
use super::numbers::grouped;
use tercet::{Error, Result};

/// The size of a drawing: about twice its displayed size, because the drawing library rounds to whole units.
pub(super) const SIZE: (u32, u32) = (1040, 600);

/// The style sheet of the page, which defines each colour once.
const STYLE: &str = include_str!("page.css");

/// What a stroke stands for. Its light and dark colours depend on where the chart is shown, so the drawing contains a
/// placeholder instead: the colour #0102nn, where nn is the number of the ink.
#[derive(Clone, Copy, PartialEq)]
#[repr(u8)]
pub(crate) enum Ink {
    Paper,
    Text,
    Grid,
    Axis,
    Train,
    SoFar,
    Validation,
    Third,
    Fourth,
    Fifth,
}

impl Ink {
    const ALL: [Ink; 10] = [
        Ink::Paper,
        Ink::Text,
        Ink::Grid,
        Ink::Axis,
        Ink::Train,
        Ink::SoFar,
        Ink::Validation,
        Ink::Third,
        Ink::Fourth,
        Ink::Fifth,
    ];

    /// The name of its variable in the style sheet, without the leading dashes.
    pub(super) fn name(self) -> &'static str {
        match self {
            Ink::Paper => "paper",
            Ink::Text => "muted",
            Ink::Grid => "grid",
            Ink::Axis => "axis",
            Ink::Train => "train",
            Ink::SoFar => "so-far",
            Ink::Validation => "validation",
            Ink::Third => "third",
            Ink::Fourth => "fourth",
            Ink::Fifth => "fifth",
        }
    }

    fn mark(self) -> RGBColor {
        RGBColor(1, 2, self as u8)
    }

    /// An SVG attribute with its placeholder: `fill="#010204"`.
    fn attribute(self, property: &str) -> String {
        let RGBColor(r, g, b) = self.mark();
        format!("{property}=\"#{r:02X}{g:02X}{b:02X}\"")
    }

    pub(super) fn fill(self) -> String {
        self.attribute("fill")
    }

    pub(super) fn stroke(self) -> String {
        self.attribute("stroke")
    }

    /// Replaces every placeholder.
    fn replaced(svg: &str, by: impl Fn(Ink, &str) -> String) -> String {
        Ink::ALL.iter().fold(svg.to_owned(), |svg, ink| {
            ["fill", "stroke"]
                .iter()
                .fold(svg, |svg, property| svg.replace(&ink.attribute(property), &by(*ink, property)))
        })
    }

    /// Replaces the placeholders by the variables of the style sheet.
    pub(super) fn as_variables(svg: &str) -> String {
        Ink::replaced(svg, |ink, property| format!("style=\"{property}:var(--{})\"", ink.name()))
    }

    /// Replaces the placeholders by the light colours, and adds the classes that [`Ink::style`] selects.
    pub(super) fn as_colors(svg: &str) -> String {
        Ink::replaced(svg, |ink, property| {
            format!("{property}=\"{}\" class=\"{property}-{}\"", ink.colors().0, ink.name())
        })
    }

    /// The style that gives a picture dark colours in a browser with a dark theme.
    pub(super) fn style() -> String {
        let rules = Ink::ALL.iter().flat_map(|ink| {
            ["fill", "stroke"]
                .map(|p| format!(".{p}-{name}{{{p}:{dark}}}", name = ink.name(), dark = ink.colors().1))
        });
        format!("<style>@media (prefers-color-scheme: dark){{{}}}</style>", rules.collect::<String>())
    }

    /// Its light and dark colours in the style sheet.
    fn colors(self) -> (&'static str, &'static str) {
        let mut name = self.name();
        loop {
            let value = STYLE.lines().find_map(|line| {
                line.trim().strip_prefix("--")?.strip_prefix(name)?.strip_prefix(": ")?.strip_suffix(';')
            });
            let inside = |value: &'static str, function| {
                value.strip_prefix(function).and_then(|rest: &str| rest.strip_suffix(')'))
            };
            match value {
                Some(value) => match (inside(value, "light-dark("), inside(value, "var(--")) {
                    (Some(pair), _) => return pair.split_once(", ").unwrap_or((pair, pair)),
                    (None, Some(other)) => name = other,
                    (None, None) => return (value, value),
                },
                None => return ("gray", "gray"),
            }
        }
    }
}

/// Points of a plot, x and y.
pub(crate) type Points = Vec<(f64, f64)>;

/// One curve of a plot.
pub(crate) struct Curve {
    pub points: Points,
    pub ink: Ink,
    /// The width of the line between the points; 0 for no line.
    pub width: u32,
    pub marker: Marker,
}

/// The marker at each point of a curve.
#[derive(Clone, Copy)]
pub(crate) enum Marker {
    Nothing,
    Dot,
    Ring,
    Cross,
}

/// The ticks of the x axis.
pub(crate) enum Ticks {
    /// Round numbers, at most this many.
    Numbers(usize),
    /// These labels, at these positions; labels that would overlap the one before are omitted.
    Words(Vec<(f64, String)>),
}

/// A plot of curves.
pub(crate) struct Plot<'a> {
    /// The `id` of the SVG title and description; unique on the page.
    pub id: String,
    pub title: &'a str,
    /// The description, as alternative text.
    pub description: String,
    pub x_name: &'a str,
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub curves: Vec<Curve>,
    /// Vertical bars: x, low and high.
    pub whiskers: Vec<(f64, f64, f64)>,
    /// The highlighted point.
    pub mark: Option<(f64, f64)>,
    pub x_ticks: Ticks,
    pub y_label: &'a dyn Fn(&f64) -> String,
}

/// The plot as a figure, with its heading and caption.
pub(crate) fn draw(plot: &Plot, heading: &str, key: Vec<(Key, String)>, note: String) -> Result<Figure> {
    let mut svg = String::new();
    draw_into(&mut svg, plot)
        .map_err(|error| Error::mismatch("chart of the report", error, "one to draw"))?;
    // The figure has its own <svg> element, with a title and a size that fits the page.
    let inside = svg.split_once('>').map_or("", |(_, rest)| rest);
    Ok(Figure {
        id: plot.id.clone(),
        heading: heading.to_owned(),
        title: plot.title.to_owned(),
        description: plot.description.clone(),
        drawing: inside.trim_end().trim_end_matches("</svg>").to_owned(),
        key,
        note,
    })
}

fn draw_into(svg: &mut String, plot: &Plot) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let label = ("system-ui", 34).into_font().color(&Ink::Text.mark());
    let (ticks, words) = ticks(plot);
    let word =
        |x: &f64| words.iter().find(|(place, _)| place == x).map_or(String::new(), |(_, word)| word.clone());
    let mut chart = ChartBuilder::on(&root)
        .margin_top(24)
        .margin_right(54)
        .x_label_area_size(92)
        .y_label_area_size(118)
        .build_cartesian_2d(Across { range: (plot.x.0..plot.x.1).into(), ticks }, plot.y.0..plot.y.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(Ink::Grid.mark().stroke_width(2))
        .light_line_style(TRANSPARENT)
        .axis_style(Ink::Axis.mark().stroke_width(2))
        .y_labels(6)
        .x_label_formatter(&word)
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
        let points = curve.points.iter().copied();
        if curve.width > 0 {
            let style = curve.ink.mark().stroke_width(curve.width);
            chart.draw_series([PathElement::new(curve.points.clone(), style)])?;
        }
        let style = curve.ink.mark().stroke_width(3);
        match curve.marker {
            Marker::Nothing => {}
            Marker::Dot => {
                chart.draw_series(points.map(|point| Circle::new(point, 7, style.filled())))?;
            }
            Marker::Ring => {
                chart.draw_series(points.map(|point| Circle::new(point, 7, style)))?;
            }
            Marker::Cross => {
                chart.draw_series(points.map(|point| Cross::new(point, 8, style)))?;
            }
        }
    }
    if let Some(point) = plot.mark {
        chart.draw_series([Circle::new(point, 17, Ink::Validation.mark().stroke_width(5))])?;
    }
    root.present()?;
    Ok(())
}

/// The x axis, with ticks at given positions.
struct Across {
    range: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Ranged for Across {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range.range()
    }
}

/// The positions of the x ticks, and their labels.
fn ticks(plot: &Plot) -> (Vec<f64>, Vec<(f64, String)>) {
    match &plot.x_ticks {
        Ticks::Numbers(most) => {
            let places = RangedCoordf64::from(plot.x.0..plot.x.1).key_points(*most);
            let whole = places.iter().filter(|x| x.fract() == 0.0);
            let words = whole.map(|&x| (x, grouped(x as u64))).collect();
            (places, words)
        }
        Ticks::Words(words) => {
            // In the units of the drawing, with the width of the widest letter.
            let width = |word: &str| 15.0 * word.chars().count() as f64 + 16.0;
            let across = f64::from(SIZE.0 - 172) / (plot.x.1 - plot.x.0);
            let mut taken = f64::NEG_INFINITY;
            let mut fitting = Vec::new();
            for (place, word) in words {
                let (at, half) = ((place - plot.x.0) * across, width(word) / 2.0);
                if at - half >= taken {
                    taken = at + half;
                    fitting.push((*place, word.clone()));
                }
            }
            (words.iter().map(|(place, _)| *place).collect(), fitting)
        }
    }
}

/// 0.97 → "97 %".
pub(crate) fn percent_label(share: &f64) -> String {
    let percent = 100.0 * share;
    if (percent - percent.round()).abs() < 1e-6 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// Whether a number from a record is a valid fraction.
pub(crate) fn is_share(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

/// A range of fractions with a margin around the values.
pub(crate) fn around(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| is_share(*v))
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

    #[test]
    fn every_ink_has_a_light_and_a_dark_colour_in_the_style_of_the_page() {
        for ink in Ink::ALL {
            let (light, dark) = ink.colors();
            assert!(light.starts_with('#') && dark.starts_with('#') && light != dark, "{}", ink.name());
        }
    }
}
