//! [`Deformable`]: the settings of a deformable distance and its reranking.

use serde::{Deserialize, Serialize};
use tercet_kernels::deformable::{MOST_CONTEXT, MOST_SHIFT, Strength};

use super::super::Metric;
use super::super::metric::listed;
use crate::data::Examples;
use crate::{Error, Result};

/// A distance that tolerates deformations, computed for the nearest rows by the plain metric.
///
/// In a recipe or a model file:
///
/// ```text
/// { candidates = 2000, shifts = 2 }                                  the best of all shifts by up to 2 pixels
/// { candidates = 2000, warps = 2, context = 1, edges = "root" }      the image distortion model
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DeformableFields", into = "DeformableFields")]
pub struct Deformable {
    /// The number of nearest rows by the plain metric that are reranked; at least k, and at most all N rows. With all
    /// rows the result is that of an exhaustive search.
    pub candidates: usize,
    /// The deformation that is tolerated.
    pub deformation: Deformation,
}

/// The deformations that a distance can tolerate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deformation {
    /// The image may be shifted as a whole, by up to this many pixels up, down and to the sides:
    /// `min_s d(q, x shifted by s)`, where d is the metric, L1, L2 or L3. Beyond its border an image is 0, and ink that
    /// a shift moves there still counts.
    Shifts(usize),
    /// The image distortion model, `√ Σ_p min_s Σ_c ‖E_q(p + c) − E_x(p + c + s)‖²`: every pixel p of the query is
    /// matched with its own best displacement s in the row, according to the edges E around it.
    Warps {
        /// The largest displacement of a pixel, up, down and to each side.
        reach: usize,
        /// The pixels to each side that are compared as well: 1 is a context of 3 × 3.
        context: usize,
        /// How the strength of an edge is scaled.
        edges: Edges,
    },
}

/// How the strength of an edge is scaled: [`Strength`] of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Edges {
    /// Unchanged.
    Plain,
    /// By its square root.
    Root,
}

impl Edges {
    pub(super) fn strength(self) -> Strength {
        match self {
            Edges::Plain => Strength::Plain,
            Edges::Root => Strength::Root,
        }
    }
}

impl Deformable {
    /// The default context of a pixel: 3 × 3.
    pub const CONTEXT: usize = 1;

    /// The default scaling of edges.
    pub const EDGES: Edges = Edges::Root;

    /// The default number of candidates.
    pub const CANDIDATES: usize = 2000;

    /// Checks that the distance can be computed for the rows of a data set.
    ///
    /// # Errors
    /// If there are no candidates; if shifts, warps or contexts are out of range; if the examples are not grey images;
    /// or if images are shifted with a metric other than L1, L2 or L3.
    pub fn check(&self, data: &Examples, metric: Metric) -> Result<()> {
        let in_range = |name, found: usize, range: std::ops::RangeInclusive<usize>| match range
            .contains(&found)
        {
            true => Ok(()),
            false => Err(Error::setting(name, found, format!("{} to {} pixels", range.start(), range.end()))),
        };
        if self.candidates == 0 {
            return Err(Error::setting("candidates", 0, "at least 1"));
        }
        match self.deformation {
            Deformation::Shifts(by) => {
                in_range("shifts", by, 1..=MOST_SHIFT)?;
                if !metric.allows_shifts() {
                    let expected = format!("{} for shifted images", listed(Metric::allows_shifts));
                    return Err(Error::setting("metric", metric, expected));
                }
            }
            Deformation::Warps { reach, context, .. } => {
                in_range("warps", reach, 1..=MOST_SHIFT)?;
                in_range("context", context, 0..=MOST_CONTEXT)?;
            }
        }
        match data.image_shape().filter(|_| data.is_pixels()) {
            Some(shape) if shape.channels == 1 => Ok(()),
            Some(shape) => Err(Error::mismatch(
                "images for a deformable distance",
                shape,
                "grey images with one channel",
            )),
            None => Err(Error::mismatch(
                "examples for a deformable distance",
                "features that are not images",
                "grey images",
            )),
        }
    }

    /// A description of the distance: `l3 after the best shift of up to 2 pixels`.
    pub fn describe(&self, metric: Metric) -> String {
        match self.deformation {
            Deformation::Shifts(by) => format!("{metric} after the best shift of up to {by} pixels"),
            Deformation::Warps { reach, context, .. } => {
                let side = 2 * context + 1;
                format!("edges in contexts of {side} × {side} warped by up to {reach} pixels")
            }
        }
    }
}

