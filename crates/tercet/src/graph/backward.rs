//! The backward pass: gradients, one step of the chain rule at a time.
//!
//! ```text
//! ∂f/∂f = 1
//! ∂f/∂a = Σ over the nodes b that use a:  ∂b/∂a · ∂f/∂b
//! ```
//!
//! Nodes are visited last to first. When a node is visited, all nodes that use it have been, so its gradient is
//! complete.

use super::operation::{Derivative, Flaw, Names, Operation};
use super::value::Value;
use super::{Evaluation, Graph, NodeId};
use crate::loss::Loss;
use crate::{Error, Result};

/// The gradient of a scalar with respect to every node.
#[derive(Clone, Debug)]
pub struct Gradients {
    pub(super) values: Vec<Option<Value>>,
}

impl Gradients {
    /// The gradient with respect to a node, in its shape; zeros if the scalar does not depend on it. `None` for a
    /// constant and for the classes of a loss, with respect to which there is no derivative.
    ///
    /// # Panics
    /// If the node belongs to another graph.
    pub fn of(&self, node: NodeId) -> Option<&Value> {
        self.values[node.0].as_ref()
    }
}

/// A step of the backward pass. `Display` prints it as a formula: `∂f/∂x = ∂q/∂x · ∂f/∂q = 1 · (−4) = −4`.
pub struct Step<'a> {
    pub(super) graph: &'a Graph,
    /// The scalar whose gradients are computed.
    pub root: NodeId,
    /// The node whose gradient this step computes.
    pub to: NodeId,
    pub(super) kind: Kind<'a>,
    /// The result of the step: the gradient with respect to [`to`](Step::to), or the contribution of one of several
    /// uses.
    pub value: &'a Value,
}

pub(super) enum Kind<'a> {
    /// `∂f/∂f = 1`
    Beginning,
    /// The chain rule through one node that uses another.
    Chain {
        by: NodeId,
        /// Which operand, if the node uses the same one twice.
        operand: Option<usize>,
        /// How many uses contribute to the gradient.
        uses: usize,
        derivative: &'a Local,
        gradient: &'a Value,
    },
    /// The sum over all uses.
    Sum { shares: &'a [Value], uses: usize },
}

/// A local derivative: its value if it has one, or the formula of its product.
pub(super) enum Local {
    Value { symbol: String, value: Value },
    Formula(String),
}

/// Contributions with more numbers than this are not kept for printing their sum.
const SPELLED_OUT: usize = 12;

impl Step<'_> {
    /// The node through which the gradient was propagated, if the step is one of the chain rule.
    pub fn by(&self) -> Option<NodeId> {
        if let Kind::Chain { by, .. } = self.kind { Some(by) } else { None }
    }

    /// The local derivative in this step, if it is written as numbers: 1 for each operand of a sum, the other operand
    /// for a product. A step through a whole matrix is written as a formula instead.
    pub fn derivative(&self) -> Option<&Value> {
        match self.kind {
            Kind::Chain { derivative: Local::Value { value, .. }, .. } => Some(value),
            _ => None,
        }
    }

    /// The graph the step belongs to.
    pub fn graph(&self) -> &Graph {
        self.graph
    }
}

