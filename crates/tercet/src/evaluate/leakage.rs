//! Duplicates within and between the training, validation and test sets. A test example that is also in the training
//! set measures memorisation, not generalisation.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, FeatureKey, Split};
use crate::neighbors::{Metric, NearestNeighbors, Progress};
use crate::{Error, Result};

/// The training, validation or test set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Partition {
    /// The examples that models are trained on.
    Train,
    /// The examples that hyper-parameters are chosen on.
    Validation,
    /// The examples that the final model is evaluated on.
    Test,
}

impl Partition {
    /// All partitions, in order.
    pub const ALL: [Partition; 3] = [Partition::Train, Partition::Validation, Partition::Test];

    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Partition::Train => "train",
            Partition::Validation => "validation",
            Partition::Test => "test",
        }
    }
}

/// An example of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExampleId {
    /// Its partition.
    pub partition: Partition,
    /// Its [`origin`](crate::data::Examples::origin), counted from 0: its row in the test set or, for training and
    /// validation examples, in the training set as it was read, before the split.
    pub index: usize,
}

/// Two examples with the same features, or nearly the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DuplicatePair {
    /// The one that comes first, by partition and index.
    pub first: ExampleId,
    /// The one that comes second.
    pub second: ExampleId,
    /// The class of each.
    pub labels: (u32, u32),
    /// Their L2 distance, on the features as they are stored; 0 for equal features.
    pub distance: f64,
}

impl DuplicatePair {
    /// Whether both have the same class. If not, one of the labels is wrong, or the features do not determine the
    /// class.
    pub fn labels_agree(&self) -> bool {
        self.labels.0 == self.labels.1
    }

    /// The partitions of the two.
    pub fn partitions(&self) -> (Partition, Partition) {
        (self.first.partition, self.second.partition)
    }
}

/// The duplicates of a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Leakage {
    /// Every example whose features equal those of an earlier one, paired with the earliest such example. Partitions
    /// are ordered train, validation, test.
    pub exact: Vec<DuplicatePair>,
    /// Near duplicates: every validation example paired with its nearest neighbour in the training set, and every test
    /// example paired with its nearest neighbour in either, if their distance is below `near_share` of the typical one.
    /// Nearest pairs first.
    pub near: Vec<DuplicatePair>,
    /// The threshold, as a fraction of the median distance to the nearest neighbour over the examples with the same
    /// label. 0 if near duplicates were not searched for.
    pub near_share: f64,
}

/// Finds duplicates within and between the training, validation and test sets.
///
/// The threshold for near duplicates is relative to the typical distance within a class: images of ones are more alike
/// than those of eights, and a relative threshold works for features of any scale.
///
/// `progress` is called with the number of examples that have been searched. If it returns `Break`, the result is
/// `None`.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::data::{Dataset, Split};
/// use tercet::evaluate::find_leakage;
/// use tercet::image::ImageShape;
///
/// let classes = vec!["a".to_owned(), "b".to_owned()];
/// let set = |pixels: Vec<u8>, labels: Vec<u32>| {
///     Dataset::from_pixels("x", ImageShape::gray(2, 1), pixels, labels, classes.clone())
/// };
/// let whole = set(vec![1, 2, 90, 90, 5, 50], vec![0, 0, 1])?;
/// let split = Split { train: whole.subset(&[0, 2]), validation: whole.subset(&[1]) };
/// let test = set(vec![5, 50, 7, 7], vec![0, 1])?;
/// let found = find_leakage(&split, Some(&test), 0.0, &|_, _| ControlFlow::Continue(()))?.unwrap();
/// assert_eq!(found.exact.len(), 1);
/// assert_eq!((found.exact[0].first.index, found.exact[0].second.index), (2, 0));
/// assert!(!found.exact[0].labels_agree());
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// A fraction that is not from 0 to 1.
pub fn find_leakage(
    split: &Split,
    test: Option<&Dataset>,
    near_share: f64,
    progress: Progress<'_>,
) -> Result<Option<Leakage>> {
    if !(0.0..=1.0).contains(&near_share) {
        return Err(Error::setting("near", near_share, "a share from 0 to 1, such as 0.25"));
    }
    let exact = exact(split, test);
    let mut near = Vec::new();
    if near_share > 0.0 {
        let total = split.validation.len() + test.map_or(0, |test| test.len());
        let mut before = 0;
        let searches = [(Partition::Validation, Some(&split.validation)), (Partition::Test, test)];
        for (partition, queries) in searches {
            let Some(queries) = queries.filter(|queries| !queries.is_empty()) else { continue };
            let so_far = |done, _: usize| progress(before + done, total);
            let references = match partition {
                Partition::Test => {
                    vec![(Partition::Train, &split.train), (Partition::Validation, &split.validation)]
                }
                _ => vec![(Partition::Train, &split.train)],
            };
            let Some(found) = nearest(&references, partition, queries, &so_far)? else { return Ok(None) };
            near.extend(unusual(found, queries.class_count(), near_share));
            before += queries.len();
        }
        near.sort_by(|a, b| {
            a.distance.total_cmp(&b.distance).then((a.first, a.second).cmp(&(b.first, b.second)))
        });
    }
    Ok(Some(Leakage { exact, near, near_share }))
}

