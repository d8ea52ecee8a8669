//! One question, one answer: `predict` and `serve` give a data set's own pictures the scores that `evaluate`
//! computes.

use image::{GrayImage, RgbImage};
use serde_json::Value;
use tercet::data::{Dataset, Openings, Source};
use tercet::model::{Model, ScoreKind};

use crate::common::Scratch;
use crate::http::Server;

/// How many pictures of MNIST the model is trained on, and how many it reads.
const TRAIN: usize = 600;
const TEST: usize = 40;

/// A set of pictures made from MNIST's: their width, height, channels and pixels.
type Variant = fn(&[u8]) -> (u32, u32, u32, Vec<u8>);

fn digits(pixels: &[u8]) -> (u32, u32, u32, Vec<u8>) {
    (28, 28, 1, pixels.to_vec())
}

/// Dark ink on light paper.
fn inverted(pixels: &[u8]) -> (u32, u32, u32, Vec<u8>) {
    (28, 28, 1, pixels.iter().map(|v| 255 - v).collect())
}

/// The ink alone, whatever its proportions, in 16 × 16 pixels.
fn cropped(pixels: &[u8]) -> (u32, u32, u32, Vec<u8>) {
    let inked = |at: fn(usize) -> usize| -> Vec<usize> {
        (0..28).filter(|i| (0..28).any(|j| pixels[at(28 * i + j)] > 60)).collect()
    };
    let (rows, columns) = (inked(|p| p), inked(|p| 28 * (p % 28) + p / 28));
    let (top, bottom) = (rows[0], rows[rows.len() - 1]);
    let (left, right) = (columns[0], columns[columns.len() - 1]);
    let at = |from: usize, to: usize, i: usize| from + i * (to + 1 - from) / 16;
    let pixel = |p: usize| pixels[28 * at(top, bottom, p / 16) + at(left, right, p % 16)];
    (16, 16, 1, (0..256).map(pixel).collect())
}

/// Ink of one colour on paper of another.
fn colour(pixels: &[u8]) -> (u32, u32, u32, Vec<u8>) {
    let pixel = |&v: &u8| [v, 255 - v / 2, 90 + v / 4];
    (28, 28, 3, pixels.iter().flat_map(pixel).collect())
}

const VARIANTS: [(&str, Variant); 4] =
    [("digits", digits), ("inverted", inverted), ("cropped", cropped), ("colour", colour)];

/// Writes pictures in a folder for each class, as people have them, and returns the paths of the test
/// pictures.
fn write_pictures(scratch: &Scratch, name: &str, variant: Variant) -> Vec<String> {
    let mnist = "mnist".parse::<Source>().unwrap().open().unwrap();
    let test = mnist.test.unwrap().open(&mut Openings::new(), "a test of consistency");
    let mut paths = Vec::new();
    for (part, set, count) in [("train", mnist.train, TRAIN), ("test", test, TEST)] {
        for i in 0..count {
            let (width, height, channels, pixels) = variant(set.pixels(i).unwrap());
            let folder = format!("{name}/{part}/{}", set.classes()[set.label(i) as usize]);
            std::fs::create_dir_all(scratch.path(&folder)).unwrap();
            let path = format!("{folder}/{i:04}.png");
            match channels {
                1 => GrayImage::from_raw(width, height, pixels).unwrap().save(scratch.path(&path)).unwrap(),
                _ => RgbImage::from_raw(width, height, pixels).unwrap().save(scratch.path(&path)).unwrap(),
            }
            paths.extend((part == "test").then_some(path));
        }
    }
    paths.sort();
    paths
}

/// The test pictures as `evaluate` reads them: in the order of their paths.
fn test_set(scratch: &Scratch, name: &str) -> Dataset {
    let collection = Source::Path(scratch.path(name)).open().unwrap();
    collection.test.unwrap().open(&mut Openings::new(), "a test of consistency")
}

fn scores_of(answer: &Value, model: &Model) -> Vec<f32> {
    let score = |name: &String| answer["scores"][name].as_f64().unwrap_or_else(|| panic!("{answer}")) as f32;
    model.classes().iter().map(score).collect()
}

#[test]
fn predict_and_serve_give_the_scores_of_evaluate() {
    for (name, variant) in VARIANTS {
        let scratch = Scratch::empty();
        let paths = write_pictures(&scratch, name, variant);
        let test = test_set(&scratch, name);
        for (kind, options) in [("neighbors", "-k 3"), ("linear", "--epochs 3"), ("network", "--epochs 3")] {
            scratch.run(&format!("train {kind} {options} --data {name} --out {kind}.safetensors")).succeeds();
            let model = Model::load(&scratch.path(&format!("{kind}.safetensors"))).unwrap();
            let mut expected = model.scores(&test).unwrap();
            if model.card.scores == ScoreKind::Logits {
                model.to_probabilities(&mut expected).unwrap();
            }
            let json = scratch
                .run(&format!("predict {kind}.safetensors {} --json", paths.join(" ")))
                .succeeds()
                .json();
            for (i, (answer, path)) in json.as_array().unwrap().iter().zip(&paths).enumerate() {
                assert_eq!(answer["picture"].as_str(), Some(path.as_str()));
                assert_eq!(scores_of(answer, &model), expected.row(i), "{name}, {kind}: {path} by predict");
            }
            let server = Server::start(&mut scratch.command(&format!("serve --port 0 {kind}.safetensors")));
            for (i, path) in paths.iter().enumerate().step_by(7) {
                let answer = server.post("/v1/predict", "image/png", scratch.read(path)).json();
                assert_eq!(scores_of(&answer, &model), expected.row(i), "{name}, {kind}: {path} by serve");
            }
        }
    }
}
