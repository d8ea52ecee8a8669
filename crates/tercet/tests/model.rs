//! The model file: what goes in comes out, and what should not be in it is refused.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tercet::Error;
use tercet::data::{Dataset, Opening};
use tercet::image::{Cleaning, Contract, ImageShape, Preparation};
use tercet::linear::LinearClassifier;
use tercet::model::{Card, Classifier, DataRecord, ModelFile};
use tercet::neighbors::{Deformable, Deformation, Edges, Metric, NeighborsClassifier, Priors, Vote};
use tercet::network::{Architecture, Dense, Init, Layer, Network};

fn dense(inputs: usize, outputs: usize) -> Dense {
    let w = (0..inputs * outputs).map(|i| (i as f32 - 2.5) / 3.0).collect();
    Dense { inputs, outputs, w, b: (0..outputs).map(|i| 0.1 * i as f32).collect() }
}

fn card(classes: usize) -> Card {
    let contract = Contract::images(ImageShape::gray(3, 2), Preparation::Centred);
    let mut card = Card::new((0..classes).map(|c| format!("class “{c}”")).collect(), contract);
    card.settings = json!({ "learning_rate": 0.1, "hidden": [4], "momentum": 0.3 });
    card.seed = Some(u64::MAX);
    card.data = Some(DataRecord { name: "toy".into(), digest: "ab12".into() });
    // Neither has a short decimal form: read back one bit off, they would give another file.
    card.metrics.insert("test accuracy".into(), 0.1 + 0.2);
    card.metrics.insert("validation loss".into(), 1.0 / 3.0);
    card.openings.push(Opening { at: "2026-01-01T00:00:00Z".into(), reason: "final".into(), examples: 9 });
    card
}

fn linear() -> ModelFile {
    let classifier = Classifier::Linear(LinearClassifier::from_dense(dense(6, 3)).unwrap());
    ModelFile { card: card(3), classifier }
}

fn network() -> ModelFile {
    let layers = vec![Layer::Dense(dense(6, 4)), Layer::Relu, Layer::Dense(dense(4, 3))];
    ModelFile { card: card(3), classifier: Classifier::Network(Network::new(layers).unwrap()) }
}

/// A network with a layer of every kind.
fn layered() -> ModelFile {
    let line = "conv2-3/1+1 batchnorm relu pool2/1 leaky0.1 conv1x2-2 sigmoid avgpool2/1 dropout0.3 flatten dense4 \
                batchnorm tanh dense5 gelu";
    let layers: Architecture = line.parse().unwrap();
    let network = layers.network(ImageShape::gray(3, 2), 3, Init::He, 1).unwrap();
    assert_eq!(network.layers().len(), 16);
    ModelFile { card: card(3), classifier: Classifier::Network(network) }
}

fn neighbors(data: Dataset) -> ModelFile {
    let classifier = NeighborsClassifier::fit(&data, Metric::L2, 1, Vote::Uniform).unwrap();
    ModelFile { card: card(3), classifier: Classifier::Neighbors(classifier) }
}

fn pixels() -> ModelFile {
    let shape = ImageShape::gray(3, 2);
    neighbors(Dataset::from_pixels("p", shape, (0..12).collect(), vec![0, 2], card(3).classes).unwrap())
}

fn floats() -> ModelFile {
    let values = (0..12).map(|v| v as f32 / 7.0).collect();
    neighbors(Dataset::from_features("f", 6, values, vec![0, 2], card(3).classes).unwrap())
}

/// Neighbours with weights and priors.
fn weighted() -> ModelFile {
    let shape = ImageShape::gray(3, 2);
    let data = Dataset::from_pixels("p", shape, (0..12).collect(), vec![0, 2], card(3).classes).unwrap();
    let classifier = NeighborsClassifier::fit(&data, Metric::L2, 2, Vote::Distance).unwrap();
    // Read back one bit off, these would give another file.
    let priors = Priors::Given(vec![0.1 + 0.2, 0.0, 1.0 / 3.0]);
    let classifier = classifier.with_weights(vec![0.1, 2.5]).unwrap().with_priors(priors).unwrap();
    ModelFile { card: card(3), classifier: Classifier::Neighbors(classifier) }
}

fn all() -> [ModelFile; 6] {
    [linear(), network(), layered(), pixels(), floats(), weighted()]
}

