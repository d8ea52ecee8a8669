//! Graphs as tables and as JSON.

use serde_json::{Value as Json, json};
use tercet::gradient_check::{Difference, Verdict};
use tercet::graph::{
    Checked, Evaluation, Gradients, Graph, NodeId, Operation, Summary, Value, number, rounded,
};
use tercet::text::thousands;

use crate::output;
use crate::table::{self, table, with_header};

/// A graph after the forward and the backward pass.
pub struct Passes {
    pub graph: Graph,
    pub root: NodeId,
    pub evaluation: Evaluation,
    pub gradients: Gradients,
    /// Each step of the backward pass in words; empty if they are not printed.
    pub steps: Vec<String>,
}

/// The result of checking each node against finite differences; `None` for nodes without a gradient.
pub type Checks = Vec<Option<Checked>>;

/// Matrices with more numbers than this are abbreviated.
const WRITTEN_OUT: usize = 12;

impl Passes {
    /// Runs the backward pass.
    pub fn new(graph: Graph, root: NodeId, evaluation: Evaluation, with_steps: bool) -> anyhow::Result<Self> {
        let mut steps = Vec::new();
        let gradients = match with_steps {
            true => graph.gradients_with(&evaluation, root, &mut |step| steps.push(step.to_string()))?,
            false => graph.gradients(&evaluation, root)?,
        };
        Ok(Passes { graph, root, evaluation, gradients, steps })
    }

    /// Checks every gradient against central differences.
    pub fn checks(&self) -> anyhow::Result<Checks> {
        let check = |node| self.graph.check(&self.evaluation, &self.gradients, self.root, node);
        Ok(self.graph.nodes().map(check).collect::<tercet::Result<_>>()?)
    }

    /// Prints each node with its value, gradient and finite differences.
    pub fn print(&self, checks: &Checks) -> anyhow::Result<()> {
        let root = self.graph.name(self.root);
        let of_gradient = format!("∂{root}/∂node");
        let mut nodes = with_header(&["node", "formula", "value", &of_gradient, "differences", "check"]);
        for (node, checked) in self.graph.nodes().zip(checks) {
            let (name, value) = (self.graph.name(node), self.evaluation.value(node));
            // The formulas show the numbers of an expression already.
            if matches!(self.graph.operation(node), Operation::Constant(_)) && name == value.short(4) {
                continue;
            }
            let gradient = self.gradients.of(node);
            nodes.add_row([
                name.to_owned(),
                self.graph.formula(node),
                value.short(WRITTEN_OUT),
                gradient.map_or_else(String::new, |gradient| gradient.short(WRITTEN_OUT)),
                checked.as_ref().map_or_else(String::new, |checked| differences(checked, value)),
                checked.as_ref().map_or_else(String::new, |checked| self.in_words(checked)),
            ]);
        }
        table::print(&nodes)
    }

    fn in_words(&self, checked: &Checked) -> String {
        match checked.verdict {
            Verdict::Agrees => "agrees".to_owned(),
            Verdict::Kink { corner, .. } => {
                format!("corner of {}", self.graph.corner(&self.evaluation, corner))
            }
            Verdict::Differs { claimed, numerical, .. } if !claimed.is_finite() || !numerical.is_finite() => {
                "not comparable".to_owned()
            }
            Verdict::Differs { index, .. } if checked.differences.len() > 1 => format!("differs at {index}"),
            Verdict::Differs { .. } => "differs".to_owned(),
        }
    }

