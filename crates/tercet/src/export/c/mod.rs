//! [`c()`]: exports a model as one C file with its header.

mod functions;
mod program;
#[cfg(test)]
mod tests;
mod text;

use std::fmt::Write;

pub use text::name_in_c;

use crate::model::Model;
use crate::network::Shape;
use crate::preprocess::Input;
use crate::text::thousands;
use crate::{Error, Result};
use program::Program;

/// Options of the C export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct COptions {
    /// The prefix of all names that are visible to other files.
    pub name: String,
    /// The file name of the header, such as `digits.h`, which the source includes.
    pub header: String,
    /// 8-bit weights with a scale for each output channel, instead of 32-bit weights.
    pub int8: bool,
    /// Takes pixels of 0 to 255 as bytes, which the C code divides by 255, instead of the quotients.
    pub pixels: bool,
    /// A sentence for the head of the file, such as the loss of accuracy with 8 bits; may be empty.
    pub note: String,
}

/// Two C files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSource {
    /// The header: the functions, with their arguments and results.
    pub header: String,
    /// The source: the computation and the weights.
    pub source: String,
    /// The size in bytes of the weights and other constants, which are in flash if the machine has any.
    pub constant_bytes: usize,
    /// The size of the static buffers in bytes.
    pub buffer_bytes: usize,
}

/// A network or a linear classifier as C99 that needs only the standard library, for embedded systems.
///
/// It defines `void NAME_scores(const float x[D], float scores[C])` and `int NAME_classify(const float x[D])`, and does
/// not allocate: intermediate values are in static buffers, so the functions are not reentrant. Batch norms are folded
/// into the layers before them, and dropout is left out. The input is what the classifier reads: pixels as value / 255,
/// row by row, the channels of a pixel adjacent; with [`COptions::pixels`] it is bytes.
///
/// ```
/// use tercet::export::{COptions, c};
/// use tercet::linear::LinearClassifier;
/// use tercet::model::{Card, Model, ScoreKind};
/// use tercet::preprocess::{Input, Learner, Preprocessing};
///
/// let preprocessing = Preprocessing::from_steps(Input::features(2), Learner::Weights, Vec::new())?;
/// let card = Card::new(vec!["cat".to_owned(), "dog".to_owned()], ScoreKind::Margins);
/// let model = Model::new(preprocessing, LinearClassifier::new(2, 2)?, card);
/// let options = COptions { name: "pets".into(), header: "pets.h".into(), ..COptions::default() };
/// let files = c(&model, &options)?;
/// assert!(files.header.contains("int pets_classify(const float x[PETS_INPUTS]);"));
/// assert!(files.source.contains("dense(x, 2, w1, b1, scores, 2);"));
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// Nearest neighbours, whose rows are too many for such machines; preprocessing of pixels; bytes for a model of
/// features; an invalid C name; non-finite weights.
pub fn c(model: &Model, options: &COptions) -> Result<CSource> {
    text::check_name(&options.name)?;
    text::check_header(&options.header)?;
    if let Some(neighbors) = model.classifier().neighbors() {
        let found = format!("nearest neighbours, of {} rows", thousands(neighbors.index().len()));
        let expected = "a linear model or a network; --onnx takes neighbours too";
        return Err(Error::mismatch("the model to export as C", found, expected));
    }
    let network = super::network_to_export(model, options.pixels)?;
    let (card, input) = (&model.card, model.preprocessing().input());
    let network = network.for_prediction();
    let program = Program::of(&network, options.int8, options.pixels);
    let classes: Vec<String> = card.classes.iter().map(|class| text::string(class)).collect::<Result<_>>()?;
    let (constant_bytes, buffer_bytes) = (program.constant_bytes(), program.buffer_bytes());
    let about = about(&network.architecture().to_string(), options, constant_bytes, buffer_bytes);
    let header = header(&about, input, network.input(), options, classes.len());
    let source = source(&about, &program, options, &classes);
    Ok(CSource { header, source, constant_bytes, buffer_bytes })
}

