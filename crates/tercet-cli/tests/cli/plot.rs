//! `tercet plot`, and the figures of reports as separate files.

use crate::common::Scratch;

#[test]
fn losses_of_several_runs_are_plotted_together() {
    let scratch = Scratch::new();
    scratch.run("train linear --data small --epochs 2 --losses a.csv").succeeds();
    scratch.run("train linear --data small --epochs 2 --lr 0.001 --losses b=c.csv").succeeds();
    scratch.run("plot lr=0.001=a.csv b=c.csv --out two.svg").succeeds();
    let svg = String::from_utf8(scratch.read("two.svg")).unwrap();
    // The name precedes the last equals sign, unless the whole argument is a file name.
    assert!(svg.starts_with("<svg xmlns=") && svg.contains(">lr=0.001<") && svg.contains(">b=c<"), "{svg}");
    scratch.run("plot b=c.csv a.csv --quantity validation-accuracy").succeeds();
    let svg = String::from_utf8(scratch.read("losses.svg")).unwrap();
    assert!(svg.contains("Validation accuracy") && svg.contains(">a<") && svg.contains(" %"), "{svg}");
}

#[test]
fn invalid_plots_are_rejected() {
    let scratch = Scratch::new();
    scratch.run("train linear --data small --epochs 2 --losses a.csv").succeeds();
    scratch.write("table.csv", "a,b\n1,2\n");
    scratch.rejects("plot", 2, &["FILE.csv"]);
    scratch.rejects("plot nowhere.csv", 3, &["nowhere.csv"]);
    scratch.rejects("plot table.csv", 3, &["table.csv: found line 1", "--losses"]);
    scratch.rejects(
        "plot a.csv a.csv a.csv a.csv a.csv a.csv",
        2,
        &["the trainings of a picture is 6", "1 to 5"],
    );
    scratch.rejects("plot a.csv --max 0", 3, &["values of a"]);
    scratch.rejects("plot a.csv --quantity beauty", 2, &["validation-loss"]);
    scratch.rejects("plot a.csv --out nowhere/a.svg", 3, &["create it first"]);
}

#[test]
fn figures_of_a_report_are_written_as_files() {
    let scratch = Scratch::with_model();
    scratch.run("evaluate linear.safetensors --data small --figures figures").succeeds();
    assert!(scratch.read("figures/linear-coverage.svg").starts_with(b"<svg xmlns="));
    assert!(scratch.read("figures/linear-weights.png").starts_with(b"\x89PNG"));
    // Two models of the same name have different files.
    scratch.run("evaluate linear.safetensors linear.safetensors --data small --figures two").succeeds();
    assert_eq!(scratch.read("two/linear-coverage.svg"), scratch.read("two/linear-2-coverage.svg"));
    scratch.run("tune neighbors -k 1,3 --data small --figures figures").succeeds();
    assert!(scratch.read("figures/tuning-k.svg").starts_with(b"<svg xmlns="));

    scratch.write("file", "");
    scratch.rejects("evaluate linear.safetensors --data small --figures file", 3, &["that is a file"]);
    scratch.rejects("evaluate linear.safetensors --data small --figures no/where", 3, &["create it first"]);
}
