//! Usage errors: exit code 2, before any work.

use crate::common::{Outcome, Scratch};

#[test]
fn unknown_options_and_commands() {
    let scratch = Scratch::new();
    for (arguments, words) in [
        ("frobnicate", ["frobnicate"].as_slice()),
        ("trane network", &["trane", "train"]),
        ("train netwrk", &["netwrk", "network"]),
        ("train network --hiden 3", &["--hiden", "--hidden"]),
        ("compare --nonsense", &["--nonsense"]),
        ("evaluate", &["MODEL"]),
        ("predict model.safetensors", &["PICTURE"]),
        ("completions tcsh", &["tcsh", "bash", "zsh", "fish"]),
        ("train network --hidden many", &["many", "--hidden"]),
        ("train network --epochs 3 --iterations 5", &["--epochs", "--iterations"]),
        ("--threads 0 data info", &["0", "--threads"]),
        ("--threads 100000 data info", &["100000", "--threads"]),
    ] {
        scratch.rejects(arguments, 2, words);
    }
}

#[test]
fn invalid_settings() {
    let scratch = Scratch::new();
    for (arguments, words) in [
        ("neighbors -k 0", ["k is 0; expected at least 1"].as_slice()),
        ("neighbors -k 601", &["k is 601; expected 1 to 600"]),
        ("neighbors -k many", &["many", "expected a number, or auto"]),
        ("neighbors -k auto --k-max 0", &["k-max is 0; expected 1 to 599, the number of other examples"]),
        ("neighbors -k auto --k-max 600", &["k-max is 600; expected 1 to 599"]),
        ("neighbors --k-max 9", &["--k-max belongs to -k auto"]),
        ("neighbors -k 3 --no-plot", &["--no-plot belongs to -k auto"]),
        ("neighbors --plot p.html", &["--plot belongs to -k auto"]),
        ("neighbors --priors even", &["even", "data, uniform, or a number for each class"]),
        ("neighbors --priors 0.5,0.5", &["the list of priors is 2 long; expected 3 long"]),
        ("neighbors --priors -1,1,1", &["the list of priors is one with -1 in it"]),
        ("neighbors --priors nan,1,1", &["one with NaN in it"]),
        ("neighbors --priors 0,0,0", &["the list of priors is all 0"]),
        ("neighbors --metric l7", &["l7", "l1", "l2", "cosine"]),
        ("neighbors --vote random", &["random", "uniform", "distance"]),
        ("network --lr 0", &["learning rate is 0; expected a finite number above 0"]),
        ("network --lr -0.1", &["learning rate is -0.1"]),
        ("network --lr nan", &["learning rate is NaN"]),
        ("linear --lr inf", &["learning rate is inf"]),
        ("linear --lr fast", &["fast", "--lr"]),
        ("linear --reg -1", &["reg is -1"]),
        ("linear --batch 0", &["batch is 0"]),
        ("linear --epochs 0", &["epochs is 0"]),
        ("linear --iterations 0", &["iterations is 0"]),
        ("linear --momentum 1", &["momentum is 1"]),
        ("linear --margin -1", &["margin is -1"]),
        ("linear --loss softmax --margin 1", &["--margin belongs to the SVM loss"]),
        ("network --margin 1", &["--margin belongs to the SVM loss"]),
        ("network --hidden 0", &["hidden is [0]"]),
        ("network --hidden 8,0", &["hidden is [8, 0]"]),
        ("network --hidden 9000000000", &["the size of the network is", "make the hidden layers smaller"]),
        ("network --hidden 18446744073709551615", &["the size of the network is"]),
        ("network --init tiny", &["--init is \"tiny\"", "`he`"]),
        ("network --validation 600", &["validation is 600"]),
        ("network --validation 0 --patience 2", &["patience is 2; expected none without a validation set"]),
        ("linear --solver dual --validation 0", &["validation is 0"]),
        ("network --patience 0", &["patience is 0"]),
        ("network --validate-every 0", &["validate-every is 0"]),
    ] {
        scratch.rejects(&format!("train {arguments} --data small"), 2, words);
    }
}

#[test]
fn an_unknown_instruction_set() {
    let scratch = Scratch::empty();
    let mut command = scratch.command("data info");
    scratch.rejects_command(
        command.env("TERCET_ISA", "nonsense"),
        2,
        &["TERCET_ISA", "nonsense", "portable"],
    );

    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"\xff");
        Outcome::of(scratch.command("data info").env("TERCET_ISA", name)).fails(2, &["TERCET_ISA"]);
    }
}
