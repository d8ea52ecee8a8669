//! Examples that stand in more than one part of a data set, or twice in one: whoever is judged by an example that was
//! learned from is judged by memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::{Deserialize, Serialize};

use super::summary::Features;
use super::{Dataset, Split};
use crate::neighbors::{Metric, NearestNeighbors, Progress};
use crate::{Error, Result};

/// What part of a data set an example is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What is learned from.
    Train,
    /// What settings are chosen by.
    Validation,
    /// What the outcome is judged by.
    Test,
}

impl Part {
    /// All parts, in order.
    pub const ALL: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// Where an example stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Its part.
    pub part: Part,
    /// Its [`origin`](Dataset::origin), counted from 0: in the training set as it was read for both of the parts that are cut
    /// from it, or in the test set.
    pub index: usize,
}

/// Two examples with the same features, or nearly the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The one that comes first, by part and index.
    pub first: Place,
    /// The other.
    pub second: Place,
    /// The class of each.
    pub labels: (u32, u32),
    /// How far apart they are, L2 on the features as they are stored; 0 of the same features.
    pub distance: f64,
}

impl Pair {
    /// Whether both have the same class. Where they have not, one of the labels is wrong, or the features do not tell.
    pub fn labels_agree(&self) -> bool {
        self.labels.0 == self.labels.1
    }

    /// The parts of the two.
    pub fn parts(&self) -> (Part, Part) {
        (self.first.part, self.second.part)
    }
}

/// Which examples come more than once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Every example whose features an earlier one has: that one, and itself. Parts come in the order train, validation,
    /// test.
    pub exact: Vec<Pair>,
    /// Every example of the validation set whose nearest neighbour in the training set, and every one of the test set whose
    /// nearest neighbour in either, is closer than `near_share` of what is usual. Nearest pairs first.
    pub near: Vec<Pair>,
    /// The share: of the median distance to the nearest neighbour, taken over the examples with the same label. 0 where near
    /// pairs were not looked for.
    pub near_share: f64,
}

/// Looks for examples that come more than once, in a training set that was split and in the test set.
///
/// "Nearly the same" is measured against what is usual among the examples of a class, since ones are more alike than
/// eights are, and so that it means the same for any features.
///
/// `progress` is told how many of the examples have been searched for, and may end it: then there is `None`.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::data::{Dataset, ImageShape, Split, overlap};
///
/// let classes = vec!["a".to_owned(), "b".to_owned()];
/// let set = |pixels: Vec<u8>, labels: Vec<u32>| {
///     Dataset::from_pixels("x", ImageShape::gray(2, 1), pixels, labels, classes.clone())
/// };
/// let whole = set(vec![1, 2, 90, 90, 5, 50], vec![0, 0, 1])?;
/// let parts = Split { train: whole.subset(&[0, 2]), validation: whole.subset(&[1]) };
/// let test = set(vec![5, 50, 7, 7], vec![0, 1])?;
/// let found = overlap(&parts, Some(&test), 0.0, &|_, _| ControlFlow::Continue(()))?.unwrap();
/// assert_eq!(found.exact.len(), 1);
/// assert_eq!((found.exact[0].first.index, found.exact[0].second.index), (2, 0));
/// assert!(!found.exact[0].labels_agree());
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// A share that is not from 0 to 1.
pub fn overlap(
    parts: &Split,
    test: Option<&Dataset>,
    near_share: f64,
    progress: Progress<'_>,
) -> Result<Option<Overlap>> {
    if !(0.0..=1.0).contains(&near_share) {
        return Err(Error::setting("near", near_share, "a share from 0 to 1, such as 0.25"));
    }
    let exact = exact(parts, test);
    let mut near = Vec::new();
    if near_share > 0.0 {
        let total = parts.validation.len() + test.map_or(0, Dataset::len);
        let mut before = 0;
        let asked = [(Part::Validation, Some(&parts.validation)), (Part::Test, test)];
        for (part, queries) in asked {
            let Some(queries) = queries.filter(|queries| !queries.is_empty()) else { continue };
            let so_far = |done, _: usize| progress(before + done, total);
            let learned = match part {
                Part::Test => vec![(Part::Train, &parts.train), (Part::Validation, &parts.validation)],
                _ => vec![(Part::Train, &parts.train)],
            };
            let Some(found) = nearest(&learned, part, queries, &so_far)? else { return Ok(None) };
            near.extend(unusual(found, queries.class_count(), near_share));
            before += queries.len();
        }
        near.sort_by(|a, b| {
            a.distance.total_cmp(&b.distance).then((a.first, a.second).cmp(&(b.first, b.second)))
        });
    }
    Ok(Some(Overlap { exact, near, near_share }))
}

