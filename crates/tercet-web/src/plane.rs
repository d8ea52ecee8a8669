//! Understand, the plane: points in two dimensions, and the decision regions of a classifier.

use std::f32::consts::PI;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use tercet::data::{Dataset, Examples};
use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
use tercet::perceptron::Perceptron;
use tercet::preprocess::Spec;
use tercet::random::{Generator, Stream, generator};

use crate::training::{Session, Setup};

/// The plane goes from −SIDE to SIDE, across and down.
pub const SIDE: f32 = 1.2;

/// Points and a classifier.
#[derive(Clone, Debug, Deserialize)]
pub struct Scene {
    /// `xor`, `moons`, `circles`, `spiral`, `blobs` or `mine`.
    pub points: String,
    /// How many points; ignored for `mine`.
    pub count: usize,
    /// The noise that is added to their coordinates.
    pub noise: f32,
    /// The seed of the points.
    pub seed: u64,
    /// x, y and class of each point of `mine`.
    #[serde(default)]
    pub mine: Vec<(f32, f32, u32)>,
    /// `perceptron`, `neighbors` or `network`; a linear classifier is a network without hidden layers.
    pub model: String,
    /// The number of neighbours that vote.
    pub k: usize,
    /// The layers of a network, and how it is trained.
    pub setup: Setup,
}

/// Points, and a classifier that is trained on them.
#[derive(Debug)]
pub struct Plane {
    points: Vec<(f32, f32, u32)>,
    model: Model,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Model {
    /// The perceptron, and how many examples it has been trained on.
    Perceptron(Perceptron, usize),
    Neighbors(NeighborsClassifier),
    Network(Session),
}

/// The current decision regions.
#[derive(Debug, Serialize)]
pub struct View {
    /// Row by row from the top: from −1, certainly the first class, to 1, certainly the second.
    pub cells: Vec<f32>,
    /// Steps done; 0 for neighbours.
    pub step: usize,
    /// The loss of the last batch, or the mistakes of a perceptron.
    pub loss: Option<f32>,
    /// The share of the points that are classified correctly.
    pub accuracy: f64,
    /// Whether training has ended.
    pub done: bool,
}

impl Plane {
    /// The points, and an untrained classifier. (Nearest neighbours need no training.)
    ///
    /// # Errors
    /// Invalid settings, no points, and unknown kinds of points and models.
    pub fn new(scene: &Scene) -> Result<Plane, String> {
        let points = scatter(scene)?;
        let set = dataset(&points)?;
        let model = match scene.model.as_str() {
            "perceptron" => Model::Perceptron(Perceptron::new(2), 0),
            "neighbors" => {
                let k = scene.k.clamp(1, points.len());
                let fitted = NeighborsClassifier::fit(&set, Metric::L2, k, Vote::Uniform);
                Model::Neighbors(fitted.map_err(|error| error.to_string())?)
            }
            // The coordinates have about the same scale already.
            "network" => Model::Network(Session::new(scene.setup.clone(), Spec::none(), &set, &set)?),
            other => {
                return Err(format!("unknown model {other:?}; expected perceptron, neighbors or network"));
            }
        };
        Ok(Plane { points, model })
    }

    /// x, y and class of each point.
    pub fn points(&self) -> &[(f32, f32, u32)] {
        &self.points
    }

