//! How search time grows with the number of rows: the same queries among more and more rows, as a table and a plot.

use std::cell::Cell;
use std::path::Path;

use anyhow::{Context, Result};
use plotters::coord::combinators::LogCoord;
use plotters::prelude::*;

use super::check::Problem;
use super::distance::Measure;
use super::outcome::{self, Outcome};
use super::session::{Question, Session};
use crate::conditions::TERCET;
use crate::show;

/// The maximum number of queries of the peers, whose time grows with the rows.
const PEER_QUERIES: usize = 1000;

/// Searches among the first rows, for each of the counts that the data is large enough for.
///
/// # Errors
/// A wrong answer, and an engine that fails.
pub fn measure(session: &mut Session, problem: &Problem, counts: &[usize]) -> Result<Vec<Outcome>> {
    let mut all = Vec::new();
    for &rows in counts {
        let question = Question { rows, measure: Measure::L2, k: 3, peer_queries: PEER_QUERIES };
        let outcomes = session.ask(problem, question)?;
        show::print(super::heading(problem, rows, Measure::L2, 3))?;
        outcome::print(&outcomes)?;
        all.extend(outcomes);
    }
    show::print(table(&all).trim_fmt())?;
    Ok(all)
}

/// Fit and search times for every count of rows, and their ratios to those for the fewest rows.
fn table(outcomes: &[Outcome]) -> comfy_table::Table {
    let mut table = show::table(["rows", "times", "fit, s", "times", "search, s", "times"]);
    let grown = grown(outcomes);
    let Some(&first) = grown.first() else { return table };
    for (rows, fit, search) in grown {
        let times = |now: f64, first: f64| format!("{:.1}", now / first);
        table.add_row([
            show::count(rows),
            times(rows as f64, first.0 as f64),
            show::seconds(fit),
            times(fit, first.1),
            show::seconds(search),
            times(search, first.2),
        ]);
    }
    table
}

/// Rows, fit seconds and search seconds of Tercet for all queries, fewest rows first.
fn grown(outcomes: &[Outcome]) -> Vec<(usize, f64, f64)> {
    let all = outcomes.iter().map(|outcome| outcome.queries).max().unwrap_or(0);
    let ours = outcomes.iter().filter(|outcome| outcome.engine == TERCET && outcome.queries == all);
    ours.map(|outcome| (outcome.rows, outcome.fit.median(), outcome.search.median())).collect()
}

/// Draws fit and search against the number of rows, both axes logarithmic, with a line proportional to the rows.
///
/// # Errors
/// A file that cannot be written.
pub fn draw(path: &Path, outcomes: &[Outcome]) -> Result<()> {
    let grown = grown(outcomes);
    let (Some(&first), Some(&last)) = (grown.first(), grown.last()) else { return Ok(()) };
    plot(path, &grown, first, last)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("cannot draw {}", path.display()))
}

const FIT: RGBColor = RGBColor(0xc2, 0x5a, 0x00);
const SEARCH: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
const PROPORTIONAL: RGBColor = RGBColor(0x88, 0x88, 0x88);

type Point = (usize, f64, f64);

/// The label of a line of a logarithmic axis; empty if lines are so close that labels would overlap.
fn label(value: f64, text: String) -> String {
    let digit = (value / 10f64.powf((value.log10() + 1e-9).floor())).round();
    if [1.0, 2.0, 3.0, 6.0].contains(&digit) { text } else { String::new() }
}

fn plot(path: &Path, grown: &[Point], first: Point, last: Point) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, (720, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let proportional = |rows: usize| first.2 * rows as f64 / first.0 as f64;
    let seconds = || grown.iter().flat_map(|&(_, fit, search)| [fit, search]);
    let least = seconds().fold(f64::INFINITY, f64::min) / 1.5;
    let most = seconds().fold(proportional(last.0), f64::max) * 1.5;
    let (from, to) = (first.0 as f64 / 1.15, last.0 as f64 * 1.15);
    let mut chart = ChartBuilder::on(&root)
        .caption("Tercet on MNIST with shifted copies: 10,000 queries, L2, k = 3", ("sans-serif", 17))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((from..to).log_scale(), (least..most).log_scale())?;
    // At the boundary of two decades, the axis has the same line twice.
    let before = Cell::new(0);
    let rows_label = |rows: &f64| {
        let count = rows.round() as usize;
        if before.replace(count) == count { String::new() } else { label(*rows, show::count(count)) }
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_desc("rows")
        .y_desc("seconds")
        .label_style(("sans-serif", 14))
        .y_labels(30)
        .x_label_formatter(&rows_label)
        .y_label_formatter(&|&seconds| label(seconds, format!("{}", (1000.0 * seconds).round() / 1000.0)))
        .draw()?;
    // The error of the drawing borrows the path.
    draw_lines(&mut chart, grown).map_err(|error| error.to_string())?;
    let line = [(first.0 as f64, first.2), (last.0 as f64, proportional(last.0))];
    chart
        .draw_series(DashedLineSeries::new(line, 6, 4, PROPORTIONAL.stroke_width(2)))?
        .label("proportional to the rows")
        .legend(|(x, y)| {
            let stroke = PROPORTIONAL.stroke_width(2);
            plotters::element::DashedPathElement::new([(x, y), (x + 20, y)], 6, 4, stroke)
        });
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 14))
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE)
        .draw()?;
    root.present()?;
    Ok(())
}

type LogLog<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, LogCoord<f64>>>;

/// The measured times of search and fit.
fn draw_lines<'b>(
    chart: &mut LogLog<'_, 'b>,
    grown: &[Point],
) -> Result<(), Box<dyn std::error::Error + 'b>> {
    let points = |seconds: fn(&Point) -> f64| -> Vec<(f64, f64)> {
        grown.iter().map(|point| (point.0 as f64, seconds(point))).collect()
    };
    for (name, colour, points) in
        [("search", SEARCH, points(|point| point.2)), ("fit", FIT, points(|point| point.1))]
    {
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 4, colour.filled())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::data::Data;

    #[test]
    fn lines_that_stand_close_have_no_text() {
        let shown = |value: f64| !label(value, "text".to_owned()).is_empty();
        assert!([0.001, 0.02, 0.3, 6.0, 60_000.0, 100_000.0].into_iter().all(shown));
        assert!(![0.005, 0.04, 7.0, 90_000.0].into_iter().any(shown));
    }

    #[test]
    fn a_plot_of_more_and_more_rows_is_drawn() {
        let problem = Data::UniformBytes.small().unwrap();
        let outcomes = measure(&mut Session::for_tests(), &problem, &[100, 200, 300]).unwrap();
        assert_eq!(outcomes.iter().map(|outcome| outcome.rows).collect::<Vec<_>>(), [100, 200, 300]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("growth.svg");
        draw(&path, &outcomes).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for word in ["rows", "seconds", "search", "fit", "proportional to the rows"] {
            assert!(svg.contains(word), "{word}");
        }
    }
}