/// Every example with the features of an earlier one.
fn exact(parts: &Split, test: Option<&Dataset>) -> Vec<Pair> {
    let sets =
        [(Part::Train, Some(&parts.train)), (Part::Validation, Some(&parts.validation)), (Part::Test, test)];
    let mut first = HashMap::new();
    let mut pairs = Vec::new();
    for (part, set) in sets {
        let Some(set) = set else { continue };
        for i in 0..set.len() {
            let (place, label) = (Place { part, index: set.origin(i) }, set.label(i));
            match first.entry(Features(set.row(i))) {
                Entry::Occupied(earlier) => {
                    let &(first, earlier) = earlier.get();
                    pairs.push(Pair { first, second: place, labels: (earlier, label), distance: 0.0 });
                }
                Entry::Vacant(entry) => {
                    entry.insert((place, label));
                }
            }
        }
    }
    pairs
}

/// The nearest of the learned examples to each query, as pairs in the order of the queries. `None` where it was ended.
fn nearest(
    learned: &[(Part, &Dataset)],
    part: Part,
    queries: &Dataset,
    progress: Progress<'_>,
) -> Result<Option<Vec<Pair>>> {
    let mut best: Vec<Option<Pair>> = vec![None; queries.len()];
    for (last, &(of, set)) in learned.iter().enumerate().map(|(i, set)| (i + 1 == learned.len(), set)) {
        if set.is_empty() {
            continue;
        }
        // The searches of all parts are one to whoever watches.
        let watch = |done, of| if last { progress(done, of) } else { progress(0, of) };
        let Some(found) = NearestNeighbors::fit(set, Metric::L2)?.search_with(queries, 1, &watch)? else {
            return Ok(None);
        };
        for (i, best) in best.iter_mut().enumerate() {
            let (row, distance) = (found.indices[i] as usize, found.distances[i]);
            if best.is_none_or(|best| distance < best.distance) {
                let first = Place { part: of, index: set.origin(row) };
                let second = Place { part, index: queries.origin(i) };
                *best = Some(Pair { first, second, labels: (set.label(row), queries.label(i)), distance });
            }
        }
    }
    Ok(Some(best.into_iter().flatten().collect()))
}

