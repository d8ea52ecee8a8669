//! How much each remembered example counts: its weight, and the [`Priors`] of the classes.
//!
//! Of a query x, Bayes' rule says
//!
//! ```text
//! p(c | x)  ∝  prior_c · p(x | c)
//! ```
//!
//! and neighbours estimate the density of each class by how many of them are of it: with m_c the examples of class c,
//! k_c of them among the k nearest, and V the volume that holds those, `p(x | c) ≈ k_c / (m_c V)`. V is the same for
//! all classes, so
//!
//! ```text
//! p(c | x)  ∝  k_c · prior_c / (m_c / m),     m = Σ m_c
//! ```
//!
//! Where the prior of each class is its share of the examples, m_c / m, this is the plain vote, k_c / k. With other
//! priors, each vote for a class is multiplied by the quotient of the two. Weights turn counts into sums: k_c and m_c
//! are the weights of those examples.
//!
//! Source: Bishop, *Pattern Recognition and Machine Learning* (2006), section 2.5.2, where the priors are those of the
//! data.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How often each class is expected where the classifier will be used.
///
/// A vote for class c counts `prior_c / share_c` times, share_c being the share of the class among the remembered
/// examples by their weights (Bayes' rule, the density of each class estimated from its neighbours). Only the ratios of
/// priors matter: 1,3 is the same as 0.25,0.75. A class that no example can vote for gets no votes, whatever its prior.
///
/// ```
/// use tercet::neighbors::Priors;
/// assert_eq!("uniform".parse::<Priors>()?, Priors::Uniform);
/// assert_eq!("0.7,0.3".parse::<Priors>()?, Priors::Given(vec![0.7, 0.3]));
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priors {
    /// As often as among the remembered examples: votes count as they are.
    #[default]
    Data,
    /// All equally often. This balances classes with many examples and classes with few.
    Uniform,
    /// As these numbers say, one for each class, none negative and not all 0.
    #[serde(untagged)]
    Given(Vec<f64>),
}

impl Priors {
    /// Whether votes count as they are.
    pub(crate) fn is_of_data(&self) -> bool {
        *self == Priors::Data
    }

    /// The prior of each of C classes; none where votes count as they are.
    ///
    /// # Errors
    /// Another number of priors than of classes, one that is negative or not finite, and all of them 0.
    fn numbers(&self, classes: usize) -> Result<Option<Vec<f64>>> {
        let refuse =
            |found: String, expected: String| Err(Error::setting("the list of priors", found, expected));
        match self {
            Priors::Data => Ok(None),
            Priors::Uniform => Ok(Some(vec![1.0 / classes as f64; classes])),
            Priors::Given(priors) => {
                if priors.len() != classes {
                    let expected = format!("{classes} long, one prior for each class");
                    return refuse(format!("{} long", priors.len()), expected);
                }
                if let Some(bad) = priors.iter().find(|prior| !prior.is_finite() || **prior < 0.0) {
                    return refuse(format!("one with {bad} in it"), "finite numbers, 0 or more".to_owned());
                }
                // Divided by the largest first, a sum can neither overflow nor vanish.
                let largest = priors.iter().copied().fold(0.0, f64::max);
                if largest == 0.0 {
                    return refuse("all 0".to_owned(), "at least one above 0".to_owned());
                }
                let sum: f64 = priors.iter().map(|prior| prior / largest).sum();
                Ok(Some(priors.iter().map(|prior| prior / largest / sum).collect()))
            }
        }
    }
}

impl std::fmt::Display for Priors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Priors::Data => f.pad("data"),
            Priors::Uniform => f.pad("uniform"),
            Priors::Given(priors) => f.pad(&priors.iter().map(f64::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

impl std::str::FromStr for Priors {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.eq_ignore_ascii_case("data") {
            return Ok(Priors::Data);
        }
        if text.eq_ignore_ascii_case("uniform") {
            return Ok(Priors::Uniform);
        }
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        let expected = "data, uniform, or a number for each class, such as 0.7,0.3";
        numbers.map(Priors::Given).map_err(|_| Error::setting("priors", format!("{text:?}"), expected))
    }
}

/// What the vote of each remembered example is multiplied by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weighting {
    /// The weight of each example, (N); all 1 where there are none.
    weights: Option<Vec<f32>>,
    priors: Priors,
    /// The priors, (C), adding up to 1; none where those of the data hold.
    expected: Option<Vec<f64>>,
    of_classes: OfClasses,
    standing: Standing,
}

/// What the examples of each class add up to.
#[derive(Clone, Debug, PartialEq)]
struct OfClasses {
    /// Σ of their weights, (C).
    mass: Vec<f64>,
    /// How many have a weight above 0, (C).
    voters: Vec<u32>,
}

