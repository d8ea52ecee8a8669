//! The recipe of nearest neighbours.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::neighbors::{Deformable, Metric, Priors, Vote};
use crate::preprocess::Spec;
use crate::{Error, Result};

/// All settings of a nearest-neighbour classifier: with the data, they determine the model.
///
/// ```toml
/// description = "Nearest neighbours that tolerate a shift"
/// kind = "neighbors"
/// k = 3
/// metric = "l3"               # default: "l2"
/// vote = "distance"           # default: "uniform"
/// preprocessing = "auto, deskew, blur 0.7"       # default: "auto"
///
/// [deformation]               # default: only the metric
/// candidates = 1000           # the nearest by the metric, which are ranked again by the deformed distance
/// shifts = 2                  # or warps = 2, context = 1, edges = "root"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighborsRecipe {
    /// A description for readers.
    pub description: String,
    /// [`Kind::Neighbors`].
    pub kind: Kind,
    /// The number of neighbours.
    pub k: usize,
    /// The distance metric; with a deformation, the one that selects the candidates.
    #[serde(default)]
    pub metric: Metric,
    /// The weights of the neighbours' votes.
    #[serde(default)]
    pub vote: Vote,
    /// The preprocessing, fitted on the training examples.
    #[serde(default, skip_serializing_if = "Spec::is_auto")]
    pub preprocessing: Spec,
    /// The prior probability of each class.
    #[serde(default, skip_serializing_if = "Priors::is_of_data")]
    pub priors: Priors,
    /// The deformations that the distance tolerates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deformation: Option<Deformable>,
}

impl NeighborsRecipe {
    /// k nearest neighbours by Euclidean distance, each with one vote.
    pub fn new(k: usize) -> Self {
        NeighborsRecipe {
            description: format!("{k} nearest neighbours"),
            kind: Kind::Neighbors,
            k,
            metric: Metric::L2,
            vote: Vote::Uniform,
            preprocessing: Spec::default(),
            priors: Priors::Data,
            deformation: None,
        }
    }

    /// The recipe in readable form, as pairs of name and value.
    pub fn describe(&self) -> Vec<(String, String)> {
        let mut words = vec![
            ("k", self.k.to_string()),
            ("metric", self.metric.to_string()),
            ("vote", self.vote.to_string()),
        ];
        if !self.preprocessing.is_auto() {
            words.push(("preprocessing", self.preprocessing.to_string()));
        }
        if self.priors != Priors::Data {
            words.push(("priors", self.priors.to_string()));
        }
        if let Some(deformable) = self.deformation {
            words.push(("distance", deformable.describe(self.metric)));
            words.push(("candidates", deformable.candidates.to_string()));
        }
        words.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Rejects settings that are invalid for any data. What depends on the data is checked when fitting.
    ///
    /// # Errors
    /// [`Error::Setting`] for k = 0, a vote by distance with a metric that is not a distance, and a blur out of range.
    pub fn validate(&self) -> Result<()> {
        if self.kind != Kind::Neighbors {
            return Err(Error::setting("kind", "not neighbors", "neighbors"));
        }
        if self.k == 0 {
            return Err(Error::setting("k", 0, "at least 1"));
        }
        self.vote.check(self.metric)
    }
}

#[cfg(all(test, feature = "toml"))]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::recipe::Recipe;

    const FILE: &str = include_str!("../../recipes/knn-deformable.toml");

    #[test]
    fn recipes_round_trip() {
        for file in [FILE, include_str!("../../recipes/knn-shifted.toml")] {
            let recipe = NeighborsRecipe::parse(file, Path::new("x.toml")).unwrap();
            assert_eq!(NeighborsRecipe::parse(&recipe.to_toml(), Path::new("x.toml")).unwrap(), recipe);
            let any = Recipe::parse(file, Path::new("x.toml")).unwrap();
            assert_eq!(any.describe(), recipe.describe());
        }
    }

    #[test]
    fn invalid_settings_are_rejected_by_name() {
        for (piece, with, words) in [
            ("k = 4", "k = 0", "k 0; expected at least 1"),
            ("vote = \"distance\"", "vote = \"loud\"", "unknown variant `loud`"),
            ("metric = \"l2\"", "metric = \"dot\"", "vote distance; expected uniform"),
            ("blur 0.7", "blur -1", "the number of a step is blur -1"),
            ("blur 0.7", "sharpen 1", "preprocessing is sharpen 1"),
            ("warps = 2", "shifts = 2", "context or edges without warps"),
            ("warps = 2", "warps = 2\nshifts = 2", "both or neither of shifts and warps"),
            ("k = 4", "k = 4\nseed = 1", "unknown field `seed`"),
        ] {
            assert!(FILE.contains(piece), "the recipe has no {piece}");
            let error =
                Recipe::parse(&FILE.replace(piece, with), Path::new("x.toml")).unwrap_err().to_string();
            assert!(error.starts_with("x.toml: found ") && error.contains(words), "{with}: {error}");
        }
    }
}
