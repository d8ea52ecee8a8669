//! A file that a command reads is never overwritten by it: it may be the only copy.

use crate::common::Scratch;

#[test]
fn no_command_overwrites_its_input() {
    let scratch = Scratch::new();
    let rows: Vec<String> =
        (0..60).map(|i| format!("{}.5,{},{}\n", i % 3, i % 7, ["a", "b", "c"][i % 3])).collect();
    scratch.write("flowers.csv", rows.concat());
    std::fs::create_dir(scratch.path("sub")).unwrap();
    scratch.run("train linear --data flowers.csv --out m.safetensors").succeeds();
    let before = scratch.files();
    for command in [
        "train network --data flowers.csv --out flowers.csv",
        "train network --data flowers.csv --out n.safetensors --losses flowers.csv",
        "train neighbors --data flowers.csv --out sub/../flowers.csv",
        "data convert flowers.csv flowers.csv",
        "data convert flowers.csv sub/../flowers.csv",
        "evaluate m.safetensors --data flowers.csv --report m.safetensors",
        "export m.safetensors --onnx m.safetensors",
    ] {
        let outcome = scratch.run(command);
        assert_ne!(outcome.code, Some(0), "{command}");
        assert!(outcome.stderr.contains("the same file is the input"), "{command}: {}", outcome.stderr);
        assert!(scratch.files() == before, "{command} changed a file");
    }
}
