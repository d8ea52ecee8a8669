//! The list of works, with their targets.

use tercet::loss::Loss;
use tercet::network::Init;
use tercet::recipe::GradientDescentRecipe;
use tercet::train::{Length, Settings};

use super::data::Data;
use super::network::SEED;

/// Works that are measured by one command and have one record.
#[derive(Debug)]
pub struct Suite {
    /// The name of the command and of the record.
    pub name: &'static str,
    /// The works, in order.
    pub works: &'static [Work],
}

/// One measurement.
#[derive(Debug)]
pub struct Work {
    /// Its name on the command line and in the record.
    pub name: &'static str,
    /// A description on one line.
    pub about: &'static str,
    /// The data.
    pub data: Data,
    /// What is timed.
    pub kind: Kind,
    /// The peers that do the same work.
    pub peers: &'static [&'static str],
    /// The targets.
    pub targets: &'static [Target],
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Training by gradient descent.
    Training(Recipe),
    /// The exact solver of linear classifiers: Tercet's at `reg`, LIBLINEAR's at the cost C.
    Exact {
        /// The coefficient of Σ W² in Tercet's objective.
        reg: f32,
        /// C of LIBLINEAR: `1 / (2 reg N)` would weigh Σ W² as much.
        cost: f64,
    },
    /// The scores of all test examples at once, by the trained network of a recipe.
    Prediction(Recipe),
    /// The scores of one test example after the other.
    OneByOne(Recipe),
    /// The peak memory of a process that trains by a recipe.
    Memory(Recipe),
    /// From initial weights to an accuracy: a built-in recipe, and its counterpart of the same name at the
    /// peer, with several seeds.
    ByName(&'static str),
}

/// The layers of a network between its input and its scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layers {
    /// The sizes of dense layers, each followed by ReLU.
    Hidden(&'static [usize]),
    /// An architecture string: [`Architecture`](tercet::network::Architecture).
    Architecture(&'static str),
}

/// A network and how it is trained: by plain gradient descent at a constant rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// All layers but the dense output layer.
    pub layers: Layers,
    /// The initial weights.
    pub init: Init,
    /// The loss.
    pub loss: Loss,
    /// The coefficient of Σ W².
    pub reg: f32,
    /// B, the batch size.
    pub batch: usize,
    /// The number of steps, and how batches are drawn.
    pub length: Length,
    /// The learning rate.
    pub learning_rate: f32,
}

impl Recipe {
    /// As a recipe of the library, without a validation set.
    ///
    /// # Errors
    /// Layers that cannot be parsed.
    pub fn of_library(&self, quick: bool) -> tercet::Result<GradientDescentRecipe> {
        let base = match self.layers {
            Layers::Hidden([]) => GradientDescentRecipe::linear(),
            Layers::Hidden(hidden) => {
                GradientDescentRecipe { hidden: hidden.to_vec(), ..GradientDescentRecipe::network() }
            }
            Layers::Architecture(layers) => GradientDescentRecipe {
                hidden: Vec::new(),
                layers: Some(layers.parse()?),
                ..GradientDescentRecipe::network()
            },
        };
        // A linear classifier starts from zeros.
        let init = base.init.map(|_| self.init);
        Ok(GradientDescentRecipe {
            init,
            seed: SEED,
            validation: Some(0),
            train: self.settings(quick),
            ..base
        })
    }

    /// The settings of the library, with a tenth of the iterations in a quick run.
    pub fn settings(&self, quick: bool) -> Settings {
        let &Recipe { loss, reg, batch, length, learning_rate, .. } = self;
        let length = match length {
            Length::Iterations(n) if quick => Length::Iterations(n / 10),
            length => length,
        };
        // Everything else is plain gradient descent there.
        Settings { loss, reg, batch, length, learning_rate, ..Settings::lecture() }
    }
}

/// A target. Missing it is printed and recorded, and is not an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The best time is at most this fraction of a peer's.
    Of(&'static str, f64),
    /// The median example takes at most this many microseconds.
    Microseconds(f64),
    /// Peak memory is at most this many megabytes more than the data set.
    MegabytesMore(f64),
    /// The mean accuracy is at least the first number, and the mean time at most the second, in seconds.
    Reaches(f64, f64),
}

