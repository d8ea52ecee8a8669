//! Parses an expression into a graph.
//!
//! ```text
//! text        statement (";" or a new line, statement) …          the last one is the function
//! statement   name "=" sum  |  sum
//! sum         product ("+" or "-", product) …
//! product     signed ("*", "/" or "@", signed) …
//! signed      "-" signed  |  power
//! power       primary ("^" or "**", signed)?                      so −x² is −(x²), and 2^3^2 is 2^(3²)
//! primary     number  |  matrix  |  name  |  function "(" sum, … ")"  |  "(" sum ")"
//! matrix      "[" number, number, … ";" number, … "]"
//! ```

use std::collections::BTreeMap;

use super::evaluate::Values;
use super::functions::{FUNCTIONS, is_function};
use super::lexer::{Lexer, Token};
use super::operation::Operation;
use super::value::Value;
use super::{Graph, NodeId};
use crate::text::thousands;
use crate::{Error, Result};

/// The maximum nesting depth of brackets, functions, signs and powers.
pub const MOST_DEPTH: usize = 200;

/// The maximum number of nodes of a parsed graph.
pub const MOST_NODES: usize = 10_000;

/// The maximum length of a text, in bytes.
const MOST_TEXT: usize = 1 << 20;

impl Graph {
    /// The graph of an expression, and the node of its last statement, which is called f unless the expression names
    /// it.
    ///
    /// # Errors
    /// [`Error::Expression`], which points at the character: text that is not an expression, a name that is defined
    /// twice, and more than [`MOST_NODES`] or [`MOST_DEPTH`].
    ///
    /// ```
    /// use tercet::graph::Graph;
    /// let (graph, f) = Graph::parse("q = x + y; q * z")?;
    /// assert_eq!(graph.to_string(), "x = variable\ny = variable\nq = x + y\nz = variable\nf = q * z\n");
    /// assert_eq!(graph.name(f), "f");
    ///
    /// assert_eq!(
    ///     Graph::parse("(x + y) * * z").unwrap_err().to_string(),
    ///     "in the expression, at character 11:\n  \
    ///        (x + y) * * z\n            \
    ///                  ^\n\
    ///      found `*`; expected a number, a name, `(`, `[` or `-`"
    /// );
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<(Graph, NodeId)> {
        check_length(text)?;
        let lexer = Lexer::new(text)?;
        let mut parser = Parser { lexer, graph: Graph::new(), bound: BTreeMap::new(), depth: 0 };
        let mut root = None;
        loop {
            while parser.lexer.take_sign(';')? {}
            if parser.lexer.next == Token::End {
                break;
            }
            root = Some(parser.statement()?);
            if !matches!(parser.lexer.next, Token::End | Token::Sign(';')) {
                return Err(parser.after_an_operand());
            }
        }
        let Some(root) = root else {
            return Err(parser.lexer.unexpected("an expression, such as (x + y) * z"));
        };
        let mut graph = parser.graph;
        graph.text = Some(text.to_owned());
        let is_named = parser.bound.values().any(|&node| node == root);
        if graph.is_unnamed(root) && !is_named && graph.node("f").is_none() {
            graph.set_name(root, "f");
        }
        Ok((graph, root))
    }
}

/// The values of variables: `x=-2, y=5, w=[1, 2; 3, 4]`.
///
/// # Errors
/// [`Error::Expression`], which points at the character: text that is not such a list, and duplicate names.
///
/// ```
/// let values = tercet::graph::parse_values("x=-2, w=[1, 2; 3, 4]")?;
/// assert_eq!(values["x"].as_scalar(), Some(-2.0));
/// assert_eq!(values["w"].shape(), (2, 2));
/// assert_eq!(tercet::graph::parse_values("x=-2,\n\n w=[1, 2; 3, 4]\n")?, values);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn parse_values(text: &str) -> Result<Values> {
    read_values(text).map_err(|mut error| {
        if let Error::Expression { what, .. } = &mut error {
            *what = "the values";
        }
        error
    })
}

fn read_values(text: &str) -> Result<Values> {
    check_length(text)?;
    let mut lexer = Lexer::new(text)?;
    let mut values = Values::new();
    loop {
        // Values may be on separate lines, with or without a trailing comma: a line end is read as `;`.
        while lexer.take_sign(';')? {}
        if lexer.next == Token::End {
            return Ok(values);
        }
        let (Token::Name(name), at) = (lexer.next, lexer.at) else {
            return Err(lexer.unexpected("the name of a variable"));
        };
        if values.contains_key(name) {
            return Err(Error::expression(text, at, format!("another value for {name}"), "one"));
        }
        lexer.take()?;
        if !lexer.take_sign('=')? {
            return Err(lexer.unexpected(format!("`=` and the value of {name}")));
        }
        let value = match lexer.next {
            Token::Sign('[') => matrix(&mut lexer)?,
            _ => Value::scalar(signed_number(&mut lexer, "a number, or a matrix such as [1, 2; 3, 4]")?),
        };
        values.insert(name.to_owned(), value);
        if lexer.next != Token::End && !lexer.take_sign(',')? && !lexer.take_sign(';')? {
            return Err(lexer.unexpected("`,` and the next value, or the end"));
        }
    }
}

