//! The model file: round trips, and rejected files.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tercet::data::{Classes, Dataset, Examples, LabelType, Opening};
use tercet::image::ImageShape;
use tercet::linear::LinearClassifier;
use tercet::model::{AnyClassifier, Card, DataRecord, Model, ScoreKind};
use tercet::neighbors::{Deformable, Deformation, Edges, Metric, NeighborsClassifier, Priors, Vote};
use tercet::network::{Activation, Architecture, Dense, Init, Layer, Network};
use tercet::preprocess::{Input, Layout, Learner, Preprocessing, Step};
use tercet::{Classifier, Error};

fn dense(inputs: usize, outputs: usize) -> Dense {
    let w = (0..inputs * outputs).map(|i| (i as f32 - 2.5) / 3.0).collect();
    Dense { inputs, outputs, w, b: (0..outputs).map(|i| 0.1 * i as f32).collect() }
}

fn card(classes: usize) -> Card {
    let names = Classes::new((0..classes).map(|c| format!("class “{c}”")), LabelType::Text);
    let mut card = Card::new(names, ScoreKind::Margins);
    card.settings = json!({ "learning_rate": 0.1, "hidden": [4], "momentum": 0.3 });
    card.seed = Some(u64::MAX);
    card.data = Some(DataRecord {
        name: "toy".into(),
        digest: "ab12".into(),
        features: vec!["width".into(), "height".into()],
    });
    // Neither has a short decimal form: if read back with an error of one bit, they would give another file.
    card.metrics.insert("test accuracy".into(), 0.1 + 0.2);
    card.metrics.insert("validation loss".into(), 1.0 / 3.0);
    card.openings.push(Opening { at: "2026-01-01T00:00:00Z".into(), reason: "final".into(), examples: 9 });
    card
}

/// For images of 3 × 2 pixels, with these steps.
fn preprocessing(learner: Learner, steps: Vec<Step>) -> Preprocessing {
    Preprocessing::from_steps(Input::pixels(ImageShape::gray(3, 2)), learner, steps).unwrap()
}

fn model(classifier: impl Into<AnyClassifier>) -> Model {
    let layout = Layout { width: 3, height: 2, ..Layout::MNIST };
    let steps = vec![Step::Grayscale, Step::Center { layout }, Step::Scale { divisor: 255.0 }];
    Model::new(preprocessing(Learner::Weights, steps), classifier, card(3))
}

fn linear() -> Model {
    model(LinearClassifier::from_dense(dense(6, 3)).unwrap())
}

fn network() -> Model {
    let layers =
        vec![Layer::Dense(dense(6, 4)), Layer::Activation(Activation::Relu), Layer::Dense(dense(4, 3))];
    model(Network::new(layers).unwrap())
}

/// A network with a layer of every kind.
fn layered() -> Model {
    let line = "conv2-3/1+1 batchnorm relu pool2/1 leaky0.1 conv1x2-2 sigmoid avgpool2/1 dropout0.3 flatten dense4 \
                batchnorm tanh dense5 gelu";
    let layers: Architecture = line.parse().unwrap();
    let network = layers.network(ImageShape::gray(3, 2), 3, Init::He, 1).unwrap();
    assert_eq!(network.layers().len(), 16);
    model(network)
}

fn neighbors(data: Dataset) -> Model {
    let classifier = NeighborsClassifier::fit(&data, Metric::L2, 1, Vote::Uniform).unwrap();
    Model::new(preprocessing(Learner::Neighbors, vec![Step::Grayscale]), classifier, card(3))
}

fn pixels() -> Model {
    let shape = ImageShape::gray(3, 2);
    neighbors(Dataset::from_pixels("p", shape, (0..12).collect(), vec![0, 2], card(3).classes).unwrap())
}

fn floats() -> Model {
    let values = (0..12).map(|v| v as f32 / 7.0).collect();
    let data = Dataset::from_features("f", 6, values, vec![0, 2], card(3).classes).unwrap();
    let classifier = NeighborsClassifier::fit(&data, Metric::L2, 1, Vote::Uniform).unwrap();
    let none = Preprocessing::from_steps(Input::features(6), Learner::Neighbors, Vec::new()).unwrap();
    Model::new(none, classifier, card(3))
}

