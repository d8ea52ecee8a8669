//! The data check: duplicates and label errors.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::numbers::{counted, grouped, percent, three_digits};
use tercet::data::{Dataset, Split};
use tercet::evaluate::{DuplicatePair, ExampleId, LabelError, LabelErrors, Leakage, Partition};
use tercet::{Error, Result};

/// The maximum number of pairs, and of label errors, shown with pictures.
const SHOWN: usize = 48;

/// The check of a run's data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataCheck {
    /// The partitions, with the number of examples in each.
    pub parts: Vec<(Partition, usize)>,
    /// The seed of the validation split.
    pub seed: u64,
    /// Duplicates.
    pub leakage: Leakage,
    /// Label errors; `None` if they were not searched for.
    pub label_errors: Option<LabelErrors>,
    /// The pixels of the examples that are shown, by whether they are test examples, and by index.
    #[serde(skip)]
    pub pictures: BTreeMap<(bool, usize), Vec<u8>>,
}

impl DataCheck {
    /// The findings for these partitions, with the pictures of the examples that are shown.
    pub fn new(
        parts: &Split,
        test: Option<&Dataset>,
        seed: u64,
        leakage: Leakage,
        label_errors: Option<LabelErrors>,
    ) -> Self {
        let sets = [
            (Partition::Train, Some(&parts.train)),
            (Partition::Validation, Some(&parts.validation)),
            (Partition::Test, test),
        ];
        let sizes = sets.iter().filter_map(|(part, set)| Some((*part, set.as_ref()?.len()))).collect();
        let mut check = DataCheck { parts: sizes, seed, leakage, label_errors, pictures: BTreeMap::new() };
        let mut wanted: Vec<(bool, usize)> =
            check.shown_pairs().flat_map(|pair| [key(pair.first), key(pair.second)]).collect();
        for (is_test, label_errors) in check.shown_label_errors() {
            wanted.extend(label_errors.iter().map(|label_error| (is_test, label_error.index)));
        }
        wanted.sort_unstable();
        wanted.dedup();
        for (part, set) in sets {
            let Some(set) = set else { continue };
            for i in 0..set.len() {
                let at = (part == Partition::Test, set.origin(i));
                if let (Ok(_), Some(pixels)) = (wanted.binary_search(&at), set.pixels(i)) {
                    check.pictures.insert(at, pixels.to_vec());
                }
            }
        }
        check
    }

    /// The pairs that are shown, exact duplicates first.
    fn shown_pairs(&self) -> impl Iterator<Item = &DuplicatePair> {
        // Pairs with different labels are the most informative.
        let exact = self.leakage.exact.iter();
        let (differ, agree): (Vec<&DuplicatePair>, Vec<&DuplicatePair>) =
            exact.partition(|pair| !pair.labels_agree());
        differ.into_iter().chain(agree).take(SHOWN).chain(self.leakage.near.iter().take(SHOWN))
    }

    /// The label errors that are shown, those of the test set first, and whether they belong to the test set.
    fn shown_label_errors(&self) -> Vec<(bool, &[LabelError])> {
        let Some(label_errors) = &self.label_errors else { return Vec::new() };
        let first = |all: &[LabelError]| all.len().min(SHOWN);
        vec![
            (true, &label_errors.test[..first(&label_errors.test)]),
            (false, &label_errors.train[..first(&label_errors.train)]),
        ]
    }

    /// The number of pairs between two partitions: exact duplicates, those of them with different labels, and
    /// near-duplicates.
    pub fn counts(&self, parts: (Partition, Partition)) -> (usize, usize, usize) {
        let between =
            |pairs: &[DuplicatePair]| pairs.iter().filter(|pair| pair.partitions() == parts).count();
        let exact = &self.leakage.exact;
        let differ = exact.iter().filter(|pair| pair.partitions() == parts && !pair.labels_agree()).count();
        (between(exact), differ, between(&self.leakage.near))
    }

    /// All pairs of partitions, in order.
    pub fn pairs_of_parts(&self) -> Vec<(Partition, Partition)> {
        let there: Vec<Partition> =
            self.parts.iter().filter(|(_, n)| *n > 0).map(|(part, _)| *part).collect();
        there.iter().enumerate().flat_map(|(i, &a)| there[i..].iter().map(move |&b| (a, b))).collect()
    }

    /// Checks that all labels are valid classes, so that rendering cannot index out of bounds.
    pub(super) fn check(&self, classes: usize) -> Result<()> {
        let pairs = self.leakage.exact.iter().chain(&self.leakage.near);
        let label_errors = self.label_errors.iter().flat_map(|found| found.train.iter().chain(&found.test));
        let labels = pairs.flat_map(|pair| [pair.labels.0, pair.labels.1]).chain(
            label_errors
                .flat_map(|label_error| [label_error.label, label_error.network, label_error.neighbors]),
        );
        for label in labels {
            if label as usize >= classes {
                let expected = format!("a number below {classes}");
                return Err(Error::mismatch("a label in the check of the data", label, expected));
            }
        }
        Ok(())
    }
}

