//! `tercet plot`, and the figures of reports as files.

use crate::common::Scratch;

#[test]
fn losses_of_trainings_are_drawn_together() {
    let scratch = Scratch::new();
    scratch.run("train linear --data small --epochs 2 --losses a.csv").succeeds();
    scratch.run("train linear --data small --epochs 2 --lr 0.001 --losses b=c.csv").succeeds();
    scratch.run("plot lr=0.001=a.csv b=c.csv --out two.svg").succeeds();
    let svg = String::from_utf8(scratch.read("two.svg")).unwrap();
    // A name is what stands before the last equals sign, unless all of it is the name of a file.
    assert!(svg.starts_with("<svg xmlns=") && svg.contains(">lr=0.001<") && svg.contains(">b=c<"), "{svg}");
    scratch.run("plot b=c.csv a.csv --of validation-accuracy").succeeds();
    let svg = String::from_utf8(scratch.read("losses.svg")).unwrap();
    assert!(svg.contains("Validation accuracy") && svg.contains(">a<") && svg.contains(" %"), "{svg}");
}

#[test]
fn plots_that_make_no_sense() {
    let scratch = Scratch::new();
    scratch.run("train linear --data small --epochs 2 --losses a.csv").succeeds();
    scratch.write("table.csv", "a,b\n1,2\n");
    scratch.refuses("plot", 2, &["FILE.csv"]);
    scratch.refuses("plot nowhere.csv", 3, &["nowhere.csv"]);
    scratch.refuses("plot table.csv", 3, &["table.csv: found line 1", "--losses"]);
    scratch.refuses(
        "plot a.csv a.csv a.csv a.csv a.csv a.csv",
        2,
        &["the trainings of a picture is 6", "1 to 5"],
    );
    scratch.refuses("plot a.csv --most 0", 3, &["values of a"]);
    scratch.refuses("plot a.csv --of beauty", 2, &["validation-loss"]);
    scratch.refuses("plot a.csv --out nowhere/a.svg", 3, &["create it first"]);
}

#[test]
fn figures_of_a_report_are_files_too() {
    let scratch = Scratch::with_model();
    scratch.run("evaluate linear.safetensors --data small --figures figures").succeeds();
    assert!(scratch.read("figures/linear-coverage.svg").starts_with(b"<svg xmlns="));
    assert!(scratch.read("figures/linear-weights.png").starts_with(b"\x89PNG"));
    // Two models of one name overwrite nothing of each other.
    scratch.run("evaluate linear.safetensors linear.safetensors --data small --figures two").succeeds();
    assert_eq!(scratch.read("two/linear-coverage.svg"), scratch.read("two/linear-2-coverage.svg"));
    scratch.run("tune neighbors -k 1,3 --data small --figures figures").succeeds();
    assert!(scratch.read("figures/tuning-k.svg").starts_with(b"<svg xmlns="));

    scratch.write("file", "");
    scratch.refuses("evaluate linear.safetensors --data small --figures file", 3, &["that is a file"]);
    scratch.refuses("evaluate linear.safetensors --data small --figures no/where", 3, &["create it first"]);
}