/// Neighbours with weights and priors.
fn weighted() -> Model {
    let shape = ImageShape::gray(3, 2);
    let data = Dataset::from_pixels("p", shape, (0..12).collect(), vec![0, 2], card(3).classes).unwrap();
    let classifier = NeighborsClassifier::fit(&data, Metric::L2, 2, Vote::Distance).unwrap();
    // If read back with an error of one bit, these would give another file.
    let priors = Priors::Given(vec![0.1 + 0.2, 0.0, 1.0 / 3.0]);
    let classifier = classifier.with_weights(vec![0.1, 2.5]).unwrap().with_priors(priors).unwrap();
    Model::new(preprocessing(Learner::Neighbors, vec![Step::Grayscale]), classifier, card(3))
}

fn all() -> [Model; 6] {
    [linear(), network(), layered(), pixels(), floats(), weighted()]
}

fn read(bytes: &[u8]) -> tercet::Result<Model> {
    Model::from_bytes(bytes, Path::new("m.tercet"))
}

#[track_caller]
fn refused(bytes: &[u8], why: &str) {
    let error = read(bytes).unwrap_err();
    assert!(matches!(error, Error::Format { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("m.tercet: found ") && text.contains("; expected "), "{text}");
    assert!(text.contains(why), "“{why}” is not in: {text}");
}

/// The file with another header.
fn with_header(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + length..]].concat()
}

/// The file with another document.
fn with_document(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    with_header(bytes, |header| {
        let text = &mut header["__metadata__"]["tercet"];
        let mut document = serde_json::from_str(text.as_str().unwrap()).unwrap();
        change(&mut document);
        *text = Value::String(document.to_string());
    })
}

#[test]
fn round_trips_give_the_same_model_and_bytes() {
    for model in all() {
        let bytes = model.to_bytes().unwrap();
        assert_eq!(bytes, model.clone().to_bytes().unwrap());
        let back = read(&bytes).unwrap();
        assert_eq!(back, model);
        assert_eq!(back.to_bytes().unwrap(), bytes);
    }
}

#[test]
fn the_document_begins_with_the_format_and_every_part_is_named() {
    let bytes = network().to_bytes().unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains(
        r#"{\"format\":4,\"kind\":\"network\",\"architecture\":[{\"layer\":\"dense\",\"inputs\":6"#
    ));
    for part in ["classes", "preprocessing", "settings", "seed", "digest", "metrics", "program", "openings"] {
        assert!(text.contains(&format!("\\\"{part}\\\":")), "{part}");
    }
}

#[test]
fn a_file_that_is_not_a_model_is_rejected() {
    refused(b"", "an empty file");
    refused(b"short", "truncated or not a model");
    refused(b"The quick brown fox jumps over the lazy dog", "truncated or not a model");
    refused(&u64::MAX.to_le_bytes(), "truncated or not a model");
    let foreign = safetensors::serialize::<String, safetensors::tensor::TensorView, _>([], None).unwrap();
    refused(&foreign, "without a description");
    let bytes = network().to_bytes().unwrap();
    for end in 0..bytes.len() {
        refused(&bytes[..end], "found");
    }
    refused(&[&bytes[..], b"more"].concat(), "truncated or not a model");
}

#[test]
fn a_file_is_rejected_by_what_its_header_claims_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.tercet");
    let inputs = 1u64 << 31;
    let bytes = with_document(&linear().to_bytes().unwrap(), |document| {
        document["architecture"][0]["inputs"] = json!(inputs);
    });
    let bytes = with_header(&bytes, |header| {
        header["w1"]["shape"] = json!([inputs, 3]);
        header["w1"]["data_offsets"][1] = json!(12 + 4 * 3 * inputs);
    });
    std::fs::write(&path, &bytes).unwrap();
    let error = Model::load(&path).unwrap_err().to_string();
    let (from, to) = error.split_once("found a header that claims ").unwrap();
    assert!(from.ends_with("huge.tercet: ") && to.contains(" bytes; expected at most 16 GiB. "), "{error}");
}

