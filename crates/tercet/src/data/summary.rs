//! A summary of a data set, and its duplicates.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};

use serde::Serialize;

use super::{Dataset, Row};
use crate::image::ImageShape;

/// Summary statistics of a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The name of the set.
    pub name: String,
    /// N, the number of examples.
    pub examples: usize,
    /// D, the number of features of an example.
    pub features: usize,
    /// The shape of the images, if the examples are images.
    pub image: Option<ImageShape>,
    /// Each class with its number of examples.
    pub classes: Vec<ClassCount>,
    /// The range of the features as stored (pixels 0 to 255); `None` if there are no examples.
    pub values: Option<ValueRange>,
    /// How many examples have the same features as an earlier one.
    pub duplicates: usize,
    /// SHA-256 of the features and labels, from [`Dataset::digest`].
    pub digest: String,
}

/// A class and its number of examples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The name of the class.
    pub name: String,
    /// Its number of examples.
    pub examples: usize,
}

/// The range of all features.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ValueRange {
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
    /// Their mean.
    pub mean: f64,
    /// The fraction of zeros, from 0 to 1.
    pub zeros: f64,
}

impl Summary {
    /// Summarises `set`, going over every example.
    pub fn of(set: &Dataset) -> Self {
        let mut counts = vec![0; set.class_count()];
        for i in 0..set.len() {
            counts[set.label(i) as usize] += 1;
        }
        let classes = set.classes().iter().zip(counts);
        Summary {
            name: set.name().to_owned(),
            examples: set.len(),
            features: set.width(),
            image: set.image_shape(),
            classes: classes.map(|(name, examples)| ClassCount { name: name.clone(), examples }).collect(),
            values: ValueRange::of(set),
            duplicates: duplicates(set).len(),
            digest: set.digest(),
        }
    }
}

impl ValueRange {
    /// The range of all features of all examples, in f64; `None` if there are no examples.
    fn of(set: &Dataset) -> Option<Self> {
        if set.is_empty() {
            return None;
        }
        // The histogram of the bytes contains all the information needed about pixels.
        let mut histogram = [0u64; 256];
        let mut floats =
            ValueRange { minimum: f64::INFINITY, maximum: f64::NEG_INFINITY, mean: 0.0, zeros: 0.0 };
        let mut row = vec![0f64; set.width()];
        for i in 0..set.len() {
            match set.row(i) {
                Row::U8(pixels) => pixels.iter().for_each(|&pixel| histogram[usize::from(pixel)] += 1),
                other => {
                    other.write_f64(&mut row);
                    row.iter().for_each(|&value| floats.add(value, 1));
                }
            }
        }
        for (value, &count) in histogram.iter().enumerate().filter(|&(_, &count)| count > 0) {
            floats.add(value as f64, count);
        }
        let count = set.len() as f64 * set.width() as f64;
        Some(ValueRange { mean: floats.mean / count, zeros: floats.zeros / count, ..floats })
    }

    /// Adds `value`, `times` over. Until all are added, `mean` is their sum and `zeros` their number.
    fn add(&mut self, value: f64, times: u64) {
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        self.mean += value * times as f64;
        if value == 0.0 {
            self.zeros += times as f64;
        }
    }
}

/// All examples with the same features as an earlier one: (the first such example, the example), each as its origin in
/// the set that was read.
pub fn duplicates(set: &Dataset) -> Vec<(usize, usize)> {
    let mut first = HashMap::with_capacity(set.len());
    let mut pairs = Vec::new();
    for i in 0..set.len() {
        match first.entry(FeatureKey(set.row(i))) {
            Entry::Occupied(earlier) => pairs.push((*earlier.get(), set.origin(i))),
            Entry::Vacant(entry) => {
                entry.insert(set.origin(i));
            }
        }
    }
    pairs
}

/// All test examples whose features also occur in the training set: (the first such training example, the test
/// example), each as its origin in the set that was read. Evaluation on such examples measures memorisation.
pub fn duplicates_across(train: &Dataset, test: &Dataset) -> Vec<(usize, usize)> {
    let mut first = HashMap::with_capacity(train.len());
    for i in 0..train.len() {
        first.entry(FeatureKey(train.row(i))).or_insert(train.origin(i));
    }
    let seen = |i| first.get(&FeatureKey(test.row(i))).map(|&earlier| (earlier, test.origin(i)));
    (0..test.len()).filter_map(seen).collect()
}

