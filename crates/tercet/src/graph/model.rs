//! The graph of a network: its scores, its loss, and every layer in between.

use super::evaluate::Values;
use super::value::Value;
use super::{Graph, NodeId, Operation, Window};
use crate::loss::Loss;
use crate::network::{BatchNorm, EPSILON, Layer, Network, Pool};
use crate::{Error, Result};

/// The loss of a network as a graph, with the values of its variables.
///
/// ```text
/// x @ w1 + b1 → z1, relu → h1, h1 @ w2 + b2 → scores, loss of scores and y → loss
/// ```
///
/// It shares only the weights with the passes of the network, and is therefore an independent check of them.
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
    /// The values of the variables.
    pub values: Values,
    /// The scores, (B, C).
    pub scores: NodeId,
    /// The mean loss of the batch, regularisation included.
    pub loss: NodeId,
    /// The weights and biases of each trainable layer, first to last; γ and β of a batch norm.
    pub parameters: Vec<(NodeId, NodeId)>,
}

/// A graph under construction, layer by layer.
struct Builder {
    graph: Graph,
    values: Values,
    parameters: Vec<(NodeId, NodeId)>,
    /// The weights that are regularised.
    matrices: Vec<NodeId>,
    /// How many layers have weights.
    count: usize,
    /// How many batch norms have been added.
    norms: usize,
}

impl ModelGraph {
    /// The graph of a network's loss on a batch, including `reg · Σ W²` if `reg` is not 0. As in
    /// [`Network::loss_and_gradients`], batch norms use the statistics of the batch and nothing is dropped. For the
    /// graph of a prediction, use [`Network::for_prediction`].
    ///
    /// # Shapes
    /// `x` is (B, D), `labels` is (B).
    ///
    /// # Errors
    /// An empty batch, and a batch that does not hold whole rows.
    pub fn new(network: &Network, x: &[f32], labels: &[u32], loss: Loss, reg: f32) -> Result<Self> {
        let (examples, inputs) = (labels.len(), network.inputs());
        if x.is_empty() || examples.checked_mul(inputs) != Some(x.len()) {
            return Err(Error::mismatch("numbers of the batch", x.len(), format!("{examples} × {inputs}")));
        }
        let mut builder = Builder {
            graph: Graph::new(),
            values: Values::new(),
            parameters: Vec::new(),
            matrices: Vec::new(),
            count: network.layers().iter().filter(|layer| is_matrix(layer)).count(),
            norms: 0,
        };
        let mut flowing = builder.variable("x", examples, x)?;
        let before = std::iter::once(network.input()).chain(network.shapes().iter().copied());
        for (layer, shape) in network.layers().iter().zip(before) {
            flowing = builder.layer(layer, shape, flowing)?;
        }
        let scores = flowing;
        builder.graph.set_name(scores, "scores");

        let classes: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
        let y = builder.variable("y", examples, &classes)?;
        let mut total = builder.graph.loss(scores, y, loss);
        if reg != 0.0 {
            for w in builder.matrices {
                let squares = builder.graph.squares(w, f64::from(reg));
                total = builder.graph.add(total, squares);
            }
        }
        builder.graph.set_name(total, "loss");
        let Builder { graph, values, parameters, .. } = builder;
        Ok(ModelGraph { graph, values, scores, loss: total, parameters })
    }
}

/// The name, or, if a node already has it, such as the first of two activations in a row, the name with primes.
fn free(graph: &Graph, name: &str) -> String {
    let mut name = name.to_owned();
    while graph.node(&name).is_some() {
        name.push('\'');
    }
    name
}

fn is_matrix(layer: &Layer) -> bool {
    matches!(layer, Layer::Dense(_) | Layer::Conv2d(_))
}

