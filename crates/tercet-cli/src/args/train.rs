//! `tercet train`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tercet::neighbors::{Metric, Priors, Vote};
use tercet::network::{Architecture, Init};
use tercet::recipe::NeighborsRecipe;

use crate::args::data_source::DataArgs;
use crate::args::dual::DualArgs;
use crate::args::gradient_descent::GradientDescentArgs;
use crate::args::logging::LoggingArgs;
use crate::args::neighbors::{DeformationArgs, K};
use crate::args::preprocessing::PreprocessingArgs;
use crate::exit;

/// What `tercet train` understands.
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    override_usage = "tercet train KIND [OPTIONS]\n       tercet train --recipe NAME|FILE [OPTIONS]",
    subcommand_value_name = "KIND",
    subcommand_help_heading = "Kinds"
)]
pub struct TrainArgs {
    #[command(subcommand)]
    pub kind: Option<TrainKind>,

    /// Train as a recipe says: `convolutional`, `deep`, `exact`, `fashion`, `fewest`, `knn-deformable`, `knn-shifted`, `lecture`,
    /// `linear`, `linear-patches`, `linear-pixels`, `network`, `ninety-nine`, `two-layer`, `two-layer-elastic`, or a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    pub recipe: Option<String>,

    /// The seed of every random choice, instead of the recipe's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// How many training examples are held out for validation, or 0 for none, instead of as many as the recipe says
    #[arg(long, value_name = "N")]
    pub validation: Option<usize>,

    /// Write the loss of every step to a CSV file
    #[arg(long, value_name = "FILE.csv")]
    pub losses: Option<PathBuf>,

    /// The weight of each training example, which its loss is multiplied by: a file with one number a line
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,

    #[command(flatten)]
    pub common: TrainCommonArgs,
}

#[derive(Subcommand)]
pub enum TrainKind {
    /// Remember every example; its nearest neighbours vote on a new one
    Neighbors(NeighborsArgs),
    /// Scores = X · W + b
    Linear(LinearArgs),
    /// Layers of neurons with ReLU between them
    Network(NetworkArgs),
}

#[derive(Args)]
pub struct TrainCommonArgs {
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
    /// The model file to write [default: neighbors, linear or network.safetensors]
    #[arg(long, global = true, help_heading = "Data and files", value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub logging: LoggingArgs,
}

#[derive(Args)]
pub struct NeighborsArgs {
    /// How many neighbours vote, or `auto`: as many as are best at classifying each training example by the others
    #[arg(short, long, default_value_t = K::Given(3), value_name = "K|auto")]
    pub k: K,
    /// The largest k that `auto` tries [default: 15]
    #[arg(long, value_name = "K")]
    pub k_max: Option<usize>,
    /// Where `auto` draws the accuracy against k [default: beside the model, neighbors.k.html]
    #[arg(long, value_name = "FILE.html", conflicts_with = "no_plot")]
    pub plot: Option<PathBuf>,
    /// Let `auto` draw nothing
    #[arg(long)]
    pub no_plot: bool,
    /// How distance is measured: l1, l2, l3, cosine or dot
    #[arg(long, default_value_t = Metric::L2)]
    pub metric: Metric,
    /// What a vote counts: uniform, or distance (1 / d)
    #[arg(long, default_value_t = Vote::Uniform)]
    pub vote: Vote,
    /// How often each class is to be expected: as in the data, uniform (balances classes), or a number for each
    #[arg(long, default_value_t = Priors::Data, value_name = "data|uniform|P0,P1,…", allow_hyphen_values = true)]
    pub priors: Priors,
    /// The weight of each training example, which its vote is multiplied by: a file with one number a line
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    #[command(flatten)]
    pub deformation: DeformationArgs,
}

#[derive(Args)]
pub struct LinearArgs {
    #[command(flatten)]
    pub dual: DualArgs,
    #[command(flatten)]
    pub gradient_descent: GradientDescentArgs,
}

#[derive(Args)]
pub struct NetworkArgs {
    /// Hidden units of each hidden layer, such as 128 or 256,64
    #[arg(long, value_delimiter = ',', default_value = "128", value_name = "H,…")]
    pub hidden: Vec<usize>,
    /// All layers instead, as words: "conv5-24 pool relu flatten dense256 relu". The one that gives the scores is added
    #[arg(long, value_name = "WORDS", conflicts_with = "hidden", long_help = LAYERS)]
    pub layers: Option<Architecture>,
    /// Initial weights: `he`, or the eps of eps · randn, such as 1e-4
    #[arg(long, default_value = "he", value_name = "he|EPS")]
    pub init: String,
    #[command(flatten)]
    pub gradient_descent: GradientDescentArgs,
}

/// What the words of `--layers` are.
const LAYERS: &str = "\
All layers instead of hidden sizes, as words between quotation marks:

  dense256         256 units, each connected to everything
  conv5-24         24 filters of 5 × 5 pixels; conv3x5-24 has 3 rows and 5 columns
  conv5-24/2       … with a stride of 2
  conv5-24+1       … with 1 row and column of zeros around the image; +same keeps its size
  pool, pool3/2    the largest value of windows of 2 × 2 pixels; of 3 × 3 that lie 2 apart
  avgpool          the mean of them
  relu, leaky0.01, sigmoid, tanh, gelu
  dropout0.4       units sit out a step with this probability
  batchnorm        each channel to mean 0 and variance 1, then to a learned scale and shift
  flatten          an image as a list, which dense layers need

Where the words do not end with a dense layer, the one that gives the scores is added. `tercet describe --layers` shows \
what becomes of an image";

impl TrainArgs {
    /// The options that only a recipe takes here, and whether they were given.
    fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("--seed", self.seed.is_some()),
            ("--validation", self.validation.is_some()),
            ("--losses", self.losses.is_some()),
            ("--weights", self.weights.is_some()),
        ]
    }

    /// Rejects a recipe together with a kind, and neither of them.
    pub fn check(&self) -> anyhow::Result<()> {
        match (&self.kind, &self.recipe) {
            (None, None) => Err(exit::usage(
                "nothing to train was named; expected a kind (neighbors, linear or network) or --recipe",
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

impl NetworkArgs {
    /// The initial weights.
    pub fn init(&self) -> anyhow::Result<Init> {
        match self.init.as_str() {
            "he" => Ok(Init::He),
            eps => eps.parse().map(Init::Normal).map_err(|_| {
                exit::usage(format!("--init is {eps:?}; expected `he`, or a number such as 1e-4"))
            }),
        }
    }
}

impl NeighborsArgs {
    /// The recipe that the options amount to. Until k is chosen, it is 1.
    pub fn recipe(&self) -> anyhow::Result<NeighborsRecipe> {
        let k = if let K::Given(k) = self.k { k } else { 1 };
        Ok(NeighborsRecipe {
            metric: self.metric,
            vote: self.vote,
            priors: self.priors.clone(),
            deformation: self.deformation.deformable()?,
            ..NeighborsRecipe::new(k)
        })
    }
}