/// Every example whose features equal those of an earlier one.
fn exact(split: &Split, test: Option<&Dataset>) -> Vec<DuplicatePair> {
    let sets = [
        (Partition::Train, Some(&split.train)),
        (Partition::Validation, Some(&split.validation)),
        (Partition::Test, test),
    ];
    let mut first = HashMap::new();
    let mut pairs = Vec::new();
    for (partition, set) in sets {
        let Some(set) = set else { continue };
        for i in 0..set.len() {
            let (id, label) = (ExampleId { partition, index: set.origin(i) }, set.label(i));
            match first.entry(FeatureKey(set.row(i))) {
                Entry::Occupied(earlier) => {
                    let &(first, earlier) = earlier.get();
                    pairs.push(DuplicatePair { first, second: id, labels: (earlier, label), distance: 0.0 });
                }
                Entry::Vacant(entry) => {
                    entry.insert((id, label));
                }
            }
        }
    }
    pairs
}

/// The nearest reference example to each query, as pairs in the order of the queries. `None` if `progress` stopped it.
fn nearest(
    references: &[(Partition, &Dataset)],
    partition: Partition,
    queries: &Dataset,
    progress: Progress<'_>,
) -> Result<Option<Vec<DuplicatePair>>> {
    let mut best: Vec<Option<DuplicatePair>> = vec![None; queries.len()];
    for (last, &(of, set)) in references.iter().enumerate().map(|(i, set)| (i + 1 == references.len(), set)) {
        if set.is_empty() {
            continue;
        }
        // Progress counts the searches of all partitions together.
        let watch = |done, of| if last { progress(done, of) } else { progress(0, of) };
        let Some(found) = NearestNeighbors::fit(set, Metric::L2)?.search_with(queries, 1, &watch)? else {
            return Ok(None);
        };
        for (i, best) in best.iter_mut().enumerate() {
            let (row, distance) = (found.indices[i] as usize, found.distances[i]);
            if best.is_none_or(|best| distance < best.distance) {
                let first = ExampleId { partition: of, index: set.origin(row) };
                let second = ExampleId { partition, index: queries.origin(i) };
                *best = Some(DuplicatePair {
                    first,
                    second,
                    labels: (set.label(row), queries.label(i)),
                    distance,
                });
            }
        }
    }
    Ok(Some(best.into_iter().flatten().collect()))
}