impl Builder {
    /// Adds a layer after the node `x`, whose examples have this shape.
    fn layer(&mut self, layer: &Layer, shape: crate::network::Shape, x: NodeId) -> Result<NodeId> {
        let image = match shape {
            crate::network::Shape::Image(image) => (image.height, image.width, image.channels),
            crate::network::Shape::Features(features) => (1, 1, features),
        };
        let pooling = |pool: Pool| Window::square(image, pool.size, pool.stride, 0);
        let operation = match layer {
            Layer::Dense(dense) => {
                let (w, b) = self.weights(dense.inputs, &dense.w, &dense.b)?;
                let product = self.graph.matmul(x, w);
                let z = self.graph.add(product, b);
                return Ok(self.named_sum(z));
            }
            Layer::Conv2d(conv) => {
                let (w, b) = self.weights(conv.patch(), &conv.w, &conv.b)?;
                let (kernel_height, kernel_width) = (conv.kernel_height, conv.kernel_width);
                let window = Window {
                    kernel_height,
                    kernel_width,
                    ..Window::square(image, 1, conv.stride, conv.padding)
                };
                let z = self.graph.convolve(x, w, Some(b), window);
                return Ok(self.named_sum(z));
            }
            Layer::BatchNorm(norm) => return self.batch_norm(norm, shape.values(), x),
            Layer::Dropout { .. } | Layer::Flatten => return Ok(x),
            Layer::MaxPool(pool) => Operation::MaxPool(pooling(*pool)),
            Layer::AveragePool(pool) => Operation::AveragePool(pooling(*pool)),
            Layer::Activation(activation) => Operation::Activation(activation.to_f64()),
        };
        let is_pool = matches!(layer, Layer::MaxPool(_) | Layer::AveragePool(_));
        let h = self.graph.apply(operation, &[x]);
        let number = self.matrices.len();
        // The last ones are the scores, whatever follows them.
        if number < self.count {
            let letter = if is_pool { 'p' } else { 'h' };
            self.graph.set_name(h, &free(&self.graph, &format!("{letter}{number}")));
        }
        Ok(h)
    }

    /// The weights, for the given number of inputs, and biases of the next layer that has them.
    fn weights(&mut self, inputs: usize, w: &[f32], b: &[f32]) -> Result<(NodeId, NodeId)> {
        let number = self.matrices.len() + 1;
        let w = self.variable(&format!("w{number}"), inputs, w)?;
        let b = self.variable(&format!("b{number}"), 1, b)?;
        self.parameters.push((w, b));
        self.matrices.push(w);
        Ok((w, b))
    }

    /// Names the pre-activations of the layer, unless they are the scores.
    fn named_sum(&mut self, z: NodeId) -> NodeId {
        let number = self.matrices.len();
        if number < self.count {
            self.graph.set_name(z, &format!("z{number}"));
        }
        z
    }

    /// `γ · (x − μ) / √(σ² + ε) + β`, with the mean and the variance of the batch.
    fn batch_norm(&mut self, norm: &BatchNorm, width: usize, x: NodeId) -> Result<NodeId> {
        self.norms += 1;
        let number = self.norms;
        let channels = norm.channels();
        let gamma = self.variable(&format!("gamma{number}"), 1, &norm.gamma)?;
        let beta = self.variable(&format!("beta{number}"), 1, &norm.beta)?;
        self.parameters.push((gamma, beta));
        let graph = &mut self.graph;
        let stretch = Operation::Repeat { times: width / channels };
        let mean = graph.apply(Operation::ChannelMean { channels }, &[x]);
        let means = graph.apply(stretch.clone(), &[mean]);
        let centred = graph.subtract(x, means);
        let squares = graph.multiply(centred, centred);
        let variance = graph.apply(Operation::ChannelMean { channels }, &[squares]);
        let epsilon = graph.constant(Value::scalar(f64::from(EPSILON)));
        let raised = graph.add(variance, epsilon);
        let deviation = graph.apply(Operation::Sqrt, &[raised]);
        let deviations = graph.apply(stretch.clone(), &[deviation]);
        let standard = graph.divide(centred, deviations);
        let (gammas, betas) = (graph.apply(stretch.clone(), &[gamma]), graph.apply(stretch, &[beta]));
        let scaled = graph.multiply(standard, gammas);
        let y = graph.add(scaled, betas);
        graph.set_name(y, &format!("n{number}"));
        Ok(y)
    }

    /// A variable with the given number of rows, and its value.
    fn variable(&mut self, name: &str, rows: usize, numbers: &[f32]) -> Result<NodeId> {
        let columns = numbers.len() / rows;
        let value = Value::new(rows, columns, numbers.iter().map(|&v| f64::from(v)).collect())?;
        self.values.insert(name.to_owned(), value);
        Ok(self.graph.input(name))
    }
}