/// Where the classes stand before anyone has voted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Standing {
    /// `prior_c / share_c`, (C): what a vote for the class is multiplied by.
    pub factors: Vec<f64>,
    /// What is known without a vote, (C): the priors of the classes that can be voted for. It adds up to 1, or to 0
    /// where there is no such class.
    pub unasked: Vec<f64>,
}

impl Weighting {
    /// # Errors
    /// Weights that are not one finite number of 0 or more for each example; priors that are not the like for each
    /// class; and weights and priors that leave no example a vote.
    pub fn new(
        labels: &[u32],
        classes: usize,
        weights: Option<Vec<f32>>,
        priors: Priors,
    ) -> Result<Weighting> {
        if let Some(weights) = &weights {
            if weights.len() != labels.len() {
                let expected = format!("{}, one for each example", labels.len());
                return Err(Error::mismatch("weights of the examples", weights.len(), expected));
            }
            if let Some(at) = weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
                let what = format!("weight of example {at}");
                return Err(Error::mismatch(what, weights[at], "a finite number, 0 or more"));
            }
            if weights.iter().all(|weight| *weight == 0.0) {
                return Err(Error::mismatch("weights of the examples", "all 0", "at least one above 0"));
            }
        }
        let expected = priors.numbers(classes)?;
        let mut of_classes = OfClasses { mass: vec![0.0; classes], voters: vec![0; classes] };
        for (i, &label) in labels.iter().enumerate() {
            let weight = weights.as_ref().map_or(1.0, |weights| f64::from(weights[i]));
            of_classes.mass[label as usize] += weight;
            of_classes.voters[label as usize] += u32::from(weight > 0.0);
        }
        let mut standing = Standing::default();
        of_classes.stand(expected.as_deref(), &mut standing);
        if standing.unasked.iter().all(|share| *share == 0.0) {
            let found = "0 for every class that an example can vote for";
            let wanted = "a prior above 0 for a class that has an example of a weight above 0";
            return Err(Error::setting("the list of priors", found, wanted));
        }
        Ok(Weighting { weights, priors, expected, of_classes, standing })
    }

    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    pub fn priors(&self) -> &Priors {
        &self.priors
    }

    /// The weight of example `i`.
    pub fn weight(&self, i: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[i].into())
    }

    /// Where the classes stand.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Where the classes stand among all examples but example `left_out`, written from scratch.
    pub fn stand_without(&self, left_out: usize, labels: &[u32], standing: &mut Standing) {
        let (class, weight) = (labels[left_out], self.weight(left_out));
        let mut others = self.of_classes.clone();
        let c = class as usize;
        let mass = others.mass[c];
        others.voters[c] -= u32::from(weight > 0.0);
        others.mass[c] -= weight;
        // One example can be nearly all of its class: what its digits swallowed is added up again. This happens for
        // one example of a class at most.
        if others.mass[c] < 1e-3 * mass {
            let rest = (0..labels.len()).filter(|&i| labels[i] == class && i != left_out);
            others.mass[c] = rest.map(|i| self.weight(i)).sum();
        }
        others.stand(self.expected.as_deref(), standing);
    }
}

