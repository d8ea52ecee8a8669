//! Tests of the whole page: what it contains, what it must not contain, and unusual input.

use super::*;
use tercet::Matrix;
use tercet::evaluate::Evaluation;
use tercet::image::ImageShape;
use tercet::interval::Interval;
use tercet::train::{History, Validation};

const HOSTILE: &str = "</script><script>alert(1)</script>";

fn classes(n: usize) -> Vec<String> {
    (0..n).map(|c| format!("class {c}")).collect()
}

/// Images of this shape, with labels 0, 1, 2, … in turn.
fn images(shape: ImageShape, count: usize, classes: Vec<String>) -> Dataset {
    let pixels = (0..count * shape.features()).map(|i| (i * 31 % 251) as u8).collect();
    let labels = (0..count).map(|i| (i % classes.len()) as u32).collect();
    Dataset::from_pixels("toy", shape, pixels, labels, classes).unwrap()
}

/// A model that is wrong on every fifth example.
fn model(name: &str, test: &Dataset) -> ModelCard {
    let c = test.class_count();
    let scores = (0..test.len())
        .flat_map(|i| {
            let answer = (test.label(i) as usize + usize::from(i % 5 == 0)) % c;
            (0..c).map(move |class| if class == answer { 1.0 + i as f32 } else { 0.0 })
        })
        .collect();
    let scores = Matrix::new(test.len(), c, scores).unwrap();
    ModelCard::new(name, "a toy", Evaluation::from_scores(&scores, test.labels(), test.classes()).unwrap())
}

/// A run with every section of the page.
fn full(test: &Dataset) -> Run {
    let check = Validation { step: 2, train_loss: 1.0, validation_loss: 0.5, validation_accuracy: 0.9 };
    let mut trained = model("trained", test);
    trained.history =
        Some(History { losses: vec![3.0, 2.0, 1.0], validations: vec![check], ..History::default() });
    trained.templates = vec![Templates {
        title: "Templates".into(),
        names: test.classes().to_vec(),
        shape: test.image_shape(),
        weights: (0..test.width() * test.class_count()).map(|i| (i as f32).cos()).collect(),
    }];
    let mut neighbors = model("neighbors", test);
    let pixels = test.pixels(1).map(<[u8]>::to_vec);
    neighbors.neighbor_story = Some(NeighborStory {
        query: 5,
        truth: test.label(5),
        predicted: 0,
        metric: "L2".into(),
        neighbors: vec![NeighborCard { index: 99, label: 1, distance: 2.5, pixels }],
        votes: vec![1.0; test.class_count()],
    });
    neighbors.accuracy_by_k = Some(AccuracyByK {
        on: "the validation set".into(),
        chosen: 3,
        points: [1, 3, 5]
            .map(|k| AccuracyAtK { k, accuracy: 0.9, interval: Interval::wilson(90, 100) })
            .to_vec(),
    });
    let mut run = Run {
        title: "Toys".into(),
        command: "tercet compare --seed 7".into(),
        data: DataCard::new(test, 10, test.len(), "d1gest"),
        models: vec![trained, neighbors],
        ..Run::default()
    };
    run.compare().unwrap();
    run
}

