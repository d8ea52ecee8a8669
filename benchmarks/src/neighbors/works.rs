//! The list of works, with their targets.

use super::data::Data;
use super::distance::Measure;

/// One measurement.
#[derive(Debug)]
pub struct Work {
    /// Its name on the command line and in the record.
    pub name: &'static str,
    /// A description on one line.
    pub about: &'static str,
    /// The data that is searched.
    pub data: Data,
    /// How it is measured.
    pub kind: Kind,
    /// The targets.
    pub targets: &'static [Target],
}

/// How a work is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// All queries at once, with every measure and every k.
    Search {
        /// The distance measures.
        measures: &'static [Measure],
        /// The numbers of neighbours.
        ks: &'static [usize],
    },
    /// One query after the other, for 3 neighbours.
    OneByOne {
        /// The number of queries.
        queries: usize,
    },
    /// The neighbours of every row among the others, and the accuracy of a vote of 1, 2, … k of them.
    LeaveOneOut {
        /// The number of neighbours.
        k: usize,
    },
    /// Searches among more and more rows, for 3 neighbours.
    Growth {
        /// The counts of rows, fewest first.
        rows: &'static [usize],
    },
}

/// A target. Missing it is printed and recorded, but is not an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Fit and search take at most this fraction of a peer's time.
    Of(&'static str, f64),
    /// Fit and search take at most this many seconds.
    Seconds(f64),
    /// The median query takes at most this many milliseconds.
    Milliseconds(f64),
    /// The prepared index has at most this many bytes per byte of the rows.
    Memory(f64),
    /// Search time grows slower than the number of rows, from the fewest to the most.
    SlowerThanRows,
}

const L2: &[Measure] = &[Measure::L2];
const THREE: Kind = Kind::Search { measures: L2, ks: &[3] };

/// If no row can be ruled out, the attempt to do so may cost a little.
const NOTHING_TO_PRUNE: &[Target] = &[Target::Of("faiss", 1.15)];

/// All works, in the order in which they are measured.
pub const WORKS: &[Work] = &[
    Work {
        name: "mnist",
        about: "MNIST, all training and test images",
        data: Data::Mnist,
        kind: THREE,
        targets: &[Target::Of("faiss", 1.0 / 15.0), Target::Memory(1.6)],
    },
    Work {
        name: "fashion-mnist",
        about: "Fashion-MNIST, all training and test images",
        data: Data::FashionMnist,
        kind: THREE,
        targets: &[Target::Of("faiss", 1.0 / 8.0)],
    },
    Work {
        name: "embeddings-384",
        about: "made up like a language model's embeddings",
        data: Data::Embeddings(384),
        kind: THREE,
        targets: &[Target::Of("faiss", 1.0 / 3.0)],
    },
    Work {
        name: "embeddings-768",
        about: "the same, twice as wide",
        data: Data::Embeddings(768),
        kind: THREE,
        targets: &[Target::Of("faiss", 1.0 / 3.0)],
    },
    Work {
        name: "uniform-u8",
        about: "random bytes: no row can be ruled out",
        data: Data::UniformBytes,
        kind: THREE,
        targets: NOTHING_TO_PRUNE,
    },
    Work {
        name: "uniform-f32",
        about: "random floats: no row can be ruled out",
        data: Data::UniformFloats,
        kind: THREE,
        targets: NOTHING_TO_PRUNE,
    },
    Work {
        name: "equal-u8",
        about: "bytes, all rows equal",
        data: Data::EqualBytes,
        kind: THREE,
        targets: NOTHING_TO_PRUNE,
    },
    Work {
        name: "equal-f32",
        about: "floats, all rows equal",
        data: Data::EqualFloats,
        kind: THREE,
        targets: NOTHING_TO_PRUNE,
    },
    Work {
        name: "approaching-u8",
        about: "bytes, each row nearer to all queries than those before",
        data: Data::ApproachingBytes,
        kind: THREE,
        targets: NOTHING_TO_PRUNE,
    },
    Work {
        name: "approaching-f32",
        about: "floats, each row nearer to all queries than those before",
        data: Data::ApproachingFloats,
        kind: THREE,
        targets: NOTHING_TO_PRUNE,
    },
    Work {
        name: "farthest-first",
        about: "MNIST, the training images farthest from the mean query first",
        data: Data::MnistFarthestFirst,
        kind: THREE,
        targets: NOTHING_TO_PRUNE,
    },
    Work {
        name: "k",
        about: "MNIST with more and fewer neighbours",
        data: Data::Mnist,
        kind: Kind::Search { measures: L2, ks: &[1, 5, 15, 50] },
        targets: &[],
    },
    Work {
        name: "measures",
        about: "MNIST by other measures of distance",
        data: Data::Mnist,
        kind: Kind::Search { measures: &[Measure::L1, Measure::L3, Measure::Cosine, Measure::Dot], ks: &[3] },
        targets: &[Target::Of("scikit-learn", 0.5)],
    },
    Work {
        name: "one-by-one",
        about: "MNIST, one query at a time",
        data: Data::Mnist,
        kind: Kind::OneByOne { queries: 1000 },
        targets: &[Target::Milliseconds(0.5)],
    },
    Work {
        name: "leave-one-out",
        about: "MNIST, every training image classified by the others, with 1 to 15 neighbours",
        data: Data::Mnist,
        kind: Kind::LeaveOneOut { k: 15 },
        targets: &[Target::Seconds(4.0)],
    },
    Work {
        name: "growth",
        about: "MNIST with shifted copies, more and more rows",
        data: Data::MnistShifted,
        kind: Kind::Growth { rows: &[10_000, 30_000, 60_000, 300_000] },
        targets: &[Target::SlowerThanRows],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::engines::ENGINES;

    #[test]
    fn names_are_unique_and_targets_are_about_peers_that_there_are() {
        for work in WORKS {
            let bearers = WORKS.iter().filter(|other| other.name == work.name).count();
            assert_eq!(bearers, 1, "{}", work.name);
            for target in work.targets {
                if let Target::Of(peer, _) = target {
                    assert!(ENGINES.iter().any(|engine| engine.name == *peer), "{peer}");
                }
            }
        }
    }
}
