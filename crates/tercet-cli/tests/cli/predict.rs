//! `tercet predict`.

use image::{GrayImage, ImageFormat, Luma};
use serde_json::json;
use tercet::Model;
use tercet::data::{Openings, Source};
use tercet::loss::probabilities;

use crate::common::{Outcome, Scratch};

/// Dark rows on white paper, larger than the model's input.
fn picture() -> GrayImage {
    GrayImage::from_fn(40, 40, |x, y| {
        let ink = (8..32).contains(&x) && (8..32).contains(&y) && y % 12 < 6;
        Luma([if ink { 20 } else { 240 }])
    })
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn every_format_of_picture_gets_the_same_answer() {
    let scratch = Scratch::with_model();
    let formats = [
        ("p.png", ImageFormat::Png),
        ("p.jpg", ImageFormat::Jpeg),
        ("p.bmp", ImageFormat::Bmp),
        ("p.pgm", ImageFormat::Pnm),
    ];
    for (name, format) in formats {
        scratch.write(name, encoded(format));
    }
    let outcome = scratch.run("predict linear.safetensors p.png p.jpg p.bmp p.pgm --json").succeeds();
    assert_eq!(outcome.stderr, "");
    let json = outcome.json();
    for (answer, (name, _)) in json.as_array().unwrap().iter().zip(formats) {
        assert_eq!(answer["picture"], name);
        assert_eq!(answer["class"], json[0]["class"], "{name}");
        assert_eq!(answer["scores"].as_object().unwrap().len(), 3);
    }
    assert_eq!(json[2]["scores"], json[0]["scores"], "BMP loses nothing");
    assert_eq!(json[3]["scores"], json[0]["scores"], "PGM loses nothing");
    scratch
        .run("predict linear.safetensors p.png p.jpg")
        .succeeds()
        .says(&["picture", "class", "score", "p.jpg"]);
}

#[test]
fn a_folder_stands_for_all_pictures_in_it() {
    let scratch = Scratch::with_model();
    let folder = scratch.path("pictures");
    std::fs::create_dir_all(folder.join("more")).unwrap();
    for name in ["b.png", "a.PNG", "more/c.png", ".hidden.png"] {
        std::fs::write(folder.join(name), encoded(ImageFormat::Png)).unwrap();
    }
    std::fs::write(folder.join("notes.txt"), "hello").unwrap();
    let json = scratch.run("predict linear.safetensors pictures --json").succeeds().json();
    let names: Vec<&str> = json.as_array().unwrap().iter().map(|p| p["picture"].as_str().unwrap()).collect();
    assert_eq!(names, ["pictures/a.PNG", "pictures/b.png", "pictures/more/c.png"]);

    std::fs::create_dir(scratch.path("empty")).unwrap();
    scratch.rejects(
        "predict linear.safetensors empty",
        3,
        &["empty: found a folder without pictures", "png, jpg"],
    );
}

#[test]
fn every_kind_of_model_reads_pictures() {
    let scratch = Scratch::with_model();
    scratch.run("train neighbors --data small").succeeds();
    scratch.run("train network --data small").succeeds();
    scratch.write("p.png", encoded(ImageFormat::Png));
    for (kind, number) in [("linear", "score"), ("neighbors", "votes"), ("network", "probability")] {
        let outcome = scratch.run(&format!("predict {kind}.safetensors p.png --json")).succeeds();
        assert!(outcome.json()[0][number].is_number(), "{kind}: {}", outcome.stdout);
        scratch.run(&format!("predict {kind}.safetensors p.png")).succeeds().says(&[number]);
    }
}

#[test]
fn neighbours_explain_their_vote() {
    let scratch = Scratch::new();
    scratch.run("train neighbors --data small -k 5 --vote distance --priors 1,2,1").succeeds();
    scratch.write("p.png", encoded(ImageFormat::Png));
    let outcome = scratch.run("predict neighbors.safetensors p.png p.png --explain").succeeds();
    assert_eq!(outcome.stderr, "");
    let text = outcome.stdout.clone();
    assert_eq!(text.matches("p.png: ").count(), 2, "{text}");
    outcome.says(&["rank", "row", "class", "distance", "vote", "share"]);

    let json = scratch.run("predict neighbors.safetensors p.png --explain --json").succeeds().json();
    let explanation = &json[0]["explanation"];
    assert_eq!((&explanation["k"], &explanation["vote"]), (&json!(5), &json!("distance")));
    assert_eq!(explanation["priors"], json!([1.0, 2.0, 1.0]));
    let neighbors = explanation["neighbors"].as_array().unwrap();
    assert_eq!(neighbors.len(), 5);
    // The class of every example is its row % 3.
    let mut votes = [0.0; 3];
    for (rank, neighbor) in neighbors.iter().enumerate() {
        assert_eq!(neighbor["rank"], rank + 1);
        let row = neighbor["row"].as_u64().unwrap();
        assert_eq!(neighbor["class"], (row % 3).to_string());
        assert!(text.contains(&row.to_string()), "{row} in {text}");
        votes[row as usize % 3] += neighbor["vote"].as_f64().unwrap();
    }
    let distances: Vec<f64> = neighbors.iter().map(|n| n["distance"].as_f64().unwrap()).collect();
    assert!(distances.is_sorted(), "{distances:?}");
    let total: f64 = votes.iter().sum();
    for (class, votes) in votes.iter().enumerate() {
        assert_eq!(explanation["votes"][class.to_string()].as_f64().unwrap(), *votes);
        let share = json[0]["scores"][class.to_string()].as_f64().unwrap();
        assert!((share - votes / total).abs() < 1e-6);
    }
    // Without --explain, there is no explanation.
    let plain = scratch.run("predict neighbors.safetensors p.png --json").succeeds().json();
    assert!(plain[0].get("explanation").is_none());
}

#[test]
fn an_explanation_can_be_a_report() {
    let scratch = Scratch::new();
    scratch.run("train neighbors --data small").succeeds();
    scratch.write("p.png", encoded(ImageFormat::Png));
    scratch.write("no.png", "no picture");
    let predict = "predict neighbors.safetensors p.png no.png --report why.html";
    let outcome = scratch.run(predict);
    assert_eq!(outcome.code, Some(3), "the other picture is still an error");
    assert!(outcome.stderr.contains("report: why.html"), "{}", outcome.stderr);
    let page = String::from_utf8(scratch.read("why.html")).unwrap();
    assert!(page.contains("p.png") && !page.contains("no.png") && !page.contains("://"));
    assert_eq!(page.matches("class=\"tile\"").count(), 4, "the picture and its three neighbours");

    scratch.rejects(
        "predict neighbors.safetensors p.png --report nowhere/why.html",
        3,
        &["there is no folder nowhere"],
    );
}

#[test]
fn other_models_explain_themselves_by_their_scores() {
    let scratch = Scratch::with_model();
    scratch.run("train network --data small").succeeds();
    scratch.write("p.png", encoded(ImageFormat::Png));
    for (kind, name) in [("linear", "score"), ("network", "probability")] {
        let outcome = scratch.run(&format!("predict {kind}.safetensors p.png --explain")).succeeds();
        assert_eq!(outcome.stdout.lines().count(), 2 + 4, "{}", outcome.stdout);
        outcome.says(&["p.png: ", "class", name]);
        scratch.rejects(
            &format!("predict {kind}.safetensors p.png --report why.html"),
            2,
            &["--report shows neighbours", kind, "--explain lists its scores"],
        );
    }
}

#[test]
fn a_picture_on_standard_input() {
    let scratch = Scratch::with_model();
    scratch.write("p.png", encoded(ImageFormat::Png));
    let of_file = scratch.run("predict linear.safetensors p.png --json").succeeds().json();
    let of_input = scratch
        .run_with_input("predict linear.safetensors - --json", &scratch.read("p.png"))
        .succeeds()
        .json();
    assert_eq!(of_input[0]["picture"], "-");
    assert_eq!(of_input[0]["scores"], of_file[0]["scores"]);
    scratch
        .run_with_input("predict linear.safetensors -", b"no picture")
        .fails(3, &["standard input: found a file that is not a picture"]);
}

#[test]
fn a_bad_picture_does_not_affect_the_others() {
    let scratch = Scratch::with_model();
    scratch.write("good.png", encoded(ImageFormat::Png));
    scratch.write("text.png", "no picture at all");
    let png = encoded(ImageFormat::Png);
    scratch.write("half.png", &png[..png.len() / 2]);

    let arguments = "predict linear.safetensors text.png good.png missing.png half.png";
    let outcome = scratch.run(arguments);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    let errors: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(errors.len(), 3, "{}", outcome.stderr);
    assert!(errors[0].starts_with("error: text.png: found a file that is not a picture"), "{}", errors[0]);
    assert!(errors[1].starts_with("error: cannot read missing.png"), "{}", errors[1]);
    assert!(
        errors[2].starts_with("error: half.png: found a picture that is damaged or truncated"),
        "{}",
        errors[2]
    );
    assert!(outcome.stdout.contains("good.png") && !outcome.stdout.contains("text.png"));

    let outcome = scratch.run(&format!("{arguments} --json"));
    assert_eq!(outcome.code, Some(3));
    let json = outcome.json();
    assert_eq!(json.as_array().unwrap().len(), 4);
    assert!(json[0]["error"].is_string() && json[1]["class"].is_string());

    scratch.run("predict linear.safetensors text.png").fails(3, &["text.png"]);
}

#[test]
fn prepared_pictures_never_overwrite_others() {
    let scratch = Scratch::with_model();
    std::fs::create_dir(scratch.path("prepared")).unwrap();
    scratch.write("p.png", encoded(ImageFormat::Png));
    scratch.write("p.bmp", encoded(ImageFormat::Bmp));
    let original = scratch.read("p.png");
    let outcome = scratch.run("predict linear.safetensors p.png p.bmp --prepared . --json").succeeds();
    assert_eq!(scratch.read("p.png"), original);
    let prepared = image::load_from_memory(&scratch.read("p.prepared.png")).unwrap();
    assert_eq!((prepared.width(), prepared.height()), (12, 12));
    assert_eq!(scratch.read("p.prepared-2.png"), scratch.read("p.prepared.png"));
    assert_eq!(outcome.json()[1]["prepared"], "./p.prepared-2.png");

    scratch.run("predict linear.safetensors p.png --prepared prepared").succeeds();
    assert!(scratch.path("prepared/p.prepared.png").is_file());
    scratch.rejects(
        "predict linear.safetensors p.png --prepared nowhere",
        3,
        &["cannot write into nowhere: there is no folder nowhere; create it first"],
    );
}

#[test]
fn a_model_of_features_rejects_pictures() {
    use tercet::linear::LinearClassifier;
    use tercet::model::{Card, ScoreKind};
    use tercet::preprocess::{Input, Learner, Preprocessing};
    let scratch = Scratch::empty();
    let input = Input::features(4);
    let preprocessing = Preprocessing::from_steps(input, Learner::Weights, Vec::new()).unwrap();
    let card = Card::new(vec!["a".to_owned(), "b".to_owned()], ScoreKind::Margins);
    let model = Model::new(preprocessing, LinearClassifier::new(4, 2).unwrap(), card);
    model.save(&scratch.path("m.safetensors")).unwrap();
    scratch.write("p.png", encoded(ImageFormat::Png));
    scratch.rejects(
        "predict m.safetensors p.png",
        3,
        &["m.safetensors", "4 features", "does not read pictures"],
    );
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf_8_does_not_panic() {
    use std::os::unix::ffi::OsStrExt;
    let scratch = Scratch::with_model();
    let name = std::ffi::OsStr::from_bytes(b"p\xff.png");
    let mut command = scratch.command("predict linear.safetensors --json");
    let outcome = Outcome::of(command.arg(name));
    assert_eq!(outcome.code, Some(3));
    assert_eq!(outcome.json()[0]["picture"], "p\u{fffd}.png");
}

/// A digit of MNIST that is saved as a picture and read again has the same pixels for the model.
#[test]
fn a_digit_of_mnist_is_read_as_itself() {
    let scratch = Scratch::empty();
    scratch.run("train network --hidden 16 --iterations 300 --quiet").succeeds();
    let model = Model::load(&scratch.path("network.safetensors")).unwrap();
    let test = "mnist".parse::<Source>().unwrap().open().unwrap().test.unwrap();
    let digits = test.open(&mut Openings::new(), "a test of the program").subset(&[0, 1, 2, 18, 61]);
    let mut expected = model.scores(&digits).unwrap();

    let mut arguments = "predict network.safetensors --json".to_owned();
    for i in 0..digits.len() {
        let pixels = digits.pixels(i).unwrap().to_vec();
        GrayImage::from_raw(28, 28, pixels).unwrap().save(scratch.path(&format!("{i}.png"))).unwrap();
        arguments += &format!(" {i}.png");
    }
    let answers = scratch.run(&arguments).succeeds().json();
    let classes = expected.argmax();
    for (i, (scores, class)) in expected.values_mut().chunks_exact_mut(10).zip(classes).enumerate() {
        probabilities(scores);
        assert_eq!(answers[i]["class"], json!(class.to_string()), "digit {i}");
        for (digit, score) in scores.iter().enumerate() {
            let answer = answers[i]["scores"][digit.to_string()].as_f64().unwrap();
            assert!((answer - f64::from(*score)).abs() < 1e-6, "digit {i}, class {digit}");
        }
    }
}

#[test]
fn an_ensemble_averages_probabilities() {
    let scratch = Scratch::new();
    for (name, seed) in [("a", 1), ("b", 2)] {
        scratch.run(&format!("train network --data small --seed {seed} --out {name}.st")).succeeds();
    }
    scratch.run("train neighbors --data small").succeeds();
    scratch.write("p.png", encoded(ImageFormat::Png));
    let scores = |arguments: &str| -> Vec<f64> {
        let json = scratch.run(&format!("predict {arguments} --json")).succeeds().json();
        json[0]["scores"].as_object().unwrap().values().map(|score| score.as_f64().unwrap()).collect()
    };
    let (a, b, both) = (scores("a.st p.png"), scores("b.st p.png"), scores("a.st p.png --ensemble b.st"));
    assert_ne!(a, b);
    for ((a, b), both) in a.iter().zip(&b).zip(&both) {
        assert!((both - (a + b) / 2.0).abs() < 1e-6, "{both}, not the mean of {a} and {b}");
    }
    let shifted = scores("a.st p.png --test-time-shifts 1");
    assert!(shifted != a && (shifted.iter().sum::<f64>() - 1.0).abs() < 1e-5);
    let json =
        scratch.run("predict a.st p.png --ensemble b.st --test-time-shifts 1 --json").succeeds().json();
    assert_eq!(json[0]["averages"]["ensemble"], "mean probabilities of 2 models");
    scratch.run("predict neighbors.safetensors p.png --ensemble a.st").succeeds().says(&["probability"]);
    scratch.rejects(
        "predict neighbors.safetensors p.png --explain --test-time-shifts 1",
        2,
        &["--test-time-shifts and --ensemble"],
    );
}

#[test]
fn rows_of_a_table_get_a_class_each() {
    let scratch = Scratch::new();
    let rows: String = (0..40).map(|i| format!("{i},{}.5,{}\n", i % 2 * 9, ["low", "high"][i % 2])).collect();
    scratch.write("train.csv", format!("Id,x,size\n{rows}"));
    scratch.run("train neighbors --data train.csv --out m.safetensors -k 1").succeeds();
    scratch.write("rows.csv", "x\n0.5\n9.5\n");
    let json = scratch.run("predict m.safetensors rows.csv --json").succeeds().json();
    assert_eq!((&json[0]["class"], &json[1]["class"]), (&json!("low"), &json!("high")));
    scratch.write("more.csv", "Id,x\n41,9.5\n42,0.5\n");
    let outcome = scratch.run("predict m.safetensors more.csv --out classes.csv").succeeds();
    assert!(outcome.stderr.contains("“Id” is no feature of the model"), "{}", outcome.stderr);
    let written = || std::fs::read_to_string(scratch.path("classes.csv")).unwrap();
    assert_eq!(written(), "Id,class,high,low\n41,high,1,0\n42,low,0,1\n");
    scratch.rejects("predict m.safetensors none.csv", 3, &["none.csv"]);
    scratch.write("none.csv", "Id,z\n41,9.5\n");
    scratch.rejects(
        "predict m.safetensors none.csv",
        3,
        &["without x; expected the features of the model: x"],
    );
    // From standard input, since the model reads no pictures.
    let input = std::fs::read(scratch.path("rows.csv")).unwrap();
    let json = scratch.run_with_input("predict m.safetensors - --json", &input).succeeds().json();
    assert_eq!(json[1]["class"], "high");
}

#[test]
fn a_submission_has_the_form_of_its_example() {
    let scratch = Scratch::new();
    let rows: String = (0..40).map(|i| format!("{}.5,{}\n", i % 2 * 9, ["low", "high"][i % 2])).collect();
    scratch.write("train.csv", format!("x,size\n{rows}"));
    scratch.run("train neighbors --data train.csv --out m.safetensors -k 1").succeeds();
    scratch.write("test.csv", "Id,x\n41,9.5\n42,0.5\n");
    let submit = |example: &str| {
        scratch.write("example.csv", example);
        scratch.run("predict m.safetensors test.csv --submission example.csv --out answers.csv")
    };
    let written = || std::fs::read_to_string(scratch.path("answers.csv")).unwrap();
    submit("Id,Prediction\n42,?\n41,?\n").succeeds();
    assert_eq!(written(), "Id,Prediction\n42,low\n41,high\n");
    submit("Id,low,high\n41,0,0\n42,0,0\n").succeeds();
    assert_eq!(written(), "Id,low,high\n41,0,1\n42,1,0\n");
    submit("Id,Prediction\n42,?\n").fails(3, &["found 1; expected 2 rows"]);
    submit("Id,Prediction\n42,?\n43,?\n").fails(3, &["the row 43"]);
    submit("Id,a,b\n42,?,?\n41,?,?\n").fails(3, &["the column a; expected a class of the model: high, low"]);
    scratch.rejects(
        "predict m.safetensors test.csv --submission example.csv --out example.csv",
        2,
        &["is the input"],
    );
}
