//! The functions available in expressions, and their arguments.

use super::NodeId;
use super::lexer::Token;
use super::operation::Operation;
use super::parse::{Parser, signed_number};
use super::window::Window;
use crate::loss::Loss;
use crate::network::Activation;
use crate::{Error, Result};

/// The maximum number of pixels, channels and the like.
const MOST_SIZE: f64 = 1_000_000.0;

/// The functions of expressions with their arguments; those in brackets are optional.
pub const FUNCTIONS: [(&str, &str); 21] = [
    ("relu", "x"),
    ("leaky_relu", "x, [slope=0.01]"),
    ("sigmoid", "x"),
    ("tanh", "x"),
    ("gelu", "x"),
    ("gelu_tanh", "x"),
    ("exp", "x"),
    ("log", "x"),
    ("sqrt", "x"),
    ("sum", "x"),
    ("mean", "x"),
    ("max", "x, [y]"),
    ("matmul", "x, y"),
    ("svm_loss", "scores, classes, [margin=1]"),
    ("softmax_loss", "scores, classes"),
    ("conv2d", "x, w, [b], height=…, width=…, kernel=…, [channels=1, stride=1, padding=0]"),
    ("max_pool", "x, height=…, width=…, [channels=1, kernel=2, stride=kernel]"),
    ("average_pool", "x, height=…, width=…, [channels=1, kernel=2, stride=kernel]"),
    ("channel_mean", "x, channels=…"),
    ("repeat", "x, times=…"),
    ("flatten", "x"),
];

impl<'t> Parser<'t> {
    /// Parses the arguments of a function: operands first, then named numbers.
    pub(super) fn call(&mut self, name: &'t str, at: usize) -> Result<NodeId> {
        let (_, usage) = FUNCTIONS.iter().find(|(function, _)| *function == name).expect("a function");
        if !self.lexer.take_sign('(')? {
            return Err(self.lexer.unexpected(format!("`(`, as {name} is a function: {name}({usage})")));
        }
        let (mut operands, mut settings) =
            (Vec::new(), Settings { text: self.lexer.text, given: Vec::new() });
        while self.lexer.next != Token::Sign(')') {
            let (start, next) = (self.lexer.at, self.lexer.next);
            let after =
                |word: &str| self.lexer.text[start + word.len()..].trim_start_matches([' ', '\t', '\r']);
            match next {
                Token::Name(word) if after(word).starts_with('=') => {
                    self.lexer.take()?;
                    self.lexer.take()?;
                    let number = signed_number(&mut self.lexer, "a number")?;
                    settings.given.push((word, start, number));
                }
                _ => operands.push(self.sum()?),
            }
            if !self.lexer.take_sign(',')? && self.lexer.next != Token::Sign(')') {
                return Err(match self.begins_an_operand() {
                    true => self.after_an_operand(),
                    false => self.lexer.unexpected("`,`, `)` or an operator"),
                });
            }
        }
        self.lexer.take()?;
        let count = operands.len();
        let operation = self.operation(name, at, count, &mut settings)?;
        if let Some((word, start, _)) = settings.given.first() {
            let found = format!("{word}, which {name} has not, or not twice");
            return Err(Error::expression(self.lexer.text, *start, found, format!("{name}({usage})")));
        }
        let arity = operation.as_ref().map_or((1, 1), Operation::arity);
        if !(arity.0..=arity.1).contains(&count) {
            let arguments = if count == 1 { "argument" } else { "arguments" };
            let found = format!("{name} with {count} {arguments}");
            return Err(Error::expression(self.lexer.text, at, found, format!("{name}({usage})")));
        }
        match operation {
            Some(operation) => self.node(at, operation, &operands),
            // Images are stored as rows already.
            None => Ok(operands[0]),
        }
    }

