//! [`Activation`]: element-wise activation functions. Each file holds the forward and backward pass of one function;
//! [`naive`](super::naive) has the formulas for any float type.

mod gelu;
mod gelu_tanh;
mod leaky_relu;
mod relu;
mod sigmoid;
mod tanh;

use std::fmt;

use num_traits::Float;
use serde::{Deserialize, Serialize};

/// An activation function, y of z. `Display` prints its word in an architecture string, such as `relu` or `leaky0.01`.
///
/// ```
/// use tercet::network::Activation;
///
/// let leaky = Activation::LeakyRelu { slope: 0.01 };
/// assert_eq!((leaky.name(), leaky.to_string()), ("leaky_relu", "leaky0.01".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Activation<T = f32> {
    /// `max(0, z)`.
    Relu,
    /// z where z > 0, else `slope · z`.
    LeakyRelu {
        /// The factor for negative z.
        slope: T,
    },
    /// `1 / (1 + exp(−z))`.
    Sigmoid,
    /// `tanh z`.
    Tanh,
    /// `z · Φ(z)`, where `Φ(z) = ½ (1 + erf(z / √2))` is the standard normal distribution function.
    Gelu,
    /// `½ z (1 + tanh(√(2/π) (z + 0.044715 z³)))`, an approximation of [`Gelu`](Activation::Gelu).
    GeluTanh,
}

/// The words of all activations in an architecture string.
pub(super) const WORDS: [&str; 6] = ["relu", "leaky", "sigmoid", "tanh", "gelu", "gelu-tanh"];

/// The default slope, as in PyTorch.
const SLOPE: f64 = 0.01;

impl<T> Activation<T> {
    /// The name of the function in PyTorch's `functional`; the approximation of GELU is `gelu_tanh`.
    pub const fn name(&self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::LeakyRelu { .. } => "leaky_relu",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Gelu => "gelu",
            Activation::GeluTanh => "gelu_tanh",
        }
    }
}

impl<T: Float> Activation<T> {
    /// The activation of this [`name`](Activation::name), with the default slope.
    pub fn from_name(name: &str) -> Option<Self> {
        let slope = T::from(SLOPE).expect("every float type has a number near 0.01");
        let all = [
            Activation::Relu,
            Activation::LeakyRelu { slope },
            Activation::Sigmoid,
            Activation::Tanh,
            Activation::Gelu,
            Activation::GeluTanh,
        ];
        all.into_iter().find(|activation| activation.name() == name)
    }
}

impl Activation {
    /// Parses a word of an architecture string, split into its letters (`name`) and the rest. Returns what was expected
    /// if the rest is invalid, `None` if no activation has that name.
    pub(super) fn from_word(name: &str, rest: &str) -> Option<Result<Self, String>> {
        match (name, rest) {
            ("leaky", "") => Self::from_name("leaky_relu").map(Ok),
            ("leaky", _) => Some(match rest.parse() {
                Ok(slope) => Ok(Activation::LeakyRelu { slope }),
                Err(_) => Err("leaky and the slope below 0, as in leaky0.01".to_owned()),
            }),
            (_, "") => Self::from_name(name).map(Ok),
            ("gelu", "-tanh") => Some(Ok(Activation::GeluTanh)),
            ("gelu", _) => Some(Err("gelu, or gelu-tanh for its approximation".to_owned())),
            _ => Self::from_name(name).map(|_| Err(format!("{name} alone, without a number"))),
        }
    }

    /// If the parameters are invalid, what they should be.
    pub(super) fn expected_parameters(self) -> Option<&'static str> {
        match self {
            Activation::LeakyRelu { slope } if !slope.is_finite() => {
                Some("a finite slope, such as leaky0.01")
            }
            _ => None,
        }
    }

    /// The same function in f64.
    pub(crate) fn to_f64(self) -> Activation<f64> {
        match self {
            Activation::Relu => Activation::Relu,
            Activation::LeakyRelu { slope } => Activation::LeakyRelu { slope: f64::from(slope) },
            Activation::Sigmoid => Activation::Sigmoid,
            Activation::Tanh => Activation::Tanh,
            Activation::Gelu => Activation::Gelu,
            Activation::GeluTanh => Activation::GeluTanh,
        }
    }

    /// y of z.
    ///
    /// # Shapes
    /// `z` and `y` have the same length.
    pub(super) fn forward(self, z: &[f32], y: &mut [f32]) {
        match self {
            Activation::Relu => relu::forward(z, y),
            Activation::LeakyRelu { slope } => leaky_relu::forward(slope, z, y),
            Activation::Sigmoid => sigmoid::forward(z, y),
            Activation::Tanh => tanh::forward(z, y),
            Activation::Gelu => gelu::forward(z, y),
            Activation::GeluTanh => gelu_tanh::forward(z, y),
        }
    }

    /// `dz = dy · dy/dz`. In place: `upstream` holds dy and becomes dz.
    ///
    /// # Shapes
    /// `z` and `upstream` have the same length.
    pub(super) fn backward(self, z: &[f32], upstream: &mut [f32]) {
        match self {
            Activation::Relu => relu::backward(z, upstream),
            Activation::LeakyRelu { slope } => leaky_relu::backward(slope, z, upstream),
            Activation::Sigmoid => sigmoid::backward(z, upstream),
            Activation::Tanh => tanh::backward(z, upstream),
            Activation::Gelu => gelu::backward(z, upstream),
            Activation::GeluTanh => gelu_tanh::backward(z, upstream),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activation::LeakyRelu { slope } => write!(f, "leaky{slope}"),
            Activation::GeluTanh => write!(f, "gelu-tanh"),
            other => write!(f, "{}", other.name()),
        }
    }
}