#[test]
fn the_record_of_data_is_its_name_and_digest() {
    let data = Dataset::from_features("f", 1, vec![1.0, 2.0], vec![0, 1], card(3).classes).unwrap();
    let record = DataRecord::of(&data);
    assert_eq!((record.name.as_str(), record.digest), ("f", data.digest()));
    assert_ne!(DataRecord::of(&data.first(1)).digest, data.digest());
}

#[test]
fn another_version_is_rejected_by_its_number() {
    let bytes = linear().to_bytes().unwrap();
    refused(&with_document(&bytes, |d| *d = json!({ "format": 5, "else": "new" })), "found model format 5");
    refused(&with_document(&bytes, |d| d["format"] = json!(5)), "update this one");
    refused(&with_document(&bytes, |d| d["format"] = json!(3)), "train the model again with this one");
    refused(&with_document(&bytes, |d| d["format"] = json!(0)), "model format 0");
    refused(&with_document(&bytes, |d| d["format"] = json!("one")), "without a format version");
    refused(&with_document(&bytes, |d| *d = json!(7)), "without a format version");
    // Fields added by a later program with the same format are accepted.
    let later = with_document(&bytes, |d| d["card"]["author"] = json!("Ada"));
    assert_eq!(read(&later).unwrap(), linear());
}

#[test]
fn kinds_and_architectures_that_do_not_fit_are_rejected() {
    let bytes = linear().to_bytes().unwrap();
    refused(&with_document(&bytes, |d| d["kind"] = json!("forest")), "kind “forest”");
    refused(&with_document(&bytes, |d| d["kind"] = json!("neighbors")), "architecture of another");
    let layers = with_document(&network().to_bytes().unwrap(), |d| d["kind"] = json!("linear"));
    refused(&layers, "architecture of another");
    refused(&with_document(&bytes, |d| d["architecture"] = json!([{ "layer": "conv9d" }])), "cannot be read");
    let relu = with_document(&bytes, |d| {
        d["kind"] = json!("network");
        d["architecture"] = json!([{ "layer": "relu" }]);
    });
    refused(&relu, "the tensors b1, w1");
    refused(&with_document(&bytes, |d| d["architecture"][0]["inputs"] = json!(7)), "a tensor w1 of F32");
    let overflow = json!([{ "layer": "dense", "inputs": u64::MAX, "outputs": u64::MAX }]);
    refused(&with_document(&bytes, |d| d["architecture"] = overflow), "a tensor w1 of F32");
    let pixels = pixels().to_bytes().unwrap();
    refused(&with_document(&pixels, |d| d["architecture"]["features"] = json!("f32")), "a tensor rows of U8");
    refused(&with_document(&pixels, |d| d["architecture"]["examples"] = json!(1u64 << 60)), "a tensor rows");
}

#[test]
fn missing_extra_and_wrongly_shaped_tensors_are_rejected() {
    let bytes = linear().to_bytes().unwrap();
    let renamed = with_header(&bytes, |h| {
        let w = h.as_object_mut().unwrap().remove("w1").unwrap();
        h["w9"] = w;
    });
    refused(&renamed, "found the tensors b1, w9; expected b1, w1");
    let extra = with_document(&network().to_bytes().unwrap(), |d| {
        d["architecture"].as_array_mut().unwrap().pop();
    });
    refused(&extra, "found the tensors b1, b2, w1, w2; expected b1, w1");
    refused(&with_header(&bytes, |h| h["w1"]["shape"] = json!([3, 6])), "dimensions [3, 6]");
    refused(&with_header(&bytes, |h| h["w1"]["dtype"] = json!("I32")), "w1 of I32");
    let huge = json!([u64::MAX, u64::MAX]);
    refused(&with_header(&bytes, |h| h["w1"]["shape"] = huge), "overflow");
    refused(&with_header(&bytes, |h| h["w1"]["data_offsets"] = json!([0, 4])), "offset");
}