    /// Prints summary statistics of each node: its value, then its gradient.
    pub fn print_summaries(&self) -> anyhow::Result<()> {
        let mut values = table(["value of", "formula", "shape", "min", "mean", "max", "zeros"]);
        for node in self.graph.nodes() {
            let value = self.evaluation.value(node);
            let [min, mean, max, zeros] = summary(value.summary());
            let shape = format!("{:?}", value.shape());
            let (name, formula) = (self.graph.name(node).to_owned(), self.graph.formula(node));
            values.add_row([name, formula, shape, min, mean, max, zeros]);
        }
        table::print(&values)?;
        output::print("")?;
        let of_gradient = format!("∂{}/∂", self.graph.name(self.root));
        let mut gradients = with_header(&["gradient", "shape", "min", "mean", "max", "zeros"]);
        for node in self.graph.nodes().rev() {
            if let Some(gradient) = self.gradients.of(node) {
                let [min, mean, max, zeros] = summary(gradient.summary());
                let name = format!("{of_gradient}{}", self.graph.name(node));
                gradients.add_row([name, format!("{:?}", gradient.shape()), min, mean, max, zeros]);
            }
        }
        table::print(&gradients)
    }

    /// Prints the steps of the backward pass, if there are any.
    pub fn print_steps(&self) -> anyhow::Result<()> {
        if self.steps.is_empty() {
            return Ok(());
        }
        output::print(format_args!("\nBackward pass, step by step:\n\n{}", self.steps.join("\n")))
    }

    /// Everything as JSON: all numbers if there are checks, or else summary statistics.
    pub fn to_json(&self, checks: Option<&Checks>) -> Json {
        let to_json = |value: &Value| match checks {
            Some(_) => numbers(value),
            None => {
                let Summary { min, mean, max, zeros } = value.summary();
                json!({ "min": min, "mean": mean, "max": max, "zeros": zeros })
            }
        };
        let nodes = self.graph.nodes().map(|node| {
            let value = self.evaluation.value(node);
            let operands: Vec<&str> =
                self.graph.operands(node).iter().map(|&operand| self.graph.name(operand)).collect();
            let mut json = json!({
                "node": self.graph.name(node),
                "formula": self.graph.formula(node),
                "operands": operands,
                "shape": value.shape(),
                "value": to_json(value),
                "gradient": self.gradients.of(node).map(to_json),
            });
            if let Some(checks) = checks {
                let checked = checks[node.place()].as_ref();
                let slopes = |checked: &Checked| {
                    let of = |d: &Difference| json!({ "index": d.index, "slope": d.slope });
                    checked.differences.iter().map(of).collect::<Vec<_>>()
                };
                json["differences"] = json!(checked.map(slopes));
                json["check"] = json!(checked.map(|checked| match checked.verdict {
                    Verdict::Agrees => "agrees",
                    Verdict::Kink { .. } => "corner",
                    Verdict::Differs { .. } => "differs",
                }));
                if let Some(Verdict::Kink { corner, .. }) = checked.map(|checked| checked.verdict) {
                    json["corner"] = json!(self.graph.corner(&self.evaluation, corner));
                }
            }
            json
        });
        let mut json = json!({ "of": self.graph.name(self.root), "nodes": nodes.collect::<Vec<_>>() });
        if !self.steps.is_empty() {
            json["steps"] = json!(self.steps);
        }
        json
    }
}

/// The finite differences for a node, or how many there are.
fn differences(checked: &Checked, value: &Value) -> String {
    let (found, all) = (checked.differences.len(), value.numbers().len());
    if found < all {
        return format!("{} of {} numbers", thousands(found), thousands(all));
    }
    let mut slopes = value.clone();
    slopes.numbers_mut().iter_mut().zip(&checked.differences).for_each(|(v, difference)| {
        // The last digit of a difference is not exact.
        *v = rounded(difference.slope, 6);
    });
    slopes.short(WRITTEN_OUT)
}

/// A number or rows of numbers; null for non-finite values, which JSON does not have.
fn numbers(value: &Value) -> Json {
    match value.as_scalar() {
        Some(number) => json!(number),
        None => json!(value.numbers().chunks(value.shape().1).collect::<Vec<_>>()),
    }
}

/// Summary statistics with three digits.
fn summary(Summary { min, mean, max, zeros }: Summary) -> [String; 4] {
    let three = |v: f64| number(rounded(v, 3));
    [three(min), three(mean), three(max), format!("{:.0} %", 100.0 * zeros)]
}
