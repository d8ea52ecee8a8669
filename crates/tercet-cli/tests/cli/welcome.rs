//! The welcome text, help, completions, and where messages go.

use std::io::Read;

use crate::common::{Outcome, Scratch};

#[test]
fn without_a_command_it_names_three_to_start_with() {
    let outcome = Scratch::empty().run("").succeeds();
    assert_eq!(outcome.stderr, "");
    outcome.says(&["tercet compare", "tercet train network", "tercet predict", "tercet --help"]);
}

#[test]
fn help_and_version() {
    let scratch = Scratch::empty();
    let commands = [
        "compare",
        "train",
        "evaluate",
        "predict",
        "describe",
        "tune",
        "export",
        "import",
        "probe",
        "search",
        "data",
        "plot",
        "graph",
        "serve",
        "check",
        "completions",
        "man",
    ];
    scratch.run("--help").succeeds().says(&commands);
    for command in commands {
        scratch.run(&format!("{command} --help")).succeeds().says(&["Usage: tercet", command]);
    }
    let version = scratch.run("--version").succeeds();
    assert_eq!(version.stdout, concat!("tercet ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn completions_for_every_shell() {
    let scratch = Scratch::empty();
    for (shell, sign) in [("bash", "complete -F"), ("zsh", "#compdef tercet"), ("fish", "complete -c tercet")]
    {
        let names = ["fashion-mnist", "ninety-nine"];
        scratch
            .run(&format!("completions {shell}"))
            .succeeds()
            .says(&[sign, "predict", "report"])
            .says(&names);
    }
}

/// What bash completes after these words.
#[cfg(unix)]
fn completed_by_bash(scratch: &Scratch, words: &str) -> Vec<String> {
    let all: Vec<&str> = words.split(' ').collect();
    let last = all.len() - 1;
    let script = format!(
        "source tercet.bash; COMP_WORDS=({words}); COMP_CWORD={last}; \
         _tercet tercet '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        all[last],
        all[last - 1]
    );
    let mut bash = std::process::Command::new("bash");
    let outcome = Outcome::of(bash.args(["--norc", "-c", &script]).current_dir(scratch.path(""))).succeeds();
    outcome.stdout.lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn bash_completes_names_next_to_files() {
    if std::process::Command::new("bash").arg("--version").output().is_err() {
        return;
    }
    let scratch = Scratch::empty();
    let script = scratch.run("completions bash").succeeds().stdout;
    scratch.write("tercet.bash", script);
    scratch.write("fashion.csv", "");
    scratch.write("nine.toml", "");
    let found = completed_by_bash(&scratch, "tercet train network --data fash");
    assert!(
        found.contains(&"fashion-mnist".to_owned()) && found.contains(&"fashion.csv".to_owned()),
        "{found:?}"
    );
    let found = completed_by_bash(&scratch, "tercet train --recipe nine");
    assert!(
        found.contains(&"ninety-nine".to_owned()) && found.contains(&"nine.toml".to_owned()),
        "{found:?}"
    );
}

#[test]
fn color_never_always_and_auto() {
    let scratch = Scratch::new();
    let escape = |command: &mut std::process::Command| {
        let output = command.output().unwrap();
        assert!(output.status.success());
        output.stdout.contains(&0x1b)
    };
    let coloured = |arguments: &str| escape(&mut scratch.command(arguments));
    assert!(!coloured("data show small") && !coloured("data show small --color never"));
    assert!(coloured("data show small --color always"));
    let no_color = |arguments: &str| escape(scratch.command(arguments).env("NO_COLOR", "1"));
    assert!(no_color("--color always data show small") && !no_color("data show small"));
    // The parser's own messages, too.
    assert!(coloured("train --color=always --help") && !coloured("train --help"));
    scratch.rejects("data show small --color sometimes", 2, &["auto, always, never"]);
}

#[test]
fn manual_pages_are_written() {
    let scratch = Scratch::empty();
    let json = scratch.run("man --out pages --json").succeeds().json();
    let count = json["files"].as_array().unwrap().len();
    assert_eq!(std::fs::read_dir(scratch.path("pages")).unwrap().count(), count);
    assert!(count > 25, "{count}");
    let page = String::from_utf8(scratch.read("pages/tercet-train.1")).unwrap();
    assert!(page.contains(".TH tercet-train 1"), "{page}");
}

#[test]
fn a_command_that_needs_a_subcommand_lists_them() {
    let scratch = Scratch::empty();
    for (command, kinds) in [
        ("train", ["neighbors", "linear", "network", "--recipe"].as_slice()),
        ("tune", &["neighbors", "linear", "network"]),
        ("data", &["info", "show"]),
    ] {
        let outcome = scratch.run(command);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{command}");
        for kind in kinds {
            assert!(outcome.stderr.contains(kind), "no {kind} in {}", outcome.stderr);
        }
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let scratch = Scratch::with_model();
    for arguments in
        ["", "evaluate linear.safetensors --data small", "data show --data small", "completions zsh"]
    {
        let mut child = scratch.command(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments}: {said}");
        assert!(!said.contains("panicked") && !said.contains("error"), "{arguments}: {said}");
    }
}

#[test]
fn closed_standard_error_does_not_stop_the_work() {
    let scratch = Scratch::new();
    let mut child = scratch.command("train linear --data small").spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(scratch.path("linear.safetensors").is_file());
}

#[test]
fn quiet_prints_results_and_warnings_only() {
    let scratch = Scratch::new();
    for arguments in [
        "train network --data small --quiet",
        "train neighbors --data small --quiet",
        "evaluate -q network.safetensors --data small",
        "compare --data small --quiet",
        "-q tune neighbors --data small",
    ] {
        let outcome = scratch.run(arguments).succeeds();
        // The small set is too small for the convolutional network, and a failed training is never silent.
        assert!(
            outcome.stderr.lines().all(|line| line.starts_with("warning: ")),
            "{arguments}: {}",
            outcome.stderr
        );
        assert_ne!(outcome.stdout, "", "{arguments}");
    }
    scratch.run("-q train linear --data small --lr 0").fails(2, &["learning rate is 0"]);
}

#[test]
fn the_instruction_set_can_be_chosen() {
    let scratch = Scratch::with_model();
    for isa in ["portable", ""] {
        let mut command = scratch.command("evaluate linear.safetensors --data small --json");
        let json = Outcome::of(command.env("TERCET_ISA", isa)).succeeds().json();
        assert!(isa.is_empty() || json["isa"] == isa, "{json}");
    }
}
