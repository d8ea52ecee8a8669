//! Nearest neighbours, linear classifiers and neural networks: exact, fast, easy to inspect.
//!
//! Load your own data, train, evaluate, predict one picture and save:
//!
//! ```no_run
//! use std::path::Path;
//! use tercet::data::Source;
//! use tercet::image;
//! use tercet::recipe::Recipe;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A folder of pictures by class, NPZ, CSV, IDX, …: the format is detected from the content.
//! let data = "digits.npz".parse::<Source>()?.open()?;
//! let fitted = Recipe::network().fit(&data.split(0)?)?;
//! let model = fitted.model;
//!
//! let test = data.test.ok_or("no test set")?.open(&mut Vec::new(), "final evaluation");
//! println!("test accuracy: {:.2} %", 100.0 * model.evaluate(&test)?.accuracy);
//!
//! let picture = model.prepare(&image::open(Path::new("mine.png"))?)?;
//! let class = model.predict(&picture.examples())?[0];
//! println!("mine.png: {}", model.classes()[class as usize]);
//! model.save(Path::new("digits.safetensors"))?;
//! # Ok(())
//! # }
//! ```
//!
//! The modules below follow a lecture that classifies handwritten digits with three algorithms. Data comes first, then
//! the three classifiers, then training and evaluation.
//!
//! Letters have the same meaning everywhere:
//!
//! | letter | meaning |
//! |---|---|
//! | N | examples in a set |
//! | B | examples in a batch |
//! | D | input features (784 for MNIST) |
//! | H | hidden units of a layer |
//! | C | classes |
//! | k | neighbours |
//!
//! Matrices are row-major with one example per row: X is (N, D), scores are (N, C), and a weight matrix is (inputs,
//! outputs), so that a forward pass reads `scores = X · W + b`.

// Data.
pub mod data;
pub mod image;

// Preprocessing.
pub mod preprocess;

// The three classifiers, and the perceptron as an introduction to networks.
pub mod linear;
pub mod neighbors;
pub mod network;
pub mod perceptron;

// Training.
pub mod augment;
pub mod gradient_check;
pub mod graph;
pub mod loss;
pub mod optimizer;
pub mod recipe;
pub mod schedule;
pub mod train;
pub mod tune;

// Evaluating, saving and exporting models.
pub mod evaluate;
pub mod export;
pub mod model;
pub mod probe;

// Foundations.
pub mod error;
pub mod file;
pub mod interval;
pub mod matrix;
#[cfg(feature = "ndarray")]
mod ndarray;
mod parallel;
pub mod random;
mod tensors;
pub mod text;

pub use data::Dataset;
pub use error::{Error, Result};
pub use matrix::Matrix;
pub use model::{Classifier, Model};
