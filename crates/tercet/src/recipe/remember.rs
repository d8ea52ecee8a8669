//! The recipe of nearest neighbours.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{checked, unreadable};
use crate::image::Cleaning;
use crate::neighbors::{Deformable, Metric, Vote};
use crate::{Error, Result};

/// Everything that decides nearest neighbours, beside the data.
///
/// ```toml
/// description = "Nearest neighbours that forgive a shift"
/// kind = "neighbors"
/// k = 3
/// metric = "l3"               # "l2" where it is left out
/// vote = "distance"           # "uniform" where it is left out
/// cleaning = { deskew = true, blur = 0.7 }       # what is done to every picture first; nothing where it is left out
///
/// [deformation]               # the metric alone where it is left out
/// candidates = 1000           # the nearest by the metric, among which deformed ones are looked for
/// shifts = 2                  # or warps = 2, context = 1, edges = "root"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remember {
    /// What it is, for a reader.
    pub description: String,
    /// [`KindOfNeighbors::Neighbors`].
    pub kind: KindOfNeighbors,
    /// How many neighbours vote.
    pub k: usize,
    /// What "near" means, for candidates where there is a deformation.
    #[serde(default)]
    pub metric: Metric,
    /// What a neighbour's vote counts.
    #[serde(default)]
    pub vote: Vote,
    /// What is done to every picture first.
    #[serde(default, skip_serializing_if = "Cleaning::is_none")]
    pub cleaning: Cleaning,
    /// What a distance forgives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deformation: Option<Deformable>,
}

/// The one word for the kind of these recipes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KindOfNeighbors {
    /// Every example is remembered.
    Neighbors,
}

impl Remember {
    /// A recipe from the text of the file at `path`, which is named where something is wrong.
    ///
    /// # Errors
    /// As those of [`Recipe::parse`](super::Recipe::parse).
    ///
    /// ```
    /// use std::path::Path;
    /// use tercet::recipe::Remember;
    ///
    /// let recipe = Remember::parse("description = \"plain\"\nkind = \"neighbors\"\nk = 3", Path::new("plain.toml"))?;
    /// assert_eq!(recipe.metric.to_string(), "l2");
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let recipe: Remember =
            toml::from_str(text).map_err(|error| unreadable(&error, text, path, REMEDY))?;
        checked(recipe.validate(), path, REMEDY)?;
        Ok(recipe)
    }

    /// The recipe as TOML, to be read back by [`parse`](Remember::parse).
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers, words and tables of them can be written as TOML")
    }

    /// The recipe as a reader wants it, a name and a value each.
    pub fn describe(&self) -> Vec<(String, String)> {
        let mut words = vec![
            ("k", self.k.to_string()),
            ("metric", self.metric.to_string()),
            ("vote", self.vote.to_string()),
        ];
        if !self.cleaning.is_none() {
            words.push(("pictures", self.cleaning.to_string()));
        }
        if let Some(deformable) = self.deformation {
            words.push(("distance", deformable.describe(self.metric)));
            words.push(("candidates", deformable.candidates.to_string()));
        }
        words.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Refuses what cannot work with any data. What depends on the data, remembering finds.
    ///
    /// # Errors
    /// [`Error::Setting`] for k = 0, a vote by distance with a metric that is none, and a blur out of range.
    pub fn validate(&self) -> Result<()> {
        if self.k == 0 {
            return Err(Error::setting("k", 0, "at least 1"));
        }
        self.vote.check(self.metric)?;
        self.cleaning.check(Some(crate::image::ImageShape::gray(1, 1)))
    }
}

/// What to do about a recipe that is none.
const REMEDY: &str = "Compare it with recipes/knn-deformable.toml.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::AnyRecipe;

    const FILE: &str = include_str!("../../recipes/knn-deformable.toml");

    #[test]
    fn what_is_written_is_read_back() {
        for file in [FILE, include_str!("../../recipes/knn-shifted.toml")] {
            let recipe = Remember::parse(file, Path::new("x.toml")).unwrap();
            assert_eq!(Remember::parse(&recipe.to_toml(), Path::new("x.toml")).unwrap(), recipe);
            let any = AnyRecipe::parse(file, Path::new("x.toml")).unwrap();
            assert_eq!(any.describe(), recipe.describe());
        }
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (piece, with, words) in [
            ("k = 4", "k = 0", "k 0; expected at least 1"),
            ("vote = \"distance\"", "vote = \"loud\"", "unknown variant `loud`"),
            ("metric = \"l2\"", "metric = \"dot\"", "vote distance; expected uniform"),
            ("blur = 0.7", "blur = -1", "blur -1; expected above 0"),
            ("blur = 0.7", "sharpen = 1", "unknown field `sharpen`"),
            ("warps = 2", "shifts = 2", "context or edges without warps"),
            ("warps = 2", "warps = 2\nshifts = 2", "both or neither of shifts and warps"),
            ("k = 4", "k = 4\nseed = 1", "unknown field `seed`"),
        ] {
            assert!(FILE.contains(piece), "the recipe has no {piece}");
            let error =
                AnyRecipe::parse(&FILE.replace(piece, with), Path::new("x.toml")).unwrap_err().to_string();
            assert!(error.starts_with("x.toml: found ") && error.contains(words), "{with}: {error}");
        }
    }
}