/// The file with a different last number in the tensor of weights.
fn with_last_weight(weight: f32) -> Vec<u8> {
    let mut bytes = weighted().to_bytes().unwrap();
    let at = bytes.windows(4).rposition(|bytes| bytes == 2.5f32.to_le_bytes()).unwrap();
    bytes[at..at + 4].copy_from_slice(&weight.to_le_bytes());
    bytes
}

#[test]
fn weights_and_priors_that_make_no_sense_are_rejected() {
    assert!(read(&with_last_weight(7.0)).is_ok());
    for (bad, why) in [(-1.0, "found -1"), (f32::NAN, "found NaN"), (f32::INFINITY, "found inf")] {
        refused(&with_last_weight(bad), &why.replace("found", "weight of example 1:"));
    }
    let bytes = weighted().to_bytes().unwrap();
    let with_priors = |priors: Value| with_document(&bytes, |d| d["architecture"]["priors"] = priors);
    refused(&with_priors(json!([1.0, 1.0])), "the list of priors = 2 long");
    refused(&with_priors(json!([1.0, 1.0, -1.0])), "-1 in it");
    refused(&with_priors(json!([0, 0, 0])), "all 0");
    refused(&with_priors(json!("even")), "cannot be read");
    refused(&with_priors(json!([1.0, null, 1.0])), "cannot be read");
    refused(
        &with_document(&bytes, |d| d["architecture"]["weighted"] = json!(false)),
        "the tensors labels, rows, weights",
    );
    let missing = with_document(&pixels().to_bytes().unwrap(), |d| {
        d["architecture"]["weighted"] = json!(true);
    });
    refused(&missing, "found the tensors labels, rows; expected labels, rows, weights");
    refused(&with_header(&bytes, |h| h["weights"]["dtype"] = json!("I32")), "weights of I32");
}

/// Neighbours with a distance that tolerates warps.
fn deformed() -> Model {
    let (preprocessing, classifier, card) = pixels().into_parts();
    let deformation = Deformation::Warps { reach: 2, context: 1, edges: Edges::Root };
    let neighbors: NeighborsClassifier = classifier.try_into().unwrap();
    let neighbors = neighbors.with_deformation(Some(Deformable { candidates: 7, deformation })).unwrap();
    Model::new(preprocessing, neighbors, card)
}

/// The model with steps on the pixels of every example.
fn deskewed(model: Model) -> Model {
    let (before, classifier, card) = model.into_parts();
    let mut steps = vec![Step::Grayscale, Step::Deskew, Step::Blur { sigma: 0.5 }];
    steps.extend((before.learner() == Learner::Weights).then_some(Step::Scale { divisor: 255.0 }));
    Model::new(preprocessing(before.learner(), steps), classifier, card)
}

#[test]
fn deformations_and_preprocessing_come_back_and_are_checked() {
    for model in [deformed(), deskewed(deformed()), deskewed(linear()), deskewed(weighted())] {
        let bytes = model.to_bytes().unwrap();
        assert_eq!(read(&bytes).unwrap(), model);
    }
    let bytes = deskewed(deformed()).to_bytes().unwrap();
    let with = |part: &str, value: Value| with_document(&bytes, |d| *d.pointer_mut(part).unwrap() = value);
    refused(&with("/architecture/deformation/warps", json!(99)), "warps = 99");
    refused(&with("/architecture/deformation", json!({ "candidates": 7, "turns": 1 })), "cannot be read");
    refused(&with("/preprocessing/steps/1", json!({ "step": "sharpen" })), "cannot be read");
    refused(&with("/preprocessing/steps/2/sigma", json!(-1)), "expected a blur above 0");
    refused(&with("/preprocessing/input/pixels", json!(false)), "no step for pictures");
}