fn key(place: ExampleId) -> (bool, usize) {
    (place.partition == Partition::Test, place.index)
}

/// Draws an example; `None` without a picture.
pub(super) type Draw<'a> = &'a dyn Fn((bool, usize), &str) -> Option<Markup>;

/// The section about the data.
pub(super) fn section(check: &DataCheck, classes: &[String], draw: Draw<'_>) -> Markup {
    html! {
        section id="data" aria-labelledby="data-title" {
            h2 id="data-title" { "Data check" }
            (duplicates(check, classes, draw))
            @if let Some(label_errors) = &check.label_errors { (label_errors_section(check, label_errors, classes, draw)) }
        }
    }
}

/// "within train", "train – test".
pub(super) fn between(parts: (Partition, Partition)) -> String {
    match parts {
        (a, b) if a == b => format!("within {}", a.name()),
        (a, b) => format!("{} – {}", a.name(), b.name()),
    }
}

fn duplicates(check: &DataCheck, classes: &[String], draw: Draw<'_>) -> Markup {
    let shown: Vec<&DuplicatePair> = check.shown_pairs().collect();
    let all = check.leakage.exact.len() + check.leakage.near.len();
    html! {
        h3 { "Duplicates" }
        (duplicate_counts(check))
        @if !shown.is_empty() {
            ol.gallery.pairs { @for pair in &shown { (duplicate_pair(pair, classes, draw)) } }
            @if shown.len() < all { p.note { (shown.len()) " of " (counted(all, "pair", "pairs")) " are shown." } }
        }
    }
}

/// How many duplicates there are within and between the sets.
fn duplicate_counts(check: &DataCheck) -> Markup {
    let near_share = check.leakage.near_share;
    let has_near = near_share > 0.0;
    html! {
        div.scroll role="region" tabindex="0" aria-label="Duplicates by set" {
            table.plain {
                thead {
                    tr {
                        th scope="col" { "Between" }
                        th.number scope="col" { "Exact" }
                        th.number scope="col" { "with other labels" }
                        @if has_near { th.number scope="col" { "Near" } }
                    }
                }
                tbody {
                    @for parts in check.pairs_of_parts() {
                        @let (exact, differ, near) = check.counts(parts);
                        tr {
                            th scope="row" { (between(parts)) }
                            td.number { (grouped(exact as u64)) }
                            td.number { (grouped(differ as u64)) }
                            @if has_near { td.number { @if parts.0 == parts.1 { "–" } @else { (grouped(near as u64)) } } }
                        }
                    }
                }
            }
        }
        p.note {
            "Exact: the same features to the last bit; each example is paired with the first of its kind. "
            @if has_near {
                "Near: the nearest neighbour of an example in an earlier set is closer than " (percent(near_share))
                " of the median distance to it among examples of that class. "
            }
            "The validation set is the one held out with seed " (check.seed) "."
        }
    }
}

fn duplicate_pair(pair: &DuplicatePair, classes: &[String], draw: Draw<'_>) -> Markup {
    html! {
        li {
            div.two {
                @for (place, label) in [(pair.first, pair.labels.0), (pair.second, pair.labels.1)] {
                    @let describe = format!("{} example {}: {}", place.partition.name(), place.index, classes[label as usize]);
                    @if let Some(tile) = draw(key(place), &describe) { (tile) }
                }
            }
            p.labels {
                (classes[pair.labels.0 as usize])
                @if !pair.labels_agree() { " and " b.wrong { (classes[pair.labels.1 as usize]) } }
            }
            p.index {
                (pair.first.partition.name()) " #" (pair.first.index) br;
                (pair.second.partition.name()) " #" (pair.second.index)
                @if pair.distance > 0.0 { br; "distance " (three_digits(pair.distance)) }
            }
        }
    }
}

