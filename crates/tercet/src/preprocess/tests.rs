use super::*;
use crate::data::Row;
use crate::image::Picture;

fn fitted(spec: &str, learner: Learner, train: &Examples) -> Preprocessing {
    Preprocessing::fit(&spec.parse().unwrap(), learner, train).unwrap()
}

/// Slanted strokes, light on dark, in 8 × 8 pixels.
fn strokes(count: usize) -> Examples {
    let pixel = |p: usize| {
        let (x, y) = (p % 8, p / 8);
        if (1..7).contains(&y) && x + y / 2 == 5 { 200 } else { 0 }
    };
    Examples::from_pixels(ImageShape::gray(8, 8), (0..count * 64).map(|p| pixel(p % 64)).collect()).unwrap()
}

#[test]
fn pixels_of_models_with_weights_stay_bytes_and_neighbours_see_features_as_they_are() {
    let train = strokes(3);
    for learner in [Learner::Weights, Learner::Neighbors] {
        let inputs = fitted("auto", learner, &train).apply(&train).unwrap();
        assert_eq!((inputs.dtype(), inputs.pixels(1)), ("uint8", train.pixels(1)));
    }
    let features = Examples::from_f64(1, vec![1e9, 1e9 + 1.0]).unwrap();
    let inputs = fitted("auto", Learner::Neighbors, &features).apply(&features).unwrap();
    assert_eq!(inputs.row(1), Row::F64(&[1e9 + 1.0]));
}

#[test]
fn every_step_can_be_left_out() {
    let train = Examples::from_pixels(ImageShape::gray(2, 1), vec![0, 255, 51, 0]).unwrap();
    let first = |spec: &str| {
        let inputs = fitted(spec, Learner::Weights, &train).apply(&train).unwrap();
        let Row::F32(row) = inputs.row(0) else { panic!("features") };
        row.to_vec()
    };
    assert_eq!(first("none"), [0.0, 255.0], "a network must not divide these by 255");
    assert_eq!(first("auto, scale 51"), [0.0, 5.0]);
    // All pixels of a channel share a mean and a deviation: here 0.3 and √0.17 of 0, 1, 0.2 and 0.
    let deviation = 0.17f32.sqrt();
    let standardized = first("auto, standardize");
    assert!(
        (standardized[0] + 0.3 / deviation).abs() < 1e-6 && (standardized[1] - 0.7 / deviation).abs() < 1e-6
    );
    assert_eq!(first("invert, -scale"), [255.0, 0.0]);
}

#[test]
fn the_same_numbers_of_another_type_give_the_same_inputs() {
    let train = strokes(4);
    let floats: Vec<f32> = (0..4).flat_map(|i| train.pixels(i).unwrap()).map(|&v| f32::from(v)).collect();
    let floats = Examples::from_features(64, floats).unwrap();
    for (spec, learner) in [("auto, deskew, blur 0.7", Learner::Weights), ("auto", Learner::Neighbors)] {
        let preprocessing = fitted(spec, learner, &train);
        let (a, b) = (preprocessing.apply(&train).unwrap(), preprocessing.apply(&floats).unwrap());
        assert_eq!(a.digest(), b.digest());
    }
    // Bytes given to a model of features are read as those numbers, not as pixels.
    let table = Examples::from_features(2, vec![0.0, 10.0, 4.0, 30.0]).unwrap();
    let bytes = Examples::from_pixels(ImageShape::gray(2, 1), vec![0, 10, 4, 30]).unwrap();
    let preprocessing = fitted("auto", Learner::Weights, &table);
    assert_eq!(preprocessing.apply(&table).unwrap().digest(), preprocessing.apply(&bytes).unwrap().digest());
}

#[test]
fn the_pictures_of_a_data_set_become_its_examples_again() {
    let train = strokes(5);
    let inverted: Vec<u8> = (0..5).flat_map(|i| train.pixels(i).unwrap()).map(|v| 255 - v).collect();
    let inverted = Examples::from_pixels(ImageShape::gray(8, 8), inverted).unwrap();
    for set in [train, inverted] {
        let preprocessing = fitted("auto, deskew", Learner::Weights, &set);
        assert_eq!(preprocessing.steps().contains(&Step::Invert), set.pixels(0).unwrap()[0] == 255);
        for i in 0..set.len() {
            let pixels = set.pixels(i).unwrap().to_vec();
            let picture = Picture::new(ImageShape::gray(8, 8), pixels).unwrap();
            let prepared = preprocessing.picture(&picture).unwrap();
            assert_eq!(prepared.picture, picture);
            let (a, b) =
                (preprocessing.apply(&prepared.examples()).unwrap(), preprocessing.apply(&set).unwrap());
            assert_eq!(a.pixels(0), b.pixels(i));
            assert_eq!(Some(prepared.seen().pixels()), b.pixels(i), "what is shown is what the model sees");
            // The same picture stored in colour gives the same example.
            assert_eq!(preprocessing.picture(&picture.to_color()).unwrap().picture, picture);
        }
    }
}

