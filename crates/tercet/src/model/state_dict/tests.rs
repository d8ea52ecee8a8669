//! Round trips, and comparison with PyTorch's formulas.

use super::*;
use crate::data::Dataset;
use crate::network::Init;
use crate::random::{Stream, generator};
use rand::RngExt;

const LAYERS: &str =
    "conv3x2-4/2+1 batchnorm relu pool conv2-3 flatten dropout0.2 batchnorm dense5 gelu batchnorm dense3";

fn colour() -> ImageShape {
    ImageShape { width: 9, height: 11, channels: 2 }
}

/// A network with layers of all kinds, none of whose parameters have their initial values.
fn network(layers: &str, input: impl Into<Shape>) -> Network {
    let layers: Architecture = layers.parse().unwrap();
    let mut network = layers.network(input, 3, Init::He, 1).unwrap();
    let mut rng = generator(8, Stream::Weights);
    network.arrays_mut().into_iter().flatten().for_each(|value| *value = 0.1 + rng.random::<f32>());
    network
}

fn tensor(name: &str, shape: &[usize]) -> StateTensor {
    let count: usize = shape.iter().product();
    StateTensor { name: name.into(), shape: shape.into(), values: (0..count).map(|i| i as f32).collect() }
}

fn error(tensors: Vec<StateTensor>, layers: &str, input: impl Into<Shape>) -> String {
    let state = StateDict::new(tensors).unwrap();
    state.network(&layers.parse().unwrap(), input, 3).unwrap_err().to_string()
}

#[test]
fn round_trips_are_exact_including_through_a_file() {
    let network = network(LAYERS, colour());
    let state = StateDict::of(&network).unwrap();
    assert_eq!(state.network(&LAYERS.parse().unwrap(), colour(), 3).unwrap(), network);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    std::fs::write(&path, state.to_bytes().unwrap()).unwrap();
    let read = StateDict::read(&path).unwrap();
    assert_eq!(read.network(&LAYERS.parse().unwrap(), colour(), 3).unwrap(), network);
    let bytes = std::fs::read(&path).unwrap();
    let counts = |name: &str| String::from_utf8_lossy(&bytes).contains(name);
    assert!(counts("1.num_batches_tracked") && counts("7.running_var") && !counts("\"0.running_var"));
}

/// Layers without weights have no tensors and are taken from the architecture string.
#[test]
fn layers_without_weights_are_those_of_the_line() {
    let layers = "conv2-2 leaky0.1 avgpool2/1 sigmoid flatten dense4 tanh dense3";
    let network = network(layers, ImageShape::gray(6, 5));
    let state = StateDict::of(&network).unwrap();
    let names: Vec<&str> = state.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["0.weight", "0.bias", "5.weight", "5.bias", "7.weight", "7.bias"]);
    assert_eq!(state.network(&layers.parse().unwrap(), ImageShape::gray(6, 5), 3).unwrap(), network);
}

#[test]
fn images_are_channels_first_in_pytorch() {
    // Two adjacent pixels with two channels: (y, x, channel) in this crate, (channel, y, x) in PyTorch.
    let shape = ImageShape { width: 2, height: 1, channels: 2 };
    let layers = "conv1-2 flatten dense3".parse().unwrap();
    let state = StateDict::new(vec![
        tensor("0.weight", &[2, 2, 1, 1]),
        tensor("2.weight", &[3, 4]),
        StateTensor { name: "0.bias".into(), shape: vec![2], values: vec![0.5, -0.5] },
    ])
    .unwrap();
    let network = state.network(&layers, shape, 3).unwrap();
    let pixels = [10u8, 20, 30, 40];
    let classes = crate::data::Classes::numbered(3);
    let data = Dataset::from_pixels("one", shape, pixels.to_vec(), vec![0], classes).unwrap();
    let scores = network.scores(&data).unwrap();
    // As in PyTorch: x[channel][pixel], a 1 × 1 convolution with weight [[0, 1], [2, 3]], and no bias in the last
    // layer.
    let x = |channel: usize, place: usize| f32::from(pixels[place * 2 + channel]) / 255.0;
    let y: Vec<f32> = (0..2)
        .flat_map(|filter| (0..2).map(move |place| (filter, place)))
        .map(|(filter, place)| {
            let w = |channel: usize| (filter * 2 + channel) as f32;
            [0.5, -0.5][filter] + w(0) * x(0, place) + w(1) * x(1, place)
        })
        .collect();
    for (j, score) in scores.row(0).iter().enumerate() {
        let expected: f32 = (0..4).map(|i| (j * 4 + i) as f32 * y[i]).sum();
        assert!((score - expected).abs() < 1e-5, "{j}: {score}, and {expected} by hand");
    }
}