fn read(bytes: &[u8]) -> tercet::Result<ModelFile> {
    ModelFile::from_bytes(bytes, Path::new("m.tercet"))
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
fn what_goes_in_comes_out_and_gives_the_same_bytes() {
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
        r#"{\"format\":1,\"kind\":\"network\",\"architecture\":[{\"layer\":\"dense\",\"inputs\":6"#
    ));
    for part in ["classes", "contract", "settings", "seed", "digest", "metrics", "program", "openings"] {
        assert!(text.contains(&format!("\\\"{part}\\\":")), "{part}");
    }
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    refused(b"", "an empty file");
    refused(b"short", "cut short or no model");
    refused(b"The quick brown fox jumps over the lazy dog", "cut short or no model");
    refused(&u64::MAX.to_le_bytes(), "cut short or no model");
    let foreign = safetensors::serialize::<String, safetensors::tensor::TensorView, _>([], None).unwrap();
    refused(&foreign, "without a description");
    let bytes = network().to_bytes().unwrap();
    for end in 0..bytes.len() {
        refused(&bytes[..end], "found");
    }
    refused(&[&bytes[..], b"more"].concat(), "cut short or no model");
}

#[test]
fn a_file_is_refused_by_what_its_header_claims_before_it_is_read() {
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
    let error = ModelFile::load(&path).unwrap_err().to_string();
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
fn another_version_is_refused_by_its_number_alone() {
    let bytes = linear().to_bytes().unwrap();
    refused(&with_document(&bytes, |d| *d = json!({ "format": 4, "else": "new" })), "found model format 4");
    refused(&with_document(&bytes, |d| d["format"] = json!(4)), "update this one");
    refused(&with_document(&bytes, |d| d["format"] = json!(0)), "model format 0");
    refused(&with_document(&bytes, |d| d["format"] = json!("one")), "without a format version");
    refused(&with_document(&bytes, |d| *d = json!(7)), "without a format version");
    // A field from a later program of the same format is no reason to refuse.
    let later = with_document(&bytes, |d| d["card"]["author"] = json!("Ada"));
    assert_eq!(read(&later).unwrap(), linear());
}

#[test]
fn kinds_and_architectures_that_do_not_fit_are_refused() {
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
fn missing_extra_and_wrongly_shaped_tensors_are_refused() {
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

/// The file with another number at the end of the tensor of weights.
fn with_last_weight(weight: f32) -> Vec<u8> {
    let mut bytes = weighted().to_bytes().unwrap();
    let at = bytes.windows(4).rposition(|bytes| bytes == 2.5f32.to_le_bytes()).unwrap();
    bytes[at..at + 4].copy_from_slice(&weight.to_le_bytes());
    bytes
}

#[test]
fn weights_and_priors_that_make_no_sense_are_refused() {
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
        d["format"] = json!(2);
        d["architecture"]["weighted"] = json!(true);
    });
    refused(&missing, "found the tensors labels, rows; expected labels, rows, weights");
    refused(&with_header(&bytes, |h| h["weights"]["dtype"] = json!("I32")), "weights of I32");
}

/// A program of format 1 would take no notice of them and answer otherwise.
#[test]
fn weights_and_priors_need_the_second_format_and_other_layers_the_third() {
    let format = |model: &ModelFile| {
        let (bytes, mut format) = (model.to_bytes().unwrap(), Value::Null);
        with_document(&bytes, |d| format = d["format"].clone());
        format
    };
    assert_eq!(all().each_ref().map(format), [1, 1, 3, 1, 1, 2].map(|n| json!(n)));
    let bytes = weighted().to_bytes().unwrap();
    refused(&with_document(&bytes, |d| d["format"] = json!(1)), "weights or priors in a model of format 1");
    // A file from before there were any is as good as ever.
    let old = with_document(&pixels().to_bytes().unwrap(), |d| {
        assert!(d["architecture"].get("priors").is_none() && d["architecture"].get("weighted").is_none());
    });
    assert_eq!(read(&old).unwrap(), pixels());
}

/// Neighbours that forgive warps, of pictures that are cleaned.
fn deformed() -> ModelFile {
    let mut model = pixels();
    let deformation = Deformation::Warps { reach: 2, context: 1, edges: Edges::Root };
    let Classifier::Neighbors(neighbors) = model.classifier else { unreachable!() };
    let neighbors = neighbors.with_deformation(Some(Deformable { candidates: 7, deformation })).unwrap();
    model.classifier = Classifier::Neighbors(neighbors);
    model
}

fn cleaned(model: ModelFile) -> ModelFile {
    let mut model = model;
    model.card.contract.cleaning = Cleaning { deskew: true, even: false, blur: Some(0.5) };
    model
}

/// A program of an earlier format would compare and prepare otherwise.
#[test]
fn deformations_and_cleaning_come_back_and_need_the_third_format() {
    for model in [deformed(), cleaned(deformed()), cleaned(linear()), cleaned(weighted())] {
        let bytes = model.to_bytes().unwrap();
        assert_eq!(read(&bytes).unwrap(), model);
        for older in [1, 2] {
            let words = format!("cleaning or deformation in a model of format {older}");
            refused(&with_document(&bytes, |d| d["format"] = json!(older)), &words);
        }
        with_document(&bytes, |d| assert_eq!(d["format"], 3));
    }
    let bytes = cleaned(deformed()).to_bytes().unwrap();
    let with = |part: &str, value: Value| with_document(&bytes, |d| *d.pointer_mut(part).unwrap() = value);
    refused(&with("/architecture/deformation/warps", json!(99)), "warps = 99");
    refused(&with("/architecture/deformation", json!({ "candidates": 7, "turns": 1 })), "cannot be read");
    refused(&with("/card/contract/cleaning", json!({ "sharpen": 1 })), "cannot be read");
    refused(&with("/card/contract/cleaning", json!({ "blur": -1 })), "blur = -1");
    // What is not there is not written, so that older programs read what they can.
    with_document(&pixels().to_bytes().unwrap(), |d| {
        assert!(
            d["architecture"].get("deformation").is_none() && d["card"]["contract"].get("cleaning").is_none()
        );
    });
}

/// The scores of a model are those of its classifier on what the contract makes of the examples.
#[test]
fn a_model_cleans_what_it_is_given() {
    let model = cleaned(linear());
    let data =
        Dataset::from_pixels("x", ImageShape::gray(3, 2), vec![9, 0, 0, 0, 200, 0], vec![0], card(3).classes);
    let (data, contract) = (data.unwrap(), model.card.contract);
    let scores = model.scores(&data).unwrap();
    assert_eq!(scores, model.classifier.scores(&contract.clean(&data).unwrap()).unwrap());
    assert_ne!(scores, model.classifier.scores(&data).unwrap());
}

#[test]
fn a_card_that_contradicts_the_weights_is_refused() {
    let bytes = linear().to_bytes().unwrap();
    refused(&with_document(&bytes, |d| d["card"]["classes"] = json!(["a", "b"])), "3 outputs for 2 classes");
    refused(&with_document(&bytes, |d| d["card"]["classes"] = json!([])), "no classes");
    refused(&with_document(&bytes, |d| d["card"]["contract"]["features"] = json!(7)), "input contract");
    refused(
        &with_document(&bytes, |d| d["card"]["contract"]["image"]["width"] = json!(u64::MAX)),
        "pixels a side",
    );
    let other = serde_json::to_value(Contract::features(5)).unwrap();
    refused(
        &with_document(&bytes, |d| d["card"]["contract"] = other.clone()),
        "layers that take 6; expected 5",
    );
    let renamed = Card::new(vec!["a".into(), "b".into(), "c".into()], card(3).contract);
    let error = ModelFile { card: renamed, ..pixels() }.to_bytes().unwrap_err().to_string();
    assert!(
        error.contains("neighbours of the classes")
            && error.ends_with("[\"a\", \"b\", \"c\"] as on the card"),
        "{error}"
    );
    let pixels = pixels().to_bytes().unwrap();
    refused(&with_document(&pixels, |d| d["card"]["contract"] = other), "rows of 6 features");
    refused(&with_document(&pixels, |d| d["architecture"]["k"] = json!(0)), "k = 0");
    refused(&with_document(&pixels, |d| d["architecture"]["k"] = json!(3)), "k = 3");
    refused(&with_document(&pixels, |d| d["card"]["classes"] = json!(["a", "b"])), "label of example 1: 2");
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
        let classifier = Classifier::Linear(LinearClassifier::from_dense(broken).unwrap());
        let error = ModelFile { card: card(3), classifier }.to_bytes().unwrap_err().to_string();
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
    assert_eq!(ModelFile::load(&path).unwrap(), network());

    let mut broken = linear();
    broken.card.classes.pop();
    broken.save(&path).unwrap_err();
    assert_eq!(ModelFile::load(&path).unwrap(), network());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["model.tercet"], "no temporary file stays behind");

    let nowhere = linear().save(&folder.path().join("no/model.tercet")).unwrap_err().to_string();
    assert!(nowhere.contains("there is no folder") && nowhere.contains("create it first"), "{nowhere}");
    let in_file = linear().save(&path.join("model.tercet")).unwrap_err().to_string();
    assert!(in_file.contains("there is no folder"), "{in_file}");
    let on_folder = linear().save(folder.path()).unwrap_err().to_string();
    assert!(on_folder.contains("that is a folder"), "{on_folder}");
    assert!(linear().save(Path::new("/")).is_err());
    assert!(ModelFile::load(&folder.path().join("none")).unwrap_err().to_string().starts_with("cannot read"));
}