    /// Trains for some steps (a perceptron: on this many examples), and evaluates `side` × `side` cells.
    ///
    /// # Errors
    /// A loss that diverges.
    pub fn advance(&mut self, steps: usize, side: usize) -> Result<View, String> {
        let (mut step, mut loss, mut done) = (0, None, true);
        match &mut self.model {
            Model::Perceptron(perceptron, shown) => {
                let mut mistakes = 0;
                for _ in 0..steps {
                    let (x, y, class) = self.points[*shown % self.points.len()];
                    mistakes += u32::from(perceptron.learn(&[x, y], class == 1, 0.1));
                    *shown += 1;
                }
                step = *shown;
                loss = (steps > 0).then_some(mistakes as f32);
                let wrong = |&&(x, y, class): &&(f32, f32, u32)| {
                    (perceptron.activate(&[x, y]) == 1.0) != (class == 1)
                };
                done = !self.points.iter().any(|point| wrong(&point));
            }
            Model::Neighbors(_) => {}
            Model::Network(session) => {
                let report = session.advance(steps, false)?;
                (step, done) = (report.step, report.done);
                loss = report.losses.last().copied();
            }
        }
        let side = side.clamp(2, 256);
        let at = |i: usize| (2.0 * (i as f32 + 0.5) / side as f32 - 1.0) * SIDE;
        let cells: Vec<[f32; 2]> = (0..side * side).map(|cell| [at(cell % side), -at(cell / side)]).collect();
        let cells = self.predict(&cells)?;
        let points: Vec<[f32; 2]> = self.points.iter().map(|&(x, y, _)| [x, y]).collect();
        let predicted = self.predict(&points)?;
        let correct = predicted.iter().zip(&self.points).filter(|(v, point)| (**v > 0.0) == (point.2 == 1));
        let accuracy = correct.count() as f64 / self.points.len() as f64;
        Ok(View { cells, step, loss, accuracy, done })
    }

    /// The prediction for each point, from −1 for the first class to 1 for the second.
    fn predict(&self, places: &[[f32; 2]]) -> Result<Vec<f32>, String> {
        let say = |error: tercet::Error| error.to_string();
        let examples = || Examples::from_features(2, places.concat());
        Ok(match &self.model {
            Model::Perceptron(perceptron, _) => {
                places.iter().map(|place| 2.0 * perceptron.activate(place) - 1.0).collect()
            }
            // The difference of the shares of the votes.
            Model::Neighbors(neighbors) => {
                let shares = examples().and_then(|examples| neighbors.scores(&examples)).map_err(say)?;
                (0..shares.rows()).map(|i| shares.row(i)[1] - shares.row(i)[0]).collect()
            }
            // tanh(m / 2) of the margin m, which is the difference of the softmax probabilities.
            Model::Network(session) => {
                let scores = examples().and_then(|examples| session.scores(&examples)).map_err(say)?;
                (0..scores.rows()).map(|i| ((scores.row(i)[1] - scores.row(i)[0]) / 2.0).tanh()).collect()
            }
        })
    }
}

fn dataset(points: &[(f32, f32, u32)]) -> Result<Dataset, String> {
    let values = points.iter().flat_map(|&(x, y, _)| [x, y]).collect();
    let labels = points.iter().map(|point| point.2).collect();
    Dataset::from_features("plane", 2, values, labels, vec!["first".into(), "second".into()])
        .map_err(|error| error.to_string())
}

/// The points of a scene.
fn scatter(scene: &Scene) -> Result<Vec<(f32, f32, u32)>, String> {
    let mut generator = generator(scene.seed, Stream::Augment);
    let count = scene.count.clamp(2, 2000);
    let points: Vec<(f32, f32, u32)> = match scene.points.as_str() {
        "mine" => scene.mine.clone(),
        kind => (0..count)
            .map(|i| {
                let class = (i % 2) as u32;
                // The position of a point within its class.
                let t = (i / 2) as f32 / (count / 2) as f32;
                let (x, y) = place(kind, class, t, &mut generator)?;
                let mut scattered = |v: f32| v + scene.noise * generator.random_range(-1.0..1.0f32);
                Ok((scattered(x), scattered(y), class))
            })
            .collect::<Result<_, String>>()?,
    };
    if points.is_empty() {
        return Err("there are no points yet: click in the plane to add some".to_owned());
    }
    match points.iter().find(|(x, y, class)| !x.is_finite() || !y.is_finite() || *class > 1) {
        Some(bad) => Err(format!("invalid point {bad:?}; expected two finite numbers and a class of 0 or 1")),
        None => Ok(points),
    }
}

/// The position of a point before noise is added.
fn place(kind: &str, class: u32, t: f32, generator: &mut Generator) -> Result<(f32, f32), String> {
    let other = class == 1;
    let mut any = |low: f32, high: f32| generator.random_range(low..high);
    Ok(match kind {
        "xor" => {
            let (x, y) = (any(0.1, 0.95), any(0.1, 0.95));
            let (right, up) = (any(0.0, 1.0) < 0.5, other);
            (if right { x } else { -x }, if right != up { y } else { -y })
        }
        "moons" => {
            let (x, y) = ((PI * t).cos(), (PI * t).sin());
            if other {
                (0.65 * (1.0 - x) - 0.3, 0.65 * (0.5 - y) - 0.15)
            } else {
                (0.65 * x - 0.3, 0.65 * y - 0.15)
            }
        }
        "circles" => {
            let (radius, angle) = (if other { any(0.0, 0.4) } else { any(0.7, 0.95) }, any(0.0, 2.0 * PI));
            (radius * angle.cos(), radius * angle.sin())
        }
        "spiral" => {
            let (radius, angle) = (0.08 + 0.9 * t, 3.2 * PI * t + if other { PI } else { 0.0 });
            (radius * angle.sin(), radius * angle.cos())
        }
        "blobs" => {
            let centre = if other { 0.45 } else { -0.45 };
            (centre + any(-0.35, 0.35), centre + any(-0.35, 0.35))
        }
        other => {
            let known = "xor, moons, circles, spiral, blobs or mine";
            return Err(format!("unknown data set {other:?}; expected {known}"));
        }
    })
}

#[cfg(test)]
mod tests {
    use tercet::network::Init;
    use tercet::train::{Length, Settings};

