//! `tercet check exercise`.

use serde_json::json;

use crate::common::Scratch;

#[test]
fn exercises_are_listed_and_questions_printed() {
    let scratch = Scratch::empty();
    scratch.run("check exercise").succeeds().says(&["exercise", "scores", "networks", "--question"]);
    let list = scratch.run("check exercise --json").succeeds().json();
    assert!(list.as_array().unwrap().len() > 12);
    for exercise in list.as_array().unwrap() {
        let name = exercise["name"].as_str().unwrap();
        let question = scratch.run(&format!("check exercise {name} --question --json")).succeeds().json();
        assert_eq!(json!(question["entries"].as_array().unwrap().len()), exercise["numbers"], "{name}");
    }
    scratch.run("check exercise scores --question").succeeds().says(&["cat, dog", "7 numbers"]);
}

#[test]
fn correct_numbers_are_accepted_in_any_notation() {
    let scratch = Scratch::empty();
    scratch.write("mine.txt", "H = [0 8.3 174.3 152.5]\ncat: 188.97, dog: 211.97\nbird: -84.12 # a dog\n");
    scratch.run("check exercise scores mine.txt").succeeds().says(&["Correct: all 7"]);
    for arguments in ["check exercise scores", "check exercise scores -"] {
        scratch.run_with_input(arguments, &scratch.read("mine.txt")).succeeds().says(&["Correct"]);
    }
}

#[test]
fn a_wrong_number_is_reported_with_a_hint() {
    let scratch = Scratch::empty();
    // Without the activation.
    scratch.write("mine.txt", "-88.8 8.3 174.3 152.5 117.93 185.33 -137.4");
    let outcome = scratch.run("check exercise scores mine.txt");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), ""));
    outcome.says(&["4 of the 7", "h[1]", "-88.8", "188.97 ± 0.094", "Hint: the activation is missing"]);

    scratch.write("mine.txt", "0 8.3 174.3 152.5 188.97 211.97 84.12");
    let outcome = scratch.run("check exercise scores mine.txt --json");
    assert_eq!(outcome.code, Some(1));
    let json = outcome.json();
    assert_eq!((&json["correct"], &json["hint"]), (&json!(false), &json!(null)));
    assert_eq!(json["wrong"].as_array().unwrap().len(), 1);
    assert_eq!((&json["wrong"][0]["entry"], &json["wrong"][0]["found"]), (&json!("bird"), &json!(84.12)));
}

#[test]
fn malformed_solutions_are_rejected() {
    let scratch = Scratch::empty();
    scratch.write("few.txt", "1 2");
    scratch.write("words.txt", "1\n2 cats");
    scratch.rejects("check exercise scores few.txt", 3, &["few.txt", "found 2; expected 7: h[1], h[2]"]);
    scratch.rejects("check exercise scores words.txt", 3, &["words.txt", "line 2: found \"cats\""]);
    scratch.rejects("check exercise scores none.txt", 3, &["cannot read none.txt"]);
    scratch.rejects("check exercise spelling", 2, &["no exercise \"spelling\"", "pixels", "interval"]);
    scratch.run_with_input("check exercise scores", b"").fails(3, &["standard input", "found 0"]);
}