fn check_length(text: &str) -> Result<()> {
    if text.len() <= MOST_TEXT {
        return Ok(());
    }
    let found = format!("{} bytes", thousands(text.len()));
    Err(Error::setting("the length of the expression", found, format!("at most {}", thousands(MOST_TEXT))))
}

/// A number with an optional sign.
pub(super) fn signed_number(lexer: &mut Lexer<'_>, expected: &str) -> Result<f64> {
    let mut sign = 1.0;
    while matches!(lexer.next, Token::Sign('-' | '+')) {
        sign = if lexer.take()?.0 == Token::Sign('-') { -sign } else { sign };
    }
    let Token::Number(number) = lexer.next else { return Err(lexer.unexpected(expected)) };
    lexer.take()?;
    Ok(sign * number)
}

/// `[1, 2; 3, 4]`: rows of equal length.
fn matrix(lexer: &mut Lexer<'_>) -> Result<Value> {
    lexer.take()?;
    let (mut numbers, mut rows, mut columns, mut in_row) = (Vec::new(), 1, None, 0);
    loop {
        numbers.push(signed_number(lexer, "a number of the matrix")?);
        in_row += 1;
        if lexer.take_sign(',')? {
            continue;
        }
        if !matches!(lexer.next, Token::Sign(';' | ']')) {
            return Err(lexer.unexpected("`,` and a number, `;` and a row, or `]`"));
        }
        match columns {
            Some(columns) if columns != in_row => {
                let found = format!("a row of {in_row}");
                return Err(Error::expression(
                    lexer.text,
                    lexer.at,
                    found,
                    format!("{columns}, as in the rows above"),
                ));
            }
            _ => columns = Some(in_row),
        }
        if lexer.take()?.0 == Token::Sign(']') {
            return Value::new(rows, in_row, numbers);
        }
        (rows, in_row) = (rows + 1, 0);
    }
}

pub(super) struct Parser<'t> {
    pub lexer: Lexer<'t>,
    graph: Graph,
    /// The names defined by statements, and the variables.
    bound: BTreeMap<&'t str, NodeId>,
    depth: usize,
}

/// The tokens that may begin an operand.
const OPERAND: &str = "a number, a name, `(`, `[` or `-`";

impl<'t> Parser<'t> {
    fn statement(&mut self) -> Result<NodeId> {
        let Token::Name(name) = self.lexer.next else { return self.sum() };
        let at = self.lexer.at;
        // A name and an equals sign: look past the name, and backtrack if there is none.
        let after = self.lexer.text[at + name.len()..].trim_start_matches([' ', '\t', '\r']);
        if !after.starts_with('=') {
            return self.sum();
        }
        if is_function(name) {
            return Err(Error::expression(
                self.lexer.text,
                at,
                format!("the function {name}"),
                "another name",
            ));
        }
        if self.bound.contains_key(name) {
            let found = format!("{name}, which is already defined");
            return Err(Error::expression(self.lexer.text, at, found, "a new name"));
        }
        self.lexer.take()?;
        self.lexer.take()?;
        let node = self.sum()?;
        if let Some(&other) = self.bound.get(name) {
            let found = format!("{name} in its own definition");
            let at = self.graph.nodes[other.0].at.unwrap_or(at);
            return Err(Error::expression(self.lexer.text, at, found, "other names"));
        }
        // A node keeps its first name; later names are aliases.
        let is_named = self.bound.values().any(|&bound| bound == node);
        self.bound.insert(name, node);
        if !is_named {
            self.graph.set_name(node, name);
        }
        Ok(node)
    }

    /// Adds a node with its position for error messages.
    pub(super) fn node(&mut self, at: usize, operation: Operation, operands: &[NodeId]) -> Result<NodeId> {
        self.check_room(at)?;
        let node = self.graph.apply(operation, operands);
        self.graph.nodes[node.0].at = Some(at);
        Ok(node)
    }

    fn check_room(&self, at: usize) -> Result<()> {
        if self.graph.nodes.len() < MOST_NODES {
            return Ok(());
        }
        let expected = format!("a shorter expression: at most {} operations", thousands(MOST_NODES));
        Err(Error::expression(self.lexer.text, at, "one operation too many", expected))
    }

