//! The help of every command: how wide it is, and that an option means the same everywhere.

use std::collections::BTreeMap;

use crate::common::{Outcome, Scratch};

/// Columns of the narrowest usual terminal.
const WIDTH: usize = 80;

/// The help of a command in a pipe, on a terminal of this width.
fn help(scratch: &Scratch, command: &[String], flag: &str, columns: &str) -> String {
    let mut program = scratch.command("");
    Outcome::of(program.args(command).arg(flag).env("COLUMNS", columns)).succeeds().stdout
}

/// The names below a heading such as `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let below = |heading: &str| help.lines().skip_while(|line| *line != heading).skip(1).collect::<Vec<_>>();
    let lines = ["Commands:", "Kinds:"].into_iter().flat_map(below);
    let names = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    names
        .filter_map(|line| line.split(' ').next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Every command and subcommand, with its help.
fn commands(scratch: &Scratch) -> BTreeMap<Vec<String>, String> {
    let (mut all, mut open) = (BTreeMap::new(), vec![Vec::new()]);
    while let Some(command) = open.pop() {
        let text = help(scratch, &command, "--help", "80");
        open.extend(subcommands(&text).into_iter().map(|name| [&command[..], &[name]].concat()));
        all.insert(command, text);
    }
    all
}

#[test]
fn the_help_of_every_command_fits_in_80_columns() {
    let scratch = Scratch::empty();
    let commands = commands(&scratch);
    for command in ["train", "train network", "tune recipe", "data fetch", "check exercise", "serve"] {
        let command: Vec<String> = command.split(' ').map(str::to_owned).collect();
        assert!(commands.contains_key(&command), "{command:?} of {:?}", commands.keys());
    }
    for command in commands.keys() {
        for (flag, columns) in [("-h", "80"), ("--help", "80"), ("-h", "300"), ("--help", "300")] {
            let text = help(&scratch, command, flag, columns);
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "tercet {} {flag}: {line}", command.join(" "));
            }
        }
    }
}

#[test]
fn the_short_help_has_the_main_options_only() {
    let scratch = Scratch::empty();
    let network = ["train".to_owned(), "network".to_owned()];
    let (short, long) = (help(&scratch, &network, "-h", "80"), help(&scratch, &network, "--help", "80"));
    assert!(short.lines().count() < long.lines().count() / 3, "{short}");
    for option in ["--layers", "--lr", "--epochs", "--data", "--out", "--json", "see more with '--help'"] {
        assert!(short.contains(option), "{option}: {short}");
    }
    for option in ["--weight-decay", "--checkpoint-every", "--color"] {
        assert!(!short.contains(option) && long.contains(option), "{option}");
    }
}

/// The options in a help text, as `--out` and `-o, --out <FILE>`. Only the first word of the value name
/// counts: `K` is one number, `K,…` several, and `FILE.csv` a file.
fn options(help: &str) -> Vec<(String, String)> {
    let usage = |line: &str| {
        let usage = line.trim_start().split("  ").next()?.split(&['|', '.', '>'][..]).next()?.to_owned();
        let long = usage.split(' ').find(|word| word.starts_with("--"))?.to_owned();
        usage.starts_with('-').then(|| (long, usage.trim_end_matches(",…").to_owned()))
    };
    help.lines().filter_map(usage).collect()
}

#[test]
fn an_option_has_the_same_letter_and_value_everywhere() {
    let scratch = Scratch::empty();
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (command, help) in commands(&scratch) {
        for (long, usage) in options(&help) {
            found.entry(long).or_default().insert(usage, command.join(" "));
        }
    }
    assert!(found.len() > 80, "{} options found", found.len());
    assert!(found["--out"].contains_key("-o, --out <FILE"), "{:?}", found["--out"]);
    for (long, mut usages) in found {
        if long == "--out" {
            usages.remove("-o, --out <FOLDER");
        }
        assert_eq!(usages.len(), 1, "{long}: {usages:?}");
    }
}

/// Lists in a long help have columns of their own, which a line that is too long would break.
#[test]
fn lists_in_a_help_are_not_wrapped() {
    let scratch = Scratch::empty();
    let text = help(&scratch, &["train".to_owned(), "network".to_owned()], "--help", "80");
    for list in ["  auto  ", "  dense256  "] {
        let lines =
            text.lines().skip_while(|line| !line.contains(list)).take_while(|line| !line.trim().is_empty());
        for line in lines {
            let indent = line.len() - line.trim_start().len();
            assert!(indent == 12 || indent == 29, "{line}");
        }
    }
}