/// The serialised form of a [`Deformable`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeformableFields {
    candidates: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shifts: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warps: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edges: Option<Edges>,
}

impl TryFrom<DeformableFields> for Deformable {
    type Error = &'static str;

    fn try_from(fields: DeformableFields) -> Result<Self, &'static str> {
        let DeformableFields { candidates, shifts, warps, context, edges } = fields;
        let deformation = match (shifts, warps) {
            (Some(by), None) if context.is_none() && edges.is_none() => Deformation::Shifts(by),
            (Some(_), None) => return Err("context or edges without warps"),
            (None, Some(reach)) => Deformation::Warps {
                reach,
                context: context.unwrap_or(Deformable::CONTEXT),
                edges: edges.unwrap_or(Deformable::EDGES),
            },
            _ => return Err("both or neither of shifts and warps"),
        };
        Ok(Deformable { candidates, deformation })
    }
}

impl From<Deformable> for DeformableFields {
    fn from(deformable: Deformable) -> Self {
        let candidates = deformable.candidates;
        let none = DeformableFields { candidates, shifts: None, warps: None, context: None, edges: None };
        match deformable.deformation {
            Deformation::Shifts(by) => DeformableFields { shifts: Some(by), ..none },
            Deformation::Warps { reach, context, edges } => {
                DeformableFields { warps: Some(reach), context: Some(context), edges: Some(edges), ..none }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::image::ImageShape;

    const SHIFTS: Deformable = Deformable { candidates: 9, deformation: Deformation::Shifts(2) };
    const WARPS: Deformable = Deformable {
        candidates: 9,
        deformation: Deformation::Warps { reach: 3, context: 0, edges: Edges::Plain },
    };

    #[test]
    fn the_serialised_form_is_fixed() {
        let json = |deformable: &Deformable| serde_json::to_string(deformable).unwrap();
        assert_eq!(json(&SHIFTS), r#"{"candidates":9,"shifts":2}"#);
        assert_eq!(json(&WARPS), r#"{"candidates":9,"warps":3,"context":0,"edges":"plain"}"#);
        for deformable in [SHIFTS, WARPS] {
            assert_eq!(serde_json::from_str::<Deformable>(&json(&deformable)).unwrap(), deformable);
        }
        for bad in [
            r#"{"candidates":9}"#,
            r#"{"candidates":9,"shifts":2,"warps":2}"#,
            r#"{"candidates":9,"shifts":2,"context":1}"#,
            r#"{"candidates":9,"shifts":2,"turns":1}"#,
            r#"{"shifts":2}"#,
        ] {
            assert!(serde_json::from_str::<Deformable>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_deformed_is_rejected() {
        let classes = || vec!["any".to_owned()];
        let gray = Dataset::from_pixels("g", ImageShape::gray(2, 2), vec![0; 4], vec![0], classes()).unwrap();
        let color = ImageShape { width: 2, height: 2, channels: 3 };
        let color = Dataset::from_pixels("c", color, vec![0; 12], vec![0], classes()).unwrap();
        let floats = Dataset::from_features("f", 4, vec![0.0; 4], vec![0], classes()).unwrap();
        let error = |deformable: Deformable, data: &Dataset, metric| {
            deformable.check(data, metric).unwrap_err().to_string()
        };
        assert!(SHIFTS.check(&gray, Metric::L3).is_ok() && WARPS.check(&gray, Metric::Cosine).is_ok());
        assert!(error(SHIFTS, &color, Metric::L2).contains("grey images"));
        assert!(error(WARPS, &floats, Metric::L2).contains("features that are not images"));
        assert!(error(SHIFTS, &gray, Metric::Cosine).contains("l1, l2 or l3"));
        let none = Deformable { candidates: 0, ..SHIFTS };
        assert_eq!(error(none, &gray, Metric::L2), "candidates is 0; expected at least 1");
        for (deformation, message) in [
            (Deformation::Shifts(0), "shifts is 0; expected 1 to 8 pixels"),
            (Deformation::Shifts(9), "shifts is 9"),
            (Deformation::Warps { reach: 9, context: 1, edges: Edges::Root }, "warps is 9"),
            (
                Deformation::Warps { reach: 1, context: 4, edges: Edges::Root },
                "context is 4; expected 0 to 3",
            ),
        ] {
            assert!(error(Deformable { candidates: 1, deformation }, &gray, Metric::L2).starts_with(message));
        }
    }
}