/// Features as the key of a map, found by their hash and then compared completely. Data sets contain no NaN, so
/// equality is an equivalence relation.
#[derive(PartialEq)]
pub(crate) struct FeatureKey<'a>(pub(crate) Row<'a>);

impl Eq for FeatureKey<'_> {}

impl Hash for FeatureKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            Row::U8(pixels) => state.write(pixels),
            // −0 equals 0 and must have the same hash; adding 0 makes it 0.
            Row::F16(values) => values.iter().for_each(|v| state.write_u32((v.to_f32() + 0.0).to_bits())),
            Row::F32(values) => values.iter().for_each(|value| state.write_u32((value + 0.0).to_bits())),
            Row::F64(values) => values.iter().for_each(|value| state.write_u64((value + 0.0).to_bits())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(rows: &[[u8; 2]], labels: &[u32]) -> Dataset {
        let classes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        Dataset::from_pixels("x", ImageShape::gray(2, 1), rows.concat(), labels.to_vec(), classes).unwrap()
    }

    fn features(values: &[f32]) -> Dataset {
        let labels = vec![0; values.len() / 2];
        Dataset::from_features("x", 2, values.to_vec(), labels, vec!["a".to_owned()]).unwrap()
    }

    #[test]
    fn the_summary_matches_one_computed_by_hand() {
        let summary = Summary::of(&pixels(&[[0, 9], [1, 2], [0, 9]], &[0, 2, 2]));
        let counts: Vec<_> = summary.classes.iter().map(|class| (&*class.name, class.examples)).collect();
        assert_eq!(counts, [("a", 1), ("b", 0), ("c", 2)]);
        let range = ValueRange { minimum: 0.0, maximum: 9.0, mean: 3.5, zeros: 2.0 / 6.0 };
        assert_eq!((summary.values, summary.duplicates, summary.examples), (Some(range), 1, 3));
    }

    #[test]
    fn floats_are_counted_as_they_are() {
        let values = Summary::of(&features(&[-1.5, 0.0, 4.0, -0.0])).values;
        assert_eq!(values, Some(ValueRange { minimum: -1.5, maximum: 4.0, mean: 0.625, zeros: 0.5 }));
    }

    #[test]
    fn an_empty_set_has_no_range() {
        let summary = Summary::of(&pixels(&[], &[]));
        assert_eq!((summary.values, summary.duplicates), (None, 0));
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!((&json["values"], &json["features"]), (&serde_json::Value::Null, &serde_json::json!(2)));
    }

    #[test]
    fn each_duplicate_points_to_the_first_of_its_kind() {
        let set = pixels(&[[1, 2], [3, 4], [1, 2], [2, 1], [1, 2], [3, 4]], &[0; 6]);
        assert_eq!(duplicates(&set), [(0, 2), (0, 4), (1, 5)]);
    }

    #[test]
    fn duplicates_across_sets_are_named_by_their_origins() {
        let train = pixels(&[[9, 9], [1, 2], [3, 4], [1, 2]], &[0; 4]).subset(&[3, 2, 1]);
        let test = pixels(&[[7, 7], [1, 2], [9, 9], [3, 4]], &[1; 4]).subset(&[1, 2, 3]);
        assert_eq!(duplicates_across(&train, &test), [(3, 1), (2, 3)]);
        // Features of other types are never equal, nor are those of another width.
        assert_eq!(duplicates_across(&train, &features(&[1.0, 2.0])), []);
    }

    #[test]
    fn minus_zero_equals_zero() {
        assert_eq!(duplicates(&features(&[0.0, 1.0, -0.0, 1.0])), [(0, 1)]);
    }

    /// A map compares two keys with the same hash. This is tested with a hash that is always the same.
    #[test]
    fn equal_hashes_alone_do_not_make_duplicates() {
        #[derive(Default)]
        struct Constant;
        impl Hasher for Constant {
            fn finish(&self) -> u64 {
                7
            }
            fn write(&mut self, _: &[u8]) {}
        }
        let set = pixels(&[[1, 2], [3, 4], [1, 2]], &[0; 3]);
        let mut keys =
            std::collections::HashSet::with_hasher(std::hash::BuildHasherDefault::<Constant>::default());
        let new: Vec<bool> = (0..3).map(|i| keys.insert(FeatureKey(set.row(i)))).collect();
        assert_eq!(new, [true, true, false]);
    }
}