    /// Descends one level, as long as the stack is safe.
    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> Result<NodeId>) -> Result<NodeId> {
        if self.depth == MOST_DEPTH {
            let found = format!("more than {MOST_DEPTH} levels of nesting");
            let expected = "fewer: give a part a name in a statement of its own, as in q = x + y; q * z";
            return Err(Error::expression(self.lexer.text, self.lexer.at, found, expected));
        }
        self.depth += 1;
        let node = parse(self)?;
        self.depth -= 1;
        Ok(node)
    }

    pub(super) fn sum(&mut self) -> Result<NodeId> {
        let mut left = self.product()?;
        while let Token::Sign(sign @ ('+' | '-')) = self.lexer.next {
            let (_, at) = self.lexer.take()?;
            let right = self.product()?;
            let operation = if sign == '+' { Operation::Add } else { Operation::Subtract };
            left = self.node(at, operation, &[left, right])?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<NodeId> {
        let mut left = self.signed()?;
        while let Token::Sign(sign @ ('*' | '/' | '@')) = self.lexer.next {
            let (_, at) = self.lexer.take()?;
            let right = self.signed()?;
            let operation = match sign {
                '*' => Operation::Multiply,
                '/' => Operation::Divide,
                _ => Operation::Matmul,
            };
            left = self.node(at, operation, &[left, right])?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<NodeId> {
        let (sign, at) = (self.lexer.next, self.lexer.at);
        if self.lexer.take_sign('+')? {
            return self.deeper(Self::signed);
        }
        if sign != Token::Sign('-') {
            return self.power();
        }
        self.lexer.take()?;
        let is_number = matches!(self.lexer.next, Token::Number(_));
        let operand = self.deeper(Self::signed)?;
        // −2 is a number rather than an operation on one; but −2² is an operation on 2².
        if is_number && let Operation::Constant(value) = self.graph.operation(operand) {
            let negative = value.map(&|v| -v);
            let node = &mut self.graph.nodes[operand.0];
            node.name = negative.short(4);
            node.operation = Operation::Constant(negative);
            return Ok(operand);
        }
        self.node(at, Operation::Negate, &[operand])
    }

    fn power(&mut self) -> Result<NodeId> {
        let base = self.primary()?;
        if self.lexer.next != Token::Sign('^') {
            return Ok(base);
        }
        let (_, at) = self.lexer.take()?;
        let exponent = self.deeper(Self::signed)?;
        self.node(at, Operation::Power, &[base, exponent])
    }

    fn primary(&mut self) -> Result<NodeId> {
        let at = self.lexer.at;
        match self.lexer.next {
            Token::Number(number) => {
                self.lexer.take()?;
                self.node(at, Operation::Constant(Value::scalar(number)), &[])
            }
            Token::Sign('[') => {
                let value = matrix(&mut self.lexer)?;
                self.node(at, Operation::Constant(value), &[])
            }
            Token::Sign('(') => {
                self.lexer.take()?;
                let inside = self.deeper(Self::sum)?;
                self.close()?;
                Ok(inside)
            }
            Token::Name(name) => {
                self.lexer.take()?;
                if is_function(name) {
                    return self.deeper(|parser| parser.call(name, at));
                }
                if self.lexer.next == Token::Sign('(') {
                    let functions: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
                    let expected = format!("{name} * (…), or one of {}", functions.join(", "));
                    return Err(Error::expression(
                        self.lexer.text,
                        at,
                        format!("{name}(…), which is not a function"),
                        expected,
                    ));
                }
                if let Some(&node) = self.bound.get(name) {
                    return Ok(node);
                }
                self.check_room(at)?;
                let node = self.graph.input(name);
                self.graph.nodes[node.0].at = Some(at);
                self.bound.insert(name, node);
                Ok(node)
            }
            Token::Sign(_) | Token::End => Err(self.lexer.unexpected(OPERAND)),
        }
    }

    fn close(&mut self) -> Result<()> {
        match self.lexer.take_sign(')')? {
            true => Ok(()),
            false if self.begins_an_operand() => Err(self.after_an_operand()),
            false => Err(self.lexer.unexpected("`)` or an operator")),
        }
    }

    pub(super) fn begins_an_operand(&self) -> bool {
        matches!(self.lexer.next, Token::Number(_) | Token::Name(_) | Token::Sign('(' | '['))
    }

    /// The error for a token that cannot follow an operand: `2x`.
    pub(super) fn after_an_operand(&self) -> Error {
        match self.lexer.next {
            Token::Sign('=') => self.lexer.unexpected("an operator; only a single name may stand before `=`"),
            _ if self.begins_an_operand() => self.lexer.unexpected("an operator, such as `*` for a product"),
            _ => self.lexer.unexpected("an operator, `;` or the end"),
        }
    }
}
