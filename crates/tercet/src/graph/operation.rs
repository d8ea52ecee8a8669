//! [`Operation`]: the operation of a node, its shape, its value, and its derivative with respect to each operand.
//!
//! Forward and backward are implemented in [`elementwise`], [`matmul`], [`channels`], [`window`] and [`losses`]. This
//! file dispatches to them.

use super::value::{Shape, Value, common_shape, number};
use super::window::Window;
use super::{channels, elementwise, losses, matmul, window};
use crate::loss::Loss;
use crate::network;

/// The operation by which a node is computed from its operands.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// A variable, whose value is given when the graph is evaluated.
    Input,
    /// A number or matrix in the expression itself.
    Constant(Value),
    /// `a + b`, element-wise; a row, a column and a scalar are broadcast.
    Add,
    /// `a − b`, likewise.
    Subtract,
    /// `a · b`, likewise.
    Multiply,
    /// `a / b`, likewise.
    Divide,
    /// `a ^ b`, likewise.
    Power,
    /// `max(a, b)`, likewise. If both are equal, the first counts as the larger.
    Maximum,
    /// `−a`
    Negate,
    /// An activation function, element-wise; the derivative of ReLU at 0 is 0.
    Activation(network::Activation<f64>),
    /// `exp a`
    Exp,
    /// `ln a`
    Log,
    /// `√a`
    Sqrt,
    /// The sum of all elements.
    Sum,
    /// The mean of all elements.
    Mean,
    /// The largest element, the first if there are several.
    Max,
    /// The matrix product `a · b`: (M, K) and (K, N) → (M, N).
    Matmul,
    /// The mean of each channel over all images and pixels: (B, pixels · C) → (1, C).
    ChannelMean {
        /// C, the numbers per pixel, which are adjacent.
        channels: usize,
    },
    /// Repeats the columns side by side: one number per channel becomes one per channel and pixel.
    Repeat {
        /// The number of repetitions.
        times: usize,
    },
    /// The mean loss of scores (B, C). The second operand is the classes (B), with respect to which there is no
    /// derivative.
    Loss(Loss),
    /// The convolution of images, one per row, with weights, and with biases if there is a third operand.
    Convolution(Window),
    /// The largest number of each window, per channel.
    MaxPool(Window),
    /// The mean of each window, per channel.
    AveragePool(Window),
}

/// Why an operation rejects its operands, before its position in the text is known.
pub(super) struct Flaw {
    pub found: String,
    pub expected: String,
}

impl Flaw {
    pub fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Flaw { found: found.into(), expected: expected.into() }
    }
}

/// The derivative of a node with respect to an operand, in the form that the chain rule needs.
pub(super) enum Derivative {
    /// An element-wise operation, or a reduction to one number: the derivative has a value, by which the gradient of
    /// the node is multiplied element-wise.
    Local {
        /// Its formula: `1 − y²`.
        symbol: String,
        value: Value,
    },
    /// The product of the derivative, which is never written out, with the gradient of the node.
    Product {
        /// Its formula: `Xᵀ · ∂f/∂z`, with `{}` in place of the gradient.
        formula: String,
        /// A symbol for the derivative itself.
        symbol: String,
        value: Value,
    },
}

impl Operation {
    /// Whether the derivative with respect to this operand is defined. It is not for the classes of a loss.
    pub(super) fn is_differentiable(&self, operand: usize) -> bool {
        !matches!(self, Operation::Loss(_)) || operand == 0
    }

    /// The minimum and maximum number of operands.
    pub(super) fn arity(&self) -> (usize, usize) {
        use Operation::*;
        match self {
            Input | Constant(_) => (0, 0),
            Add | Subtract | Multiply | Divide | Power | Maximum | Matmul | Loss(_) => (2, 2),
            Convolution(_) => (2, 3),
            Negate | Activation(_) | Exp | Log | Sqrt | Sum | Mean | Max => (1, 1),
            ChannelMean { .. } | Repeat { .. } | MaxPool(_) | AveragePool(_) => (1, 1),
        }
    }