#[test]
fn modules_are_ordered_by_number_and_may_have_a_common_beginning() {
    let state = |names: [&str; 3]| {
        let [a, b, c] = names;
        let tensors = vec![tensor(c, &[3, 4]), tensor(a, &[2, 2]), tensor(b, &[4, 2])];
        StateDict::new(tensors).unwrap().network(&"dense2 relu dense4 relu".parse().unwrap(), 2, 3)
    };
    let expected = state(["2.weight", "9.weight", "10.weight"]).unwrap();
    assert_eq!(state(["model.net.2.weight", "model.net.9.weight", "model.net.10.weight"]).unwrap(), expected);
    assert_eq!(state(["0.0.weight", "0.1.weight", "1.0.weight"]).unwrap(), expected);
    assert_eq!(expected.dense_layers().next().unwrap().b, [0.0, 0.0], "no bias is one of zeros");
    // As `DataParallel` and `torch.compile` name them.
    assert_eq!(
        state(["module._orig_mod.fc1.weight", "module._orig_mod.fc2.weight", "module._orig_mod.fc3.weight"])
            .unwrap(),
        expected
    );
    assert_eq!(state(["block1.fc.weight", "block2.fc.weight", "block10.fc.weight"]).unwrap(), expected);
}

#[test]
fn names_without_an_order_are_matched_by_the_dimensions_of_the_weights() {
    let layers: Architecture =
        "conv3-4 batchnorm relu conv3-4 batchnorm relu flatten dense6 relu".parse().unwrap();
    let network = layers.network(ImageShape::gray(6, 6), 3, Init::He, 3).unwrap();
    let modules = ["0", "1", "3", "4", "7", "9"];
    let renamed = |names: [&str; 6]| {
        let tensors = StateDict::of(&network).unwrap().tensors().to_vec();
        let mut tensors: Vec<StateTensor> = tensors
            .into_iter()
            .map(|tensor| {
                let (module, array) = tensor.name.split_once('.').unwrap();
                let at = modules.iter().position(|name| *name == module).unwrap();
                StateTensor { name: format!("{}.{array}", names[at]), ..tensor }
            })
            .collect();
        // A safetensors file lists them by name.
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        StateDict::new(tensors).unwrap()
    };
    for names in [
        ["stem.conv1", "stem.bn1", "stem.conv2", "stem.bn2", "neck", "head"],
        ["features.0", "features.1", "features.3", "features.4", "classifier.fc1", "classifier.fc2"],
        ["net.zebra.0", "net.zebra.1", "net.zebra.4", "net.zebra.5", "net.hidden", "net.a"],
    ] {
        let found = renamed(names).network(&layers, ImageShape::gray(6, 6), 3).unwrap();
        assert_eq!(found, network, "{names:?}");
    }
    // Which of two batch norms comes first is unknown.
    let unordered = renamed(["conv1", "early", "conv2", "late", "neck", "head"]);
    let error = unordered.network(&layers, ImageShape::gray(6, 6), 3).unwrap_err().to_string();
    for part in
        ["conv1 [4, 1, 3, 3]", "early normalisation [4]", "head [3, 6]", "dense6 [6, 16]", "--modules"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(error.contains("more than one order fits"), "{error}");
    let order = ["conv1", "early", "conv2", "late", "neck", "head"].map(str::to_owned);
    let ordered = unordered.clone().with_modules(order.to_vec()).unwrap();
    assert_eq!(ordered.network(&layers, ImageShape::gray(6, 6), 3).unwrap(), network);
    assert!(ordered.ignored_modules().is_empty());
    let some = unordered.clone().with_modules(order[..5].to_vec()).unwrap();
    assert_eq!(some.ignored_modules(), ["head"]);
    let error = some.network(&layers, ImageShape::gray(6, 6), 3).unwrap_err().to_string();
    assert!(error.contains("found 5 (conv1, early, conv2, late, neck); expected 6"), "{error}");
    let error = unordered.clone().with_modules(vec!["body".into()]).unwrap_err().to_string();
    assert!(error.contains("found body; expected one of conv1"), "{error}");
    let twice = unordered.with_modules(vec!["head".into(), "head".into()]).unwrap_err().to_string();
    assert!(twice.contains("head twice"), "{twice}");
    // Layers that the weights do not fit.
    let other: Architecture =
        "conv5-4 batchnorm relu conv3-4 batchnorm relu flatten dense6 relu".parse().unwrap();
    let error = renamed(["a", "b", "c", "d", "e", "f"]).network(&other, ImageShape::gray(8, 8), 3);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("none of their orders fits"), "{error}");
}

/// 24 modules of equal dimensions have 24! orders, and the search must not try them all: here the only other module
/// is needed first, but its name says that it comes later.
#[test]
fn a_search_for_an_order_ends() {
    let name = |i: u8| format!("{}.weight", char::from(b'a' + i));
    let mut tensors: Vec<StateTensor> = (0..23).map(|i| tensor(&name(i), &[3, 3])).collect();
    tensors.extend([tensor("y1.weight", &[3, 3]), tensor("y0.weight", &[3, 4])]);
    let layers = format!("dense3 {}", "dense3 ".repeat(24));
    assert!(error(tensors.clone(), &layers, 4).contains("more than one order fits"));
    tensors.pop();
    tensors.push(tensor("y2.weight", &[3, 4]));
    assert!(error(tensors, &layers, 4).contains("none of their orders fits"));
}

