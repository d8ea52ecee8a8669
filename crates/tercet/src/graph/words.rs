//! Prints a step of the backward pass.

use std::fmt;

use super::backward::{Kind, Local};
use super::value::{Value, common_shape};
use super::{Graph, NodeId, Step};

/// Matrices with more numbers than this are described, not written out.
const WRITTEN_OUT: usize = 8;

/// A number with a typographic minus sign.
pub(super) fn number(v: f64) -> String {
    super::value::number(v).replace('-', "−")
}

/// A value on its own: `−4`, `[1, −2]`, `(10, 20) from −1 to 2`.
pub(super) fn value(v: &Value) -> String {
    v.short(WRITTEN_OUT).replace('-', "−")
}

/// A value as a factor: `(−4)`.
fn factor(v: &Value) -> String {
    let words = value(v);
    if words.starts_with('−') || words.starts_with('(') { format!("({words})") } else { words }
}

/// A symbol as a factor: a negative one gets brackets.
fn symbol_factor(symbol: &str) -> String {
    if symbol.starts_with('−') { format!("({symbol})") } else { symbol.to_owned() }
}

impl Step<'_> {
    /// `∂f/∂x`
    fn d(&self, of: NodeId, by: NodeId) -> String {
        format!("∂{}/∂{}", self.graph.name(of), self.graph.name(by))
    }

    /// The chain rule through one node.
    fn chain(&self, by: NodeId, derivative: &Local, gradient: &Value) -> String {
        let (found, above) = (value(self.value), self.d(self.root, by));
        let (symbol, local) = match derivative {
            Local::Formula(formula) => return format!("{} = {found}", formula.replace("{}", &above)),
            Local::Value { symbol, value } => (symbol, value),
        };
        // If all numbers are equal, one is enough.
        let first = local.numbers()[0];
        let uniform = local.numbers().iter().all(|&v| v == first);
        let of_local = if uniform { Value::scalar(first) } else { local.clone() };
        let says_more = value(&of_local) != *symbol;
        if by == self.root {
            // ∂f/∂f is 1 and can be omitted.
            return if says_more { format!("{symbol} = {found}") } else { found };
        }
        let times = if of_local.as_scalar().or(gradient.as_scalar()).is_none() { "∘" } else { "·" };
        let mut words = format!("{} {times} {above}", self.d(by, self.to));
        if says_more {
            words += &format!(" = {} {times} {above}", symbol_factor(symbol));
        }
        words += &format!(" = {} {times} {}", factor(&of_local), factor(gradient));
        let product = common_shape(local.shape(), gradient.shape());
        match (product == Some(self.value.shape()), self.value.as_scalar()) {
            (true, _) => format!("{words} = {found}"),
            (false, Some(_)) => format!("{words}, summed = {found}"),
            (false, None) => format!("{words}, summed to {:?} = {found}", self.value.shape()),
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.d(self.root, self.to);
        match &self.kind {
            Kind::Beginning => write!(f, "{left} = 1"),
            Kind::Chain { by, operand, uses, derivative, gradient } => {
                let share = match (*uses, operand) {
                    (1, _) => String::new(),
                    (_, None) => format!(" through {}", self.graph.name(*by)),
                    (_, Some(operand)) => {
                        format!(" through {}, operand {}", self.graph.name(*by), operand + 1)
                    }
                };
                match share.as_str() {
                    "" => write!(f, "{left} = {}", self.chain(*by, derivative, gradient)),
                    share => write!(f, "{left}{share}: {}", self.chain(*by, derivative, gradient)),
                }
            }
            Kind::Sum { shares, uses } => {
                let sum = value(self.value);
                let shares: Vec<String> = shares.iter().map(factor).collect();
                match shares.len() == *uses {
                    true => {
                        write!(f, "{left} = {} = {sum}, the sum over its {uses} uses", shares.join(" + "))
                    }
                    false => write!(f, "{left} = {sum}, the sum over its {uses} uses"),
                }
            }
        }
    }
}

impl Graph {
    /// Describes the kink at an index of [`Evaluation::sides`](super::Evaluation::sides): the node that has it, and
    /// where.
    ///
    /// # Panics
    /// If the evaluation belongs to another graph, or has no such kink.
    pub fn corner(&self, evaluation: &super::Evaluation, place: usize) -> String {
        let mut before = 0;
        for node in self.nodes() {
            let corners = evaluation.sides[node.0].len();
            if place < before + corners {
                let columns = corners / evaluation.value(node).shape().0.min(corners);
                return self.corner_of(node, evaluation, place - before, columns);
            }
            before += corners;
        }
        panic!("place {place} of {before} corners")
    }

    fn corner_of(
        &self,
        node: NodeId,
        evaluation: &super::Evaluation,
        place: usize,
        columns: usize,
    ) -> String {
        use super::Operation;
        let formula = format!("{} = {}", self.name(node), self.formula(node));
        match self.operation(node) {
            Operation::Loss(_) => {
                let classes = evaluation.value(self.operands(node)[0]).shape().1;
                format!("{formula}, example {}, class {}", place / classes, place % classes)
            }
            _ if evaluation.sides[node.0].len() == 1 => formula,
            _ => format!("{formula}, row {}, column {}", place / columns, place % columns),
        }
    }
}