/// The comment at the head of both files.
fn about(layers: &str, options: &COptions, constant_bytes: usize, buffer_bytes: usize) -> String {
    let mut lines = vec![
        format!("{}: {layers}", options.name),
        format!("Written by tercet {}. It compiles as C99.", env!("CARGO_PKG_VERSION")),
        format!(
            "{} bytes of weights of {} bits, biases and scales; {} bytes of static buffers.",
            thousands(constant_bytes),
            if options.int8 { 8 } else { 32 },
            thousands(buffer_bytes)
        ),
    ];
    if !options.note.is_empty() {
        lines.push(options.note.clone());
    }
    let lines: Vec<String> = lines.iter().map(|line| text::comment(line)).collect();
    format!("/* {}\n */\n", lines.join("\n * "))
}

fn header(about: &str, of_model: Input, input: Shape, options: &COptions, classes: usize) -> String {
    let (name, capitals) = (&options.name, options.name.to_ascii_uppercase());
    let (kind, x) = program::input(options.pixels);
    let what = match (of_model.image, options.pixels) {
        (Some(image), pixels) => {
            let values = if pixels { "as bytes of 0 to 255" } else { "each as value / 255" };
            let (channels, order) = match image.channels {
                1 => (String::new(), ""),
                n => (format!(" of {n} channels"), ", the channels of a pixel side by side"),
            };
            let (height, width) = (image.height, image.width);
            format!("{height} rows of {width} pixels{channels}, row by row{order}, {values}")
        }
        (None, _) => format!("{input} features, as they are"),
    };
    let what = text::comment(&what);
    let include = if options.pixels { "#include <stdint.h>\n\n" } else { "" };
    format!(
        "{about}#ifndef {capitals}_H\n#define {capitals}_H\n\n{include}#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n\
         #define {capitals}_INPUTS {inputs}\n#define {capitals}_CLASSES {classes}\n\n\
         /* What the classes are called. */\nextern const char *const {name}_classes[{capitals}_CLASSES];\n\n\
         /* The score of every class. The largest is that of the answer.\n \
         * {x}: {what}.\n \
         * It works in static buffers: one call at a time. */\n\
         void {name}_scores(const {kind} {x}[{capitals}_INPUTS], float scores[{capitals}_CLASSES]);\n\n\
         /* The place of the class with the largest score, the first of equals. */\n\
         int {name}_classify(const {kind} {x}[{capitals}_INPUTS]);\n\n\
         #ifdef __cplusplus\n}}\n#endif\n\n#endif\n",
        inputs = of_model.features,
    )
}

fn source(about: &str, program: &Program, options: &COptions, classes: &[String]) -> String {
    let (name, capitals) = (&options.name, options.name.to_ascii_uppercase());
    let (kind, x) = program::input(options.pixels);
    let mut out = about.to_owned();
    let _ = writeln!(out, "#include \"{}\"\n", options.header);
    for header in program.headers() {
        let _ = writeln!(out, "#include <{header}>");
    }
    let _ = writeln!(out, "\nconst char *const {name}_classes[{capitals}_CLASSES] = {{");
    for class in classes {
        let _ = writeln!(out, "    {class},");
    }
    out.push_str("};\n\n");
    for function in program.functions() {
        let _ = writeln!(out, "{}", function.text());
    }
    out.push_str(program.constants());
    let _ = writeln!(
        out,
        "void {name}_scores(const {kind} {x}[{capitals}_INPUTS], float scores[{capitals}_CLASSES])\n{{"
    );
    out.push_str(&program.body());
    let _ = writeln!(
        out,
        "}}\n\nint {name}_classify(const {kind} {x}[{capitals}_INPUTS])\n{{\n    \
         static float scores[{capitals}_CLASSES];\n    int i, best = 0;\n    {name}_scores({x}, scores);\n    \
         for (i = 1; i < {capitals}_CLASSES; i++)\n        if (scores[i] > scores[best])\n            best = i;\n    \
         return best;\n}}"
    );
    out
}
