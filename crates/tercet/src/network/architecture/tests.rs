//! Architecture strings round-trip, and errors name the invalid word.

use super::*;
use crate::image::ImageShape;
use crate::network::Pool;

const MNIST: ImageShape = ImageShape::gray(28, 28);

fn parse(text: &str) -> Architecture {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    text.parse::<Architecture>().unwrap_err().to_string()
}

#[test]
fn every_word_is_read_and_printed() {
    let line = "conv5-24 conv3x5-8/2+1 pool pool3 pool3/2 avgpool avgpool3/1 relu leaky0.2 sigmoid tanh gelu gelu-tanh \
                conv3-8+3 dropout0.4 batchnorm flatten dense256";
    let layers = parse(line);
    assert_eq!(layers.to_string(), line);
    assert_eq!(layers.layers().len(), line.split(' ').count());
    let conv = |kernel_height, kernel_width, filters, stride, padding| Spec::Conv2d {
        kernel_height,
        kernel_width,
        filters,
        stride,
        padding,
    };
    assert_eq!(layers.layers()[..2], [conv(5, 5, 24, 1, 0), conv(3, 5, 8, 2, 1)]);
    let (apart, close) = (Pool { size: 3, stride: 3 }, Pool { size: 3, stride: 2 });
    assert_eq!(layers.layers()[2..5], [Pool::HALVING, apart, close].map(Spec::MaxPool));

    for (other, usual) in [
        ("  conv5-24+same\n/", ""),
        ("conv5-24+same", "conv5-24+2"),
        ("conv5-24+1/2", "conv5-24/2+1"),
        ("leaky", "leaky0.01"),
        ("pool2/2", "pool"),
        ("conv3x3-8/1+0", "conv3-8"),
        (" dense8\t relu\n", "dense8 relu"),
    ] {
        match usual {
            "" => drop(refused(other)),
            _ => assert_eq!(parse(other).to_string(), usual),
        }
    }
}

#[test]
fn an_unknown_word_is_named_with_its_position() {
    for (line, words) in [
        ("", "the line of layers is empty; expected at least one word"),
        ("dense8 rely", "word 2 of the layers: found rely; expected conv, pool,"),
        ("dense", "word 1 of the layers: found dense; expected the number of units"),
        ("dense-5", "the number of units"),
        ("dense0", "at least 1 unit"),
        ("dense99999999999999999999", "the number of units"),
        ("conv5", "the size of the filters and their number"),
        ("conv-24", "the size of the filters and their number"),
        ("conv5-24/", "the size of the filters"),
        ("conv5-24/0", "a stride of at least 1"),
        ("conv5-24/2/2", "a single /"),
        ("conv0-24", "at least 1 × 1 pixels"),
        ("conv5-0", "at least 1 filter"),
        ("conv4-8+same", "an odd number of rows"),
        ("conv3x5-8+same", "an odd number of rows"),
        ("pool0", "windows of 1 × 1 to 15 × 15"),
        ("pool16", "windows of 1 × 1 to 15 × 15"),
        ("pool3/0", "a stride of at least 1"),
        ("poolx", "conv, pool,"),
        ("pool3x", "the size of the windows"),
        ("relu6", "relu alone"),
        ("dropout", "a probability"),
        ("dropout1", "at least 0 and below 1"),
        ("dropoutnan", "conv, pool,"),
        ("leakyinf", "conv, pool,"),
        ("leaky0.1.2", "the slope below 0"),
        ("Dense8", "conv, pool,"),
        ("größe", "conv, pool,"),
    ] {
        let error = refused(line);
        assert!(error.contains(words), "{line}: {error}");
    }
}

#[test]
fn shapes_propagate_and_mismatches_are_reported() {
    let shapes = |line: &str| -> Vec<String> {
        parse(line).shapes(MNIST).unwrap().iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        shapes("conv5-24 pool relu conv3-32/2+1 avgpool3/2 flatten dense10"),
        ["24 × 24 × 24", "12 × 12 × 24", "12 × 12 × 24", "6 × 6 × 32", "2 × 2 × 32", "128", "10"]
    );
    assert_eq!(shapes("dense8 relu"), ["8", "8"]);
    assert_eq!(shapes("conv1x28-2"), ["28 × 1 × 2"]);

    for (line, error) in [
        (
            "conv5-24 relu dense10",
            "input of layer 3, dense10: found 24 × 24 × 24; expected a list of features",
        ),
        ("conv29-1", "layer 1, conv29-1: found 28 × 28 × 1; expected an image of at least 29 × 29 pixels"),
        ("conv31-1+1", "expected an image with its padding of at least 31 × 31 pixels"),
        ("conv27-1 pool3", "layer 2, pool3: found 2 × 2 × 1; expected an image of at least 3 × 3"),
        ("flatten conv3-8", "layer 2, conv3-8: found 784; expected an image, height × width × channels"),
        ("dense8 relu pool", "layer 3, pool: found 8; expected an image"),
        ("conv1-999999", "values of an example behind layer 1: found 28 × 28 × 999999; expected"),
    ] {
        let found = parse(line).shapes(MNIST).unwrap_err().to_string();
        assert!(found.contains(error), "{line}: {found}");
    }
    let found = parse("conv3-8").shapes(784).unwrap_err().to_string();
    assert!(found.contains("layer 1, conv3-8: found 784; expected an image"), "{found}");
}

#[test]
fn the_scores_layer_is_added_or_checked() {
    let complete = |line: &str| parse(line).complete(MNIST, 10).map(|layers| layers.to_string());
    for (line, whole) in [
        ("conv5-8 relu pool", "conv5-8 relu pool flatten dense10"),
        ("conv5-8 flatten relu", "conv5-8 flatten relu dense10"),
        ("dense128 relu", "dense128 relu dense10"),
        ("dense10", "dense10"),
        ("relu", "relu dense10"),
        ("batchnorm", "batchnorm dense10"),
        ("conv28-10 flatten", "conv28-10 flatten dense10"),
    ] {
        assert_eq!(complete(line).unwrap(), whole);
    }
    let error = complete("conv5-8 flatten dense64").unwrap_err().to_string();
    assert!(
        error.starts_with("the last of the layers: found dense64; expected dense10, a score for"),
        "{error}"
    );
    let error = complete("dense300000 relu").map(drop).and(complete("dense400000 relu").map(drop));
    assert!(error.unwrap_err().to_string().contains("at most 268,435,456 parameters together"));
    assert!(parse("dense8").network(MNIST, 0, Init::He, 0).is_err());
}

#[test]
fn a_line_of_dense_layers_is_the_fully_connected_network() {
    let by_line = parse("dense7 relu dense5 relu").network(MNIST, 3, Init::He, 4).unwrap();
    assert_eq!(by_line, Network::fully_connected(784, &[7, 5], 3, Init::He, 4).unwrap());
    let conv = parse("conv5-4/2 relu").network(MNIST, 3, Init::He, 4).unwrap();
    assert_eq!(
        conv.to_string(),
        "conv 5 × 5 × 1 → 4 (stride 2), relu, flatten, dense 576 → 3: 1,835 parameters"
    );
    let first = conv.weight_layers().next().unwrap();
    let variance = first.w.iter().map(|w| w * w).sum::<f32>() / first.w.len() as f32;
    assert!((variance * 12.5 - 1.0).abs() < 0.5, "He by fan-in, which is 25: {variance}");
}