    /// The operation of a function; `None` for `flatten`, which changes nothing.
    fn operation(
        &self,
        name: &str,
        at: usize,
        operands: usize,
        settings: &mut Settings<'t>,
    ) -> Result<Option<Operation>> {
        if let Some(activation) = Activation::from_name(name) {
            return Ok(Some(Operation::Activation(match activation {
                Activation::LeakyRelu { slope } => {
                    let slope = settings.take("slope").map_or(slope, |(_, slope)| slope);
                    Activation::LeakyRelu { slope }
                }
                other => other,
            })));
        }
        Ok(Some(match name {
            "exp" => Operation::Exp,
            "log" => Operation::Log,
            "sqrt" => Operation::Sqrt,
            "sum" => Operation::Sum,
            "mean" => Operation::Mean,
            "max" if operands == 2 => Operation::Maximum,
            "max" => Operation::Max,
            "matmul" => Operation::Matmul,
            "svm_loss" => {
                let (start, margin) = settings.take("margin").unwrap_or((at, 1.0));
                let loss = Loss::Svm { margin: margin as f32 };
                loss.validate().map_err(|_| {
                    let found = format!("a margin of {margin}");
                    Error::expression(self.lexer.text, start, found, "a finite number above 0")
                })?;
                Operation::Loss(loss)
            }
            "softmax_loss" => Operation::Loss(Loss::Softmax),
            "channel_mean" => Operation::ChannelMean { channels: settings.needed(at, name, "channels")? },
            "repeat" => Operation::Repeat { times: settings.needed(at, name, "times")? },
            "conv2d" => Operation::Convolution(settings.window(at, name, None)?),
            "max_pool" => Operation::MaxPool(settings.window(at, name, Some(2))?),
            "average_pool" => Operation::AveragePool(settings.window(at, name, Some(2))?),
            _ => return Ok(None),
        }))
    }
}

pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.iter().any(|(function, _)| *function == name)
}

/// The named arguments of a function that have not been used yet.
struct Settings<'t> {
    text: &'t str,
    /// Name, position and number.
    given: Vec<(&'t str, usize, f64)>,
}

impl Settings<'_> {
    fn take(&mut self, name: &str) -> Option<(usize, f64)> {
        let place = self.given.iter().position(|(given, ..)| *given == name)?;
        let (_, at, number) = self.given.remove(place);
        Some((at, number))
    }

    /// A count, such as a number of pixels.
    fn size(&mut self, name: &str, least: f64) -> Result<Option<usize>> {
        match self.take(name) {
            None => Ok(None),
            Some((_, size)) if size.fract() == 0.0 && (least..=MOST_SIZE).contains(&size) => {
                Ok(Some(size as usize))
            }
            Some((at, size)) => {
                let expected = format!("an integer from {least} to {MOST_SIZE}");
                Err(Error::expression(self.text, at, format!("{name}={size}"), expected))
            }
        }
    }

    /// A count that must be given.
    fn needed(&mut self, at: usize, function: &str, name: &str) -> Result<usize> {
        self.size(name, 1.0)?.ok_or_else(|| {
            let found = format!("{function} without {name}");
            Error::expression(self.text, at, found, format!("{name}=…, an integer"))
        })
    }

    /// The window of a convolution, or of pooling, where the kernel size has a default and there is no padding.
    fn window(&mut self, at: usize, function: &str, pooling: Option<usize>) -> Result<Window> {
        let height = self.needed(at, function, "height")?;
        let width = self.needed(at, function, "width")?;
        let channels = self.size("channels", 1.0)?.unwrap_or(1);
        let kernel = self.size("kernel", 1.0)?.or(pooling);
        let (tall, wide) = (self.size("kernel_height", 1.0)?, self.size("kernel_width", 1.0)?);
        let Some((kernel_height, kernel_width)) = tall.or(kernel).zip(wide.or(kernel)) else {
            let expected = "kernel=…, or kernel_height=… and kernel_width=…";
            return Err(Error::expression(self.text, at, format!("{function} without kernel"), expected));
        };
        let stride = self.size("stride", 1.0)?.unwrap_or(if pooling.is_some() { kernel_height } else { 1 });
        let padding = if pooling.is_some() { 0 } else { self.size("padding", 0.0)?.unwrap_or(0) };
        Ok(Window { height, width, channels, kernel_height, kernel_width, stride, padding })
    }
}
