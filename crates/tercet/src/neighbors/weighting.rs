//! The weights of the votes: the weight of each stored example, and the class [`Priors`].
//!
//! For a query x, Bayes' rule says
//!
//! ```text
//! p(c | x)  ∝  prior_c · p(x | c)
//! ```
//!
//! and nearest neighbours estimate the density of each class: with m_c the examples of class c, k_c of them among the k
//! nearest, and V the volume that contains those, `p(x | c) ≈ k_c / (m_c V)`. V is the same for all classes, so
//!
//! ```text
//! p(c | x)  ∝  k_c · prior_c / (m_c / m),     m = Σ m_c
//! ```
//!
//! If the prior of each class is its share of the examples, m_c / m, this is the plain vote, k_c / k. With other
//! priors, each vote for a class is multiplied by the quotient of the two. With weights, k_c and m_c are sums of
//! weights instead of counts.
//!
//! Source: Bishop, *Pattern Recognition and Machine Learning* (2006), section 2.5.2, where the priors are those of the
//! data.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The expected frequency of each class where the classifier will be used.
///
/// A vote for class c counts `prior_c / share_c` times, where share_c is the share of the class among the stored
/// examples by weight (Bayes' rule, with the density of each class estimated from its neighbours). Only the ratios of
/// priors matter: 1,3 is the same as 0.25,0.75. A class without any example that can vote gets no votes, whatever its
/// prior.
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
    /// The frequencies among the stored examples: votes are not adjusted.
    #[default]
    Data,
    /// Equal frequencies. This balances classes with many examples and classes with few.
    Uniform,
    /// The given numbers, one for each class, none negative and not all 0.
    #[serde(untagged)]
    Given(Vec<f64>),
}

impl Priors {
    /// Whether votes are not adjusted.
    pub(crate) fn is_of_data(&self) -> bool {
        *self == Priors::Data
    }