/// The pairs that are closer than a fraction of the median among those whose second example has the same label, without
/// exact duplicates.
fn unusual(pairs: Vec<DuplicatePair>, classes: usize, share: f64) -> Vec<DuplicatePair> {
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
    let close = |pair: &DuplicatePair| pair.distance > 0.0 && pair.distance < limits[pair.labels.1 as usize];
    pairs.into_iter().filter(close).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::image::ImageShape;

    const UNWATCHED: Progress<'static> = &|_, _| ControlFlow::Continue(());

    fn pixels(rows: &[[u8; 2]], labels: &[u32]) -> Dataset {
        let classes = vec!["a".to_owned(), "b".to_owned()];
        Dataset::from_pixels("x", ImageShape::gray(2, 1), rows.concat(), labels.to_vec(), classes).unwrap()
    }

    fn id(partition: Partition, index: usize) -> ExampleId {
        ExampleId { partition, index }
    }

    #[test]
    fn every_kind_of_duplicate_is_found_with_its_rows_and_labels() {
        use Partition::*;
        let whole = pixels(&[[1, 1], [2, 2], [1, 1], [3, 3], [1, 1], [9, 9]], &[0, 1, 1, 0, 0, 0]);
        // Rows 4 and 3 are held out; the training set has rows 5, 0, 1 and 2.
        let split = Split { train: whole.subset(&[5, 0, 1, 2]), validation: whole.subset(&[4, 3]) };
        let test = pixels(&[[3, 3], [7, 7], [7, 7], [1, 1]], &[0, 1, 0, 1]);
        let found = find_leakage(&split, Some(&test), 0.0, UNWATCHED).unwrap().unwrap();
        let pairs: Vec<_> =
            found.exact.iter().map(|pair| (pair.first, pair.second, pair.labels_agree())).collect();
        assert_eq!(
            pairs,
            [
                (id(Train, 0), id(Train, 2), false),
                (id(Train, 0), id(Validation, 4), true),
                (id(Validation, 3), id(Test, 0), true),
                (id(Test, 1), id(Test, 2), false),
                (id(Train, 0), id(Test, 3), false),
            ]
        );
        assert!(found.near.is_empty());
    }

    #[test]
    fn near_duplicates_are_far_closer_than_is_typical_for_their_class() {
        // The nearest neighbours of the test examples are 10, 1, 10, 12 (class 0) and 2, 2, 2 (class 1) away.
        let train = pixels(&[[10, 0], [50, 0], [90, 0], [130, 0], [0, 100], [0, 150], [0, 200]], &[0; 7]);
        let split = Split { train: train.clone(), validation: train.subset(&[]) };
        let test = pixels(
            &[[20, 0], [51, 0], [100, 0], [142, 0], [0, 102], [0, 152], [0, 202]],
            &[0, 0, 0, 0, 1, 1, 1],
        );
        let found = find_leakage(&split, Some(&test), 0.25, UNWATCHED).unwrap().unwrap();
        assert_eq!(found.near.len(), 1);
        let pair = found.near[0];
        assert_eq!((pair.first, pair.second), (id(Partition::Train, 1), id(Partition::Test, 1)));
        assert_eq!((pair.distance, pair.labels), (1.0, (0, 0)));
        // Equal examples are exact duplicates, not near ones.
        let same = find_leakage(&split, Some(&train), 1.0, UNWATCHED).unwrap().unwrap();
        assert_eq!((same.exact.len(), same.near.len()), (7, 0));
    }

    #[test]
    fn a_test_example_may_be_near_a_validation_example() {
        let whole = pixels(&[[0, 0], [100, 0], [200, 0], [50, 0]], &[0; 4]);
        let split = Split { train: whole.subset(&[0, 1, 2]), validation: whole.subset(&[3]) };
        let test = pixels(&[[51, 0], [130, 0], [160, 0]], &[0; 3]);
        let found = find_leakage(&split, Some(&test), 0.5, UNWATCHED).unwrap().unwrap();
        let ids: Vec<_> = found.near.iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(ids, [(id(Partition::Validation, 3), id(Partition::Test, 0))]);
    }

    #[test]
    fn the_nearest_pairs_come_first_and_ties_go_to_the_first_example() {
        let whole = pixels(&[[0, 0], [100, 0], [200, 0], [3, 0]], &[0; 4]);
        let split = Split { train: whole.subset(&[0, 1, 2]), validation: whole.subset(&[3]) };
        let test = pixels(&[[101, 0], [201, 0], [150, 0], [150, 0], [150, 0]], &[0; 5]);
        let found = find_leakage(&split, Some(&test), 0.5, UNWATCHED).unwrap().unwrap();
        let near: Vec<_> = found.near.iter().map(|pair| (pair.distance, pair.first, pair.second)).collect();
        let expected = [
            (1.0, id(Partition::Train, 1), id(Partition::Test, 0)),
            (1.0, id(Partition::Train, 2), id(Partition::Test, 1)),
        ];
        assert_eq!(near, expected);
        let partitions: Vec<_> = found.near.iter().map(DuplicatePair::partitions).collect();
        assert_eq!(partitions, [(Partition::Train, Partition::Test); 2]);
        assert_eq!(Partition::ALL.map(Partition::name), ["train", "validation", "test"]);
    }

    #[test]
    fn an_invalid_share_is_rejected_and_progress_can_stop_the_search() {
        let whole = pixels(&[[0, 0], [1, 0]], &[0, 0]);
        let split = Split { train: whole.subset(&[0]), validation: whole.subset(&[1]) };
        for share in [-0.1, 1.1, f64::NAN] {
            let error = find_leakage(&split, None, share, UNWATCHED).unwrap_err().to_string();
            assert!(error.contains("expected a share from 0 to 1"), "{error}");
        }
        assert!(find_leakage(&split, None, 0.5, &|_, _| ControlFlow::Break(())).unwrap().is_none());
    }
}