/// Others than the owner may read a model, as they may any file that is written here.
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
        // What is still read is a model that can be written.
        if let Ok(model) = read(&bytes) {
            model.to_bytes().unwrap();
        }
    }

    #[test]
    fn any_finite_weights_and_metrics_survive(w in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, 18), metric in prop::num::f64::NORMAL) {
        let classifier = Classifier::Linear(LinearClassifier::from_dense(Dense { w, ..dense(6, 3) }).unwrap());
        let mut model = ModelFile { card: card(3), classifier };
        model.card.metrics.insert("m".into(), metric);
        let bytes = model.to_bytes().unwrap();
        prop_assert_eq!(read(&bytes).unwrap().to_bytes().unwrap(), bytes);
    }
}

/// The file with other numbers in a tensor.
fn with_tensor(bytes: &[u8], name: &str, value: f32) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let at = 8 + length + header[name]["data_offsets"][0].as_u64().unwrap() as usize;
    let mut changed = bytes.to_vec();
    changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
    changed
}

#[test]
fn networks_of_more_layers_have_format_3_and_all_of_it_is_checked() {
    let bytes = layered().to_bytes().unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains(r#"{\"format\":3,"#), "{}", &text[..400]);
    for name in ["w1", "b4", "gamma1", "beta2", "mean1", "variance2"] {
        assert!(text.contains(&format!("\"{name}\":{{\"dtype\":\"F32\"")), "{name}");
    }
    assert!(read(&with_tensor(&bytes, "variance1", 0.0)).is_ok());
    refused(&with_tensor(&bytes, "variance1", -1e-9), "variance of channel 0 of layer 2: -0.000000001");
    refused(&with_tensor(&bytes, "mean2", f32::NAN), "NaN in mean2 at 0");
    refused(&with_tensor(&bytes, "w1", f32::INFINITY), "inf in w1 at 0");

    let change = |change: &dyn Fn(&mut Value)| with_document(&bytes, change);
    refused(&change(&|d| d["format"] = json!(2)), "such layers in a model of format 2");
    refused(&change(&|d| d["architecture"][0]["padding"] = json!(2)), "padding that is less than the filter");
    refused(&change(&|d| d["architecture"][0]["padding"] = json!(0)), "values that reach layer");
    refused(&change(&|d| d["architecture"][0]["stride"] = json!(0)), "a stride of at least 1");
    refused(&change(&|d| d["architecture"][0]["stride"] = json!(2)), "values that reach layer");
    refused(&change(&|d| d["architecture"][0]["filters"] = json!(4)), "a tensor w1");
    refused(&change(&|d| d["architecture"][0]["kernel_height"] = json!(u64::MAX)), "a tensor w1");
    refused(&change(&|d| d["architecture"][3]["size"] = json!(16)), "windows of 1 × 1 to 15 × 15");
    refused(&change(&|d| d["architecture"][8]["p"] = json!(1.0)), "a probability");
    refused(&change(&|d| d["architecture"][4]["slope"] = json!(1e300)), "a finite slope");
    refused(&change(&|d| d["architecture"][2]["layer"] = json!("softplus")), "a document of format 3");
    refused(&change(&|d| drop(d["architecture"].as_array_mut().unwrap().remove(9))), "put flatten before it");
    refused(&change(&|d| drop(d["architecture"].as_array_mut().unwrap().remove(1))), "the tensors");
    refused(
        &change(&|d| {
            d["card"]["contract"] =
                json!({ "features": 6, "image": null, "range": "any", "preparation": "as-is" });
        }),
        "an image, height × width × channels",
    );
    refused(
        &change(&|d| d["card"]["contract"]["image"] = json!({ "width": 2, "height": 3, "channels": 1 })),
        "values that reach layer",
    );
}
