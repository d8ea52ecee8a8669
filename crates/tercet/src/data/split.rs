//! Splits: which examples are used for training, and which are held out to choose settings.
//!
//! Both kinds are stratified: each class has the same proportion in every part, as nearly as whole examples allow. They
//! depend only on the labels and the seed. Within a part the examples keep their order.

use rand::seq::SliceRandom;

use super::Dataset;
use crate::random::{Generator, Stream, generator};
use crate::{Error, Result};

/// A set split into two parts.
#[derive(Clone, Debug)]
pub struct Split {
    /// The examples for training.
    pub train: Dataset,
    /// The examples held out for choosing settings.
    pub validation: Dataset,
}

/// The default number of validation examples out of `n`: one in twelve, which is 5,000 of MNIST's 60,000, and at least
/// one.
pub fn default_validation(n: usize) -> usize {
    (n / 12).max(1)
}

/// Holds out `validation` examples, with the proportion of each class within one example of its proportion in the
/// whole.
///
/// The quota of a class of n_c examples is validation · n_c / N. Each class gets the integer part of its quota. The
/// remaining examples go to the classes with the largest remainders, and to the lower class if these are equal. Then
/// each class, in order, is shuffled by the generator of [`Stream::Split`], and its first examples are held out.
///
/// ```
/// use tercet::data::{Dataset, split};
/// use tercet::image::ImageShape;
///
/// let labels = vec![0, 0, 0, 0, 0, 0, 1, 1, 1]; // two to one
/// let classes = vec!["cat".to_owned(), "dog".to_owned()];
/// let set = Dataset::from_pixels("pets", ImageShape::gray(1, 1), vec![0; 9], labels, classes)?;
/// let parts = split(&set, 3, 7)?;
/// assert_eq!((parts.train.len(), parts.validation.labels()), (6, &[0, 0, 1][..]));
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// A count of 0, or one that leaves nothing to train on.
pub fn split(set: &Dataset, validation: usize, seed: u64) -> Result<Split> {
    let n = set.len();
    if validation == 0 || validation >= n {
        let expected = format!("at least 1 and less than {n}, the number of examples");
        return Err(Error::setting("validation", validation, expected));
    }
    // ANCHOR: split
    let classes = shuffled_classes(set, &mut generator(seed, Stream::Split));
    let quotas = quotas(&classes.iter().map(Vec::len).collect::<Vec<_>>(), validation);
    let mut held_out = vec![false; n];
    for (rows, quota) in classes.iter().zip(quotas) {
        for &row in &rows[..quota] {
            held_out[row] = true;
        }
    }
    Ok(split_by(set, |row| held_out[row]))
    // ANCHOR_END: split
}

/// The split that training uses: `validation` examples held out by [`split`]. By default these are the validation set of
/// the data if it [has one](Dataset::validation_len), and [one in twelve](default_validation) otherwise.
///
/// ```
/// use tercet::data::{Dataset, validation_split};
///
/// let classes = vec!["low".to_owned(), "high".to_owned()];
/// let set = Dataset::from_features("toy", 1, vec![0.0, 9.0, 1.0, 8.0], vec![0, 1, 0, 1], classes)?;
/// let parts = validation_split(&set.with_validation(2), None, 0)?;
/// assert_eq!((parts.train.len(), parts.validation.origin(0)), (2, 2));
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// Those of [`split`].
pub fn validation_split(set: &Dataset, validation: Option<usize>, seed: u64) -> Result<Split> {
    let of_data = set.validation_len();
    match validation {
        None if of_data > 0 && of_data < set.len() => Ok(split_by(set, |row| row >= set.len() - of_data)),
        None => split(set, default_validation(set.len()), seed),
        Some(count) => split(set, count, seed),
    }
}

/// Divides the set into `k` folds for cross-validation: split i holds out fold i and trains on the others.
///
/// Each class is shuffled as in [`split`]; then the examples are dealt out in turn to the `k` folds, class by class. So
/// the sizes of folds differ by at most one example, and so do the numbers of examples of each class.
///
/// # Errors
/// `k` below 2 or above the number of examples.
pub fn folds(set: &Dataset, k: usize, seed: u64) -> Result<Vec<Split>> {
    let n = set.len();
    if k < 2 || k > n {
        let expected = format!("at least 2 and at most {n}, the number of examples");
        return Err(Error::setting("folds", k, expected));
    }
    // ANCHOR: folds
    let mut fold_of = vec![0; n];
    let classes = shuffled_classes(set, &mut generator(seed, Stream::Split));
    for (dealt, row) in classes.into_iter().flatten().enumerate() {
        fold_of[row] = dealt % k;
    }
    Ok((0..k).map(|fold| split_by(set, |row| fold_of[row] == fold)).collect())
    // ANCHOR_END: folds
}

/// The rows of each class, shuffled.
fn shuffled_classes(set: &Dataset, generator: &mut Generator) -> Vec<Vec<usize>> {
    let mut classes = vec![Vec::new(); set.class_count()];
    for row in 0..set.len() {
        classes[set.label(row) as usize].push(row);
    }
    for rows in &mut classes {
        rows.shuffle(generator);
    }
    classes
}