/// The scores of a model are those of its classifier on the preprocessed examples.
#[test]
fn a_model_preprocesses_what_it_is_given() {
    let model = deskewed(linear());
    let examples = Examples::from_pixels(ImageShape::gray(3, 2), vec![9, 0, 0, 0, 200, 0]).unwrap();
    let scores = model.scores(&examples).unwrap();
    let inputs = model.preprocessing().apply(&examples).unwrap();
    assert_eq!(scores, model.classifier().scores(&inputs).unwrap());
    assert_ne!(scores, model.classifier().scores(&examples).unwrap());
}

#[test]
fn labels_keep_their_type() {
    for label_type in
        [LabelType::Text, LabelType::Integer, LabelType::Boolean, LabelType::Float, LabelType::Date]
    {
        let mut model = linear();
        model.card.classes = Classes::new(["0", "1", "2"], label_type);
        let back = read(&model.to_bytes().unwrap()).unwrap();
        assert_eq!(back.classes().label_type(), label_type);
        assert_eq!(back, model);
    }
}

#[test]
fn parts_that_contradict_one_another_are_rejected() {
    let bytes = linear().to_bytes().unwrap();
    let classes = |names: &[&str]| json!({ "names": names, "type": "text" });
    let with_classes =
        |bytes: &[u8], names: &[&str]| with_document(bytes, |d| d["card"]["classes"] = classes(names));
    refused(&with_classes(&bytes, &["a", "b"]), "3 outputs for 2 classes");
    refused(&with_classes(&bytes, &[]), "no classes");
    let input = |part: &'static str, value: Value| {
        with_document(&bytes, |d| *d["preprocessing"]["input"].pointer_mut(part).unwrap() = value)
    };
    refused(&input("/features", json!(7)), "features of the model's input");
    refused(&input("/image/width", json!(u64::MAX)), "pixels a side");
    let other = serde_json::to_value(
        Preprocessing::from_steps(Input::features(5), Learner::Weights, vec![]).unwrap(),
    );
    let other = other.unwrap();
    refused(&with_document(&bytes, |d| d["preprocessing"] = other.clone()), "a classifier of 6 features");
    let pixels = pixels().to_bytes().unwrap();
    refused(&with_document(&pixels, |d| d["preprocessing"] = other), "6 features");
    refused(&with_document(&pixels, |d| d["architecture"]["k"] = json!(0)), "k = 0");
    refused(&with_document(&pixels, |d| d["architecture"]["k"] = json!(3)), "k = 3");
    refused(&with_classes(&pixels, &["a", "b"]), "label of example 1: 2");
}

#[test]
fn weights_that_are_not_finite_are_neither_read_nor_written() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut bytes = linear().to_bytes().unwrap();
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&bad.to_le_bytes());
        refused(&bytes, "in w1 at 17; expected finite numbers");

        let mut broken = dense(6, 3);
        broken.b[1] = bad;
        let broken = model(LinearClassifier::from_dense(broken).unwrap());
        let error = broken.to_bytes().unwrap_err().to_string();
        assert!(
            error.starts_with("the model to be saved: found ") && error.contains("in b1 at 1"),
            "{error}"
        );
    }
    let mut model = linear();
    model.card.metrics.insert("loss".into(), f64::NAN);
    assert!(model.to_bytes().unwrap_err().to_string().contains("metric “loss” of NaN"));
}

#[test]
fn saving_replaces_a_file_or_leaves_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.tercet");
    linear().save(&path).unwrap();
    network().save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap(), network());

    let mut broken = linear();
    broken.card.classes = Classes::numbered(2);
    broken.save(&path).unwrap_err();
    assert_eq!(Model::load(&path).unwrap(), network());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["model.tercet"], "no temporary file stays behind");

    let nowhere = linear().save(&folder.path().join("no/model.tercet")).unwrap_err().to_string();
    assert!(nowhere.contains("there is no folder") && nowhere.contains("create it first"), "{nowhere}");
    let in_file = linear().save(&path.join("model.tercet")).unwrap_err().to_string();
    assert!(in_file.contains("there is no folder"), "{in_file}");
    let on_folder = linear().save(folder.path()).unwrap_err().to_string();
    assert!(on_folder.contains("that is a folder"), "{on_folder}");
    assert!(linear().save(Path::new("/")).is_err());
    assert!(Model::load(&folder.path().join("none")).unwrap_err().to_string().starts_with("cannot read"));
}

