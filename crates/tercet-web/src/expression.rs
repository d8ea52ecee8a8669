//! Understand, the graph: the forward and backward pass of an expression or a small network, step by step.

use serde::{Deserialize, Serialize};
use tercet::gradient_check::Verdict;
use tercet::graph::{
    Evaluation, Gradients, Graph, ModelGraph, NodeId, Operation, Value, Values, number, parse_values,
};
use tercet::loss::Loss;
use tercet::network::{Init, Network};

/// A graph with more nodes than this is too large to show step by step.
const MOST_NODES: usize = 80;

/// The subject of differentiation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// An expression, with the values of its variables: `f = (x + y) * z`, `x = -2, y = 5, z = -4`.
    Expression {
        /// The expression.
        text: String,
        /// The values.
        values: String,
    },
    /// The two-layer network with random weights on one small input.
    Network {
        /// D.
        inputs: usize,
        /// H.
        hidden: usize,
        /// C.
        classes: usize,
        /// The seed of its weights and of its input.
        seed: u64,
        /// `svm` or `softmax`.
        loss: String,
    },
}

/// A graph with its values, gradients and steps.
#[derive(Debug, Serialize)]
pub struct Computed {
    /// The nodes, each after its operands.
    pub nodes: Vec<Node>,
    /// All forward steps, followed by all backward steps.
    pub steps: Vec<Step>,
    /// The index of the result.
    pub root: usize,
}

/// A node.
#[derive(Debug, Serialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// `input`, `constant` or the symbol of its operation.
    pub kind: String,
    /// The operation with the names of its operands.
    pub formula: String,
    /// The indices of its operands.
    pub operands: Vec<usize>,
    /// Rows and columns of its value.
    pub shape: (usize, usize),
    /// Its value, abbreviated.
    pub value: String,
    /// The gradient with respect to it, abbreviated; `None` for a constant.
    pub gradient: Option<String>,
    /// The central difference with respect to its first number, as an independent check.
    pub difference: Option<String>,
    /// `agrees`, `corner` or `differs`.
    pub verdict: Option<&'static str>,
}

/// A step.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Whether it belongs to the backward pass.
    pub backward: bool,
    /// The node whose value or gradient it computes.
    pub node: usize,
    /// The node that the gradient comes from.
    pub by: Option<usize>,
    /// The local derivative, if it is shown as numbers.
    pub derivative: Option<String>,
    /// A description of the computation.
    pub words: String,
    /// The gradient with respect to the node so far.
    pub gradient: Option<String>,
}

/// Computes the forward and the backward pass.
///
/// # Errors
/// An expression that cannot be parsed (the message points to the position), a variable without a value, a result
/// that is not a single number, and a graph with too many nodes.
pub fn compute(subject: &Subject) -> Result<Computed, String> {
    let say = |error: tercet::Error| error.to_string();
    let (graph, root, values) = match subject {
        Subject::Expression { text, values } => {
            let (graph, root) = Graph::parse(text).map_err(say)?;
            (graph, root, parse_values(values).map_err(say)?)
        }
        Subject::Network { inputs, hidden, classes, seed, loss } => {
            network(*inputs, *hidden, *classes, *seed, loss).map_err(say)?
        }
    };
    let count = graph.nodes().len();
    if count > MOST_NODES {
        return Err(format!(
            "a graph of {count} nodes; expected at most {MOST_NODES}, to be followed step by step"
        ));
    }
    let evaluation = graph.evaluate(&values).map_err(say)?;
    let mut steps: Vec<Step> = forward(&graph, &evaluation);
    let backward = |step: tercet::graph::Step<'_>| Step {
        backward: true,
        node: step.to.place(),
        by: step.by().map(NodeId::place),
        derivative: step.derivative().map(shown),
        words: step.to_string(),
        gradient: Some(shown(step.value)),
    };
    let gradients =
        graph.gradients_with(&evaluation, root, &mut |step| steps.push(backward(step))).map_err(say)?;
    let nodes = graph
        .nodes()
        .map(|node| describe(&graph, &evaluation, &gradients, root, node))
        .collect::<tercet::Result<_>>()
        .map_err(say)?;
    Ok(Computed { nodes, steps, root: root.place() })
}

/// A value, abbreviated, with the same minus sign as in the descriptions of the steps.
fn shown(value: &Value) -> String {
    value.short(4).replace('-', "−")
}

