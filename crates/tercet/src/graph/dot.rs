//! Exports a graph to Graphviz.

use std::fmt::Write;

use super::operation::Operation;
use super::words::value;
use super::{Evaluation, Gradients, Graph, NodeId};

impl Graph {
    /// The graph in Graphviz's DOT language, with values, gradients and derivatives: `dot -Tpdf graph.dot -o graph.pdf`
    /// draws it.
    ///
    /// ```
    /// use tercet::graph::{Graph, parse_values};
    /// let (graph, f) = Graph::parse("q = x + y; q * z")?;
    /// let evaluation = graph.evaluate(&parse_values("x=-2, y=5, z=-4")?)?;
    /// let dot = graph.dot(&evaluation, &graph.gradients(&evaluation, f)?, f);
    /// assert!(dot.contains("n2 -> n4 [label=\"−4\"]"), "{dot}");
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn dot(&self, evaluation: &Evaluation, gradients: &Gradients, root: NodeId) -> String {
        let mut dot = "digraph {\n  rankdir=LR\n  node [shape=box, style=rounded]\n".to_owned();
        for node in self.nodes() {
            let name = self.name(node);
            let mut lines = match self.operation(node) {
                Operation::Input => vec![name.to_owned()],
                Operation::Constant(_) => vec![name.to_owned()],
                _ => vec![format!("{name} = {}", self.formula(node))],
            };
            let found = value(evaluation.value(node));
            if lines[0] != found {
                lines.push(format!("value {found}"));
            }
            lines.extend(gradients.of(node).map(|g| format!("∂{}/∂{name} = {}", self.name(root), value(g))));
            let lines: Vec<String> = lines.iter().map(|line| quoted(line)).collect();
            let bold = if node == root { ", penwidth=2" } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(dot, "  n{} [label=\"{}\"{bold}]", node.0, lines.join("\\n"));
        }
        for to in self.nodes() {
            for (operand, from) in self.operands(to).iter().enumerate() {
                let label = self.derivative_symbol(evaluation, to, operand).unwrap_or_default();
                let _ = writeln!(dot, "  n{} -> n{} [label=\"{}\"]", from.0, to.0, quoted(&label));
            }
        }
        dot + "}\n"
    }
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