#[test]
fn examples_of_another_shape_are_rejected() {
    let preprocessing = fitted("auto", Learner::Weights, &strokes(2));
    let narrow = Examples::from_features(3, vec![0.0; 3]).unwrap();
    let error = preprocessing.apply(&narrow).unwrap_err().to_string();
    let words = "features of an example: found 3; expected 64: the model reads images of 8 × 8 pixels";
    assert_eq!(error, words);
    let wide = Examples::from_pixels(ImageShape::gray(16, 4), vec![0; 64]).unwrap();
    assert!(preprocessing.apply(&wide).unwrap_err().to_string().contains("found 16 × 4; expected 8 × 8"));
    let halves = Examples::from_features(64, vec![0.5; 64]).unwrap();
    let deskewed = fitted("auto, deskew", Learner::Weights, &strokes(2));
    assert!(deskewed.apply(&halves).unwrap_err().to_string().contains("whole numbers from 0 to 255"));
}

#[test]
fn steps_that_cannot_be_applied_are_rejected() {
    let features = Examples::from_features(3, vec![0.0; 6]).unwrap();
    let color = ImageShape { width: 2, height: 1, channels: 3 };
    let color = Examples::from_pixels(color, vec![0; 6]).unwrap();
    for (train, spec, words) in [
        (&features, "auto, deskew", "preprocessing is deskew; expected no step for pictures"),
        (&features, "center", "preprocessing is resize; expected no step for pictures"),
        (&color, "auto, blur 1", "preprocessing is blur 1; expected no such step for pictures in colour"),
        (&color, "grayscale", "preprocessing is grayscale; expected no such step for a model of colour"),
    ] {
        let error = Preprocessing::fit(&spec.parse().unwrap(), Learner::Weights, train).unwrap_err();
        assert!(error.to_string().starts_with(words), "{spec}: {error}");
    }
}

#[test]
fn contradictions_in_a_file_are_rejected() {
    let input = Input::pixels(ImageShape::gray(28, 28));
    let steps = |steps| Preprocessing::from_steps(input, Learner::Weights, steps);
    let far = Layout { width: 29, ..Layout::MNIST };
    let nowhere = Layout { position: [f64::NAN, 0.0], ..Layout::MNIST };
    assert!(steps(vec![Step::Grayscale, Step::Center { layout: Layout::MNIST }]).is_ok());
    for bad in [
        Step::Center { layout: far },
        Step::Center { layout: nowhere },
        Step::Color,
        Step::Blur { sigma: 17.0 },
        Step::Scale { divisor: 0.0 },
        Step::Standardize(Standardize { mean: vec![0.0; 3], deviation: vec![1.0; 3] }),
        Step::Standardize(Standardize { mean: vec![0.0; 784], deviation: vec![-1.0; 784] }),
    ] {
        assert!(steps(vec![bad.clone()]).is_err(), "{bad:?}");
    }
    for input in [
        Input { features: 783, ..input },
        Input { image: None, ..input },
        Input::features(0),
        Input::pixels(ImageShape { channels: 7, ..ImageShape::gray(28, 4) }),
        Input::pixels(ImageShape { width: usize::MAX, height: usize::MAX, channels: 3 }),
    ] {
        assert!(Preprocessing::from_steps(input, Learner::Weights, Vec::new()).is_err(), "{input:?}");
    }
}

#[test]
fn the_words_in_a_model_file_are_fixed() {
    let train = strokes(2);
    let json = serde_json::to_string(&fitted("auto, blur 0.5", Learner::Weights, &train)).unwrap();
    let start = r#"{"input":{"features":64,"image":{"width":8,"height":8,"channels":1},"pixels":true},"learner":"weights","steps":[{"step":"grayscale"},{"step":"center","layout":{"paper":"dark","#;
    assert!(json.starts_with(start), "{json}");
    assert!(json.ends_with(r#"{"step":"blur","sigma":0.5},{"step":"scale","divisor":255.0}]}"#), "{json}");
    let read: Preprocessing = serde_json::from_str(&json).unwrap();
    assert_eq!(read, fitted("auto, blur 0.5", Learner::Weights, &train));
    // Unknown steps must not be ignored.
    assert!(serde_json::from_str::<Step>(r#"{"step":"sharpen"}"#).is_err());
}

#[test]
fn steps_print_on_one_line() {
    let text = fitted("auto, deskew", Learner::Weights, &strokes(2)).to_string();
    assert!(text.starts_with("grayscale, center (light on dark, in a box of"), "{text}");
    assert!(text.ends_with("deskew, scale by 1/255"), "{text}");
    let table = Examples::from_features(2, vec![1.0, 5.0, 2.0, 5.0]).unwrap();
    let text = fitted("auto", Learner::Weights, &table).to_string();
    assert_eq!(text, "standardize (1 constant column left out)");
    assert_eq!(fitted("auto", Learner::Neighbors, &table).to_string(), "none");
}