fn network(
    inputs: usize,
    hidden: usize,
    classes: usize,
    seed: u64,
    loss: &str,
) -> tercet::Result<(Graph, NodeId, Values)> {
    let sizes = [inputs, hidden, classes].map(|size| size.clamp(1, 8));
    let network = Network::fully_connected(sizes[0], &[sizes[1]], sizes[2].max(2), Init::He, seed)?;
    let x: Vec<f32> = (0..sizes[0]).map(|i| [0.5, -1.0, 2.0, 1.5, -0.5, 1.0, -2.0, 0.25][i]).collect();
    let loss = if loss == "softmax" { Loss::Softmax } else { Loss::SVM };
    let model = ModelGraph::new(&network, &x, &[0], loss, 0.0)?;
    Ok((model.graph, model.loss, model.values))
}

fn forward(graph: &Graph, evaluation: &Evaluation) -> Vec<Step> {
    let is_computed =
        |node: &NodeId| !matches!(graph.operation(*node), Operation::Input | Operation::Constant(_));
    graph
        .nodes()
        .filter(is_computed)
        .map(|node| Step {
            backward: false,
            node: node.place(),
            by: None,
            derivative: None,
            words: format!(
                "{} = {} = {}",
                graph.name(node),
                graph.formula(node),
                shown(evaluation.value(node))
            ),
            gradient: None,
        })
        .collect()
}

fn describe(
    graph: &Graph,
    evaluation: &Evaluation,
    gradients: &Gradients,
    root: NodeId,
    node: NodeId,
) -> tercet::Result<Node> {
    let checked = graph.check(evaluation, gradients, root, node)?;
    let value = evaluation.value(node);
    let differences = |checked: &tercet::graph::Checked| {
        let slopes: Vec<f64> = checked.differences.iter().map(|difference| difference.slope).collect();
        let (rows, columns) = value.shape();
        match Value::new(rows, columns, slopes.clone()) {
            Ok(whole) => shown(&whole),
            // Large matrices are checked only in part.
            Err(_) => slopes.first().map_or(String::new(), |&slope| number(slope)),
        }
    };
    let kind = match graph.operation(node) {
        Operation::Input => "input".to_owned(),
        Operation::Constant(_) => "constant".to_owned(),
        other => other.symbol().to_owned(),
    };
    Ok(Node {
        name: graph.name(node).to_owned(),
        kind,
        formula: graph.formula(node),
        operands: graph.operands(node).iter().map(|operand| operand.place()).collect(),
        shape: value.shape(),
        value: shown(value),
        gradient: gradients.of(node).map(shown),
        difference: checked.as_ref().map(differences),
        verdict: checked.map(|checked| match checked.verdict {
            Verdict::Agrees => "agrees",
            Verdict::Kink { .. } => "corner",
            Verdict::Differs { .. } => "differs",
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str, values: &str) -> Result<Computed, String> {
        compute(&Subject::Expression { text: text.into(), values: values.into() })
    }

    #[test]
    fn the_lecture_s_expression_has_its_values_gradients_and_local_derivatives() {
        let computed = expression("q = x + y; f = q * z", "x = -2, y = 5, z = -4").unwrap();
        let node = |name: &str| computed.nodes.iter().find(|node| node.name == name).unwrap();
        assert_eq!((node("f").value.as_str(), node("z").gradient.as_deref()), ("−12", Some("3")));
        assert_eq!(node("x").gradient, node("x").difference);
        assert_eq!(node("x").verdict, Some("agrees"));
        let by_q = computed.steps.iter().find(|step| step.words.starts_with("∂f/∂q")).unwrap();
        assert_eq!(by_q.derivative.as_deref(), Some("−4"));
        assert!(computed.steps.iter().position(|step| step.backward) == Some(2));
    }

    #[test]
    fn the_network_s_graph_agrees_with_its_differences() {
        let subject =
            Subject::Network { inputs: 3, hidden: 4, classes: 3, seed: 1, loss: "softmax".to_owned() };
        let computed = compute(&subject).unwrap();
        let verdicts: Vec<&str> = computed.nodes.iter().filter_map(|node| node.verdict).collect();
        assert!(verdicts.len() > 5 && verdicts.iter().all(|verdict| *verdict != "differs"), "{verdicts:?}");
    }

    #[test]
    fn mistakes_are_answered_in_words() {
        assert!(expression("f = (x + ", "x = 1").is_err());
        assert!(expression("f = x + y", "x = 1").unwrap_err().contains('y'));
        let long = format!("f = {}", ["x"; 100].join(" + "));
        assert!(expression(&long, "x = 1").unwrap_err().contains("at most 80"));
    }
}
