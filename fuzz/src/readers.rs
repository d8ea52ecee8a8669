//! Every reader of the library, applied to arbitrary bytes: none may panic, and the results must be consistent.
//!
//! They are called by the fuzz targets, and by a test of the library that replays `seeds/` and `regressions/` in the default
//! test suite.

use std::fs;
use std::panic;
use std::path::Path;
use std::sync::Once;

use tercet::data::Examples;
use tercet::data::{Source, parse_idx};
use tercet::graph::{Graph, Value, parse_values};
use tercet::image::{self, ImageShape, Limits};
use tercet::model::Model;
use tercet::network::{Architecture, Init, Shape};
use tercet::preprocess::{Input, Layout, Learner, Preprocessing, Step};
use tercet::recipe::Recipe;

/// The name of a target, and its reader.
pub type Reader = (&'static str, fn(&[u8], &Path));

/// All readers, except the reader of request bodies, which is in the program.
pub const ALL: [Reader; 12] = [
    ("idx", idx),
    ("gzip", gzip),
    ("npy", npy),
    ("npz", npz),
    ("csv", csv),
    ("parquet", parquet),
    ("libsvm", libsvm),
    ("picture", picture),
    ("model", model),
    ("recipe", recipe),
    ("architecture", architecture),
    ("graph", graph),
];

/// Models and pictures larger than this are not built here, although the library would build them.
const SMALL: usize = 1 << 16;

/// Two labels as IDX.
const LABELS_IDX: &[u8] = b"\0\0\x08\x01\0\0\0\x02\0\x01";

/// The library that reads Parquet panics on some damaged files, which the reader turns into an error. After this call, such
/// panics are not reported: panics of other code are findings, and a backtrace would take more memory than a reader may use.
pub fn expect_panics_of_parquet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let folders = panic.location().into_iter().flat_map(|at| at.file().split(['/', '\\']));
            if !folders.into_iter().any(|folder| folder.starts_with("parquet-")) {
                others(panic);
            }
        }));
    });
}

/// Opens a file like the program's `--data`, and checks everything that was read.
fn open(path: &Path) {
    let Ok(collection) = Source::Path(path.to_owned()).open() else { return };
    let train = &collection.train;
    assert!(!train.is_empty() && train.width() > 0, "a set without examples");
    for example in 0..train.len() {
        assert!((train.label(example) as usize) < train.classes().len(), "a label that is no class");
    }
    let mut features = vec![0.0; train.width()];
    for example in [0, train.len() - 1] {
        train.write_inputs(&[example], &mut features);
        assert!(features.iter().all(|value| value.is_finite()), "a feature that is not finite");
    }
    if let Some(shape) = train.image_shape() {
        assert_eq!(shape.features(), train.width(), "an image of other pixels than there are");
    }
    train.digest();
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).expect("a file can be written");
}

/// IDX: any array, then images, then labels.
pub fn idx(bytes: &[u8], folder: &Path) {
    let _ = parse_idx(bytes, Path::new("any.idx"));
    write(folder, "idx-images-idx3-ubyte", bytes);
    write(folder, "idx-labels-idx1-ubyte", LABELS_IDX);
    open(&folder.join("idx-images-idx3-ubyte"));
    write(folder, "idx-images-idx3-ubyte", b"\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x01\x07\x09");
    write(folder, "idx-labels-idx1-ubyte", bytes);
    open(&folder.join("idx-images-idx3-ubyte"));
}

/// Gzipped data of any format; IDX files have labels next to them.
pub fn gzip(bytes: &[u8], folder: &Path) {
    write(folder, "gzip-images-idx3-ubyte.gz", bytes);
    write(folder, "gzip-labels-idx1-ubyte.gz", LABELS_IDX);
    open(&folder.join("gzip-images-idx3-ubyte.gz"));
}

/// NPY: features, then labels.
pub fn npy(bytes: &[u8], folder: &Path) {
    let labels = array("<i8", &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    write(folder, "npy-x.npy", bytes);
    write(folder, "npy-y.npy", &labels);
    open(&folder.join("npy-x.npy"));
    write(folder, "npy-x.npy", &array("|u1", &[3, 4]));
    write(folder, "npy-y.npy", bytes);
    open(&folder.join("npy-x.npy"));
}

/// An NPY file with two elements of a type.
fn array(kind: &str, elements: &[u8]) -> Vec<u8> {
    let shape = if kind == "|u1" { "(2, 1)" } else { "(2,)" };
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), elements]
        .concat()
}

/// NPZ.
pub fn npz(bytes: &[u8], folder: &Path) {
    write(folder, "a.npz", bytes);
    open(&folder.join("a.npz"));
}

/// CSV.
pub fn csv(bytes: &[u8], folder: &Path) {
    write(folder, "a.csv", bytes);
    open(&folder.join("a.csv"));
}

/// Parquet, if the library is built with it.
pub fn parquet(bytes: &[u8], folder: &Path) {
    write(folder, "a.parquet", bytes);
    open(&folder.join("a.parquet"));
}