impl Graph {
    /// The backward pass: the gradient of `root` with respect to every node.
    ///
    /// # Errors
    /// A root that is not a scalar.
    ///
    /// ```
    /// use tercet::graph::{Graph, Value, Values};
    /// let (graph, f) = Graph::parse("sum(relu(x @ w) ^ 2)")?;
    /// let value = |numbers: &[f64], rows| Value::new(rows, 2, numbers.to_vec());
    /// let values = [("x".to_owned(), value(&[1.0, 2.0], 1)?), ("w".to_owned(), value(&[1.0, -1.0, 3.0, 0.0], 2)?)];
    /// let gradients = graph.gradients(&graph.evaluate(&values.into())?, f)?;
    /// // The second unit is inactive: no weight of its column gets a gradient.
    /// assert_eq!(gradients.of(graph.node("w").unwrap()).unwrap().numbers(), [14.0, 0.0, 28.0, 0.0]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn gradients(&self, evaluation: &Evaluation, root: NodeId) -> Result<Gradients> {
        self.backward(evaluation, root, None)
    }

    /// The same, and calls back for every step along the way.
    ///
    /// # Errors
    /// A root that is not a scalar.
    pub fn gradients_with(
        &self,
        evaluation: &Evaluation,
        root: NodeId,
        show: &mut dyn FnMut(Step<'_>),
    ) -> Result<Gradients> {
        self.backward(evaluation, root, Some(show))
    }

    fn backward(
        &self,
        evaluation: &Evaluation,
        root: NodeId,
        mut show: Option<&mut dyn FnMut(Step<'_>)>,
    ) -> Result<Gradients> {
        self.expect_scalar(evaluation, root)?;
        let (uses, classes) = (self.uses(root), self.classes_of_losses(root));
        let varies = self.varies();
        let mut values: Vec<Option<Value>> = vec![None; self.nodes.len()];
        let mut shares: Vec<Vec<Value>> = vec![Vec::new(); self.nodes.len()];

        if varies[root.0] {
            values[root.0] = Some(Value::scalar(1.0));
        }
        for by in (0..=root.0).rev().map(NodeId) {
            let Some(gradient) = values[by.0].take() else { continue };
            if let Some(show) = &mut show {
                let kind = match uses[by.0] {
                    _ if by == root => Some(Kind::Beginning),
                    uses => (uses > 1).then_some(Kind::Sum { shares: &shares[by.0], uses }),
                };
                if let Some(kind) = kind {
                    show(Step { graph: self, root, to: by, kind, value: &gradient });
                }
            }
            for (operand, &to) in self.operands(by).iter().enumerate() {
                if !varies[to.0] || !self.operation(by).is_differentiable(operand) {
                    continue;
                }
                let (local, share) = self.chain(evaluation, by, operand, &gradient);
                if let Some(show) = &mut show {
                    let twice = self.operands(by).iter().filter(|&&other| other == to).count() > 1;
                    let kind = Kind::Chain {
                        by,
                        operand: twice.then_some(operand),
                        uses: uses[to.0],
                        derivative: &local,
                        gradient: &gradient,
                    };
                    show(Step { graph: self, root, to, kind, value: &share });
                    if share.numbers().len() <= SPELLED_OUT {
                        shares[to.0].push(share.clone());
                    }
                }
                match &mut values[to.0] {
                    Some(sum) => sum.add(&share),
                    none => *none = Some(share),
                }
            }
            values[by.0] = Some(gradient);
        }
        for node in self.nodes() {
            if values[node.0].is_none() && varies[node.0] && !classes[node.0] {
                values[node.0] = Some(Value::filled(evaluation.value(node).shape(), 0.0));
            }
        }
        Ok(Gradients { values })
    }

    /// `∂b/∂a · ∂f/∂b`, in the shape of a.
    fn chain(&self, evaluation: &Evaluation, by: NodeId, operand: usize, gradient: &Value) -> (Local, Value) {
        let operands: Vec<&Value> = self.operands(by).iter().map(|&o| evaluation.value(o)).collect();
        let names = Names {
            operands: self.operands(by).iter().map(|&o| self.name(o)).collect(),
            output: self.name(by),
        };
        match self.operation(by).derivative(operand, &operands, &names, evaluation.value(by), gradient) {
            Derivative::Local { symbol, value } => {
                let share = Value::zip(&value, gradient, &|a, b| a * b).summed_to(operands[operand].shape());
                (Local::Value { symbol, value }, share)
            }
            Derivative::Product { formula, value, .. } => (Local::Formula(formula), value),
        }
    }

    /// The derivative of a node with respect to an operand, as drawn on the edge: a number if it has one.
    pub(super) fn derivative_symbol(
        &self,
        evaluation: &Evaluation,
        by: NodeId,
        operand: usize,
    ) -> Option<String> {
        let to = self.operands(by)[operand];
        if !self.varies()[to.0] || !self.operation(by).is_differentiable(operand) {
            return None;
        }
        let operands: Vec<&Value> = self.operands(by).iter().map(|&o| evaluation.value(o)).collect();
        let names = Names {
            operands: self.operands(by).iter().map(|&o| self.name(o)).collect(),
            output: self.name(by),
        };
        let symbol = match self.operation(by) {
            // The text of a step is too long for an edge.
            Operation::Loss(Loss::Softmax) => "p − [y]".to_owned(),
            Operation::Loss(Loss::Svm { .. }) => "within Δ".to_owned(),
            operation => {
                let zeros = Value::filled(evaluation.value(by).shape(), 0.0);
                match operation.derivative(operand, &operands, &names, evaluation.value(by), &zeros) {
                    Derivative::Local { symbol, value } => match value.as_scalar() {
                        Some(v) => super::words::number(super::value::rounded(v, 4)),
                        None => symbol,
                    },
                    Derivative::Product { symbol, .. } => symbol,
                }
            }
        };
        Some(symbol)
    }

    /// For each node, the number of edges with a derivative to nodes that the root depends on.
    fn uses(&self, root: NodeId) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        uses[root.0] = 1;
        for by in (0..=root.0).rev() {
            if uses[by] > 0 {
                for (operand, to) in self.nodes[by].operands.iter().enumerate() {
                    uses[to.0] += usize::from(self.nodes[by].operation.is_differentiable(operand));
                }
            }
        }
        uses
    }

    /// The nodes that reach the root only as the classes of a loss.
    fn classes_of_losses(&self, root: NodeId) -> Vec<bool> {
        let derivatives = self.uses(root);
        let mut reached = vec![false; self.nodes.len()];
        reached[root.0] = true;
        for by in (0..=root.0).rev() {
            if reached[by] {
                self.nodes[by].operands.iter().for_each(|to| reached[to.0] = true);
            }
        }
        reached.iter().zip(derivatives).map(|(&reached, uses)| reached && uses == 0).collect()
    }

    pub(super) fn expect_scalar(&self, evaluation: &Evaluation, root: NodeId) -> Result<()> {
        let shape = evaluation.value(root).shape();
        if shape == (1, 1) {
            return Ok(());
        }
        let found = format!("{} with dimensions {shape:?}", self.name(root));
        let expected = "a scalar, as a gradient is that of one number: take sum(…) or mean(…) of it";
        Err(match self.operation(root) {
            Operation::Input => Error::mismatch("what to take the gradient of", found, expected),
            _ => self.refusal(root, Flaw::new(found, expected)),
        })
    }
}