/// Distributes `seats` among classes in proportion to their counts, by the largest-remainder method.
fn quotas(counts: &[usize], seats: usize) -> Vec<usize> {
    let n: u64 = counts.iter().map(|&count| count as u64).sum();
    // Both factors are below 2³², since no data set holds more examples.
    let due = |class: usize| seats as u64 * counts[class] as u64;
    let mut quotas: Vec<usize> = (0..counts.len()).map(|class| (due(class) / n) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(due(class) % n));
    let left = seats - quotas.iter().sum::<usize>();
    for &class in &by_remainder[..left] {
        quotas[class] += 1;
    }
    quotas
}

fn split_by(set: &Dataset, held_out: impl Fn(usize) -> bool) -> Split {
    let (validation, train): (Vec<usize>, Vec<usize>) = (0..set.len()).partition(|&row| held_out(row));
    Split { train: set.subset(&train), validation: set.subset(&validation) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    fn set(counts: &[usize]) -> Dataset {
        let mut labels: Vec<u32> =
            counts.iter().enumerate().flat_map(|(class, &n)| vec![class as u32; n]).collect();
        labels.shuffle(&mut generator(1, Stream::Search));
        let classes = crate::data::Classes::numbered(counts.len());
        Dataset::from_pixels("x", ImageShape::gray(1, 1), vec![0; labels.len()], labels, classes).unwrap()
    }

    fn counts(set: &Dataset) -> Vec<usize> {
        (0..set.class_count())
            .map(|class| set.labels().iter().filter(|&&y| y as usize == class).count())
            .collect()
    }

    fn origins(set: &Dataset) -> Vec<usize> {
        (0..set.len()).map(|i| set.origin(i)).collect()
    }

    #[test]
    fn the_parts_are_exact_disjoint_and_whole() {
        let set = set(&[50, 30, 20, 0, 1]);
        let parts = split(&set, 17, 3).unwrap();
        assert_eq!((parts.train.len(), parts.validation.len()), (84, 17));
        let mut all = [origins(&parts.train), origins(&parts.validation)].concat();
        assert!(origins(&parts.train).is_sorted() && origins(&parts.validation).is_sorted());
        all.sort();
        assert_eq!(all, (0..101).collect::<Vec<_>>());
    }

    #[test]
    fn each_class_is_within_one_example_of_its_share() {
        let whole = [500, 301, 20, 7, 1];
        let set = set(&whole);
        for validation in [1, 2, 69, 400, 828] {
            let held_out = counts(&split(&set, validation, 5).unwrap().validation);
            assert_eq!(held_out.iter().sum::<usize>(), validation);
            for (class, &count) in whole.iter().enumerate() {
                let due = validation as f64 * count as f64 / 829.0;
                assert!((held_out[class] as f64 - due).abs() < 1.0, "{validation}: {held_out:?}");
            }
        }
    }

    #[test]
    fn of_equal_remainders_the_lower_class_gets_the_example() {
        assert_eq!(quotas(&[5, 5, 5, 5], 6), [2, 2, 1, 1]);
        assert_eq!(quotas(&[6, 5, 0, 1], 6), [3, 3, 0, 0]);
        assert_eq!(quotas(&[1, 1, 1], 2), [1, 1, 0]);
    }

    #[test]
    fn splits_depend_only_on_the_seed() {
        let set = set(&[60, 40]);
        let held_out = |seed| origins(&split(&set, 10, seed).unwrap().validation);
        assert_eq!(held_out(1), held_out(1));
        assert_ne!(held_out(1), held_out(2));
        // These rows are part of the meaning of a seed: if they change, no earlier run can be reproduced.
        assert_eq!(held_out(0), [5, 8, 14, 21, 25, 50, 51, 52, 87, 90]);
    }

    #[test]
    fn a_split_of_a_part_keeps_the_origins_of_its_examples() {
        let set = set(&[10, 10]);
        let part = set.subset(&[19, 18, 17, 16, 15]);
        let parts = split(&part, 2, 0).unwrap();
        assert!(origins(&parts.validation).iter().all(|origin| (15..20).contains(origin)));
    }

    #[test]
    fn folds_hold_out_every_example_once_and_are_stratified() {
        let whole = [13, 8, 2];
        let set = set(&whole);
        let folds = folds(&set, 5, 9).unwrap();
        let mut held_out: Vec<usize> = folds.iter().flat_map(|fold| origins(&fold.validation)).collect();
        held_out.sort();
        assert_eq!(held_out, (0..23).collect::<Vec<_>>());
        for fold in &folds {
            assert_eq!(fold.train.len() + fold.validation.len(), 23);
            assert!((4..=5).contains(&fold.validation.len()));
            for (&count, &all) in counts(&fold.validation).iter().zip(&whole) {
                assert!(count == all / 5 || count == all.div_ceil(5), "{count} of {all}");
            }
        }
    }

    #[test]
    fn sizes_that_leave_a_part_empty_are_rejected() {
        let set = set(&[6, 4]);
        for validation in [0, 10, 11] {
            let error = split(&set, validation, 0).unwrap_err().to_string();
            assert!(error.starts_with(&format!("validation is {validation}; expected")), "{error}");
        }
        for k in [0, 1, 11] {
            assert!(folds(&set, k, 0).unwrap_err().to_string().contains("at least 2 and at most 10"));
        }
        assert!(folds(&set, 10, 0).is_ok());
    }

    #[test]
    fn one_in_twelve_is_held_out_by_default() {
        assert_eq!([60_000, 1797, 12, 11, 2].map(default_validation), [5000, 149, 1, 1, 1]);
    }
}
