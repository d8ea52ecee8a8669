//! [`Metric`]: the metrics of nearest neighbours. Each metric is a [`Measure`] in its own file, and one line of the
//! table below.
//!
//! A measure is a type without values. Searches are generic over it and compiled for each, so that there is no dispatch
//! in an inner loop; [`for_metric`] dispatches once per search.

mod cosine;
mod dot;
mod key;
mod l1;
mod l2;
mod l3;

use serde::{Deserialize, Serialize};
use tercet_kernels::Isa;
use tercet_kernels::distance::PanelKind;

pub(super) use cosine::Cosine;
pub(super) use dot::Dot;
pub(super) use key::Key;
#[cfg(test)]
pub(super) use l1::ByteL1;
pub(super) use l1::L1;
pub(super) use l2::{ByteL2, L2};
pub(super) use l3::L3;

use super::pruned::Space;
use crate::Error;

/// Defines [`Metric`] and [`for_metric`] from the table of all metrics. (`$` is passed in as `$d`, so that the macro
/// can define another macro.)
macro_rules! metrics {
    ($d:tt $($(#[$attribute:meta])* $metric:ident,)*) => {
        /// The distance between two examples.
        ///
        /// ```
        /// use tercet::neighbors::Metric;
        /// assert_eq!("l2".parse::<Metric>()?, Metric::L2);
        /// assert_eq!(Metric::Cosine.to_string(), "cosine");
        /// # Ok::<(), tercet::Error>(())
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[non_exhaustive]
        pub enum Metric {
            $($(#[$attribute])* $metric,)*
        }

        impl Metric {
            /// All metrics.
            pub const ALL: [Metric; [$(Metric::$metric),*].len()] = [$(Metric::$metric),*];
        }

        /// Evaluates an expression in which `$d M` is the [`Measure`] of a metric.
        macro_rules! for_metric {
            ($d metric:expr, $d M:ident => $d body:expr) => {
                match $d metric {
                    $($crate::neighbors::Metric::$metric => {
                        type $d M = $crate::neighbors::metric::$metric;
                        $d body
                    })*
                }
            };
        }
    };
}

metrics! { $
    /// `Σ |q_i − x_i|`, the Manhattan distance.
    L1,
    /// `√ Σ (q_i − x_i)²`, the Euclidean distance.
    #[default]
    L2,
    /// `(Σ |q_i − x_i|³)^(1/3)`, which gives large differences more weight than L2 does.
    L3,
    /// `1 − q·x / (‖q‖ ‖x‖)`, which depends only on the directions. A vector of zeros has no direction: its cosine with
    /// everything is defined as 0, its distance as 1.
    Cosine,
    /// `−q·x`: the row with the largest dot product is nearest. Not a distance, as a row need not be nearest to itself,
    /// but many embeddings are trained for it.
    Dot,
}
pub(super) use for_metric;

impl Metric {
    /// The name that [`str::parse`] accepts.
    pub const fn name(self) -> &'static str {
        for_metric!(self, M => <M as Measure>::NAME)
    }

    /// Whether it is a distance: never negative, and 0 between equal rows.
    pub(super) const fn is_distance(self) -> bool {
        for_metric!(self, M => <M as Measure>::IS_DISTANCE)
    }

    /// Whether images can be compared under shifts with it.
    pub(super) const fn allows_shifts(self) -> bool {
        for_metric!(self, M => <M as Measure>::SHIFTED.is_some())
    }

    /// Whether rows with different keys may have equal distances because of rounding.
    pub(super) const fn is_rounded(self, pixels: bool) -> bool {
        match pixels {
            true => for_metric!(self, M => <M as MeasureOf<u8>>::IS_ROUNDED),
            false => for_metric!(self, M => <M as MeasureOf<f32>>::IS_ROUNDED),
        }
    }
}

/// The names of some metrics as a list in prose: `l1, l2 or l3`.
pub(super) fn listed(which: impl Fn(Metric) -> bool) -> String {
    let names: Vec<&str> =
        Metric::ALL.into_iter().filter(|&metric| which(metric)).map(Metric::name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Metric::ALL
            .into_iter()
            .find(|metric| metric.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| Error::setting("metric", format!("{name:?}"), listed(|_| true)))
    }
}

/// A metric between rows of bytes, of f32 or of f64.
pub(super) trait MeasureOf<T>: Send + Sync + 'static {
    /// The sort key of rows.
    type Key: Key;

    /// Whether different keys may give equal distances.
    const IS_ROUNDED: bool;

    /// The space in which codes prune rows (see [`sketch`](super::pruned)), if this metric has one.
    const SPACE: Option<Space> = None;

    /// The key of a row for a query, computed by plain loops: the specification.
    fn naive(q: &[T], x: &[T]) -> Self::Key;

    /// The same, computed by the kernels. `squares` are ‖q‖² and ‖x‖² if the metric [needs](Measure::NEEDS_SQUARES)
    /// them. Rows of f64 have no kernels, since few of them are compared.
    fn key(_isa: Isa, q: &[T], x: &[T], _squares: [f64; 2]) -> Self::Key {
        Self::naive(q, x)
    }

    /// A bound on the distance in the [space](Self::SPACE) of the metric: every row whose key is at most this one is
    /// within this distance of the query. `square` is ‖q‖², `longest` the largest ‖x‖² of all rows.
    fn reach(_square: f64, _longest: f64, _key: Self::Key) -> f64 {
        unreachable!("rows that codes cannot rule out have no codes")
    }
}

/// A sum over the pixels of two images of equal size.
pub(super) type PixelSum = fn(Isa, &[u8], &[u8]) -> u64;

/// The properties of a metric that a search needs. `Metric` has the formula of each.
pub(super) trait Measure: MeasureOf<u8> + MeasureOf<f32> + MeasureOf<f64> {
    /// The name in options, recipes and model files.
    const NAME: &'static str;

    /// Whether it is a distance: never negative, and 0 between equal rows.
    const IS_DISTANCE: bool = true;

    /// Whether keys also depend on ‖q‖² and ‖x‖².
    const NEEDS_SQUARES: bool = false;

    /// The widest images whose keys are exact.
    const MAX_PIXELS: usize = usize::MAX;

    /// What the blocked kernels compute for it on pixels, if the values fit in 32 bits.
    const PANELS: Option<PanelKind> = None;

    /// The key of such a value. `squares` are ‖q‖² and ‖x‖² if the metric needs them.
    fn panel_key(_value: u32, _squares: [u64; 2]) -> ByteKey<Self> {
        unreachable!("rows that are not laid out in panels")
    }

    /// Whether any of these values could have a key below the threshold; it may return true too often, but never false
    /// wrongly. `square` is ‖x‖² of a value's row if the metric needs it.
    fn any_below(_threshold: ByteKey<Self>, _values: &[u32], _square: impl Fn(usize) -> u64) -> bool {
        unreachable!("rows that are not laid out in panels")
    }

    /// The sum over pixels that the best shift of an image minimises, if images can be compared under shifts.
    const SHIFTED: Option<PixelSum> = None;

    /// The key of such a sum.
    fn shifted_key(_sum: u64) -> ByteKey<Self> {
        unreachable!("images that are not shifted")
    }
}

/// The key of pixels.
pub(super) type ByteKey<M> = <M as MeasureOf<u8>>::Key;

/// Whether any of the values is below the threshold. Branch-free, so that it is vectorised.
#[inline(always)]
fn any_less(threshold: u64, values: &[u32]) -> bool {
    // A threshold is a value from a tile, so it fits.
    let threshold = threshold as u32;
    values.iter().fold(false, |any, &value| any | (value < threshold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::pruned::Value;

    #[test]
    fn names_are_parsed_back() {
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{metric}\""));
        }
        let message = "euclid".parse::<Metric>().unwrap_err().to_string();
        assert_eq!(message, "metric is \"euclid\"; expected l1, l2, l3, cosine or dot");
    }

    #[test]
    fn names_are_padded_like_any_text() {
        assert_eq!(format!("{:>5}{:<3}|", Metric::Dot, Metric::L1), "  dotl1 |");
    }

    #[test]
    fn names_are_listed_as_in_prose() {
        assert_eq!(listed(Metric::allows_shifts), "l1, l2 or l3");
        assert_eq!(listed(|metric| metric == Metric::L3), "l3");
        assert_eq!(listed(|_| false), "");
    }

    /// The kernels return the same keys as the plain loops.
    #[test]
    fn keys_are_the_naive_ones() {
        fn check<M: Measure>()
        where
            ByteKey<M>: std::fmt::Debug,
            <M as MeasureOf<f32>>::Key: std::fmt::Debug,
        {
            let bytes = [[3u8, 0, 255, 7, 1], [1u8, 2, 250, 7, 0]];
            let floats = bytes.map(|row| row.map(|x| f32::from(x) / 4.0 - 3.0));
            for isa in Isa::available() {
                let [q, x] = &bytes;
                let squares = bytes.map(|row| u8::square(isa, &row));
                assert_eq!(
                    <M as MeasureOf<u8>>::key(isa, q, x, squares),
                    <M as MeasureOf<u8>>::naive(q, x),
                    "{}",
                    M::NAME
                );
                let [q, x] = &floats;
                let squares = floats.map(|row| f32::square(isa, &row));
                assert_eq!(
                    <M as MeasureOf<f32>>::key(isa, q, x, squares),
                    <M as MeasureOf<f32>>::naive(q, x),
                    "{}",
                    M::NAME
                );
            }
        }
        for metric in Metric::ALL {
            for_metric!(metric, M => check::<M>());
        }
    }
}