/// LIBSVM.
pub fn libsvm(bytes: &[u8], folder: &Path) {
    write(folder, "a.svm", bytes);
    open(&folder.join("a.svm"));
}

/// A picture, preprocessed for models of 28 × 28 pixels.
pub fn picture(bytes: &[u8], _: &Path) {
    let limits = Limits { side: 2048, bytes: 16 << 20 };
    let Ok(picture) = image::decode_within(bytes, Path::new("the picture"), limits) else { return };
    assert_eq!(picture.pixels().len(), picture.shape().features());
    if picture.pixels().len() > SMALL {
        return;
    }
    let gray = ImageShape::gray(28, 28);
    let center = vec![Step::Grayscale, Step::Center { layout: Layout::MNIST }, Step::Deskew];
    for (shape, steps) in
        [(gray, center), (ImageShape { channels: 3, ..gray }, vec![Step::Color, Step::Resize])]
    {
        let preprocessing = Preprocessing::from_steps(Input::pixels(shape), Learner::Weights, steps).unwrap();
        if let Ok(prepared) = preprocessing.picture(&picture) {
            assert_eq!(prepared.picture.shape(), shape);
        }
    }
}

/// A model file: a model that is read and written again must be the same.
pub fn model(bytes: &[u8], _: &Path) {
    let path = Path::new("m.safetensors");
    let Ok(model) = Model::from_bytes(bytes, path) else { return };
    let written = model.to_bytes().expect("what was read can be written");
    assert!(Model::from_bytes(&written, path).expect("what was written can be read") == model);
    let Input { features, image, pixels, .. } = model.preprocessing().input();
    if features > SMALL {
        return;
    }
    let one = match image.filter(|_| pixels) {
        Some(shape) => Examples::from_pixels(shape, vec![100; features]),
        None => Examples::from_features(features, vec![0.5; features]),
    };
    if let Ok(one) = one
        && let Ok(scores) = model.scores(&one)
    {
        assert_eq!(scores.row(0).len(), model.card.classes.len());
    }
}

/// A training recipe: a recipe that is read and written again must be the same.
pub fn recipe(bytes: &[u8], _: &Path) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let path = Path::new("r.toml");
    let Ok(recipe) = Recipe::parse(text, path) else { return };
    recipe.describe();
    let written = recipe.to_toml();
    assert_eq!(Recipe::parse(&written, path).expect("what was written can be read"), recipe);
    if let Recipe::GradientDescent(recipe) = recipe {
        let most =
            recipe.hidden.iter().fold(784usize, |most, &size| most.saturating_mul(size.saturating_add(1)));
        let layers = recipe.layers.as_ref();
        let layers_are_small =
            layers.is_none_or(|layers| parameters(layers).is_some_and(|count| count <= SMALL));
        if most <= SMALL && layers_are_small {
            let _ = recipe.untrained(ImageShape::gray(28, 28), 10);
        }
    }
}

/// The number of parameters of the layers for images of 28 × 28 pixels, if they accept such images.
fn parameters(layers: &Architecture) -> Option<usize> {
    let complete = layers.complete(ImageShape::gray(28, 28), 10).ok()?;
    Some(complete.summary(ImageShape::gray(28, 28)).ok()?.iter().map(|layer| layer.parameters).sum())
}

/// An architecture string: printing and parsing it again gives the same, and the network has the counted number of
/// parameters.
pub fn architecture(bytes: &[u8], _: &Path) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(layers) = text.parse::<Architecture>() else { return };
    assert_eq!(layers.to_string().parse::<Architecture>().expect("what was printed is parsed"), layers);
    let _ = layers.shapes(Shape::Features(100));
    let Some(parameters) = parameters(&layers) else { return };
    if parameters <= SMALL {
        let network =
            layers.network(ImageShape::gray(28, 28), 10, Init::He, 0).expect("layers that were counted");
        assert_eq!(network.parameters(), parameters);
    }
}

/// An expression, and after a `|` the values of its variables: the forward pass, the backward pass, and the drawing.
pub fn graph(bytes: &[u8], _: &Path) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (expression, values) = text.split_once('|').unwrap_or((text, ""));
    let values = parse_values(values);
    let Ok((graph, root)) = Graph::parse(expression) else { return };
    let Ok(mut values) = values else { return };
    for input in graph.inputs() {
        values.entry(graph.name(input).to_owned()).or_insert_with(|| Value::scalar(0.5));
    }
    let Ok(evaluation) = graph.evaluate(&values) else { return };
    let Ok(gradients) = graph.gradients_with(&evaluation, root, &mut |step| drop(step.to_string())) else {
        return;
    };
    for node in graph.nodes() {
        if let Some(gradient) = gradients.of(node) {
            assert_eq!(gradient.shape(), evaluation.value(node).shape(), "a gradient of another shape");
        }
    }
    let _ = graph.svg(&evaluation, &gradients, root);
    graph.dot(&evaluation, &gradients, root);
}