/// The lecture's script.
const LECTURE: Recipe = Recipe {
    layers: Layers::Hidden(&[36]),
    init: Init::Normal(1e-4),
    loss: Loss::SVM,
    reg: 1e-5,
    batch: 20,
    length: Length::Iterations(1500),
    learning_rate: 0.1,
};

/// An epoch with cross-entropy.
const fn epoch(layers: Layers, batch: usize, learning_rate: f32) -> Recipe {
    Recipe {
        layers,
        init: Init::He,
        loss: Loss::Softmax,
        reg: 0.0,
        batch,
        length: Length::Epochs(1),
        learning_rate,
    }
}

const SMALL: Recipe = epoch(Layers::Hidden(&[128]), 64, 0.1);
const MIDDLE: Recipe = epoch(Layers::Hidden(&[512, 512]), 128, 0.1);
/// At a learning rate of 0.1 its loss rises at first, which amplifies rounding: of half a million hidden
/// values per batch, some are so close to 0 that engines differ in whether ReLU passes them.
const LARGE: Recipe = epoch(Layers::Hidden(&[2048, 2048]), 128, 0.01);

const LINEAR: Recipe = Recipe {
    layers: Layers::Hidden(&[]),
    init: Init::Normal(0.0),
    batch: 100,
    length: Length::Iterations(3000),
    learning_rate: 0.05,
    ..LECTURE
};

const TORCH: &[&str] = &["torch"];
const ALL: &[&str] = &["torch", "jax", "numpy"];

/// Without zeros among the features, the search for them must cost nothing.
const DENSE: &[Target] = &[Target::Of("torch", 1.0 / 1.1)];

/// `cargo xtask bench training`.
pub const TRAINING: Suite = Suite { name: "training", works: FULLY_CONNECTED };

/// `cargo xtask bench convolution`.
pub const CONVOLUTION: Suite = Suite { name: "convolution", works: CONVOLUTIONAL };

const LENET: Recipe =
    epoch(Layers::Architecture("conv5-8 relu pool conv5-16 relu pool flatten dense128 relu"), 64, 0.1);
/// The network of PyTorch's MNIST example, without its dropout.
const EXAMPLE: Recipe =
    epoch(Layers::Architecture("conv3-32 relu conv3-64 relu pool flatten dense128 relu"), 64, 0.01);

const CONVOLUTIONAL: &[Work] = &[
    Work {
        name: "epoch-lenet",
        about: "an epoch of conv5-8, pool, conv5-16, pool, 256-128-10, cross-entropy, batches of 64",
        data: Data::Mnist,
        kind: Kind::Training(LENET),
        peers: TORCH,
        targets: &[Target::Of("torch", 1.0 / 5.0)],
    },
    Work {
        name: "ninety-nine",
        about: "from first weights to 99 % of the test set: the recipe ninety-nine from five seeds, and torch's best known to us",
        data: Data::Mnist,
        kind: Kind::ByName("ninety-nine"),
        peers: TORCH,
        targets: &[Target::Reaches(0.99, 3.0)],
    },
    Work {
        name: "one-image-lenet",
        about: "the class of one test image after the other by conv5-8, pool, conv5-16, pool, 256-128-10",
        data: Data::Mnist,
        kind: Kind::OneByOne(LENET),
        peers: TORCH,
        targets: &[Target::Microseconds(60.0)],
    },
    Work {
        name: "epoch-example",
        about: "an epoch of PyTorch's example, conv3-32, conv3-64, pool, 9216-128-10, batches of 64",
        data: Data::Mnist,
        kind: Kind::Training(EXAMPLE),
        peers: TORCH,
        targets: &[Target::Of("torch", 1.0 / 2.0), Target::Of("torch", 1.0 / 3.0)],
    },
];