    use super::*;

    fn scene(points: &str, model: &str, layers: &str) -> Scene {
        let settings = Settings {
            batch: 20,
            length: Length::Iterations(3000),
            learning_rate: 0.1,
            ..Settings::lecture()
        };
        let (examples, validation) = (2000, 2000);
        let setup = Setup { layers: layers.into(), init: Init::He, seed: 1, examples, validation, settings };
        let (points, model) = (points.to_owned(), model.to_owned());
        Scene { points, count: 200, noise: 0.02, seed: 3, mine: Vec::new(), model, k: 3, setup }
    }

    fn accuracy(scene: &Scene, steps: usize) -> f64 {
        Plane::new(scene).unwrap().advance(steps, 16).unwrap().accuracy
    }

    #[test]
    fn a_hidden_layer_bends_the_boundary_and_without_its_activation_the_boundary_is_a_line() {
        assert!(accuracy(&scene("xor", "network", "dense16 relu"), 3000) > 0.97);
        assert!(accuracy(&scene("xor", "network", ""), 3000) < 0.8);
        let straight = scene("xor", "network", "dense16 dense2");
        assert!(accuracy(&straight, 3000) < 0.8);

        // A row of cells crosses a line at most once.
        let mut plane = Plane::new(&straight).unwrap();
        let view = plane.advance(3000, 24).unwrap();
        for row in view.cells.chunks(24) {
            let changes = row.windows(2).filter(|pair| (pair[0] > 0.0) != (pair[1] > 0.0)).count();
            assert!(changes <= 1, "{changes} changes in a row");
        }
    }

    #[test]
    fn a_perceptron_converges_on_linearly_separable_points_only() {
        let mut plane = Plane::new(&scene("blobs", "perceptron", "")).unwrap();
        assert!(plane.advance(4000, 8).unwrap().done);
        assert!(accuracy(&scene("xor", "perceptron", ""), 4000) < 0.8);
    }

    #[test]
    fn neighbours_fit_every_shape() {
        for points in ["xor", "moons", "circles", "spiral", "blobs"] {
            assert!(accuracy(&scene(points, "neighbors", ""), 0) > 0.97, "{points}");
        }
    }

    #[test]
    fn steps_one_by_one_equal_the_steps_at_once() {
        let scene = scene("moons", "network", "dense8 tanh");
        let (mut apart, mut at_once) = (Plane::new(&scene).unwrap(), Plane::new(&scene).unwrap());
        for _ in 0..30 {
            apart.advance(1, 4).unwrap();
        }
        assert_eq!(apart.advance(0, 32).unwrap().cells, at_once.advance(30, 32).unwrap().cells);
    }

    #[test]
    fn unknown_names_are_rejected_with_the_known_ones() {
        let error = |scene: Scene| Plane::new(&scene).err().unwrap();
        assert!(error(scene("stars", "neighbors", "")).contains("expected xor, moons"));
        assert!(error(scene("xor", "forest", "")).contains("expected perceptron"));
        assert!(error(scene("mine", "neighbors", "")).contains("click in the plane"));
    }
}
