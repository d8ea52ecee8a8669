//! The forward pass: the value of every node.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::operation::{Flaw, Operation};
use super::value::{Shape, Value};
use super::{Graph, NodeId};
use crate::text::thousands;
use crate::{Error, Result};

/// The values of the variables, by name.
pub type Values = BTreeMap<String, Value>;

/// The most numbers that all nodes of a graph may hold together: 256 MiB, and as much again for gradients.
pub const MOST_NUMBERS: usize = 1 << 25;

/// The maximum number of multiplications of a forward pass: minutes of plain loops.
pub const MOST_WORK: u64 = 100_000_000_000;

/// The value of every node of a graph, and the side of each kink on which it lies.
#[derive(Clone, Debug)]
pub struct Evaluation {
    pub(super) values: Vec<Arc<Value>>,
    pub(super) sides: Vec<Arc<[u32]>>,
    /// About how many multiplications the forward pass took.
    pub(super) work: u64,
}

impl Evaluation {
    /// The value of a node.
    ///
    /// # Panics
    /// If the node belongs to another graph.
    pub fn value(&self, node: NodeId) -> &Value {
        &self.values[node.0]
    }

    /// The side on which the values lie at every kink of the function, in a fixed order: for each ReLU whether its
    /// input is above 0, for each maximum which element is the largest, for each term of the SVM loss whether it is
    /// within the margin. As long as none of these changes, the function has no kink; [`Graph::corner`] describes one
    /// of them.
    pub fn sides(&self) -> Vec<u32> {
        self.sides.iter().flat_map(|sides| sides.iter().copied()).collect()
    }
}

impl Graph {
    /// The forward pass.
    ///
    /// # Errors
    /// A variable without a value, a value without a variable, shapes that do not fit, an invalid class of a loss, and
    /// more than [`MOST_NUMBERS`] or [`MOST_WORK`].
    ///
    /// ```
    /// use tercet::graph::{Graph, Value, Values};
    /// let (graph, f) = Graph::parse("max(x @ w, 0)")?;
    /// let x = Value::new(1, 2, vec![1.0, 2.0])?;
    /// let w = Value::new(2, 2, vec![1.0, -1.0, 3.0, 0.0])?;
    /// let values = Values::from([("x".to_owned(), x.clone()), ("w".to_owned(), w)]);
    /// assert_eq!(graph.evaluate(&values)?.value(f).numbers(), [7.0, 0.0]);
    ///
    /// let values = Values::from([("x".to_owned(), x.clone()), ("w".to_owned(), x)]);
    /// assert_eq!(
    ///     graph.evaluate(&values).unwrap_err().to_string(),
    ///     "in the expression, at character 7:\n  \
    ///        max(x @ w, 0)\n        \
    ///              ^\n\
    ///      found matrix A with dimensions (1, 2), matrix B with dimensions (1, 2); \
    ///      expected inner dimensions that match, but 2 is not 1"
    /// );
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn evaluate(&self, values: &Values) -> Result<Evaluation> {
        self.match_names(values)?;
        let work = self.measure(values)?;
        let mut evaluation = Evaluation { values: Vec::new(), sides: Vec::new(), work };
        for node in self.nodes() {
            let (value, sides) = match self.operation(node) {
                Operation::Input => (Arc::new(values[self.name(node)].clone()), Arc::default()),
                _ => self.forward(node, &evaluation.values)?,
            };
            evaluation.values.push(value);
            evaluation.sides.push(sides);
        }
        Ok(evaluation)
    }

    /// About how many multiplications the forward pass takes. Shapes that do not fit and graphs that are too large are
    /// rejected here, before anything is computed or allocated.
    fn measure(&self, values: &Values) -> Result<u64> {
        let (mut shapes, mut numbers, mut work): (Vec<Shape>, usize, u64) = (Vec::new(), 0, 0);
        for node in self.nodes() {
            let operands: Vec<Shape> = self.operands(node).iter().map(|operand| shapes[operand.0]).collect();
            let shape = match self.operation(node) {
                Operation::Input => values[self.name(node)].shape(),
                operation => operation.shape(&operands).map_err(|flaw| self.refusal(node, flaw))?,
            };
            let sum = shape.0.checked_mul(shape.1).and_then(|more| numbers.checked_add(more));
            numbers = sum.filter(|&sum| sum <= MOST_NUMBERS).ok_or_else(|| {
                let found = format!("a matrix with dimensions {shape:?} beside what there is already");
                let expected = format!("at most {} numbers in all nodes together", thousands(MOST_NUMBERS));
                self.refusal(node, Flaw::new(found, expected))
            })?;
            work = work.saturating_add(self.operation(node).work(&operands, shape));
            if work > MOST_WORK {
                let found = "more multiplications than minutes have time for";
                return Err(
                    self.refusal(node, Flaw::new(found, format!("at most {MOST_WORK:e} in all nodes")))
                );
            }
            shapes.push(shape);
        }
        Ok(work)
    }

    /// The forward pass with another value for one node, of the same shape; only what depends on it is recomputed.
    pub(super) fn evaluate_again(
        &self,
        before: &Evaluation,
        changed: NodeId,
        value: Value,
    ) -> Result<Evaluation> {
        let mut evaluation = before.clone();
        evaluation.values[changed.0] = Arc::new(value);
        let mut depends = vec![false; self.nodes.len()];
        depends[changed.0] = true;
        for node in self.nodes().skip(changed.0 + 1) {
            if self.operands(node).iter().any(|operand| depends[operand.0]) {
                depends[node.0] = true;
                let (value, sides) = self.forward(node, &evaluation.values)?;
                (evaluation.values[node.0], evaluation.sides[node.0]) = (value, sides);
            }
        }
        Ok(evaluation)
    }

    fn forward(&self, node: NodeId, values: &[Arc<Value>]) -> Result<(Arc<Value>, Arc<[u32]>)> {
        let operands: Vec<&Value> = self.operands(node).iter().map(|o| &*values[o.0]).collect();
        let (value, sides) =
            self.operation(node).forward(&operands).map_err(|flaw| self.refusal(node, flaw))?;
        Ok((Arc::new(value), sides.into()))
    }

    /// Rejects a variable without a value and a value without a variable.
    fn match_names(&self, values: &Values) -> Result<()> {
        let names: Vec<&str> = self.inputs().map(|input| self.name(input)).collect();
        let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let missing: Vec<&str> = names.iter().copied().filter(|&name| !values.contains_key(name)).collect();
        if !missing.is_empty() {
            let found = format!("none for {}", missing.join(", "));
            return Err(Error::mismatch(
                "values of the variables",
                found,
                format!("one for each of {}", list(&names)),
            ));
        }
        let unused: Vec<&str> =
            values.keys().map(String::as_str).filter(|name| !names.contains(name)).collect();
        if !unused.is_empty() {
            let found = format!("one for {}, which the expression does not use", unused.join(", "));
            return Err(Error::mismatch(
                "values of the variables",
                found,
                format!("its variables: {}", list(&names)),
            ));
        }
        Ok(())
    }
}