const FULLY_CONNECTED: &[Work] = &[
    Work {
        name: "lecture",
        about: "the lecture's run: 784-36-10, SVM loss, 1,500 batches of 20",
        data: Data::Mnist,
        kind: Kind::Training(LECTURE),
        peers: ALL,
        targets: &[Target::Of("jax", 1.0 / 10.0), Target::Of("torch", 1.0 / 45.0)],
    },
    Work {
        name: "epoch-128",
        about: "an epoch of 784-128-10, cross-entropy, batches of 64",
        data: Data::Mnist,
        kind: Kind::Training(SMALL),
        peers: TORCH,
        targets: &[Target::Of("torch", 1.0 / 6.0)],
    },
    Work {
        name: "epoch-512",
        about: "an epoch of 784-512-512-10, batches of 128",
        data: Data::Mnist,
        kind: Kind::Training(MIDDLE),
        peers: TORCH,
        targets: &[Target::Of("torch", 1.0 / 2.0)],
    },
    Work {
        name: "epoch-2048",
        about: "an epoch of 784-2048-2048-10, batches of 128",
        data: Data::Mnist,
        kind: Kind::Training(LARGE),
        peers: TORCH,
        targets: &[Target::Of("torch", 1.0 / 1.3)],
    },
    Work {
        name: "dense-128",
        about: "an epoch of 768-128-10 on features without zeros, batches of 64",
        data: Data::Features,
        kind: Kind::Training(SMALL),
        peers: TORCH,
        targets: DENSE,
    },
    Work {
        name: "dense-512",
        about: "the same of 768-512-512-10, batches of 128",
        data: Data::Features,
        kind: Kind::Training(MIDDLE),
        peers: TORCH,
        targets: DENSE,
    },
    Work {
        name: "dense-2048",
        about: "the same of 768-2048-2048-10, batches of 128",
        data: Data::Features,
        kind: Kind::Training(LARGE),
        peers: TORCH,
        targets: DENSE,
    },
    Work {
        name: "linear-svm",
        about: "a linear classifier, the lecture's SVM loss, 3,000 batches of 100",
        data: Data::Mnist,
        kind: Kind::Training(LINEAR),
        peers: ALL,
        targets: &[Target::Of("torch", 1.0 / 25.0)],
    },
    Work {
        name: "linear-dual",
        about: "a linear classifier, exactly: reg 1e-4 to a gap of 1e-3; LIBLINEAR's Crammer-Singer at C = 0.1",
        data: Data::Mnist,
        kind: Kind::Exact { reg: 1e-4, cost: 0.1 },
        peers: &["liblinear"],
        targets: &[Target::Of("liblinear", 1.0 / 10.0)],
    },
    Work {
        name: "linear-dual-strong",
        about: "the same with ten times the regularisation: reg 1e-3, C = 0.01",
        data: Data::Mnist,
        kind: Kind::Exact { reg: 1e-3, cost: 0.01 },
        peers: &["liblinear"],
        targets: &[],
    },
    Work {
        name: "prediction",
        about: "the classes of all test images by 784-512-512-10",
        data: Data::Mnist,
        kind: Kind::Prediction(MIDDLE),
        peers: TORCH,
        targets: &[Target::Of("torch", 1.0 / 1.5)],
    },
    Work {
        name: "one-image",
        about: "the class of one test image after the other by 784-128-10",
        data: Data::Mnist,
        kind: Kind::OneByOne(SMALL),
        peers: TORCH,
        targets: &[Target::Microseconds(20.0)],
    },
    Work {
        name: "memory",
        about: "the most memory of a process that trains 784-128-10 with validation",
        data: Data::Mnist,
        kind: Kind::Memory(SMALL),
        peers: &[],
        targets: &[Target::MegabytesMore(60.0)],
    },
    Work {
        name: "memory-2048",
        about: "the same for 784-2048-2048-10, whose weights alone are 23 MB",
        data: Data::Mnist,
        kind: Kind::Memory(LARGE),
        peers: &[],
        targets: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::ENGINES;

    #[test]
    fn names_are_unique_and_targets_are_about_peers_of_the_work() {
        for suite in [TRAINING, CONVOLUTION] {
            for work in suite.works {
                let bearers = suite.works.iter().filter(|other| other.name == work.name).count();
                assert_eq!(bearers, 1, "{}", work.name);
                assert!(work.peers.iter().all(|peer| ENGINES.contains(peer)), "{}", work.name);
                for target in work.targets {
                    if let Target::Of(peer, _) = target {
                        assert!(work.peers.contains(peer), "{peer}");
                    }
                }
            }
        }
    }

    #[test]
    fn recipes_are_what_the_library_takes() {
        for work in TRAINING.works.iter().chain(CONVOLUTION.works) {
            if let Kind::Training(recipe) | Kind::Prediction(recipe) | Kind::OneByOne(recipe) = work.kind {
                recipe.of_library(false).unwrap().validate().unwrap();
            }
        }
        assert_eq!(LECTURE.settings(false), Settings::lecture());
        assert_eq!(LECTURE.settings(true).length, Length::Iterations(150));
    }
}
