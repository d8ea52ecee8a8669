//! [`Metric`]: the metrics of nearest neighbours. Each metric has its own file, and one line of the table below.
//!
//! The metrics that are used most are [`Measure`]s: types without values. Searches are generic over them and compiled
//! for each, so that there is no dispatch in an inner loop; [`for_metric`] dispatches once per search. All other metrics
//! are [`Definition`]s: a function of two rows of f64, called for every pair. Those with parameters are listed by
//! [`Distance`].

mod boolean;
mod braycurtis;
mod canberra;
mod chebyshev;
mod correlation;
mod cosine;
mod definition;
mod dice;
mod distance;
mod dot;
mod hamming;
mod haversine;
mod jaccard;
mod key;
mod l1;
mod l2;
mod l3;
mod mahalanobis;
mod minkowski;
mod nan_euclidean;
mod rogerstanimoto;
mod russellrao;
mod seuclidean;
mod sokalmichener;
mod sokalsneath;
mod sqeuclidean;
mod yule;

use serde::{Deserialize, Serialize};
use tercet_kernels::Isa;
use tercet_kernels::distance::PanelKind;

pub(super) use cosine::Cosine;
pub(super) use definition::{Definition, OnlyDefined};
pub use distance::Distance;
pub(super) use dot::Dot;
pub(super) use key::{Float, Key};
#[cfg(test)]
pub(super) use l1::ByteL1;
pub(super) use l1::L1;
pub(super) use l2::{ByteL2, L2};
pub(super) use l3::L3;

use super::pruned::Space;
use crate::Error;

