//! The exported code, compiled by the C compiler that Rust links with, must give the same results as the network.

use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::data::Dataset;
use crate::export::quantize_int8;
use crate::image::ImageShape;
use crate::model::{Card, Model, ScoreKind};
use crate::network::{Architecture, Init, Layer, Network};
use crate::preprocess::{Input, Learner, Preprocessing, Step};
use crate::random::{Stream, generator};
use rand::RngExt;

/// The maximum difference of scores, relative to the largest of them or to 1.
const TOLERANCE: f32 = 1e-5;

const EXAMPLES: usize = 7;

/// A network with layers of all kinds.
const ALL: &str = "batchnorm conv3-6+1 batchnorm relu batchnorm pool conv3x2-5 leaky0.1 avgpool3/1 conv2-4/2+3 flatten dense20 batchnorm gelu dense20 gelu-tanh \
                   dropout0.3 dense12 tanh dense9 sigmoid";

/// A program that reads examples from standard input and writes scores and classes.
const MAIN: &str = r#"
#include <stdio.h>
#include "net.h"

int main(void)
{
    static TYPE x[NET_INPUTS];
    static float scores[NET_CLASSES];
    while (fread(x, sizeof x, 1, stdin) == 1) {
        const int class = net_classify(x);
        net_scores(x, scores);
        if (fwrite(scores, sizeof scores, 1, stdout) != 1 || fwrite(&class, sizeof class, 1, stdout) != 1)
            return 1;
    }
    return net_classes[0] == NULL;
}
"#;

/// A network with random weights, and with statistics and shifts that differ from the initial ones.
fn network(layers: &str, input: impl Into<Shape>) -> Network {
    let layers: Architecture = layers.parse().unwrap();
    let mut network = layers.network(input, 4, Init::He, 3).unwrap();
    let mut rng = generator(5, Stream::Weights);
    for array in network.arrays_mut() {
        // Weights have both signs; scales, shifts, means and variances are about 1.
        let all_equal = array.iter().all(|value| *value == array[0]);
        if all_equal {
            array.iter_mut().for_each(|value| *value = 0.5 + rng.random::<f32>());
        }
    }
    network
}

fn model(network: Network, input: Input) -> Model {
    let classes = ["cat", "d\"og", "\u{e9}1\\", "what??/"].map(str::to_owned).to_vec();
    let steps = if input.pixels { vec![Step::Scale { divisor: 255.0 }] } else { Vec::new() };
    let preprocessing = Preprocessing::from_steps(input, Learner::Weights, steps).unwrap();
    Model::new(preprocessing, network, Card::new(classes, ScoreKind::Logits))
}

fn options(int8: bool, pixels: bool) -> COptions {
    let note = "*/ #error the note is a comment /*".into();
    COptions { name: "net".into(), header: "net.h".into(), int8, pixels, note }
}

