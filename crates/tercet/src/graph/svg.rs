//! Draws a graph as SVG: values above the nodes, gradients below, derivatives on the edges.

use std::fmt::Write;

use super::layout::{Edge, Layout, Size, layout};
use super::operation::Operation;
use super::value::{Summary, Value, rounded};
use super::words::number;
use super::{Evaluation, Gradients, Graph, NodeId};
use crate::{Error, Result};

/// The maximum number of nodes of a drawing: more would be illegible and take long to order.
pub const MOST_DRAWN: usize = 400;

/// Plain colours for programs with limited CSS support, and others for a browser in dark mode.
const STYLE: &str = "
  text { font-family: system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif; text-anchor: middle; fill: #1d1e20 }
  .paper { fill: #fcfbf9 }
  .node { fill: #f0eee9; stroke: #a9a69f; stroke-width: 1.25 }
  .variable { fill: #e6eefa }
  .root { fill: #fdf0cf }
  .name { font-size: 15px; font-weight: 600 }
  .does { font-size: 12px; fill: #5f6267 }
  .value { font-size: 13px; fill: #17693a }
  .gradient { font-size: 13px; fill: #b3261e }
  .edge { fill: none; stroke: #a9a69f; stroke-width: 1.5 }
  .tip { fill: #a9a69f }
  .local { font-size: 12px; font-style: italic; fill: #5f6267; stroke: #fcfbf9; stroke-width: 7px; stroke-linejoin: round;
    paint-order: stroke }
  .key { font-size: 12px; text-anchor: start; fill: #5f6267 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e9e8e4 }
    .paper { fill: #14161a }
    .node { fill: #22262d; stroke: #6a717d }
    .variable { fill: #1c2b40 }
    .root { fill: #3a3118 }
    .does, .key, .local { fill: #a2a7af }
    .value { fill: #7fd69b }
    .gradient { fill: #ff9d94 }
    .edge { stroke: #6a717d }
    .tip { fill: #6a717d }
    .local { stroke: #14161a }
  }
";

/// The height of a box, of the line above and below it, and of the key at the bottom.
const BOX: f64 = 46.0;
const LINE: f64 = 22.0;
const KEY: f64 = 26.0;

/// The text in and around a node.
struct Label {
    name: String,
    does: String,
    value: String,
    gradient: String,
}

impl Graph {
    /// The graph as an SVG image with the value of each node above it, the gradient of `root` with respect to it below,
    /// and on each edge the derivative of a node with respect to its operand. It suits light and dark pages and is
    /// self-contained.
    ///
    /// # Errors
    /// More than [`MOST_DRAWN`] nodes.
    ///
    /// ```
    /// use tercet::graph::{Graph, parse_values};
    /// let (graph, f) = Graph::parse("q = x + y; q * z")?;
    /// let evaluation = graph.evaluate(&parse_values("x=-2, y=5, z=-4")?)?;
    /// let svg = graph.svg(&evaluation, &graph.gradients(&evaluation, f)?, f)?;
    /// assert!(svg.starts_with("<svg") && svg.contains("∂f/∂q = −4"));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn svg(&self, evaluation: &Evaluation, gradients: &Gradients, root: NodeId) -> Result<String> {
        if self.nodes.len() > MOST_DRAWN {
            let expected = format!("at most {MOST_DRAWN} nodes: more would be illegible");
            return Err(Error::setting("the size of the drawing", self.nodes.len(), expected));
        }
        let labels: Vec<Label> =
            self.nodes().map(|node| self.label(node, evaluation, gradients, root)).collect();
        let sizes: Vec<Size> = labels
            .iter()
            .map(|label| {
                let inside = text_width(&label.name, 8.4).max(text_width(&label.does, 6.8)) + 24.0;
                let around = text_width(&label.value, 7.4).max(text_width(&label.gradient, 7.4));
                Size { width: inside.max(56.0).max(around), height: BOX + 2.0 * LINE }
            })
            .collect();
        let drawn = layout(self, &sizes);
        let (width, height) = (drawn.width.max(390.0), drawn.height);

        let mut svg = String::new();
        let total = height + KEY;
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{total:.0}\" \
             viewBox=\"0 0 {width:.0} {total:.0}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"paper\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n",
            escaped(&format!("The graph of {}, with values and gradients", self.name(root)))
        );
        let half = |node: NodeId| boxed_width(&labels[node.0]) / 2.0;
        let mut locals = String::new();
        for edge in &drawn.edges {
            let start = (drawn.centres[edge.from.0].0 + half(edge.from), drawn.centres[edge.from.0].1);
            let end = (drawn.centres[edge.to.0].0 - half(edge.to), arrival(edge, &drawn));
            let (path, (x, y)) = curve(edge, &drawn, start, end);
            let _ = writeln!(svg, "<path class=\"edge\" d=\"{path}\"/>");
            let _ = writeln!(svg, "<path class=\"tip\" d=\"M{:.1} {:.1}l-8 -4.5v9z\"/>", end.0, end.1);
            if let Some(local) = self.derivative_symbol(evaluation, edge.to, edge.operand) {
                let (y, local) = (y + 4.0, escaped(&cut(&local, 11)));
                let _ = writeln!(locals, "<text class=\"local\" x=\"{x:.1}\" y=\"{y:.1}\">{local}</text>");
            }
        }
        for (node, label) in self.nodes().zip(&labels) {
            let class = match self.operation(node) {
                _ if node == root => "node root",
                Operation::Input => "node variable",
                _ => "node",
            };
            let radius = if self.operands(node).is_empty() { BOX / 2.0 } else { 8.0 };
            draw_node(&mut svg, label, drawn.centres[node.0], class, radius);
        }
        svg += &locals;
        let _ = writeln!(
            svg,
            "<text class=\"key\" x=\"20\" y=\"{:.0}\"><tspan class=\"value\">value</tspan> above, \
             <tspan class=\"gradient\">gradient</tspan> below, derivatives on the edges</text>\n</svg>",
            total - 14.0
        );
        Ok(svg)
    }

    fn label(&self, node: NodeId, evaluation: &Evaluation, gradients: &Gradients, root: NodeId) -> Label {
        let is_leaf = self.operands(node).is_empty();
        let value = evaluation.value(node);
        let is_constant = matches!(self.operation(node), Operation::Constant(_));
        let (root_name, name) = (self.name(root), self.name(node));
        Label {
            name: cut(&name.replace('-', "−"), 24),
            does: if is_leaf {
                String::new()
            } else {
                cut(&self.operation(node).symbol().replace('-', "−"), 24)
            },
            // An unnamed number is its own label.
            value: match value.numbers().len() {
                _ if is_constant && *name == value.short(4) => String::new(),
                0..=SPELLED_OUT => written(value),
                _ => format!("{:?} {}", value.shape(), written(value)),
            },
            gradient: gradients
                .of(node)
                .map(|gradient| {
                    let span = if gradient.numbers().len() <= SPELLED_OUT { " = " } else { " " };
                    format!("∂{}/∂{}{span}{}", cut(root_name, 12), cut(name, 12), written(gradient))
                })
                .unwrap_or_default(),
        }
    }
}

/// Draws the box of a node, with its texts in it, above and below.
fn draw_node(svg: &mut String, label: &Label, (x, y): (f64, f64), class: &str, radius: f64) {
    let width = boxed_width(label);
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BOX}\" rx=\"{radius}\"/>",
        x - width / 2.0,
        y - BOX / 2.0
    );
    let middle = if label.does.is_empty() { y + 5.0 } else { y - 2.0 };
    for (class, y, text) in [
        ("name", middle, &label.name),
        ("does", y + 15.0, &label.does),
        ("value", y - BOX / 2.0 - 7.0, &label.value),
        ("gradient", y + BOX / 2.0 + 16.0, &label.gradient),
    ] {
        if !text.is_empty() {
            let text = escaped(text);
            let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
        }
    }
}

/// Matrices with more numbers than this are described, not written out.
const SPELLED_OUT: usize = 4;

/// A value in a few characters.
fn written(value: &Value) -> String {
    if value.numbers().len() <= SPELLED_OUT {
        return value.to_string().replace('-', "−");
    }
    let Summary { min, max, .. } = value.summary();
    format!("from {} to {}", number(rounded(min, 3)), number(rounded(max, 3)))
}

fn boxed_width(label: &Label) -> f64 {
    (text_width(&label.name, 8.4).max(text_width(&label.does, 6.8)) + 24.0).max(56.0)
}

/// The approximate width of a text, with a fixed width per character, since no font is available to measure it.
fn text_width(text: &str, each: f64) -> f64 {
    text.chars().count() as f64 * each
}

/// A text truncated to at most `most` characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The height at which an edge arrives: several edges into one node arrive below one another, in the order of the
/// operands.
fn arrival(edge: &Edge, drawn: &Layout) -> f64 {
    let last = |edge: &Edge| edge.passes.last().map_or(drawn.centres[edge.from.0].1, |pass| pass.1);
    let mut arriving: Vec<&Edge> = drawn.edges.iter().filter(|other| other.to == edge.to).collect();
    arriving.sort_by(|a, b| last(a).total_cmp(&last(b)).then(a.operand.cmp(&b.operand)));
    let place = arriving.iter().position(|other| other.operand == edge.operand).unwrap_or(0) as f64;
    drawn.centres[edge.to.0].1 + (place - (arriving.len() - 1) as f64 / 2.0) * 12.0
}

/// The path of an edge, and the position of its derivative. It bends only between layers, so that it crosses no node.
fn curve(edge: &Edge, drawn: &Layout, start: (f64, f64), end: (f64, f64)) -> (String, (f64, f64)) {
    // Two edges between the same nodes bend apart.
    let parallel = drawn.edges.iter().filter(|other| (other.from, other.to) == (edge.from, edge.to));
    let twins: Vec<usize> = parallel.map(|other| other.operand).collect();
    let place = twins.iter().position(|&operand| operand == edge.operand).unwrap_or(0) as f64;
    let bow = (place - (twins.len() - 1) as f64 / 2.0) * 44.0;

    let mut path = format!("M{:.1} {:.1}", start.0, start.1);
    let (mut from, mut middle) = ((drawn.spans[edge.from.0].1, start.1), (0.0, 0.0));
    let arrives = ((drawn.spans[edge.to.0].0, 0.0), end.1);
    for &((left, right), y) in edge.passes.iter().chain([&arrives]) {
        let x = from.0.midpoint(left);
        let (y1, y2) = (from.1 + bow, y + bow);
        let _ = write!(path, "H{:.1}C{x:.1} {y1:.1} {x:.1} {y2:.1} {left:.1} {y:.1}", from.0);
        middle = (x, from.1.midpoint(y) + 0.75 * bow);
        from = (right, y);
    }
    let _ = write!(path, "H{:.1}", end.0 - 6.0);
    (path, middle)
}