/// A model file is readable by other users, like any ordinary file.
#[cfg(unix)]
#[test]
fn a_model_has_the_permissions_of_an_ordinary_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (model, plain) = (folder.path().join("model"), folder.path().join("plain"));
    linear().save(&model).unwrap();
    std::fs::write(&plain, "").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
    assert_eq!(mode(&model), mode(&plain));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(which in 0usize..5, hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = all()[which].to_bytes().unwrap();
        for (at, value) in hits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        // If it can still be read, the model can be written.
        if let Ok(model) = read(&bytes) {
            model.to_bytes().unwrap();
        }
    }

    #[test]
    fn any_finite_weights_and_metrics_survive(w in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, 18), metric in prop::num::f64::NORMAL) {
        let mut model = model(LinearClassifier::from_dense(Dense { w, ..dense(6, 3) }).unwrap());
        model.card.metrics.insert("m".into(), metric);
        let bytes = model.to_bytes().unwrap();
        prop_assert_eq!(read(&bytes).unwrap().to_bytes().unwrap(), bytes);
    }
}

/// The file with different numbers in a tensor.
fn with_tensor(bytes: &[u8], name: &str, value: f32) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let at = 8 + length + header[name]["data_offsets"][0].as_u64().unwrap() as usize;
    let mut changed = bytes.to_vec();
    changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
    changed
}

#[test]
fn all_of_a_network_of_many_layers_is_checked() {
    let bytes = layered().to_bytes().unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for name in ["w1", "b4", "gamma1", "beta2", "mean1", "variance2"] {
        assert!(text.contains(&format!("\"{name}\":{{\"dtype\":\"F32\"")), "{name}");
    }
    assert!(read(&with_tensor(&bytes, "variance1", 0.0)).is_ok());
    refused(&with_tensor(&bytes, "variance1", -1e-9), "variance of channel 0 of layer 2: -0.000000001");
    refused(&with_tensor(&bytes, "mean2", f32::NAN), "NaN in mean2 at 0");
    refused(&with_tensor(&bytes, "w1", f32::INFINITY), "inf in w1 at 0");

    let change = |change: &dyn Fn(&mut Value)| with_document(&bytes, change);
    refused(&change(&|d| d["architecture"][0]["padding"] = json!(2)), "input of layer");
    refused(&change(&|d| d["architecture"][0]["padding"] = json!(0)), "input of layer");
    refused(&change(&|d| d["architecture"][0]["stride"] = json!(0)), "a stride of at least 1");
    refused(&change(&|d| d["architecture"][0]["stride"] = json!(2)), "input of layer");
    refused(&change(&|d| d["architecture"][0]["filters"] = json!(4)), "a tensor w1");
    refused(&change(&|d| d["architecture"][0]["kernel_height"] = json!(u64::MAX)), "a tensor w1");
    refused(&change(&|d| d["architecture"][3]["size"] = json!(16)), "windows of 1 × 1 to 15 × 15");
    refused(&change(&|d| d["architecture"][8]["p"] = json!(1.0)), "a probability");
    refused(&change(&|d| d["architecture"][4]["slope"] = json!(1e300)), "a finite slope");
    refused(&change(&|d| d["architecture"][2]["layer"] = json!("softplus")), "a document of format 4");
    refused(&change(&|d| drop(d["architecture"].as_array_mut().unwrap().remove(9))), "put flatten before it");
    refused(&change(&|d| drop(d["architecture"].as_array_mut().unwrap().remove(1))), "the tensors");
    let features = json!({ "features": 6, "image": null, "pixels": false });
    refused(
        &change(&|d| d["preprocessing"] = json!({ "input": features, "learner": "weights", "steps": [] })),
        "an image, height × width × channels",
    );
    let turned = json!({ "width": 2, "height": 3, "channels": 1 });
    refused(&change(&|d| d["preprocessing"]["input"]["image"] = turned.clone()), "input of layer");
}
