//! Backpropagation through any expression: "an algorithm to compute gradients of arbitrarily large networks" by the
//! chain rule.
//!
//! Step 1 of the lecture is to express a function as a graph. Its nodes are variables and operations, its edges the
//! values that flow from one node to the next. Step 2 is to compute gradients: each node multiplies the upstream
//! gradient by its local derivative and passes the product on to its operands.
//!
//! ```
//! use tercet::graph::{Graph, Value, Values};
//!
//! // The lecture's f(x, y, z) = (x + y) · z, with q = x + y.
//! let mut graph = Graph::new();
//! let (x, y, z) = (graph.input("x"), graph.input("y"), graph.input("z"));
//! let q = graph.add(x, y);
//! let f = graph.multiply(q, z);
//! graph.set_name(q, "q");
//! graph.set_name(f, "f");
//!
//! let at = [("x", -2.0), ("y", 5.0), ("z", -4.0)];
//! let values: Values = at.map(|(name, v)| (name.to_owned(), Value::scalar(v))).into();
//! let evaluation = graph.evaluate(&values)?;
//! assert_eq!(evaluation.value(f).as_scalar(), Some(-12.0));
//!
//! let mut steps = Vec::new();
//! let gradients = graph.gradients_with(&evaluation, f, &mut |step| steps.push(step.to_string()))?;
//! assert_eq!(gradients.of(z).and_then(Value::as_scalar), Some(3.0));
//! assert!(steps.contains(&"∂f/∂x = ∂q/∂x · ∂f/∂q = 1 · (−4) = −4".to_owned()));
//! # Ok::<(), tercet::Error>(())
//! ```
//!
//! The same can be parsed from text: [`Graph::parse`] of `q = x + y; f = q * z`. [`ModelGraph`] is the graph of a
//! network's loss.
//!
//! Everything is computed in f64 by plain loops: clarity is the point. The layers of [`network`](crate::network) are
//! the fast implementation and are tested against this one. The derivatives here are tested by [`Graph::check`], which
//! computes them numerically and takes the kinks of ReLU, of maxima and of the SVM loss into account.

mod backward;
mod build;
mod channels;
mod check;
mod dot;
mod elementwise;
mod evaluate;
mod functions;
mod layout;
mod lexer;
mod losses;
mod matmul;
mod model;
mod operation;
mod parse;
mod svg;
mod value;
mod window;
mod words;

use std::collections::BTreeMap;

pub use backward::{Gradients, Step};
pub use check::{Checked, MOST_CHECK_WORK};
pub use evaluate::{Evaluation, MOST_NUMBERS, MOST_WORK, Values};
pub use functions::FUNCTIONS;
pub use model::ModelGraph;
pub use operation::Operation;
pub use parse::{MOST_DEPTH, MOST_NODES, parse_values};
pub use svg::MOST_DRAWN;
pub use value::{Shape, Summary, Value, number, rounded};
pub use window::Window;

use operation::Flaw;

use crate::Error;

/// A function as a graph: nodes in topological order, each after its operands.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    names: BTreeMap<String, NodeId>,
    /// The last number used for an automatic name.
    numbered: usize,
    /// The expression it was parsed from, which error messages point into.
    text: Option<String>,
}

/// A node of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

#[derive(Clone, Debug)]
struct Node {
    name: String,
    operation: Operation,
    operands: Vec<NodeId>,
    /// Its position in the text: the byte of its operator or name.
    at: Option<usize>,
}

impl NodeId {
    /// Its index in the order of the nodes, from 0.
    pub fn place(self) -> usize {
        self.0
    }
}

impl Graph {
    /// A graph without nodes.
    pub fn new() -> Self {
        Graph::default()
    }

    /// All nodes, each after its operands.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The variables, in the order in which they were added.
    pub fn inputs(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes().filter(|&node| *self.operation(node) == Operation::Input)
    }

    /// The operation of a node.
    pub fn operation(&self, node: NodeId) -> &Operation {
        &self.nodes[node.0].operation
    }

    /// The operands of a node.
    pub fn operands(&self, node: NodeId) -> &[NodeId] {
        &self.nodes[node.0].operands
    }

    /// The name of a node: that of a variable, the one that was [set](Graph::set_name), the number of a constant, or
    /// else v1, v2, and so on.
    pub fn name(&self, node: NodeId) -> &str {
        &self.nodes[node.0].name
    }

    /// The node with this name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// The operation of a node with the names of its operands, in expression syntax: `q * z`.
    pub fn formula(&self, node: NodeId) -> String {
        let operands: Vec<&str> = self.operands(node).iter().map(|&operand| self.name(operand)).collect();
        self.operation(node).formula(&operands)
    }

    /// For each node, whether it depends on a variable.
    fn varies(&self) -> Vec<bool> {
        let mut varies: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            varies.push(node.operation == Operation::Input || node.operands.iter().any(|o| varies[o.0]));
        }
        varies
    }

    /// The error for a node that rejects its operands. It points into the expression if there is one.
    fn refusal(&self, node: NodeId, Flaw { found, expected }: Flaw) -> Error {
        match (&self.text, self.nodes[node.0].at) {
            (Some(text), Some(at)) => Error::expression(text, at, found, expected),
            _ => Error::mismatch(format!("{} = {}", self.name(node), self.formula(node)), found, expected),
        }
    }
}

#[cfg(test)]
mod tests;
