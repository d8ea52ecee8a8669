//! Options of nearest neighbours.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use tercet::neighbors::{Deformable, Deformation, Edges, Metric, Priors, Vote};
use tercet::recipe::NeighborsRecipe;

use crate::exit;

/// Options of `tercet train neighbors`.
#[derive(Args)]
pub struct NeighborsArgs {
    /// Number of neighbours, or `auto` for the best k by leave-one-out on the training set
    #[arg(short, long, default_value_t = K::Given(3), value_name = "K|auto")]
    pub k: K,
    /// Largest k that `auto` tries [default: 15]
    #[arg(long, value_name = "K")]
    pub k_max: Option<usize>,
    /// Plot the accuracy of every k that `auto` tries [default: next to the model,
    /// neighbors.k.html]
    #[arg(long, value_name = "FILE.html", conflicts_with = "no_plot")]
    pub plot: Option<PathBuf>,
    /// Do not plot the accuracy of every k
    #[arg(long)]
    pub no_plot: bool,
    /// Distance metric: l1, l2, l3, cosine, dot, chebyshev, hamming, …
    #[arg(long, default_value_t = Metric::L2, value_name = "METRIC")]
    pub metric: Metric,
    /// Vote weights: uniform, or distance (1 / d)
    #[arg(long, default_value_t = Vote::Uniform, value_name = "VOTE")]
    pub vote: Vote,
    /// Class priors: those of the data, uniform (balances the classes), or one number per class
    #[arg(
        long,
        default_value_t = Priors::Data,
        value_name = "data|uniform|P0,P1,…",
        allow_hyphen_values = true
    )]
    pub priors: Priors,
    /// Weight of each training example's vote: a file with one number per line
    #[arg(long, value_name = "FILE")]
    pub sample_weights: Option<PathBuf>,
    #[command(flatten)]
    pub deformation: DeformationArgs,
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

/// The number of neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum K {
    /// The best k by leave-one-out.
    Auto,
    /// This many.
    Given(usize),
}

impl fmt::Display for K {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            K::Auto => f.pad("auto"),
            K::Given(k) => k.fmt(f),
        }
    }
}

impl FromStr for K {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(K::Auto),
            number => number.parse().map(K::Given).map_err(|_| "expected a number, or auto"),
        }
    }
}

/// Deformations that a distance is invariant to.
#[derive(Args, Clone)]
pub struct DeformationArgs {
    /// Use the smallest distance over all shifts of the image by up to N pixels
    #[arg(long, value_name = "N", conflicts_with = "warps", help_heading = "Deformations")]
    shifts: Option<usize>,
    /// Image distortion model: match every pixel with the best one up to N pixels away
    #[arg(long, value_name = "N", help_heading = "Deformations")]
    warps: Option<usize>,
    /// Pixels on each side that are compared together with a warped pixel [default: 1]
    #[arg(long, value_name = "N", help_heading = "Deformations")]
    context: Option<usize>,
    /// Transform of the gradient magnitudes that warped images are compared by [default: root]
    #[arg(long, value_enum, help_heading = "Deformations")]
    edges: Option<EdgesName>,
    /// Number of nearest examples, by --metric, to rerank with deformations [default: 2000]
    #[arg(long, value_name = "N", help_heading = "Deformations")]
    candidates: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum EdgesName {
    /// The magnitudes themselves
    Plain,
    /// Their square roots
    Root,
}

impl DeformationArgs {
    /// The deformations, if any. Rejects options that require another one.
    pub fn deformable(&self) -> anyhow::Result<Option<Deformable>> {
        let reject = |given: &[(&str, bool)], owner: &str| match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => {
                Err(exit::usage(format!("{name} belongs to {owner}: add that, or leave {name} out")))
            }
            None => Ok(()),
        };
        let of_warps = [("--context", self.context.is_some()), ("--edges", self.edges.is_some())];
        let deformation = match (self.shifts, self.warps) {
            (_, Some(reach)) => Deformation::Warps {
                reach,
                context: self.context.unwrap_or(Deformable::CONTEXT),
                edges: match self.edges {
                    Some(EdgesName::Plain) => Edges::Plain,
                    Some(EdgesName::Root) => Edges::Root,
                    None => Deformable::EDGES,
                },
            },
            (shifts, None) => {
                reject(&of_warps, "--warps")?;
                let Some(by) = shifts else {
                    reject(&[("--candidates", self.candidates.is_some())], "--shifts or --warps")?;
                    return Ok(None);
                };
                Deformation::Shifts(by)
            }
        };
        let candidates = self.candidates.unwrap_or(Deformable::CANDIDATES);
        Ok(Some(Deformable { candidates, deformation }))
    }
}
