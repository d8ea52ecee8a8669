//! [`Distance`]: a metric with its parameters.

use super::haversine::Haversine;
use super::mahalanobis::Mahalanobis;
use super::minkowski::Minkowski;
use super::nan_euclidean::NanEuclidean;
use super::seuclidean::Seuclidean;
use super::{Definition, Metric, definition::Exact, for_metric};
use crate::{Error, Result};

/// A distance that is computed by its definition, in f64: any [`Metric`], and those that have parameters, need two
/// features, or allow missing values.
#[derive(Clone, Debug, PartialEq)]
pub enum Distance {
    /// A metric without parameters.
    Named(Metric),
    /// `(Σ w_i |q_i − x_i|^p)^(1/p)`, with p above 0, possibly infinite. Without weights, all w_i are 1.
    Minkowski {
        /// The power.
        p: f64,
        /// A weight for each feature, none negative.
        weights: Option<Vec<f64>>,
    },
    /// `√ Σ (q_i − x_i)² / V_i`, with a variance V_i above 0 for each feature.
    Seuclidean(Vec<f64>),
    /// `√ ((q − x)ᵀ V⁻¹ (q − x))`, with the inverse V⁻¹ of a covariance matrix, (D, D).
    Mahalanobis(Vec<f64>),
    /// The angle between two points on a sphere, given by their latitude and longitude in radians.
    Haversine,
    /// `√ (D / |P| · Σ_{i ∈ P} (q_i − x_i)²)` over the features P that neither row lacks: a missing value is NaN. Rows
    /// that have none in common are farther from each other than from all others; their distance is NaN.
    NanEuclidean,
}

impl Distance {
    /// Whether rows may have missing values.
    pub fn allows_missing(&self) -> bool {
        matches!(self, Distance::NanEuclidean)
    }

    /// # Errors
    /// If the parameters are not valid for rows of `width` features.
    pub(in crate::neighbors) fn check(&self, width: usize) -> Result<()> {
        let numbers = |what: &'static str, found: &[f64], expected: usize| match found.len() == expected {
            true => Ok(()),
            false => {
                Err(Error::mismatch(what, found.len(), format!("{expected}, as rows have {width} features")))
            }
        };
        let signs = |what: &'static str, found: &[f64], zero: bool| match found
            .iter()
            .find(|x| !(x.is_finite() && (**x > 0.0 || zero && **x == 0.0)))
        {
            None => Ok(()),
            Some(bad) if zero => Err(Error::setting(what, bad, "a finite number, 0 or more")),
            Some(bad) => Err(Error::setting(what, bad, "a finite number above 0")),
        };
        match self {
            Distance::Minkowski { p, weights } => {
                if p.is_nan() || *p <= 0.0 {
                    return Err(Error::setting("p", p, "a number above 0"));
                }
                let Some(weights) = weights else { return Ok(()) };
                numbers("weights of features", weights, width)?;
                signs("a weight of a feature", weights, true)
            }
            Distance::Seuclidean(variances) => {
                numbers("variances of features", variances, width)?;
                signs("a variance of a feature", variances, false)
            }
            Distance::Mahalanobis(inverse) => {
                numbers("numbers of the inverse covariance matrix", inverse, width * width)
            }
            Distance::Haversine if width != 2 => Err(Error::mismatch(
                "features for the haversine distance",
                width,
                "2: latitude and longitude",
            )),
            Distance::Named(_) | Distance::Haversine | Distance::NanEuclidean => Ok(()),
        }
    }

    /// The function of two rows.
    pub(in crate::neighbors) fn definition(&self) -> Box<dyn Definition> {
        match self.clone() {
            Distance::Named(metric) => match metric.definition() {
                Some(definition) => Box::new(definition),
                None => for_metric!(metric, M => Box::new(Exact::<M>::new())),
            },
            Distance::Minkowski { p, weights } => Box::new(Minkowski { p, weights }),
            Distance::Seuclidean(variances) => Box::new(Seuclidean { variances }),
            Distance::Mahalanobis(inverse) => Box::new(Mahalanobis { inverse }),
            Distance::Haversine => Box::new(Haversine),
            Distance::NanEuclidean => Box::new(NanEuclidean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_pair;
    use super::*;

    #[test]
    fn named_metrics_are_computed_in_f64() {
        let (q, x) = ([3.0, 4.0], [0.0, 0.0]);
        check_pair(&*Distance::Named(Metric::L2).definition(), &q, &x, 5.0);
        check_pair(&*Distance::Named(Metric::Chebyshev).definition(), &q, &x, 4.0);
        check_pair(&*Distance::Minkowski { p: 1.0, weights: None }.definition(), &q, &x, 7.0);
        check_pair(&*Distance::Seuclidean(vec![1.0, 4.0]).definition(), &q, &x, 13f64.sqrt());
        check_pair(&*Distance::Mahalanobis(vec![1.0, 0.0, 0.0, 1.0]).definition(), &q, &x, 5.0);
    }

    #[test]
    fn invalid_parameters_are_rejected() {
        let rejected = |distance: Distance, why: &str| {
            let error = distance.check(3).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        };
        rejected(Distance::Minkowski { p: 0.0, weights: None }, "p is 0; expected a number above 0");
        rejected(Distance::Minkowski { p: f64::NAN, weights: None }, "p is NaN");
        rejected(
            Distance::Minkowski { p: 1.0, weights: Some(vec![1.0]) },
            "found 1; expected 3, as rows have 3",
        );
        rejected(
            Distance::Minkowski { p: 1.0, weights: Some(vec![1.0, -1.0, 0.0]) },
            "is -1; expected a finite",
        );
        rejected(Distance::Seuclidean(vec![1.0, 0.0, 2.0]), "is 0; expected a finite number above 0");
        rejected(Distance::Mahalanobis(vec![1.0; 3]), "found 3; expected 9");
        rejected(Distance::Haversine, "found 3; expected 2");
        assert!(Distance::NanEuclidean.check(3).is_ok() && Distance::Haversine.check(2).is_ok());
    }
}
