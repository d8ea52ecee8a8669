//! Checks the gradients of a graph against central differences.

use super::{Evaluation, Gradients, Graph, NodeId};
use crate::Result;
use crate::gradient_check::{Difference, Verdict, difference, verdict};

/// About how many multiplications the check of all nodes may take: a few seconds of plain loops. If a node has too many
/// numbers for its budget, an evenly spaced subset of them is checked.
pub const MOST_CHECK_WORK: u64 = 2_000_000_000;

/// The result of checking a node.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The central differences, for the numbers of the node in order, or for some of them.
    pub differences: Vec<Difference>,
    /// Whether the gradient agrees with the differences.
    pub verdict: Verdict,
}

impl Graph {
    /// Compares the gradient with respect to a node with central differences: the node is perturbed by ±h, and
    /// everything that depends on it is recomputed. `None` for a node without a gradient.
    ///
    /// # Errors
    /// A root that is not a scalar.
    ///
    /// ```
    /// use tercet::gradient_check::Verdict;
    /// use tercet::graph::{Graph, Value, Values};
    ///
    /// let (graph, f) = Graph::parse("relu(x) * y")?;
    /// let x = graph.node("x").unwrap();
    /// let check = |at: f64| {
    ///     let values = Values::from([("x".to_owned(), Value::scalar(at)), ("y".to_owned(), Value::scalar(3.0))]);
    ///     let evaluation = graph.evaluate(&values)?;
    ///     let gradients = graph.gradients(&evaluation, f)?;
    ///     let checked = graph.check(&evaluation, &gradients, f, x)?.expect("a variable");
    ///     let corner = checked.differences[0].corner.map(|place| graph.corner(&evaluation, place));
    ///     tercet::Result::Ok((checked.verdict, corner))
    /// };
    /// assert_eq!(check(2.0)?, (Verdict::Agrees, None));
    /// // At 0, ReLU has a kink: a difference sees both of its slopes.
    /// let corner = Some("v1 = relu(x)".to_owned());
    /// assert_eq!(check(0.0)?, (Verdict::Kink { index: 0, corner: 0 }, corner));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn check(
        &self,
        evaluation: &Evaluation,
        gradients: &Gradients,
        root: NodeId,
        node: NodeId,
    ) -> Result<Option<Checked>> {
        self.expect_scalar(evaluation, root)?;
        let Some(gradient) = gradients.of(node) else { return Ok(None) };
        let mut at = evaluation.value(node).clone();
        let shape = at.shape();
        let mut x = std::mem::replace(&mut at, super::Value::scalar(0.0)).numbers().to_vec();
        let sides = evaluation.sides();
        let mut f = |x: &[f64]| {
            let moved = super::Value::new(shape.0, shape.1, x.to_vec());
            // A perturbed class is invalid: no difference can be computed.
            match moved.and_then(|moved| self.evaluate_again(evaluation, node, moved)) {
                Ok(again) => (again.value(root).numbers()[0], again.sides()),
                Err(_) => (f64::NAN, sides.clone()),
            }
        };
        let each = 2 * (evaluation.work + x.len() as u64).max(1);
        let count = usize::try_from(MOST_CHECK_WORK / self.nodes.len() as u64 / each)
            .unwrap_or(usize::MAX)
            .clamp(1, x.len());
        let differences: Vec<Difference> = (0..count)
            .map(|i| difference(&mut f, &mut x, i * gradient.numbers().len() / count, &sides))
            .collect();
        let verdict = verdict(gradient.numbers(), &differences);
        Ok(Some(Checked { differences, verdict }))
    }
}