/// The JSON embedded in the page.
fn data_of(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("id=\"run\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn every_example_that_the_page_can_open_has_a_picture() {
    for shape in [ImageShape::gray(5, 3), ImageShape { width: 4, height: 6, channels: 3 }] {
        let test = images(shape, 200, classes(3));
        let page = render(&full(&test), &test).unwrap();
        let data = data_of(&page);
        let placed: Vec<u64> =
            data["places"].as_array().unwrap().iter().map(|pair| pair[0].as_u64().unwrap()).collect();
        for model in data["models"].as_array().unwrap() {
            let wrong = model["wrong"].as_array().unwrap().iter().map(|entry| &entry[0]);
            let right = model["right"].as_array().unwrap().iter().flat_map(|list| list.as_array().unwrap());
            let indices: Vec<u64> = wrong.chain(right).map(|index| index.as_u64().unwrap()).collect();
            assert!(indices.len() > 40 && indices.iter().all(|index| placed.contains(index)));
        }
        for part in ["Training", "Templates", "One mistake, explained", "Choice of k", "d1gest"] {
            assert!(page.contains(part), "{part} is missing");
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    let test = images(ImageShape::gray(2, 2), 20, vec![HOSTILE.into(), "a\"b'&".into()]);
    let mut run = full(&test);
    run.title = HOSTILE.into();
    run.command = HOSTILE.into();
    run.models[0].name = HOSTILE.into();
    run.models[0].settings = vec![(HOSTILE.into(), HOSTILE.into())];
    run.compare().unwrap();
    let page = render(&run, &test).unwrap();
    assert!(!page.contains("<script>alert"), "a name became a script");
    assert_eq!(page.matches("</script>").count(), 3, "the numbers, the switch and the cells");
    assert_eq!(data_of(&page)["classes"][0], HOSTILE);
}

#[test]
fn the_page_loads_nothing() {
    let test = images(ImageShape::gray(2, 2), 20, classes(2));
    let page = render(&full(&test), &test).unwrap();
    for loader in ["http://", "https://", "<link", "<iframe", "@import", " src="] {
        assert!(!page.contains(loader), "the page holds {loader}");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn the_record_survives_json_and_still_gives_a_page() {
    let test = images(ImageShape::gray(2, 2), 20, classes(2));
    let mut run = full(&test);
    let json = run.to_json().unwrap();
    assert!(!json.contains("pixels") && !json.contains("weights"));
    let read: Run = serde_json::from_str(&json).unwrap();
    render(&read, &test).unwrap();
    run.models[0].templates[0].weights.clear();
    run.models[1].neighbor_story.as_mut().unwrap().neighbors[0].pixels = None;
    assert_eq!(read, run);
}

#[test]
fn data_without_images_have_no_pictures() {
    let labels = (0..30).map(|i| i % 3).collect();
    let test = Dataset::from_features("embeddings", 2, vec![0.5; 60], labels, classes(3)).unwrap();
    let page = render(&full(&test), &test).unwrap();
    assert!(!page.contains("class=\"tile\"") && !page.contains("data:image"));
    assert!(page.contains("The worst mistakes") && page.contains("class=\"heat"));
}

#[test]
fn an_empty_run_and_an_empty_history_are_drawn() {
    let test = images(ImageShape::gray(2, 2), 20, classes(2));
    render(&Run::default(), &test).unwrap();
    let mut run = full(&test);
    run.models.truncate(1);
    run.models[0].history = Some(History::default());
    run.models[0].templates.clear();
    assert!(!render(&run, &test).unwrap().contains("<h3>Training</h3>"));
}

#[test]
fn many_classes_give_a_list_instead_of_a_matrix() {
    let test = images(ImageShape::gray(2, 2), 1000, classes(1000));
    let page = render(&full(&test), &test).unwrap();
    assert!(page.contains("1,000 classes are too many for a matrix") && !page.contains("class=\"heat"));
    assert_eq!(page.matches("data-t=").count(), 200, "a hundred confusions for each of two models");
}

#[test]
fn a_record_of_another_test_set_is_rejected() {
    let test = images(ImageShape::gray(2, 2), 20, classes(2));
    let run = full(&test);
    let refused = |run: &Run, test: &Dataset| render(run, test).unwrap_err().to_string();
    assert!(refused(&run, &test.first(19)).contains("found 20; expected 19"));
    assert!(render(&run, &images(ImageShape::gray(2, 2), 20, classes(3))).is_err());
    let mut beyond = run.clone();
    beyond.models[0].evaluation.mistakes[0].index = 20;
    assert!(refused(&beyond, &test).contains("mistaken example of model trained: found 20"));
    let mut beyond = run.clone();
    beyond.models[1].neighbor_story.as_mut().unwrap().neighbors[0].label = 9;
    assert!(refused(&beyond, &test).contains("found 9"));
}

#[test]
fn a_failed_write_keeps_the_old_page_and_leaves_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let test = images(ImageShape::gray(2, 2), 20, classes(2));
    write(&path, &full(&test), &test).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(write(&path, &full(&test), &test.first(3)).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let error = write(&folder.path().join("none/report.html"), &full(&test), &test).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
}
