//! Backpropagation on any expression: "an algorithm to compute gradients of arbitrarily large networks" by the chain rule.
//!
//! Step 1 of the lecture is to express a function as a graph. Its nodes are variables and operations, its edges the values
//! that flow from one to the next. Step 2 is to compute gradients: each node multiplies the gradient that arrives from
//! above by its own derivative, and hands it on to its operands.
//!
//! ```
//! use tercet::graph::{Graph, Value, Values};
//!
//! // The lecture's f(x, y, z) = (x + y) · z, with q for what is in the brackets.
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
//! The same from text: [`Graph::parse`] of `q = x + y; f = q * z`. [`ModelGraph`] is the graph of a network's loss.
//!
//! Everything is computed in f64 by plain loops: clarity is the point. The layers of [`network`](crate::network) are
//! what is fast, and this is what they are held against. Its own derivatives are held against [`Graph::check`], which
//! takes them numerically and knows the corners of ReLU, of maxima and of the SVM loss.

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

/// A function as a graph: nodes in an order in which each comes after its operands.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    names: BTreeMap<String, NodeId>,
    /// The last number that was given to a node without a name.
    numbered: usize,
    /// The expression it was parsed from, for messages to point at.
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
    /// Where it stands in the text: the byte of its operator or name.
    at: Option<usize>,
}

impl NodeId {
    /// Its place in the order of the nodes, from 0.
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

    /// The variables, in the order in which they came.
    pub fn inputs(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes().filter(|&node| *self.operation(node) == Operation::Input)
    }

    /// What a node computes.
    pub fn operation(&self, node: NodeId) -> &Operation {
        &self.nodes[node.0].operation
    }

    /// The nodes that it computes it from.
    pub fn operands(&self, node: NodeId) -> &[NodeId] {
        &self.nodes[node.0].operands
    }

    /// What a node is called: the name of a variable, the name that was [set](Graph::set_name), the number that a constant
    /// is, or else v1, v2, and so on.
    pub fn name(&self, node: NodeId) -> &str {
        &self.nodes[node.0].name
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// The operation of a node with the names of its operands, as an expression has it: `q * z`.
    pub fn formula(&self, node: NodeId) -> String {
        let operands: Vec<&str> = self.operands(node).iter().map(|&operand| self.name(operand)).collect();
        self.operation(node).formula(&operands)
    }

    /// Whether each node depends on a variable, and is no constant.
    fn varies(&self) -> Vec<bool> {
        let mut varies: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            varies.push(node.operation == Operation::Input || node.operands.iter().any(|o| varies[o.0]));
        }
        varies
    }

    /// The error for a node that rejects its operands: it points into the expression where there is one.
    fn refusal(&self, node: NodeId, Flaw { found, expected }: Flaw) -> Error {
        match (&self.text, self.nodes[node.0].at) {
            (Some(text), Some(at)) => Error::expression(text, at, found, expected),
            _ => Error::mismatch(format!("{} = {}", self.name(node), self.formula(node)), found, expected),
        }
    }
}

#[cfg(test)]
mod tests;
