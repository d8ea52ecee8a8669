//! Distances, votes, and the choice of k.

use tercet::data::Examples;
use tercet::image::ImageShape;
use tercet::neighbors::{Metric, NeighborsClassifier, Vote, accuracy_by_k, naive};
use tercet::{Dataset, Result};

use super::Exercise;

pub const EXERCISES: &[Exercise] = &[
    Exercise {
        name: "distances",
        chapter: "neighbors",
        question: "\
There are three training images of two pixels, and two queries:

    training    (0, 0)  (3, 4)  (6, 8)
    queries     (0, 4)  (6, 0)

Give the matrix of Euclidean distances (L2), with one row per query and one
column per training image.",
        entries: &["d[0,0]", "d[0,1]", "d[0,2]", "d[1,0]", "d[1,1]", "d[1,2]"],
        tolerance: 0.01,
        answer: || distances(Metric::L2),
        mistakes: &[
            (
                || Ok(distances(Metric::L2)?.iter().map(|d| d * d).collect()),
                "those are the squared distances: the order of the neighbours is the same, but a distance is \
                 the square root",
            ),
            (
                || distances(Metric::L1),
                "those are sums of absolute differences (L1); L2 is the square root of the sum of squares",
            ),
            (
                || {
                    let d = distances(Metric::L2)?;
                    Ok([0, 3, 1, 4, 2, 5].map(|i| d[i]).to_vec())
                },
                "that is the transpose: there is one row per query",
            ),
        ],
    },
    Exercise {
        name: "vote",
        chapter: "neighbors",
        question: "\
The training set has one feature and two classes:

    x      1  2  3  4  7  8
    class  1  0  0  1  1  1

Which class do the 1, 3 and 5 nearest neighbours of x = 2.6 vote for, with one
vote each?",
        entries: &["k = 1", "k = 3", "k = 5"],
        tolerance: 0.001,
        answer: || votes(&[1, 3, 5]),
        mistakes: &[(
            || Ok(votes(&[1, 3, 5])?.iter().map(|class| 1.0 - class).collect()),
            "those are the classes that lose the vote",
        )],
    },
    Exercise {
        name: "choice-of-k",
        chapter: "tuning",
        question: "\
Eight examples of one feature and two classes:

    x      1  2  3  5  6  8  9  11
    class  0  0  0  1  0  1  1   1

Choose k by leave-one-out: each example is classified by its nearest neighbours
among the seven others, with L2 and one vote each; of two at the same distance,
the earlier one is nearer. Give the accuracy, as a fraction, for k = 1, 3 and 5.",
        entries: &["k = 1", "k = 3", "k = 5"],
        tolerance: 0.001,
        answer: || accuracies(true),
        mistakes: &[
            (
                || accuracies(false),
                "every example was one of its own neighbours: leave it out, or k = 1 is always correct",
            ),
            (
                || Ok(accuracies(true)?.iter().map(|accuracy| 1.0 - accuracy).collect()),
                "those are the error rates",
            ),
        ],
    },
];

fn distances(metric: Metric) -> Result<Vec<f64>> {
    let images = |pixels: Vec<u8>| Examples::from_pixels(ImageShape::gray(2, 1), pixels);
    let found = naive::search(&images(vec![0, 0, 3, 4, 6, 8])?, &images(vec![0, 4, 6, 0])?, metric, 3)?;
    let mut matrix = vec![0.0; 6];
    for query in 0..2 {
        let (rows, distances) = found.of(query);
        for (&row, &distance) in rows.iter().zip(distances) {
            matrix[query * 3 + row as usize] = distance;
        }
    }
    Ok(matrix)
}

fn line(x: &[f32], labels: &[u32]) -> Result<Dataset> {
    Dataset::from_features("exercise", 1, x.to_vec(), labels.to_vec(), vec!["0".into(), "1".into()])
}

fn votes(ks: &[usize]) -> Result<Vec<f64>> {
    let data = line(&[1., 2., 3., 4., 7., 8.], &[1, 0, 0, 1, 1, 1])?;
    let query = Examples::from_features(1, vec![2.6])?;
    let vote = |&k| {
        let classifier = NeighborsClassifier::fit(&data, Metric::L2, k, Vote::Uniform)?;
        Ok(f64::from(classifier.predict(&query)?[0]))
    };
    ks.iter().map(vote).collect()
}

/// The accuracy with 1, 3 and 5 neighbours among the examples, where each example is left out or not.
fn accuracies(left_out: bool) -> Result<Vec<f64>> {
    let data = line(&[1., 2., 3., 5., 6., 8., 9., 11.], &[0, 0, 0, 1, 0, 1, 1, 1])?;
    let found = match left_out {
        true => naive::leave_one_out(&data, Metric::L2, 5)?,
        false => naive::search(&data, &data, Metric::L2, 5)?,
    };
    let labels = data.labels();
    let by_k = accuracy_by_k(&found, labels, labels, Vote::Uniform)?;
    Ok([1, 3, 5].map(|k| by_k[k - 1]).to_vec())
}
