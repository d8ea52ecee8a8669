//! The validation set of data that has one: its examples follow the training examples, and training holds them out.

use super::raw_subset::{Features, Interned, Labels, RawSubset};
use crate::{Error, Result};

/// Appends the examples of a validation set, which must be of the same kind as those of the training set.
pub(super) fn append_validation(train: &mut RawSubset, more: RawSubset) -> Result<()> {
    more.check()?;
    let count = more.features.count();
    let refuse = |found: &str| {
        let expected = format!("the same kind and shape as {}", train.path.display());
        Error::format(&more.path, found, expected, "Prepare training and validation set alike.")
    };
    let features = std::mem::replace(&mut train.features, Features::Bytes(1, Vec::new()));
    let Some(features) = joined(features, more.features) else { return Err(refuse("other features")) };
    let labels = std::mem::replace(&mut train.labels, Labels::Numbers(Vec::new()));
    let Some(labels) = joined_labels(labels, more.labels) else { return Err(refuse("other labels")) };
    (train.features, train.labels) = (features, labels);
    train.validation += count;
    Ok(())
}

/// The rows of both, in the smaller type that holds both exactly: each part was read in the smallest that holds it.
fn joined(features: Features, more: Features) -> Option<Features> {
    if features.width() != more.width() {
        return None;
    }
    let width = features.width();
    Some(match (features, more) {
        (Features::Pixels(shape, pixels), Features::Pixels(other, more)) if shape == other => {
            Features::Pixels(shape, [pixels, more].concat())
        }
        (Features::Pixels(..) | Features::MappedPixels(..), _) => return None,
        (_, Features::Pixels(..) | Features::MappedPixels(..)) => return None,
        (Features::Bytes(_, values), Features::Bytes(_, more)) => {
            Features::Bytes(width, [values, more].concat())
        }
        (Features::Halves(_, values), Features::Halves(_, more)) => {
            Features::Halves(width, [values, more].concat())
        }
        (features, more) => match (features.floats(), more.floats()) {
            (Some(values), Some(more)) => Features::Numbers(width, [values, more].concat()),
            (_, _) => Features::Doubles(width, [features.doubles(), more.doubles()].concat()),
        },
    })
}

/// The labels of both. Names that are all numbers in one part may be among other names in the other.
fn joined_labels(labels: Labels, more: Labels) -> Option<Labels> {
    Some(match (labels, more) {
        (Labels::Numbers(labels), Labels::Numbers(more)) => Labels::Numbers([labels, more].concat()),
        (Labels::Indices(labels), Labels::Indices(more)) => Labels::Indices([labels, more].concat()),
        (Labels::Indices(_), _) | (_, Labels::Indices(_)) => return None,
        (labels, more) => {
            let mut interned = Interned::default();
            let mut all = Vec::with_capacity(labels.len() + more.len());
            for part in [labels, more] {
                match part {
                    Labels::Names(names, labels) => {
                        all.extend(labels.iter().map(|&label| interned.index(&names[label as usize])));
                    }
                    Labels::Numbers(labels) => {
                        all.extend(labels.iter().map(|label| interned.index(&label.to_string())));
                    }
                    Labels::Indices(_) => {}
                }
            }
            interned.labels(all)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    fn subset(features: Features, labels: &[&str]) -> RawSubset {
        let labels = Labels::of_names(labels.iter().map(ToString::to_string));
        RawSubset::new("x".to_owned(), "x".into(), "x".into(), features, labels)
    }

    #[test]
    fn parts_of_different_number_types_are_joined_exactly() {
        let bytes = || Features::Bytes(1, vec![7, 9]);
        let floats = || Features::Numbers(1, vec![0.5]);
        let doubles = || Features::Doubles(1, vec![0.1]);
        assert!(matches!(joined(bytes(), floats()), Some(Features::Numbers(1, v)) if v == [7.0, 9.0, 0.5]));
        assert!(matches!(joined(doubles(), bytes()), Some(Features::Doubles(1, v)) if v == [0.1, 7.0, 9.0]));
        assert!(matches!(joined(floats(), doubles()), Some(Features::Doubles(1, v)) if v == [0.5, 0.1]));
        assert!(joined(bytes(), Features::Bytes(2, vec![1, 2])).is_none());
        assert!(joined(Features::Pixels(ImageShape::gray(1, 1), vec![1]), bytes()).is_none());
    }

    #[test]
    fn the_examples_for_validation_are_the_last_and_are_counted() {
        let mut train = subset(Features::Bytes(1, vec![7, 9]), &["a", "1"]);
        append_validation(&mut train, subset(Features::Bytes(1, vec![8]), &["1"])).unwrap();
        assert_eq!((train.validation, train.features.count()), (1, 3));
        assert_eq!(train.labels, Labels::Names(vec!["a".to_owned(), "1".to_owned()], vec![0, 1, 1]));
        let other = subset(Features::Bytes(2, vec![8, 8]), &["1"]);
        assert!(append_validation(&mut train, other).unwrap_err().to_string().contains("other features"));
    }
}
