//! `tercet export --c` and `--state-dict`, and `tercet import`. (`cargo xtask test --only onnx` tests ONNX.)

use std::process::Command;

use tercet::Model;
use tercet::data::Classes;
use tercet::image::ImageShape;
use tercet::model::{Card, ScoreKind, StateDict};
use tercet::network::{Architecture, Init};
use tercet::preprocess::{Input, Learner, Preprocessing, Step};

use crate::common::{CLASSES, SIDE, Scratch};

impl Scratch {
    /// An untrained network for the small data set, in `net.safetensors`.
    fn write_network(&self, layers: &str) {
        let (layers, shape): (Architecture, _) = (layers.parse().unwrap(), ImageShape::gray(SIDE, SIDE));
        let network = layers.network(shape, CLASSES, Init::He, 3).unwrap();
        let steps = vec![Step::Grayscale, Step::Resize, Step::Scale { divisor: 255.0 }];
        let preprocessing = Preprocessing::from_steps(Input::pixels(shape), Learner::Weights, steps).unwrap();
        let card = Card::new(Classes::numbered(CLASSES), ScoreKind::Logits);
        let model = Model::new(preprocessing, network, card);
        model.save(&self.path("net.safetensors")).unwrap();
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }
}

#[test]
fn a_model_is_written_as_c_with_its_header() {
    let scratch = Scratch::with_model();
    let outcome = scratch.run("export linear.safetensors --c my-model.c --pixels").succeeds();
    assert_eq!(outcome.stdout, "my-model.c\nmy-model.h\n");
    assert!(outcome.stderr.contains("1,740 bytes of constants"), "{}", outcome.stderr);
    let header = scratch.text("my-model.h");
    assert!(header.contains("int my_model_classify(const uint8_t pixels[MY_MODEL_INPUTS]);"), "{header}");
    assert!(header.contains("12 rows of 12 pixels, row by row, as bytes of 0 to 255"), "{header}");
    assert!(scratch.text("my-model.c").contains("#include \"my-model.h\"\n"));
    if cfg!(unix) {
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "my-model.c"]);
        assert!(cc.current_dir(scratch.path("")).status().unwrap().success());
    }
    scratch.run("export linear.safetensors --c my-model.c --prefix other --quiet").succeeds();
    assert!(scratch.text("my-model.h").contains("void other_scores(const float x[OTHER_INPUTS]"));
}

#[test]
fn the_accuracy_lost_by_8_bits_is_measured_on_unseen_examples() {
    let scratch = Scratch::with_model();
    let outcome = scratch.run("export linear.safetensors --c a.c --bits 8").succeeds();
    assert!(outcome.stderr.contains("was not measured; use --measure validation"), "{}", outcome.stderr);
    let said = |part: &str, count: &str| {
        let command = format!("export linear.safetensors --c a.c --bits 8 --data small --measure {part}");
        let outcome = scratch.run(&command).succeeds();
        let line = outcome.stdout.lines().last().unwrap().to_owned();
        assert!(line.contains(&format!("on the {count} {part} examples of small, ")), "{line}");
        assert!(scratch.text("a.c").contains(&line), "the file does not say what it costs");
    };
    said("validation", "50");
    said("test", "200");
    // In other data, it is unknown which examples the model was trained on.
    scratch.rejects(
        "export linear.safetensors --c a.c --bits 8 --measure validation",
        3,
        &["features of MNIST"],
    );
    scratch.write_network("dense8 relu");
    let command = "export net.safetensors --c a.c --bits 8 --data small --measure validation";
    scratch.rejects(command, 2, &["was not trained on small", "--measure test"]);
    scratch
        .run("train network --data small --validation 0 --epochs 1 --hidden 4 --out all.safetensors")
        .succeeds();
    let command = "export all.safetensors --c a.c --bits 8 --data small --measure validation";
    scratch.rejects(command, 2, &["was trained on all examples"]);
}

#[test]
fn invalid_options_for_c_are_rejected() {
    let scratch = Scratch::with_model();
    scratch.rejects("export linear.safetensors", 2, &["--onnx <FILE.onnx>", "--c <FILE.c>"]);
    scratch.rejects("export linear.safetensors --c a.cpp", 2, &["a file name that ends in .c"]);
    scratch.rejects("export linear.safetensors --c a.c --prefix 1st", 2, &["the name in C is 1st"]);
    scratch.rejects("export linear.safetensors --c a.c --prefix while", 2, &["is not reserved in C"]);
    scratch.rejects("export linear.safetensors --c a.c --bits 4", 2, &["'4'", "8, 32"]);
    scratch.rejects(
        "export linear.safetensors --c a.c --measure test",
        2,
        &["--measure belongs to --bits 8"],
    );
    scratch.rejects("export linear.safetensors --c nowhere/a.c", 3, &["there is no folder nowhere"]);
    scratch.rejects("export linear.safetensors --onnx a.c --c a.c", 2, &["named for two files"]);
    scratch.run("train neighbors --data small --quiet").succeeds();
    let words = ["nearest neighbours, of 600 rows", "--onnx"];
    scratch.rejects("export neighbors.safetensors --c a.c", 3, &words);
    scratch.rejects("export neighbors.safetensors --state-dict a.safetensors", 3, &["nearest neighbours"]);
}

#[test]
fn weights_are_exported_to_pytorch_and_imported_again() {
    const LAYERS: &str = "conv3-4+1 batchnorm relu pool flatten dense8 relu dense3";
    let scratch = Scratch::new();
    scratch.write_network(LAYERS);
    scratch
        .run("export net.safetensors --state-dict state.safetensors")
        .succeeds()
        .says(&["state.safetensors"]);
    let state = StateDict::read(&scratch.path("state.safetensors")).unwrap();
    let names: Vec<&str> = state.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
    assert!(
        names.contains(&"0.weight") && names.contains(&"1.running_mean") && names.contains(&"7.bias"),
        "{names:?}"
    );

    let import = |more: &str| {
        let mut command = scratch.command("import state.safetensors --data small --layers");
        command.arg(LAYERS).args(more.split_whitespace());
        command
    };
    assert!(import("").status().unwrap().success());
    let (before, after) = ["net.safetensors", "imported.safetensors"]
        .map(|name| Model::load(&scratch.path(name)).unwrap())
        .into();
    assert_eq!(after.classifier(), before.classifier());
    scratch.run("evaluate imported.safetensors --data small").succeeds().says(&["accuracy"]);

    assert!(import("--mean 0.1307 --std 0.3081 --out n.safetensors").status().unwrap().success());
    let model = Model::load(&scratch.path("n.safetensors")).unwrap();
    let network = model.classifier().network().unwrap();
    assert_eq!(network.architecture().to_string(), format!("batchnorm {LAYERS}"));
    scratch.rejects_command(&mut import("--mean 1,2,3 --std 1,2,3"), 3, &["1, one for each channel"]);
    scratch.rejects_command(
        &mut import("--mean 0.5 --std 0"),
        2,
        &["a standard deviation of the input is 0"],
    );
    scratch.rejects_command(&mut import("--mean 0.5"), 2, &["--std"]);
    scratch.rejects("import state.safetensors --data small --layers dense3", 3, &["for the layers dense3"]);
    scratch.rejects("import state.safetensors --data small", 2, &["--layers"]);
    scratch.write("model.pt", b"PK\x03\x04 and the rest of an archive");
    scratch.rejects(
        "import model.pt --data small --layers dense3",
        3,
        &["torch.save", "safetensors.torch.save_file"],
    );
}