fn label_errors_section(
    check: &DataCheck,
    label_errors: &LabelErrors,
    classes: &[String],
    draw: Draw<'_>,
) -> Markup {
    let name = |class: u32| &classes[class as usize];
    html! {
        h3 { "Possible label errors" }
        p.note {
            "Two classifiers that were not trained on an example disagree with its label: the " (label_errors.k)
            " nearest neighbours, and a network of " (label_errors.folds) "-fold cross-validation (" (label_errors.network)
            "). Ordered by the mean of two margins, the network's and the neighbours'. An example may be unusual and its label "
            "right: check these first."
        }
        @for (is_test, shown) in check.shown_label_errors() {
            @let (set, all) = if is_test { ("test", label_errors.test.len()) } else { ("training", label_errors.train.len()) };
            @if is_test || all > 0 || check.parts.iter().any(|(part, _)| *part == Partition::Train) {
                h4.of-set {
                    (counted(all, "possible label error", "possible label errors")) " in the " (set) " set"
                    @if shown.len() < all { ", the first " (shown.len()) " of them" }
                }
                ol.gallery {
                    @for label_error in shown {
                        li {
                            @let describe = format!("{set} example {}: labelled {}", label_error.index, name(label_error.label));
                            @if let Some(tile) = draw((is_test, label_error.index), &describe) { (tile) }
                            p.labels {
                                "labelled " b.wrong { (name(label_error.label)) } ", predicted " b { (name(label_error.network)) }
                                @if label_error.neighbors != label_error.network { " or " b { (name(label_error.neighbors)) } }
                            }
                            p.index { "#" (label_error.index) br; (percent(label_error.score())) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tercet::image::ImageShape;

    fn example() -> DataCheck {
        let classes = vec!["cat".to_owned(), "dog".to_owned()];
        let pixels = (0..12).collect();
        let whole =
            Dataset::from_pixels("x", ImageShape::gray(2, 1), pixels, vec![0, 1, 0, 1, 0, 1], classes);
        let whole = whole.unwrap();
        let parts = Split { train: whole.subset(&[0, 2, 4, 5]), validation: whole.subset(&[1, 3]) };
        let test = whole.subset(&[3, 4]);
        let pair = |a: (Partition, usize), b: (Partition, usize), labels, distance| DuplicatePair {
            first: ExampleId { partition: a.0, index: a.1 },
            second: ExampleId { partition: b.0, index: b.1 },
            labels,
            distance,
        };
        let exact = vec![
            pair((Partition::Train, 0), (Partition::Train, 2), (0, 0), 0.0),
            pair((Partition::Train, 4), (Partition::Test, 3), (0, 1), 0.0),
        ];
        let near = vec![pair((Partition::Validation, 1), (Partition::Test, 4), (1, 0), 1.5)];
        let label_error = |index| LabelError {
            index,
            label: 0,
            network: 1,
            neighbors: 1,
            network_margin: 0.9,
            neighbors_margin: 0.7,
        };
        let label_errors =
            LabelErrors { train: vec![label_error(5)], test: vec![label_error(4)], ..LabelErrors::default() };
        let leakage = Leakage { exact, near, near_share: 0.25 };
        DataCheck::new(&parts, Some(&test), 7, leakage, Some(label_errors))
    }

    #[test]
    fn pairs_are_counted_by_their_parts() {
        let check = example();
        assert_eq!(check.parts, [(Partition::Train, 4), (Partition::Validation, 2), (Partition::Test, 2)]);
        assert_eq!(check.pairs_of_parts().len(), 6);
        assert_eq!(check.counts((Partition::Train, Partition::Train)), (1, 0, 0));
        assert_eq!(check.counts((Partition::Train, Partition::Test)), (1, 1, 0));
        assert_eq!(check.counts((Partition::Validation, Partition::Test)), (0, 0, 1));
    }

    #[test]
    fn what_is_shown_has_its_picture_and_its_words() {
        let check = example();
        let keys: Vec<_> = check.pictures.keys().copied().collect();
        assert_eq!(keys, [(false, 0), (false, 1), (false, 2), (false, 4), (false, 5), (true, 3), (true, 4)]);
        assert_eq!(check.pictures[&(true, 4)], [8, 9]);
        let draw = |at: (bool, usize), _: &str| check.pictures.get(&at).map(|_| html! { i { (at.1) } });
        let page = section(&check, &["cat".to_owned(), "dog".to_owned()], &draw).into_string();
        // Two for each of three pairs, and one for each of two label errors.
        assert_eq!(page.matches("<i>").count(), 8);
        for words in [
            "train – test",
            "cat and <b class=\"wrong\">dog",
            "1 possible label error in the test set",
            "80.00 %",
        ] {
            assert!(page.contains(words), "{words} is missing in {page}");
        }
    }

    #[test]
    fn labels_that_are_not_classes_are_rejected_and_pictures_stay_out_of_json() {
        let check = example();
        assert!(check.check(2).is_ok());
        assert!(check.check(1).unwrap_err().to_string().contains("found 1; expected a number below 1"));
        let json = serde_json::to_string(&check).unwrap();
        assert!(!json.contains("pictures"));
        let read: DataCheck = serde_json::from_str(&json).unwrap();
        assert!(
            read.pictures.is_empty()
                && read.leakage == check.leakage
                && read.label_errors == check.label_errors
        );
    }
}
