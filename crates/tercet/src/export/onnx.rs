//! [`onnx()`]: exports a model as a graph of ONNX operators.
//!
//! Field numbers are those of `onnx.proto`; operators those of version 17 of the default operator set.

use super::protobuf::Message;
use super::{neighbors, network};
use crate::model::Model;
use crate::{Error, Result};

/// The version of the file format, and that of the operators.
const IR_VERSION: i64 = 8;
const OPERATORS: i64 = 17;

/// The maximum size of a protocol buffer.
const MOST_BYTES: usize = (1 << 31) - 1;

/// Element types.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Element {
    Float = 1,
    U8 = 2,
    I64 = 7,
    Double = 11,
}

/// Options of the ONNX export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Takes pixels of 0 to 255 as bytes, which the model divides by 255 itself, instead of the quotients. Nearest
    /// neighbours of pixels always take bytes.
    pub pixels: bool,
}

/// An attribute of a node.
pub(super) enum Attribute<'a> {
    Int(&'a str, i64),
    Float(&'a str, f32),
    Ints(&'a str, &'a [usize]),
}

/// A graph under construction: a sequence of nodes, each named after its output.
#[derive(Default)]
pub(super) struct Graph {
    message: Message,
    values: usize,
}

impl Graph {
    /// A new unique name.
    fn name(&mut self, what: &str) -> String {
        self.values += 1;
        format!("{what}_{}", self.values)
    }

    /// Adds a node with one output, and returns the output's name.
    pub fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        let output = self.name(&operator.to_lowercase());
        self.named_node(operator, inputs, &[&output], attributes);
        output
    }

    /// Adds a node with the given output names.
    pub fn named_node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[Attribute<'_>],
    ) {
        let mut node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
        node = outputs.iter().fold(node, |node, output| node.text(2, output));
        node = node.text(3, &format!("make_{}", outputs[0])).text(4, operator);
        for attribute in attributes {
            let new = |name: &str| Message::default().text(1, name);
            let attribute = match *attribute {
                Attribute::Int(name, value) => new(name).int(3, value).int(20, 2),
                Attribute::Float(name, value) => new(name).float(2, value).int(20, 1),
                Attribute::Ints(name, values) => {
                    values.iter().fold(new(name), |message, &v| message.int(8, v as i64)).int(20, 7)
                }
            };
            node = node.message(5, &attribute);
        }
        self.message = std::mem::take(&mut self.message).message(1, &node);
    }

    fn constant(&mut self, what: &str, element: Element, dimensions: &[usize], raw: &[u8]) -> String {
        let name = self.name(what);
        let tensor = dimensions.iter().fold(Message::default(), |tensor, &d| tensor.int(1, d as i64));
        let tensor = tensor.int(2, element as i64).text(8, &name).bytes(9, raw);
        self.message = std::mem::take(&mut self.message).message(5, &tensor);
        name
    }

    pub fn floats(&mut self, what: &str, dimensions: &[usize], values: &[f32]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(what, Element::Float, dimensions, &raw)
    }

    pub fn doubles(&mut self, what: &str, dimensions: &[usize], values: &[f64]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(what, Element::Double, dimensions, &raw)
    }

    pub fn ints(&mut self, what: &str, dimensions: &[usize], values: &[i64]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(what, Element::I64, dimensions, &raw)
    }

    pub fn bytes(&mut self, what: &str, dimensions: &[usize], values: &[u8]) -> String {
        self.constant(what, Element::U8, dimensions, values)
    }

    /// The value converted to another element type.
    pub fn cast(&mut self, value: &str, to: Element) -> String {
        self.node("Cast", &[value], &[Attribute::Int("to", to as i64)])
    }

    fn value(name: &str, element: Element, width: Option<usize>) -> Message {
        let free = Message::default().text(2, "batch");
        let mut shape = Message::default().message(1, &free);
        if let Some(width) = width {
            shape = shape.message(1, &Message::default().int(1, width as i64));
        }
        let tensor = Message::default().int(1, element as i64).message(2, &shape);
        Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
    }
}

/// The model as the bytes of an ONNX file.
///
/// The graph takes one input with any number of examples and returns `scores`, (batch, C), and `label`, (batch), the
/// index of the largest score. The input is `x`, (batch, D) of f32, as the classifier reads it: pixels as value / 255,
/// other features unchanged. With [`Options::pixels`], and for nearest neighbours of pixels, it is `pixels`, (batch, D)
/// of bytes. Images are stored row by row, the channels of a pixel adjacent. The class names are in the metadata under
/// `classes`, as JSON.
///
/// ```
/// use tercet::export::{Options, onnx};
/// use tercet::linear::LinearClassifier;
/// use tercet::model::{Card, Model, ScoreKind};
/// use tercet::preprocess::{Input, Learner, Preprocessing};
///
/// let preprocessing = Preprocessing::from_steps(Input::features(2), Learner::Weights, Vec::new())?;
/// let card = Card::new(vec!["cat".to_owned(), "dog".to_owned()], ScoreKind::Margins);
/// let bytes = onnx(&Model::new(preprocessing, LinearClassifier::new(2, 2)?, card), Options::default())?;
/// assert!(bytes.windows(4).any(|text| text == b"Gemm"));
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// Models that ONNX cannot represent: neighbours with deformations, weights or priors; preprocessing of pixels; bytes
/// for a model of features; more than 2 GiB.
pub fn onnx(model: &Model, options: Options) -> Result<Vec<u8>> {
    let (card, neighbors) = (&model.card, model.classifier().neighbors());
    let of_bytes = neighbors.map_or(options.pixels, |neighbors| neighbors.index().is_pixels());
    let (input, element) = if of_bytes { ("pixels", Element::U8) } else { ("x", Element::Float) };
    let mut graph = Graph::default();
    match neighbors {
        Some(classifier) => {
            super::check_pixel_steps(model)?;
            neighbors::write(&mut graph, classifier, input)?;
        }
        None => {
            let network = super::network_to_export(model, options.pixels)?;
            network::write(&mut graph, network, input, of_bytes)?;
        }
    }
    graph.named_node(
        "ArgMax",
        &["scores"],
        &["label"],
        &[Attribute::Int("axis", 1), Attribute::Int("keepdims", 0)],
    );
    let message = std::mem::take(&mut graph.message)
        .text(2, "tercet")
        .message(11, &Graph::value(input, element, Some(model.preprocessing().input().features)))
        .message(12, &Graph::value("scores", Element::Float, Some(card.classes.len())))
        .message(12, &Graph::value("label", Element::I64, None));
    let classes = serde_json::to_string(card.classes.names())
        .map_err(|error| Error::mismatch("names of the classes", error, "text"))?;
    let entry = |key: &str, value: &str| Message::default().text(1, key).text(2, value);
    let bytes = Message::default()
        .int(1, IR_VERSION)
        .text(2, "tercet")
        .text(3, env!("CARGO_PKG_VERSION"))
        .message(7, &message)
        .message(8, &Message::default().text(1, "").int(2, OPERATORS))
        .message(14, &entry("classes", &classes))
        .into_bytes();
    if bytes.len() > MOST_BYTES {
        let expected = "at most 2 GiB, the most that an ONNX file may have";
        return Err(Error::mismatch("bytes of the model to export", bytes.len(), expected));
    }
    Ok(bytes)
}