    /// The prior of each of C classes; `None` if votes are not adjusted.
    ///
    /// # Errors
    /// If the number of priors is not that of the classes, a prior is negative or not finite, or all are 0.
    fn numbers(&self, classes: usize) -> Result<Option<Vec<f64>>> {
        let reject =
            |found: String, expected: String| Err(Error::setting("the list of priors", found, expected));
        match self {
            Priors::Data => Ok(None),
            Priors::Uniform => Ok(Some(vec![1.0 / classes as f64; classes])),
            Priors::Given(priors) => {
                if priors.len() != classes {
                    let expected = format!("{classes} long, one prior for each class");
                    return reject(format!("{} long", priors.len()), expected);
                }
                if let Some(bad) = priors.iter().find(|prior| !prior.is_finite() || **prior < 0.0) {
                    return reject(format!("one with {bad} in it"), "finite numbers, 0 or more".to_owned());
                }
                // Dividing by the largest prior first prevents overflow and underflow of the sum.
                let largest = priors.iter().copied().fold(0.0, f64::max);
                if largest == 0.0 {
                    return reject("all 0".to_owned(), "at least one above 0".to_owned());
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

/// The factors by which the vote of each stored example is multiplied.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weighting {
    /// The weight of each example, (N); `None` if all are 1.
    weights: Option<Vec<f32>>,
    priors: Priors,
    /// The priors, (C), which sum to 1; `None` if those of the data are used.
    expected: Option<Vec<f64>>,
    totals: ClassTotals,
    standing: Standing,
}

/// Totals over the examples of each class.
#[derive(Clone, Debug, PartialEq)]
struct ClassTotals {
    /// The sum of their weights, (C).
    mass: Vec<f64>,
    /// The number of examples with a weight above 0, (C).
    voters: Vec<u32>,
}

/// The class factors and priors before any vote.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Standing {
    /// `prior_c / share_c`, (C): the factor by which a vote for the class is multiplied.
    pub factors: Vec<f64>,
    /// The shares if there are no votes, (C): the priors of the classes that can get votes. They sum to 1, or to 0 if
    /// there is no such class.
    pub unasked: Vec<f64>,
}

impl Weighting {
    /// If weights are not one finite number of at least 0 for each example; if priors are not one such number for each
    /// class; or if weights and priors leave no example with a vote.
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
        let mut totals = ClassTotals { mass: vec![0.0; classes], voters: vec![0; classes] };
        for (i, &label) in labels.iter().enumerate() {
            let weight = weights.as_ref().map_or(1.0, |weights| f64::from(weights[i]));
            totals.mass[label as usize] += weight;
            totals.voters[label as usize] += u32::from(weight > 0.0);
        }
        let mut standing = Standing::default();
        totals.compute_standing(expected.as_deref(), &mut standing);
        if standing.unasked.iter().all(|share| *share == 0.0) {
            let found = "0 for every class that an example can vote for";
            let wanted = "a prior above 0 for a class that has an example of a weight above 0";
            return Err(Error::setting("the list of priors", found, wanted));
        }
        Ok(Weighting { weights, priors, expected, totals, standing })
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

    /// The class factors and priors.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The class factors and priors without example `left_out`, overwriting `standing`.
    pub fn stand_without(&self, left_out: usize, labels: &[u32], standing: &mut Standing) {
        let (class, weight) = (labels[left_out], self.weight(left_out));
        let mut others = self.totals.clone();
        let c = class as usize;
        let mass = others.mass[c];
        others.voters[c] -= u32::from(weight > 0.0);
        others.mass[c] -= weight;
        // If one example has nearly all the weight of its class, the subtraction loses the digits of the others, so
        // they are summed again. This can happen for at most one example of a class.
        if others.mass[c] < 1e-3 * mass {
            let rest = (0..labels.len()).filter(|&i| labels[i] == class && i != left_out);
            others.mass[c] = rest.map(|i| self.weight(i)).sum();
        }
        others.compute_standing(self.expected.as_deref(), standing);
    }
}

impl ClassTotals {
    fn compute_standing(&self, expected: Option<&[f64]>, standing: &mut Standing) {
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
            // Exactly 1, as in the plain vote; the quotient would be rounded.
            None => 1.0,
            Some(_) => prior * total / mass,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_parsed_back() {
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
        // Shares ¾, 0 and ¼; uniform priors over the two classes that have examples.
        let uniform = standing(&[0, 0, 0, 2], None, Priors::Uniform);
        assert!((uniform.factors[2] / uniform.factors[0] - 3.0).abs() < 1e-15);
        assert_eq!(uniform.unasked, [0.5, 0.0, 0.5]);
        // Weights make the shares ⅓, 0 and ⅔.
        let weighted =
            standing(&[0, 0, 0, 2], Some(vec![1.0, 0.0, 0.0, 2.0]), Priors::Given(vec![4., 0., 4.]));
        assert_eq!(weighted.factors, [1.5, 0.0, 0.75]);
    }

    #[test]
    fn tiny_and_huge_priors_are_normalised_like_any_others() {
        for scale in [1e-300, 1.0, 1e300] {
            let priors = Priors::Given(vec![1.0 * scale, 3.0 * scale]).numbers(2).unwrap().unwrap();
            assert!((priors[0] - 0.25).abs() < 1e-15 && (priors[1] - 0.75).abs() < 1e-15, "{priors:?}");
        }
        assert_eq!(Priors::Given(vec![f64::MAX; 2]).numbers(2).unwrap(), Some(vec![0.5, 0.5]));
    }

    #[test]
    fn leaving_out_an_example_equals_fitting_without_it() {
        let labels = [0, 1, 1, 0, 2, 1];
        // Example 1 is so heavy that the weights of the others of its class are lost by rounding, completely or partly;
        // example 4 is the only one of its class, and so are 0 and 2 when the others have weight 0.
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
    fn invalid_weights_and_priors_are_rejected() {
        let check_rejected = |weights: Option<Vec<f32>>, priors: &str, why: &str| {
            let error = Weighting::new(&[0, 1], 3, weights, priors.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        check_rejected(Some(vec![1.0]), "data", "weights of the examples: found 1; expected 2");
        check_rejected(
            Some(vec![1.0, -1.0]),
            "data",
            "weight of example 1: found -1; expected a finite number, 0 or more",
        );
        check_rejected(Some(vec![f32::NAN, 1.0]), "data", "weight of example 0: found NaN");
        check_rejected(Some(vec![1.0, f32::INFINITY]), "data", "weight of example 1: found inf");
        check_rejected(Some(vec![0.0, 0.0]), "uniform", "found all 0; expected at least one above 0");
        check_rejected(None, "1,2", "the list of priors is 2 long; expected 3 long");
        check_rejected(None, "1,-2,3", "one with -2 in it; expected finite numbers");
        check_rejected(None, "1,nan,3", "one with NaN in it");
        check_rejected(None, "1,inf,3", "one with inf in it");
        check_rejected(None, "0,0,0", "the list of priors is all 0");
        check_rejected(None, "0,0,1", "0 for every class that an example can vote for");
        check_rejected(Some(vec![1.0, 0.0]), "0,1,1", "0 for every class that an example can vote for");
    }

    #[test]
    fn weights_and_priors_are_stored() {
        let given = Priors::Given(vec![1.0, 3.0]);
        let weighting = Weighting::new(&[0, 1], 2, Some(vec![0.5, 2.0]), given.clone()).unwrap();
        assert_eq!((weighting.weights(), weighting.priors()), (Some(&[0.5, 2.0][..]), &given));
        assert_eq!((weighting.weight(0), weighting.weight(1)), (0.5, 2.0));
        assert_eq!(weighting.standing().unasked, [0.25, 0.75]);
        assert_eq!(Weighting::new(&[0, 1], 2, None, Priors::Data).unwrap().weights(), None);
    }
}