impl OfClasses {
    fn stand(&self, expected: Option<&[f64]>, standing: &mut Standing) {
        let Standing { factors, unasked } = standing;
        let prior = |c: usize| match expected {
            _ if self.voters[c] == 0 => 0.0,
            Some(priors) => priors[c],
            None => self.mass[c],
        };
        unasked.clear();
        unasked.extend((0..self.mass.len()).map(prior));
        let sum: f64 = unasked.iter().sum();
        if sum > 0.0 {
            unasked.iter_mut().for_each(|share| *share /= sum);
        }
        let total: f64 = self.mass.iter().sum();
        factors.clear();
        factors.extend(unasked.iter().zip(&self.mass).map(|(&prior, &mass)| match expected {
            _ if prior == 0.0 => 0.0,
            // 1 but for rounding, of which the plain vote has none.
            None => 1.0,
            Some(_) => prior * total / mass,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_back() {
        for priors in [Priors::Data, Priors::Uniform, Priors::Given(vec![0.1, 3.0, 0.0])] {
            assert_eq!(priors.to_string().parse::<Priors>().unwrap(), priors);
            let json = serde_json::to_string(&priors).unwrap();
            assert_eq!(serde_json::from_str::<Priors>(&json).unwrap(), priors);
        }
        assert_eq!(serde_json::to_string(&Priors::Uniform).unwrap(), "\"uniform\"");
        assert_eq!(serde_json::to_string(&Priors::Given(vec![0.5, 2.0])).unwrap(), "[0.5,2.0]");
        for bad in ["", "even", "0.5,", "0.5;0.5"] {
            let error = bad.parse::<Priors>().unwrap_err().to_string();
            assert!(error.contains("a number for each class"), "{error}");
        }
    }

    #[test]
    fn factors_are_priors_over_shares() {
        let standing = |labels: &[u32], weights: Option<Vec<f32>>, priors| {
            Weighting::new(labels, 3, weights, priors).unwrap().standing
        };
        assert_eq!(
            standing(&[0, 0, 0, 2], None, Priors::Data),
            Standing { factors: vec![1.0, 0.0, 1.0], unasked: vec![0.75, 0.0, 0.25] }
        );
        // Shares ¾, 0 and ¼; uniform priors among the two classes that have examples.
        let uniform = standing(&[0, 0, 0, 2], None, Priors::Uniform);
        assert!((uniform.factors[2] / uniform.factors[0] - 3.0).abs() < 1e-15);
        assert_eq!(uniform.unasked, [0.5, 0.0, 0.5]);
        // Weights make the shares ⅓, 0 and ⅔.
        let weighted =
            standing(&[0, 0, 0, 2], Some(vec![1.0, 0.0, 0.0, 2.0]), Priors::Given(vec![4., 0., 4.]));
        assert_eq!(weighted.factors, [1.5, 0.0, 0.75]);
    }

    #[test]
    fn tiny_and_huge_priors_are_ratios_like_any() {
        for scale in [1e-300, 1.0, 1e300] {
            let priors = Priors::Given(vec![1.0 * scale, 3.0 * scale]).numbers(2).unwrap().unwrap();
            assert!((priors[0] - 0.25).abs() < 1e-15 && (priors[1] - 0.75).abs() < 1e-15, "{priors:?}");
        }
        assert_eq!(Priors::Given(vec![f64::MAX; 2]).numbers(2).unwrap(), Some(vec![0.5, 0.5]));
    }

    #[test]
    fn without_an_example_the_classes_stand_as_if_it_had_never_been() {
        let labels = [0, 1, 1, 0, 2, 1];
        // Example 1 is so heavy that the others of its class vanish beside it, all of them or some digits; example 4 is alone
        // in its class, and so are 0 and 2 where the others count for nothing.
        let heavy = [vec![1.0, 1e30, 0.25, 2.0, 0.1, 0.5], vec![1.0, 1e12, 0.1, 0.0, 0.1, 0.0]];
        let priors = [Priors::Data, Priors::Uniform, Priors::Given(vec![0.2, 0.0, 0.8])];
        for (weights, priors) in heavy.iter().flat_map(|w| priors.iter().map(move |p| (w, p))) {
            let all = Weighting::new(&labels, 3, Some(weights.clone()), priors.clone()).unwrap();
            for i in 0..labels.len() {
                let without = |values: &[f32]| {
                    values.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, v)| *v).collect::<Vec<_>>()
                };
                let fewer: Vec<u32> = without(&labels.map(|y| y as f32)).iter().map(|y| *y as u32).collect();
                let expected = Weighting::new(&fewer, 3, Some(without(weights)), priors.clone()).unwrap();
                let mut found = Standing::default();
                all.stand_without(i, &labels, &mut found);
                assert_eq!(found, expected.standing, "without {i}, {priors}");
            }
        }
    }

    #[test]
    fn what_cannot_be_counted_is_rejected() {
        let refuse = |weights: Option<Vec<f32>>, priors: &str, why: &str| {
            let error = Weighting::new(&[0, 1], 3, weights, priors.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        refuse(Some(vec![1.0]), "data", "weights of the examples: found 1; expected 2");
        refuse(
            Some(vec![1.0, -1.0]),
            "data",
            "weight of example 1: found -1; expected a finite number, 0 or more",
        );
        refuse(Some(vec![f32::NAN, 1.0]), "data", "weight of example 0: found NaN");
        refuse(Some(vec![1.0, f32::INFINITY]), "data", "weight of example 1: found inf");
        refuse(Some(vec![0.0, 0.0]), "uniform", "found all 0; expected at least one above 0");
        refuse(None, "1,2", "the list of priors is 2 long; expected 3 long");
        refuse(None, "1,-2,3", "one with -2 in it; expected finite numbers");
        refuse(None, "1,nan,3", "one with NaN in it");
        refuse(None, "1,inf,3", "one with inf in it");
        refuse(None, "0,0,0", "the list of priors is all 0");
        refuse(None, "0,0,1", "0 for every class that an example can vote for");
        refuse(Some(vec![1.0, 0.0]), "0,1,1", "0 for every class that an example can vote for");
    }

    #[test]
    fn what_was_given_is_kept() {
        let given = Priors::Given(vec![1.0, 3.0]);
        let weighting = Weighting::new(&[0, 1], 2, Some(vec![0.5, 2.0]), given.clone()).unwrap();
        assert_eq!((weighting.weights(), weighting.priors()), (Some(&[0.5, 2.0][..]), &given));
        assert_eq!((weighting.weight(0), weighting.weight(1)), (0.5, 2.0));
        assert_eq!(weighting.standing().unasked, [0.25, 0.75]);
        assert_eq!(Weighting::new(&[0, 1], 2, None, Priors::Data).unwrap().weights(), None);
    }
}