/// The pairs that are closer than a share of the median among those whose second has the same label, but not the same.
fn unusual(pairs: Vec<Pair>, classes: usize, share: f64) -> Vec<Pair> {
    let mut of_class = vec![Vec::new(); classes];
    for pair in &pairs {
        of_class[pair.labels.1 as usize].push(pair.distance);
    }
    let limits: Vec<f64> = of_class
        .into_iter()
        .map(|mut distances| {
            distances.sort_by(f64::total_cmp);
            distances.get(distances.len() / 2).map_or(0.0, |median| share * median)
        })
        .collect();
    let close = |pair: &Pair| pair.distance > 0.0 && pair.distance < limits[pair.labels.1 as usize];
    pairs.into_iter().filter(close).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::data::ImageShape;

    const UNWATCHED: Progress<'static> = &|_, _| ControlFlow::Continue(());

    fn pixels(rows: &[[u8; 2]], labels: &[u32]) -> Dataset {
        let classes = vec!["a".to_owned(), "b".to_owned()];
        Dataset::from_pixels("x", ImageShape::gray(2, 1), rows.concat(), labels.to_vec(), classes).unwrap()
    }

    fn place(part: Part, index: usize) -> Place {
        Place { part, index }
    }

    #[test]
    fn every_kind_of_duplicate_is_found_with_its_places_and_labels() {
        use Part::*;
        let whole = pixels(&[[1, 1], [2, 2], [1, 1], [3, 3], [1, 1], [9, 9]], &[0, 1, 1, 0, 0, 0]);
        // Rows 4 and 3 are held out; in the training part stand rows 5, 0, 1 and 2.
        let parts = Split { train: whole.subset(&[5, 0, 1, 2]), validation: whole.subset(&[4, 3]) };
        let test = pixels(&[[3, 3], [7, 7], [7, 7], [1, 1]], &[0, 1, 0, 1]);
        let found = overlap(&parts, Some(&test), 0.0, UNWATCHED).unwrap().unwrap();
        let pairs: Vec<_> =
            found.exact.iter().map(|pair| (pair.first, pair.second, pair.labels_agree())).collect();
        assert_eq!(
            pairs,
            [
                (place(Train, 0), place(Train, 2), false),
                (place(Train, 0), place(Validation, 4), true),
                (place(Validation, 3), place(Test, 0), true),
                (place(Test, 1), place(Test, 2), false),
                (place(Train, 0), place(Test, 3), false),
            ]
        );
        assert!(found.near.is_empty());
    }

    #[test]
    fn near_ones_are_those_far_closer_than_is_usual_for_their_class() {
        // The nearest neighbours of the test examples are 10, 1, 10, 12 (class 0) and 2, 2, 2 (class 1) away.
        let train = pixels(&[[10, 0], [50, 0], [90, 0], [130, 0], [0, 100], [0, 150], [0, 200]], &[0; 7]);
        let parts = Split { train: train.clone(), validation: train.subset(&[]) };
        let test = pixels(
            &[[20, 0], [51, 0], [100, 0], [142, 0], [0, 102], [0, 152], [0, 202]],
            &[0, 0, 0, 0, 1, 1, 1],
        );
        let found = overlap(&parts, Some(&test), 0.25, UNWATCHED).unwrap().unwrap();
        assert_eq!(found.near.len(), 1);
        let pair = found.near[0];
        assert_eq!((pair.first, pair.second), (place(Part::Train, 1), place(Part::Test, 1)));
        assert_eq!((pair.distance, pair.labels), (1.0, (0, 0)));
        // The examples themselves are no near pairs: they are exact ones.
        let same = overlap(&parts, Some(&train), 1.0, UNWATCHED).unwrap().unwrap();
        assert_eq!((same.exact.len(), same.near.len()), (7, 0));
    }

    #[test]
    fn a_test_example_may_be_near_one_that_is_held_out_for_validation() {
        let whole = pixels(&[[0, 0], [100, 0], [200, 0], [50, 0]], &[0; 4]);
        let parts = Split { train: whole.subset(&[0, 1, 2]), validation: whole.subset(&[3]) };
        let test = pixels(&[[51, 0], [130, 0], [160, 0]], &[0; 3]);
        let found = overlap(&parts, Some(&test), 0.5, UNWATCHED).unwrap().unwrap();
        let places: Vec<_> = found.near.iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(places, [(place(Part::Validation, 3), place(Part::Test, 0))]);
    }

    #[test]
    fn the_nearest_pairs_come_first_and_of_equals_the_first_example() {
        let whole = pixels(&[[0, 0], [100, 0], [200, 0], [3, 0]], &[0; 4]);
        let parts = Split { train: whole.subset(&[0, 1, 2]), validation: whole.subset(&[3]) };
        let test = pixels(&[[101, 0], [201, 0], [150, 0], [150, 0], [150, 0]], &[0; 5]);
        let found = overlap(&parts, Some(&test), 0.5, UNWATCHED).unwrap().unwrap();
        let near: Vec<_> = found.near.iter().map(|pair| (pair.distance, pair.first, pair.second)).collect();
        let expected = [
            (1.0, place(Part::Train, 1), place(Part::Test, 0)),
            (1.0, place(Part::Train, 2), place(Part::Test, 1)),
        ];
        assert_eq!(near, expected);
        let parts: Vec<_> = found.near.iter().map(Pair::parts).collect();
        assert_eq!(parts, [(Part::Train, Part::Test); 2]);
        assert_eq!(Part::ALL.map(Part::name), ["train", "validation", "test"]);
    }

    #[test]
    fn a_share_that_is_none_is_refused_and_whoever_watches_may_end_it() {
        let whole = pixels(&[[0, 0], [1, 0]], &[0, 0]);
        let parts = Split { train: whole.subset(&[0]), validation: whole.subset(&[1]) };
        for share in [-0.1, 1.1, f64::NAN] {
            let error = overlap(&parts, None, share, UNWATCHED).unwrap_err().to_string();
            assert!(error.contains("expected a share from 0 to 1"), "{error}");
        }
        assert!(overlap(&parts, None, 0.5, &|_, _| ControlFlow::Break(())).unwrap().is_none());
    }
}