/// Defines [`Metric`] and [`for_metric`] from the tables of all metrics: first the measures, then those that have only a
/// definition. (`$` is passed in as `$d`, so that the macro can define another macro.)
macro_rules! metrics {
    ($d:tt $($(#[$attribute:meta])* $metric:ident,)*; $($(#[$about:meta])* $defined:ident = $definition:path,)*) => {
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
            $($(#[$about])* $defined,)*
        }

        impl Metric {
            /// All metrics.
            pub const ALL: &[Metric] = &[$(Metric::$metric,)* $(Metric::$defined,)*];

            /// The metrics that have kernels, and codes that prune rows.
            #[cfg(test)]
            pub(super) const MEASURES: &[Metric] = &[$(Metric::$metric,)*];

            /// The definition by which rows are compared, if the metric has no kernels.
            pub(super) fn definition(self) -> Option<&'static dyn Definition> {
                match self {
                    $(Metric::$metric => None,)*
                    $(Metric::$defined => Some(&$definition),)*
                }
            }
        }

        /// Evaluates an expression in which `$d M` is the [`Measure`] of a metric: [`OnlyDefined`] if it has none.
        macro_rules! for_metric {
            ($d metric:expr, $d M:ident => $d body:expr) => {
                match $d metric {
                    $($crate::neighbors::Metric::$metric => {
                        type $d M = $crate::neighbors::metric::$metric;
                        $d body
                    })*
                    $($crate::neighbors::Metric::$defined)|* => {
                        type $d M = $crate::neighbors::metric::OnlyDefined;
                        $d body
                    }
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
    ;
    /// `max |q_i − x_i|`.
    Chebyshev = chebyshev::Chebyshev,
    /// `Σ (q_i − x_i)²`.
    SqEuclidean = sqeuclidean::SqEuclidean,
    /// `Σ |q_i − x_i| / (|q_i| + |x_i|)`. A term of 0 / 0 counts as 0.
    Canberra = canberra::Canberra,
    /// `Σ |q_i − x_i| / Σ (|q_i| + |x_i|)`, Bray–Curtis.
    BrayCurtis = braycurtis::BrayCurtis,
    /// 1 minus Pearson's correlation: the cosine distance of the rows less their means.
    Correlation = correlation::Correlation,
    /// The share of features that differ.
    Hamming = hamming::Hamming,
    /// `R / (TT + R)`, for rows of booleans. A feature is true unless it is 0; TT features are true in both rows, FF in
    /// neither, and the rows differ in R = TF + FT of D features.
    Jaccard = jaccard::Jaccard,
    /// `R / (2 TT + R)`, with the counts of [`Jaccard`](Metric::Jaccard).
    Dice = dice::Dice,
    /// `2 R / (TT + FF + 2 R)`, Rogers–Tanimoto, with the counts of [`Jaccard`](Metric::Jaccard).
    RogersTanimoto = rogerstanimoto::RogersTanimoto,
    /// `(D − TT) / D`, Russell–Rao, with the counts of [`Jaccard`](Metric::Jaccard). A row need not be nearest to itself.
    RussellRao = russellrao::RussellRao,
    /// `2 R / (TT + FF + 2 R)`, Sokal–Michener, with the counts of [`Jaccard`](Metric::Jaccard).
    SokalMichener = sokalmichener::SokalMichener,
    /// `2 R / (TT + 2 R)`, Sokal–Sneath, with the counts of [`Jaccard`](Metric::Jaccard).
    SokalSneath = sokalsneath::SokalSneath,
    /// `2 TF FT / (TT FF + TF FT)`, with the counts of [`Jaccard`](Metric::Jaccard).
    Yule = yule::Yule,
}
pub(super) use for_metric;

impl Metric {
    /// The name that [`str::parse`] accepts.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::Chebyshev => "chebyshev",
            Metric::SqEuclidean => "sqeuclidean",
            Metric::Canberra => "canberra",
            Metric::BrayCurtis => "braycurtis",
            Metric::Correlation => "correlation",
            Metric::Hamming => "hamming",
            Metric::Jaccard => "jaccard",
            Metric::Dice => "dice",
            Metric::RogersTanimoto => "rogerstanimoto",
            Metric::RussellRao => "russellrao",
            Metric::SokalMichener => "sokalmichener",
            Metric::SokalSneath => "sokalsneath",
            Metric::Yule => "yule",
            _ => for_metric!(self, M => <M as Measure>::NAME),
        }
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
        Metric::ALL.iter().copied().filter(|&metric| which(metric)).map(Metric::name).collect();
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
            .iter()
            .copied()
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

/// Compares three distances between rows of four features with those given.
#[cfg(test)]
fn check_distances(metric: &dyn Definition, expected: [f64; 3]) {
    check_pair(metric, &[1.5, -2.0, 0.0, 4.0], &[1.0, 3.0, 0.0, -0.5], expected[0]);
    check_pair(metric, &[0.25, 0.5, 0.0, 1.0], &[0.0, 0.5, 2.0, 0.0], expected[1]);
    check_pair(metric, &[3.0, 0.0, 1.0, 1.0], &[-1.0, 2.0, -4.0, 8.0], expected[2]);
}

/// Compares three distances between rows of seven booleans with those given.
#[cfg(test)]
fn check_distances_of_booleans(metric: &dyn Definition, expected: [f64; 3]) {
    let rows = [
        [[1, 0, 1, 1, 0, 0, 1], [1, 1, 0, 1, 0, 1, 0]],
        [[0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0]],
        [[1, 1, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0, 1]],
    ];
    for ([q, x], expected) in rows.map(|pair| pair.map(|row| row.map(f64::from))).iter().zip(expected) {
        check_pair(metric, q, x, expected);
    }
}

/// Compares a distance with the one given, in both directions.
#[cfg(test)]
fn check_pair(metric: &dyn Definition, q: &[f64], x: &[f64], expected: f64) {
    for found in [metric.distance(q, x), metric.distance(x, q)] {
        assert!((found - expected).abs() <= 1e-13 * expected.abs(), "{found} is not {expected}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::pruned::Value;

    #[test]
    fn names_are_parsed_back() {
        for &metric in Metric::ALL {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{metric}\""));
        }
        let message = "euclid".parse::<Metric>().unwrap_err().to_string();
        assert!(message.starts_with("metric is \"euclid\"; expected l1, l2, l3, cosine, dot, "), "{message}");
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
        for &metric in Metric::MEASURES {
            for_metric!(metric, M => check::<M>());
        }
    }
}
