//! The graph of a network: its scores, its loss, and every layer on the way.

use super::evaluate::Values;
use super::value::Value;
use super::{Graph, NodeId};
use crate::loss::Loss;
use crate::network::{Layer, Network};
use crate::{Error, Result};

/// The loss of a network as a graph, with the values of its variables.
///
/// ```text
/// x @ w1 + b1 → z1, relu → h1, h1 @ w2 + b2 → scores, loss of scores and y → loss
/// ```
///
/// It shares nothing with the passes of the network but the weights, and so it is the network's second opinion.
///
/// ```
/// use tercet::graph::ModelGraph;
/// use tercet::loss::Loss;
/// use tercet::network::{Init, Network, Workspace};
///
/// let network = Network::fully_connected(3, &[5], 2, Init::He, 0)?;
/// let (x, labels) = ([0.5, -1.0, 2.0], [1]);
/// let model = ModelGraph::new(&network, &x, &labels, Loss::Softmax, 0.0)?;
/// let evaluation = model.graph.evaluate(&model.values)?;
/// let gradients = model.graph.gradients(&evaluation, model.loss)?;
///
/// let mut workspace = Workspace::new();
/// let loss = network.loss_and_gradients(&x, &labels, Loss::Softmax, 0.0, &mut workspace);
/// assert!((evaluation.value(model.loss).numbers()[0] - f64::from(loss)).abs() < 1e-6);
/// let (w, _) = model.parameters[0];
/// for (a, b) in gradients.of(w).unwrap().numbers().iter().zip(&workspace.gradients()[0].dw) {
///     assert!((a - f64::from(*b)).abs() < 1e-6);
/// }
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModelGraph {
    /// Variables x, w1, b1, w2, b2 and so on, and the classes y; nodes z1, h1 and so on, scores and loss.
    pub graph: Graph,
    /// What the variables are.
    pub values: Values,
    /// The scores, (B, C).
    pub scores: NodeId,
    /// The mean loss of the batch, with its regularisation.
    pub loss: NodeId,
    /// The weights and biases of each layer that has them, first to last.
    pub parameters: Vec<(NodeId, NodeId)>,
}

/// A graph that is being built, layer by layer.
struct Builder {
    graph: Graph,
    values: Values,
    parameters: Vec<(NodeId, NodeId)>,
}

impl ModelGraph {
    /// The graph of a network's loss on a batch, `reg · Σ W²` included where `reg` is not 0.
    ///
    /// # Shapes
    /// `x` is (B, D), `labels` is (B).
    ///
    /// # Errors
    /// An empty batch, and one that does not hold whole rows.
    pub fn new(network: &Network, x: &[f32], labels: &[u32], loss: Loss, reg: f32) -> Result<Self> {
        let (examples, inputs) = (labels.len(), network.inputs());
        if x.is_empty() || examples.checked_mul(inputs) != Some(x.len()) {
            return Err(Error::mismatch("numbers of the batch", x.len(), format!("{examples} × {inputs}")));
        }
        let (graph, values, parameters) = (Graph::new(), Values::new(), Vec::new());
        let mut builder = Builder { graph, values, parameters };
        let mut flowing = builder.variable("x", examples, x)?;
        let count = network.dense_layers().count();
        let mut number = 0;
        for layer in network.layers() {
            flowing = match layer {
                Layer::Dense(dense) => {
                    number += 1;
                    let w = builder.variable(&format!("w{number}"), dense.inputs, &dense.w)?;
                    let b = builder.variable(&format!("b{number}"), 1, &dense.b)?;
                    builder.parameters.push((w, b));
                    let product = builder.graph.matmul(flowing, w);
                    let z = builder.graph.add(product, b);
                    // The last ones are the scores, whatever comes behind them.
                    if number < count {
                        builder.graph.set_name(z, &format!("z{number}"));
                    }
                    z
                }
                Layer::Relu => {
                    let h = builder.graph.relu(flowing);
                    if number < count {
                        builder.graph.set_name(h, &free(&builder.graph, &format!("h{number}")));
                    }
                    h
                }
            };
        }
        let scores = flowing;
        builder.graph.set_name(scores, "scores");

        let classes: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
        let y = builder.variable("y", examples, &classes)?;
        let mut total = builder.graph.loss(scores, y, loss);
        if reg != 0.0 {
            for (w, _) in builder.parameters.clone() {
                let squares = builder.graph.squares(w, f64::from(reg));
                total = builder.graph.add(total, squares);
            }
        }
        builder.graph.set_name(total, "loss");
        let Builder { graph, values, parameters } = builder;
        Ok(ModelGraph { graph, values, scores, loss: total, parameters })
    }
}

/// The name, or where a node has it already, as the second of two activations in a row would find, the name with a stroke.
fn free(graph: &Graph, name: &str) -> String {
    let mut name = name.to_owned();
    while graph.node(&name).is_some() {
        name.push('\'');
    }
    name
}

impl Builder {
    /// A variable of so many rows, and its value.
    fn variable(&mut self, name: &str, rows: usize, numbers: &[f32]) -> Result<NodeId> {
        let columns = numbers.len() / rows;
        let value = Value::new(rows, columns, numbers.iter().map(|&v| f64::from(v)).collect())?;
        self.values.insert(name.to_owned(), value);
        Ok(self.graph.input(name))
    }
}