#[test]
fn numbers_of_16_bits_are_read_exactly() {
    let values = [1.5f32, -0.09375, 65504.0, 0.0];
    let half: Vec<u8> = values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect();
    let brain: Vec<u8> = values.iter().flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()).collect();
    let tensors = [("0.weight", Tensor16(half, Dtype::F16)), ("1.weight", Tensor16(brain, Dtype::BF16))];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    std::fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    let read = StateDict::read(&path).unwrap();
    let of = |name: &str| read.tensors().iter().find(|tensor| tensor.name == name).unwrap().values.clone();
    assert_eq!(of("0.weight"), values);
    // 65504 has more digits than a bf16.
    assert_eq!(of("1.weight"), [1.5, -0.09375, 65536.0, 0.0]);
}

#[test]
fn mismatches_are_reported() {
    let two = || vec![tensor("0.weight", &[4, 2]), tensor("2.weight", &[3, 4])];
    for (words, found) in [
        (
            "found 2 (0, 2); expected 3, for the layers dense4 relu dense4 relu dense3",
            error(two(), "dense4 relu dense4 relu", 2),
        ),
        ("dimensions of 0.weight: found [4, 2]; expected [4, 5], for dense4", error(two(), "dense4 relu", 5)),
        ("running_mean among them, for batchnorm", {
            let tensors = vec![tensor("0.weight", &[2]), tensor("2.weight", &[3, 2])];
            error(tensors, "batchnorm dense3", 2)
        }),
        ("found 0.weight_ih; expected none such", {
            let mut tensors = two();
            tensors.push(tensor("0.weight_ih", &[1]));
            error(tensors, "dense4 relu", 2)
        }),
        ("each name once", error([two(), two()].concat(), "dense4 relu", 2)),
        ("put flatten before it", error(two(), "conv3-4 dense3", ImageShape::gray(5, 5))),
    ] {
        assert!(found.contains(words), "{words} is not in: {found}");
    }
    let mut wrong = tensor("0.weight", &[2]);
    wrong.shape = vec![usize::MAX, 2];
    assert!(StateDict::new(vec![wrong]).is_err());
    let twice = StateDict::new([two(), two()].concat()).unwrap().to_bytes().unwrap_err().to_string();
    assert_eq!(twice, "tensors of the state dict: found 0.weight; expected each name once");
    let mut infinite = two();
    infinite[0].values[3] = f32::INFINITY;
    assert!(error(infinite, "dense4 relu", 2).contains("inf"));
    // These would permute the classes.
    let pixels = |layers: &str, input: ImageShape| {
        let network = network(layers, input);
        let before = network.layers().len() - 1;
        let shorter = Network::with_input(input, network.layers()[..before].to_vec()).unwrap();
        StateDict::of(&shorter).map_err(|error| error.to_string())
    };
    let refused = pixels("conv2-3 flatten", ImageShape::gray(4, 2)).unwrap_err();
    assert!(refused.contains("found the values of 3 × 1 × 3"), "{refused}");
    assert!(pixels("conv2-1 flatten", ImageShape::gray(4, 2)).is_ok(), "one channel has one order");
}

#[test]
fn other_files_are_rejected_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |bytes: &[u8]| {
        let path = folder.path().join("model.pt");
        std::fs::write(&path, bytes).unwrap();
        StateDict::read(&path).unwrap_err().to_string()
    };
    assert!(refused(b"PK\x03\x04...").contains("torch.save"));
    assert!(refused(b"hello").contains("safetensors.torch.save_file"));
    assert!(refused(b"").contains("safetensors file"));
    let integers = Tensor16(vec![0; 8], Dtype::I16);
    let bytes = safetensors::serialize([("0.weight", integers)], None).unwrap();
    assert!(refused(&bytes).contains("model.float()"), "{}", refused(&bytes));
}

#[test]
fn numbers_of_64_bits_become_those_of_32() {
    let values = [0.1, -2.5, 1e-50, 3.0];
    let tensor = crate::tensors::Tensor { shape: vec![2, 2], values: crate::tensors::Values::F64(&values) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    std::fs::write(&path, safetensors::serialize([("0.weight", tensor)], None).unwrap()).unwrap();
    let read = StateDict::read(&path).unwrap();
    assert_eq!(
        (&read.tensors()[0].shape[..], &read.tensors()[0].values[..]),
        (&[2, 2][..], &[0.1, -2.5, 0.0, 3.0][..])
    );
}

/// Four 16-bit numbers.
struct Tensor16(Vec<u8>, Dtype);

impl View for Tensor16 {
    fn dtype(&self) -> Dtype {
        self.1
    }
    fn shape(&self) -> &[usize] {
        &[2, 2]
    }
    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        (&self.0).into()
    }
    fn data_len(&self) -> usize {
        self.0.len()
    }
}
