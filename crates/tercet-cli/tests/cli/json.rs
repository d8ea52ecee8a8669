//! `--json` of every command, against the table of the manual's page on it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use tercet::data::write_npy_doubles;

use crate::common::{SIDE, Scratch};

const PAGE: &str = include_str!("../../../../docs/src/json.md");

/// The entries of each command in the first table of the page.
fn documented() -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    let rows = PAGE.lines().skip_while(|line| !line.starts_with("| command")).skip(2);
    for row in rows.take_while(|line| line.starts_with('|')) {
        let mut cells = row.trim_matches('|').split(" | ");
        let (commands, entries) = (cells.next().unwrap(), cells.next().unwrap());
        let entries: Vec<String> =
            entries.split(',').map(|entry| entry.trim().trim_matches('`').to_owned()).collect();
        let (commands, variant): (Vec<&str>, &str) = match commands.rsplit_once(", ") {
            Some((command, variant)) if !variant.contains('`') => (vec![command], variant.trim()),
            _ => (commands.split(", ").collect(), ""),
        };
        for command in commands {
            let name = format!("{} {variant}", command.trim().trim_matches('`'));
            assert!(all.insert(name.trim().to_owned(), entries.clone()).is_none(), "{name} twice");
        }
    }
    all
}

fn check(documented: &mut BTreeMap<String, Vec<String>>, command: &str, document: &Value) {
    let entries = documented.remove(command).unwrap_or_else(|| panic!("{command} is not in the table"));
    let objects: Vec<&Value> = match document {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    assert!(!objects.is_empty(), "{command}");
    for object in objects {
        let found: BTreeSet<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
        let known: BTreeSet<&str> = entries.iter().map(|entry| entry.trim_end_matches('?')).collect();
        let needed: BTreeSet<&str> =
            entries.iter().filter(|entry| !entry.ends_with('?')).map(String::as_str).collect();
        assert!(found.is_subset(&known), "{command}: not documented: {:?}", found.difference(&known));
        assert!(needed.is_subset(&found), "{command}: missing: {:?}", needed.difference(&found));
    }
}

#[test]
fn every_document_has_the_entries_of_the_manual() {
    let scratch = Scratch::new();
    // A row of as many values as an image of the small data set has pixels, with a header.
    let row = |cell: &dyn Fn(usize) -> String| (0..SIDE * SIDE).map(cell).collect::<Vec<_>>().join(",");
    scratch
        .write("rows.csv", format!("{}\n{}\n", row(&|i| format!("p{i}")), row(&|i| (i % 200).to_string())));
    write_npy_doubles(&scratch.path("x.npy"), &[1.0, 2.0, 3.0, 5.0], 2).unwrap();
    let mut documented = documented();
    let mut run = |name: &str, arguments: &str| {
        let document = scratch.run(arguments).succeeds().json();
        check(&mut documented, name, &document);
        document
    };
    let trained =
        run("train", "train network --layers conv3-2 --epochs 1 --losses losses.csv --data small --json");
    assert_eq!(trained["files"][0], "network.safetensors");
    run("describe model", "describe network.safetensors --json");
    run("describe architecture", "describe --layers conv3-2 --input-shape 12x12x1 --classes 3 --json");
    run("evaluate", "evaluate network.safetensors --data small --json");
    run("compare", "compare --data small --hidden 4 --json");
    run("data check", "data check small --duplicates --json");
    run("data info", "data info small --json");
    run("data convert", "data convert small small.npz --json");
    run("data show", "data show small --out small.png --json");
    run("predict rows", "predict network.safetensors rows.csv --json");
    run("predict pictures", "predict network.safetensors small.png --json");
    run("export", "export network.safetensors --state-dict state.safetensors --json");
    run("tune", "tune knn --data small -k 1,3 --vote uniform --json");
    run("probe", "probe small --folds 2 --json");
    run("search", "search x.npy x.npy -k 1 --json");
    run("man", "man --json");
    run("plot", "plot losses.csv --json");
    run("graph expression", "graph x*y --at x=2,y=3 --json");
    run("graph model", "graph --model network.safetensors --data small --example 1 --json");
    let list = run("check exercise list", "check exercise --json");
    let name = list[0]["name"].as_str().unwrap();
    run("check exercise question", &format!("check exercise {name} --question --json"));
    let import = "import state.safetensors --data small --layers conv3-2 --json";
    run("import", import);
}