    /// The text of the node in a drawing: `+`, `relu`.
    pub fn symbol(&self) -> &'static str {
        use Operation::*;
        match self {
            Input => "variable",
            Constant(_) => "constant",
            Add => "+",
            Subtract | Negate => "−",
            Multiply => "×",
            Divide => "÷",
            Power => "^",
            Maximum | Max => "max",
            Activation(activation) => activation.name(),
            Exp => "exp",
            Log => "log",
            Sqrt => "sqrt",
            Sum => "sum",
            Mean => "mean",
            Matmul => "@",
            ChannelMean { .. } => "channel mean",
            Repeat { .. } => "repeat",
            Loss(crate::loss::Loss::Svm { .. }) => "SVM loss",
            Loss(crate::loss::Loss::Softmax) => "softmax loss",
            Convolution(_) => "conv2d",
            MaxPool(_) => "max pool",
            AveragePool(_) => "average pool",
        }
    }

    /// The operation with its operands, in expression syntax: `x + y`, `relu(z)`.
    pub(super) fn formula(&self, operands: &[&str]) -> String {
        use Operation::*;
        let call = |name: &str, more: &str| format!("{name}({}{more})", operands.join(", "));
        match self {
            Input => "variable".to_owned(),
            Constant(_) => "constant".to_owned(),
            Add => operands.join(" + "),
            Subtract => operands.join(" - "),
            Multiply => operands.join(" * "),
            Divide => operands.join(" / "),
            Power => operands.join(" ^ "),
            Matmul => operands.join(" @ "),
            Negate => format!("-{}", operands[0]),
            Activation(network::Activation::LeakyRelu { slope }) => {
                call("leaky_relu", &format!(", slope={}", number(*slope)))
            }
            ChannelMean { channels } => call("channel_mean", &format!(", channels={channels}")),
            Repeat { times } => call("repeat", &format!(", times={times}")),
            Loss(crate::loss::Loss::Svm { margin: 1.0 }) => call("svm_loss", ""),
            Loss(crate::loss::Loss::Svm { margin }) => call("svm_loss", &format!(", margin={margin}")),
            Loss(crate::loss::Loss::Softmax) => call("softmax_loss", ""),
            Convolution(window) => call("conv2d", &window.in_words(false)),
            MaxPool(window) => call("max_pool", &window.in_words(true)),
            AveragePool(window) => call("average_pool", &window.in_words(true)),
            _ => call(self.symbol(), ""),
        }
    }

    /// The shape of the node.
    pub(super) fn shape(&self, operands: &[Shape]) -> Result<Shape, Flaw> {
        use Operation::*;
        match self {
            Input => unreachable!("the shape of a variable is that of its value"),
            Constant(value) => Ok(value.shape()),
            Add | Subtract | Multiply | Divide | Power | Maximum => {
                let (a, b) = (operands[0], operands[1]);
                common_shape(a, b).ok_or_else(|| {
                    Flaw::new(
                        format!("dimensions {a:?} and {b:?}"),
                        "equal numbers of rows and of columns, or 1 where one of the two is to be stretched",
                    )
                })
            }
            Negate | Activation(_) | Exp | Log | Sqrt => Ok(operands[0]),
            Sum | Mean | Max => Ok((1, 1)),
            Matmul => matmul::shape(operands[0], operands[1]),
            ChannelMean { channels } => channels::mean_shape(*channels, operands[0]),
            Repeat { times } => channels::repeat_shape(*times, operands[0]),
            Loss(_) => losses::shape(operands[0], operands[1]),
            Convolution(window) => window::convolution_shape(window, operands),
            MaxPool(window) | AveragePool(window) => window::pool_shape(window, operands[0]),
        }
    }

    /// About how many multiplications the node takes.
    pub(super) fn work(&self, operands: &[Shape], (rows, columns): Shape) -> u64 {
        let numbers = |(rows, columns): Shape| rows as u64 * columns as u64;
        let each = match self {
            Operation::Matmul => operands[0].1 as u64,
            Operation::Convolution(window) => window.patch() as u64,
            Operation::MaxPool(window) | Operation::AveragePool(window) => window.places() as u64,
            _ => 1,
        };
        let reads = operands.iter().fold(0u64, |sum, &shape| sum.saturating_add(numbers(shape)));
        numbers((rows, columns)).saturating_mul(each).saturating_add(reads)
    }

    /// The value of the node, and the side of each of its kinks on which it lies.
    pub(super) fn forward(&self, operands: &[&Value]) -> Result<(Value, Vec<u32>), Flaw> {
        use Operation::*;
        let smooth = |value| Ok((value, Vec::new()));
        match self {
            Input => unreachable!("the value of a variable is given"),
            Constant(value) => smooth(value.clone()),
            Add | Subtract | Multiply | Divide | Power | Maximum => {
                Ok(elementwise::binary(self, operands[0], operands[1]))
            }
            Negate | Activation(_) | Exp | Log | Sqrt => Ok(elementwise::unary(self, operands[0])),
            Sum | Mean | Max => Ok(elementwise::reduced(self, operands[0])),
            Matmul => smooth(matmul::product(operands[0], operands[1])),
            ChannelMean { channels } => smooth(channels::mean(*channels, operands[0])),
            Repeat { times } => smooth(channels::repeat(*times, operands[0])),
            Loss(loss) => losses::forward(*loss, operands[0], operands[1]),
            Convolution(window) => {
                smooth(window::convolve(window, operands[0], operands[1], operands.get(2).copied()))
            }
            MaxPool(window) => Ok(window::max_pool(window, operands[0])),
            AveragePool(window) => smooth(window::average_pool(window, operands[0])),
        }
    }

    /// The derivative with respect to an operand. `names` are those of the operands and the node, `gradient` is the
    /// node's.
    pub(super) fn derivative(
        &self,
        operand: usize,
        operands: &[&Value],
        names: &Names<'_>,
        output: &Value,
        gradient: &Value,
    ) -> Derivative {
        use Operation::*;
        match self {
            Input | Constant(_) => unreachable!("no operands, no derivatives"),
            Add | Subtract | Multiply | Divide | Power | Maximum => {
                elementwise::binary_derivative(self, operand, operands[0], operands[1], names)
            }
            Negate | Activation(_) | Exp | Log | Sqrt => {
                elementwise::unary_derivative(self, operands[0], output, names)
            }
            Sum | Mean | Max => elementwise::reduced_derivative(self, operands[0], names),
            Matmul => matmul::derivative(operand, operands[0], operands[1], names, gradient),
            ChannelMean { channels } => channels::mean_derivative(*channels, operands[0], gradient),
            Repeat { times } => channels::repeat_derivative(*times, operands[0], gradient),
            Loss(loss) => losses::derivative(*loss, operands[0], operands[1], names),
            Convolution(window) => {
                window::convolution_derivative(window, operand, operands[0], operands[1], names, gradient)
            }
            MaxPool(window) => window::max_pool_derivative(window, operands[0], gradient),
            AveragePool(window) => window::average_pool_derivative(window, operands[0], gradient),
        }
    }
}

/// The names of a node's operands and of the node itself.
pub(super) struct Names<'a> {
    pub operands: Vec<&'a str>,
    pub output: &'a str,
}
