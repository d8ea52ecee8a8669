//! Options of `tercet train`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tercet::network::{Architecture, Init};
use tercet::recipe::{GradientDescentRecipe, Recipe};

use crate::args::data_source::DataArgs;
use crate::args::dual::DualArgs;
use crate::args::gradient_descent::GradientDescentArgs;
use crate::args::logging::LoggingArgs;
use crate::args::neighbors::NeighborsArgs;
use crate::args::preprocessing::PreprocessingArgs;
use crate::exit;

/// Options of `tercet train`.
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    override_usage = "tercet train KIND [OPTIONS]\n       tercet train --recipe RECIPE [OPTIONS]",
    subcommand_value_name = "KIND",
    subcommand_help_heading = "Kinds"
)]
pub struct TrainArgs {
    #[command(subcommand)]
    pub kind: Option<TrainKind>,

    /// Train a recipe instead of a kind
    #[arg(long, value_name = "RECIPE", help = recipe_help())]
    pub recipe: Option<String>,

    /// Seed of all random numbers [default: the recipe's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Number of training examples held out for validation, or 0 for none [default: the recipe's]
    #[arg(long, value_name = "N")]
    pub validation: Option<usize>,

    /// Write the loss of every step to a CSV file
    #[arg(long, value_name = "FILE.csv")]
    pub losses: Option<PathBuf>,

    /// Weight of each training example: a file with one number per line
    #[arg(long, value_name = "FILE")]
    pub sample_weights: Option<PathBuf>,

    #[command(flatten)]
    pub common: TrainCommonArgs,
}

#[derive(Subcommand)]
pub enum TrainKind {
    /// Nearest neighbours: store all examples, and let the k nearest vote
    #[command(visible_alias = "knn")]
    Neighbors(NeighborsArgs),
    /// Linear classifier: scores = X · W + b
    Linear(LinearArgs),
    /// Neural network: dense layers with ReLU, or any architecture
    Network(NetworkArgs),
    /// Convolutional network for images: a network with convolutional layers by default
    Cnn(CnnArgs),
}

/// Options of every kind.
#[derive(Args)]
pub struct TrainCommonArgs {
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
    /// Save the model to this file [default: KIND.safetensors, such as network.safetensors]
    #[arg(short, long, global = true, help_heading = "Data", value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    pub logging: LoggingArgs,
}

/// Options of `tercet train linear`.
#[derive(Args)]
pub struct LinearArgs {
    #[command(flatten)]
    pub dual: DualArgs,
    #[command(flatten)]
    pub gradient_descent: GradientDescentArgs,
}

/// Options of `tercet train network`.
#[derive(Args)]
pub struct NetworkArgs {
    /// Units of each hidden layer, such as 128 or 256,64
    #[arg(long, value_delimiter = ',', default_value = "128", value_name = "H,…")]
    pub hidden: Vec<usize>,
    /// Architecture string, instead of hidden sizes: "conv5-24 pool relu flatten dense256 relu"
    #[arg(long, value_name = "ARCHITECTURE", conflicts_with = "hidden", long_help = LAYERS)]
    pub layers: Option<Architecture>,
    /// Initial weights: `he`, or the standard deviation of a normal distribution, such as 1e-4
    #[arg(long, default_value = "he", value_name = "he|STD")]
    pub init: String,
    #[command(flatten)]
    pub gradient_descent: GradientDescentArgs,
}

/// Options of `tercet train cnn`.
#[derive(Args)]
pub struct CnnArgs {
    /// Architecture string
    #[arg(long, value_name = "ARCHITECTURE", default_value_t = cnn_layers(), long_help = LAYERS)]
    pub layers: Architecture,
    /// Initial weights: `he`, or the standard deviation of a normal distribution, such as 1e-4
    #[arg(long, default_value = "he", value_name = "he|STD")]
    pub init: String,
    #[command(flatten)]
    pub gradient_descent: GradientDescentArgs,
}

/// The default layers of a convolutional network.
pub fn cnn_layers() -> Architecture {
    GradientDescentRecipe::cnn().layers.expect("a convolutional network has layers")
}

/// The words of an architecture string.
const LAYERS: &str = "\
Architecture string. Its words:

  dense256         dense layer of 256 units
  conv5-24         24 filters of 5 × 5 pixels
  conv3x5-24       24 filters of 3 rows and 5 columns
  conv5-24/2       with a stride of 2
  conv5-24+1       with zero padding of 1; +same keeps the size
  pool, pool3/2    max pooling, 2 × 2; 3 × 3 with a stride of 2
  avgpool          average pooling
  relu, leaky0.01, sigmoid, tanh, gelu, gelu-tanh
  dropout0.4       dropout with this probability
  batchnorm        batch normalisation
  flatten          from an image to features, as dense layers need

If the string does not end with a dense layer, an output layer is added. \
`tercet describe --layers` shows the shapes and parameters of every layer.";

/// The help of `--recipe`, with the names of all built-in recipes.
fn recipe_help() -> String {
    format!("Train a recipe: a TOML file, or a built-in recipe ({})", Recipe::names().join(", "))
}

impl TrainArgs {
    /// The options that require --recipe, and whether they were given.
    fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("--seed", self.seed.is_some()),
            ("--validation", self.validation.is_some()),
            ("--losses", self.losses.is_some()),
            ("--sample-weights", self.sample_weights.is_some()),
        ]
    }

    /// Rejects a recipe together with a kind, and neither of them.
    pub fn check(&self) -> anyhow::Result<()> {
        match (&self.kind, &self.recipe) {
            (None, None) => Err(exit::usage(
                "nothing to train was named; expected a kind (neighbors, linear, network or cnn) or --recipe",
            )),
            (Some(_), Some(_)) => {
                Err(exit::usage("--recipe says which kind to train: leave out the kind, or the recipe"))
            }
            (Some(_), None) => match self.given().into_iter().find(|(_, given)| *given) {
                Some((option, _)) => Err(exit::usage(format!("{option} belongs after the kind"))),
                None => Ok(()),
            },
            (None, Some(_)) => Ok(()),
        }
    }

    /// Rejects options that belong to something other than the recipe.
    pub fn reject_options(&self, options: &[&str], owner: &str) -> anyhow::Result<()> {
        let given = self.given();
        match options.iter().find(|option| given.contains(&(option, true))) {
            Some(option) => Err(exit::usage(format!("{option} belongs to {owner}: leave {option} out"))),
            None => Ok(()),
        }
    }
}

/// The initial weights of `--init`.
pub fn init(text: &str) -> anyhow::Result<Init> {
    match text {
        "he" => Ok(Init::He),
        eps => eps
            .parse()
            .map(Init::Normal)
            .map_err(|_| exit::usage(format!("--init is {eps:?}; expected `he`, or a number such as 1e-4"))),
    }
}
