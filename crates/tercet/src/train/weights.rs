//! Class weights and example weights in the loss.

use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::{Error, Result};

/// How much the examples of each class count in the loss.
///
/// ```
/// use tercet::train::ClassWeights;
/// assert_eq!("balanced".parse::<ClassWeights>()?, ClassWeights::Balanced);
/// assert_eq!("1,0.5".parse::<ClassWeights>()?, ClassWeights::Given(vec![1.0, 0.5]));
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// All examples count the same.
    #[default]
    Equal,
    /// `N / (C · n_c)`, n_c being the number of examples of class c: every class has the same total weight, however
    /// many examples it has (King and Zeng 2001; scikit-learn's `class_weight="balanced"`).
    Balanced,
    /// These numbers, one for each class, none negative and not all 0.
    #[serde(untagged)]
    Given(Vec<f32>),
}

impl ClassWeights {
    /// Whether all examples count the same.
    pub fn is_equal(&self) -> bool {
        *self == ClassWeights::Equal
    }

    /// The weight of every example: that of its class, times its `own` if given. `None` if all count the same.
    ///
    /// # Shapes
    /// `own` and the weights are (N).
    ///
    /// # Errors
    /// A number of weights that differs from that of classes or examples, a negative or non-finite weight, and weights
    /// that are all 0.
    ///
    /// ```
    /// use tercet::Dataset;
    /// use tercet::train::ClassWeights;
    ///
    /// // Three cats, one dog.
    /// let classes = vec!["cat".into(), "dog".into()];
    /// let pets = Dataset::from_features("pets", 1, vec![0.0; 4], vec![0, 0, 0, 1], classes)?;
    /// let weights = ClassWeights::Balanced.of_examples(&pets, None)?.unwrap();
    /// assert_eq!(weights, [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn of_examples(&self, examples: &Dataset, own: Option<&[f32]>) -> Result<Option<Vec<f32>>> {
        let labels = examples.labels();
        let of_class: Option<Vec<f32>> = match self {
            ClassWeights::Equal => None,
            ClassWeights::Balanced => {
                let mut counts = vec![0usize; examples.class_count()];
                labels.iter().for_each(|&y| counts[y as usize] += 1);
                let share = examples.len() as f64 / counts.len() as f64;
                // The weight of a class without examples is never used.
                Some(counts.iter().map(|&count| (share / count.max(1) as f64) as f32).collect())
            }
            ClassWeights::Given(weights) => {
                self.validate()?;
                if weights.len() != examples.class_count() {
                    let expected = format!("{}, one for each class", examples.class_count());
                    return Err(Error::mismatch("class weights", weights.len(), expected));
                }
                Some(weights.clone())
            }
        };
        if of_class.is_none() && own.is_none() {
            return Ok(None);
        }
        let mut weights = own.map_or_else(|| vec![1.0; labels.len()], <[f32]>::to_vec);
        check(&weights, examples.len())?;
        if let Some(of_class) = of_class {
            weights.iter_mut().zip(labels).for_each(|(weight, &y)| *weight *= of_class[y as usize]);
        }
        check(&weights, examples.len())?;
        Ok(Some(weights))
    }

    /// Rejects invalid class weights.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<()> {
        let ClassWeights::Given(weights) = self else { return Ok(()) };
        let bad = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0));
        match bad {
            Some(bad) => Err(Error::setting("a class weight", bad, "a finite number, 0 or more")),
            None if weights.iter().all(|&weight| weight == 0.0) => {
                Err(Error::setting("the list of class weights", format!("{weights:?}"), "one above 0"))
            }
            None => Ok(()),
        }
    }
}

/// Rejects invalid example weights.
pub(super) fn check(weights: &[f32], examples: usize) -> Result<()> {
    if weights.len() != examples {
        return Err(Error::mismatch(
            "weights of the examples",
            weights.len(),
            format!("{examples}, one for each"),
        ));
    }
    if let Some(i) = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
        let expected = "a finite number, 0 or more";
        return Err(Error::mismatch(format!("weight of example {i}"), weights[i], expected));
    }
    if weights.iter().all(|&weight| weight == 0.0) {
        return Err(Error::mismatch("weights of the examples", "all 0", "one above 0"));
    }
    Ok(())
}

impl std::str::FromStr for ClassWeights {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "equal" => return Ok(ClassWeights::Equal),
            "balanced" => return Ok(ClassWeights::Balanced),
            _ => {}
        }
        let numbers: Result<Vec<f32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        let expected = "equal, balanced, or a number for each class, such as 1,0.5";
        numbers
            .map(ClassWeights::Given)
            .map_err(|_| Error::setting("class weights", format!("{text:?}"), expected))
    }
}

impl std::fmt::Display for ClassWeights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ClassWeights::Equal => write!(f, "equal"),
            ClassWeights::Balanced => write!(f, "balanced"),
            ClassWeights::Given(weights) => {
                f.write_str(&weights.iter().map(f32::to_string).collect::<Vec<_>>().join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Dataset {
        let classes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        Dataset::from_features("x", 1, vec![0.0; 6], vec![0, 0, 0, 0, 1, 1], classes).unwrap()
    }

    #[test]
    fn balanced_classes_have_equal_total_weight_and_mean_one() {
        let two = set().subset(&[0, 1, 2, 3, 4, 5]);
        let weights = ClassWeights::Balanced.of_examples(&two, None).unwrap().unwrap();
        assert_eq!(weights, [0.5, 0.5, 0.5, 0.5, 1.0, 1.0]);
        assert_eq!(weights[..4].iter().sum::<f32>(), weights[4..].iter().sum::<f32>());
    }

    #[test]
    fn the_weight_of_an_example_is_its_own_times_its_class_s() {
        let own = [1.0, 2.0, 0.0, 1.0, 3.0, 1.0];
        let given = ClassWeights::Given(vec![0.5, 4.0, 0.0]);
        let weights = given.of_examples(&set(), Some(&own)).unwrap().unwrap();
        assert_eq!(weights, [0.5, 1.0, 0.0, 0.5, 12.0, 4.0]);
        let weights = ClassWeights::Equal.of_examples(&set(), Some(&own)).unwrap().unwrap();
        assert_eq!(weights, own);
        assert_eq!(ClassWeights::Equal.of_examples(&set(), None).unwrap(), None);
    }

    #[test]
    fn invalid_weights_are_rejected() {
        for (weights, own, words) in [
            ("1,2", None, "class weights: found 2; expected 3"),
            ("1,-2,1", None, "a class weight is -2"),
            ("0,0,0", None, "the list of class weights is [0.0, 0.0, 0.0]; expected one above 0"),
            ("equal", Some(vec![1.0; 5]), "weights of the examples: found 5; expected 6"),
            ("equal", Some(vec![f32::NAN; 6]), "weight of example 0: found NaN"),
            ("0,0,1", None, "weights of the examples: found all 0"),
        ] {
            let weights: ClassWeights = weights.parse().unwrap();
            let error = weights.of_examples(&set(), own.as_deref()).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
        let error = "heavy".parse::<ClassWeights>().unwrap_err().to_string();
        assert!(error.starts_with("class weights is \"heavy\"; expected equal, balanced"), "{error}");
    }
}