/// Compiles the two files and the program around them, and returns the results for the bytes of the examples.
fn answers(files: &CSource, pixels: bool, examples: &[u8], folder: &Path) -> (Vec<f32>, Vec<i32>) {
    std::fs::write(folder.join("net.h"), &files.header).unwrap();
    std::fs::write(folder.join("net.c"), &files.source).unwrap();
    std::fs::write(folder.join("main.c"), MAIN.replace("TYPE", program::input(pixels).0)).unwrap();
    let warnings = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    let compiled = Command::new("cc")
        .args(warnings)
        .args(["-O1", "net.c", "main.c", "-o", "net", "-lm"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let mut child = Command::new(folder.join("net"))
        .stdin(Stdio::from(to_file(&folder.join("in"), examples)))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(child.stdout.as_mut().unwrap(), &mut bytes).unwrap();
    assert!(child.wait().unwrap().success());
    let (mut scores, mut classes) = (Vec::new(), Vec::new());
    for (i, word) in bytes.as_chunks::<4>().0.iter().enumerate() {
        match i % 5 {
            4 => classes.push(i32::from_ne_bytes(*word)),
            _ => scores.push(f32::from_ne_bytes(*word)),
        }
    }
    (scores, classes)
}

fn to_file(path: &Path, bytes: &[u8]) -> std::fs::File {
    std::fs::write(path, bytes).unwrap();
    std::fs::File::open(path).unwrap()
}

/// Whether there is a C compiler: Rust itself links with it on Unix.
fn compiles() -> bool {
    let found = Command::new("cc").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || !cfg!(unix), "no C compiler `cc`");
    found
}

/// Compares the C code with the network, whose weights are rounded to 8 bits if those of the C code are.
fn compare(model: &Model, data: &Dataset, bytes: &[u8], int8: bool, pixels: bool) {
    let folder = tempfile::tempdir().unwrap();
    let files = c(model, &options(int8, pixels)).unwrap();
    let (scores, classes) = answers(&files, pixels, bytes, folder.path());
    let network = model.classifier().network().unwrap();
    let expected = match int8 {
        true => quantize_int8(network).unwrap().scores(data).unwrap(),
        false => network.scores(data).unwrap(),
    };
    assert_eq!(scores.len(), expected.values().len());
    let most = expected.values().iter().fold(1.0f32, |most, score| most.max(score.abs()));
    for (at, (found, expected)) in scores.iter().zip(expected.values()).enumerate() {
        let apart = (found - expected).abs();
        assert!(apart <= TOLERANCE * most, "score {at}: {found} in C, {expected} here");
    }
    for (class, scores) in classes.iter().zip(scores.chunks_exact(4)) {
        assert_eq!(*class as u32, crate::matrix::argmax(scores));
    }
}

fn pictures(shape: ImageShape) -> (Dataset, Vec<u8>) {
    let mut rng = generator(9, Stream::Weights);
    let pixels: Vec<u8> = (0..EXAMPLES * shape.features()).map(|_| rng.random()).collect();
    let classes = crate::data::Classes::numbered(4);
    let set = Dataset::from_pixels("pictures", shape, pixels.clone(), vec![0; EXAMPLES], classes).unwrap();
    (set, pixels)
}

#[test]
fn c_gives_the_scores_of_every_layer_with_and_without_8_bits() {
    if !compiles() {
        return;
    }
    let colour = ImageShape { width: 12, height: 11, channels: 3 };
    for (layers, shape, pixels) in [
        (ALL, colour, false),
        (ALL, colour, true),
        ("relu conv5-3 pool3/2", ImageShape::gray(13, 12), false),
        ("dense8 relu batchnorm", ImageShape::gray(5, 4), true),
        ("tanh dense8 leaky", ImageShape::gray(5, 4), false),
    ] {
        let (data, bytes) = pictures(shape);
        let floats: Vec<u8> =
            bytes.iter().flat_map(|&pixel| (f32::from(pixel) / 255.0).to_ne_bytes()).collect();
        let model = model(network(layers, shape), Input::pixels(shape));
        for int8 in [false, true] {
            compare(&model, &data, if pixels { &bytes } else { &floats }, int8, pixels);
        }
    }
}

#[test]
fn c_takes_features_as_they_are() {
    if !compiles() {
        return;
    }
    let mut rng = generator(2, Stream::Weights);
    let values: Vec<f32> = (0..EXAMPLES * 17).map(|_| 20.0 * rng.random::<f32>() - 10.0).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    let classes = crate::data::Classes::numbered(4);
    let data = Dataset::from_features("features", 17, values, vec![0; EXAMPLES], classes).unwrap();
    let model = model(network("dense30 relu", 17), Input::features(17));
    compare(&model, &data, &bytes, false, false);
    compare(&model, &data, &bytes, true, false);
    assert!(c(&model, &options(false, true)).is_err(), "features are no bytes");
}

#[test]
fn the_sizes_at_the_head_are_those_of_the_arrays() {
    let (network, shape) = (
        network("conv3-6 relu pool flatten dense7 relu", ImageShape::gray(10, 10)),
        ImageShape::gray(10, 10),
    );
    let model = model(network, Input::pixels(shape));
    let files = c(&model, &options(false, false)).unwrap();
    let parameters = 9 * 6 + 6 + 4 * 4 * 6 * 7 + 7 + 7 * 4 + 4;
    // 8 × 8 × 6 after the convolution, 4 × 4 × 6 after the pool, 7 after the first dense layer.
    assert_eq!((files.constant_bytes, files.buffer_bytes), (4 * parameters, 4 * (384 + 96)));
    let files = c(&model, &options(true, false)).unwrap();
    let (weights, channels) = (9 * 6 + 4 * 4 * 6 * 7 + 7 * 4, 6 + 7 + 4);
    assert_eq!(files.constant_bytes, weights + 2 * 4 * channels);
}

#[test]
fn weights_that_c_cannot_write_are_rejected() {
    let mut broken = network("dense3 relu", 2);
    broken.arrays_mut()[0][1] = f32::NAN;
    let error = c(&model(broken, Input::features(2)), &options(false, false)).unwrap_err();
    assert!(error.to_string().contains("NaN"), "{error}");
    let whole = model(network("dense3 relu", 2), Input::features(2));
    let named = |name: &str| c(&whole, &COptions { name: name.into(), ..options(false, false) });
    assert!(named("net").is_ok());
    assert!(named("net.c").is_err());
    assert!(matches!(whole.classifier().network().unwrap().layers()[0], Layer::Dense(_)));
}
