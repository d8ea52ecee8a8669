//! Splits an expression into tokens: names, numbers and signs.

use crate::{Error, Result};

/// A token of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'t> {
    Number(f64),
    Name(&'t str),
    /// `+ - * / ^ @ ( ) [ ] , ; =`; alternative spellings are normalised to these.
    Sign(char),
    End,
}

/// The tokens of a text, with one token of lookahead.
pub(super) struct Lexer<'t> {
    pub text: &'t str,
    /// Where the next token begins.
    pub at: usize,
    pub next: Token<'t>,
    /// Where it ends.
    end: usize,
}

impl<'t> Lexer<'t> {
    pub fn new(text: &'t str) -> Result<Self> {
        let mut lexer = Lexer { text, at: 0, next: Token::End, end: 0 };
        lexer.advance()?;
        Ok(lexer)
    }

    /// Takes the next token, and returns its position.
    pub fn take(&mut self) -> Result<(Token<'t>, usize)> {
        let taken = (self.next, self.at);
        self.advance()?;
        Ok(taken)
    }

    /// Takes the next token if it is this sign.
    pub fn take_sign(&mut self, sign: char) -> Result<bool> {
        let is_it = self.next == Token::Sign(sign);
        if is_it {
            self.advance()?;
        }
        Ok(is_it)
    }

    /// The error for an unexpected next token.
    pub fn unexpected(&self, expected: impl Into<String>) -> Error {
        let found = match self.next {
            Token::End => "the end".to_owned(),
            _ => format!("`{}`", &self.text[self.at..self.end]),
        };
        Error::expression(self.text, self.at, found, expected)
    }

    fn advance(&mut self) -> Result<()> {
        let rest = &self.text[self.end..];
        self.at = self.end + (rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len());
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else {
            (self.next, self.end) = (Token::End, self.at);
            return Ok(());
        };
        let (token, length) = match first {
            '0'..='9' | '.' => self.number(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let belongs = |c: char| c.is_alphanumeric() || c == '_' || c == '\'';
                let length = rest.find(|c: char| !belongs(c)).unwrap_or(rest.len());
                (Token::Name(&rest[..length]), length)
            }
            '*' if rest.starts_with("**") => (Token::Sign('^'), 2),
            '+' | '-' | '*' | '/' | '^' | '@' | '(' | ')' | '[' | ']' | ',' | ';' | '=' => {
                (Token::Sign(first), 1)
            }
            '\n' => (Token::Sign(';'), 1),
            '−' => (Token::Sign('-'), first.len_utf8()),
            '·' | '×' => (Token::Sign('*'), first.len_utf8()),
            '÷' => (Token::Sign('/'), first.len_utf8()),
            other => {
                let found =
                    if other.is_control() { "a control character".to_owned() } else { format!("`{other}`") };
                let expected = "a number, a name, or one of + - * / ^ @ ( ) [ ] , ; =";
                return Err(Error::expression(self.text, self.at, found, expected));
            }
        };
        (self.next, self.end) = (token, self.at + length);
        Ok(())
    }

    fn number(&self, rest: &str) -> Result<(Token<'t>, usize)> {
        let digits =
            |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let mut length = digits(rest);
        let exponent = rest[length..].strip_prefix(['e', 'E']).map(|exponent| {
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            (
                exponent.len() - unsigned.len(),
                unsigned.len() - unsigned.trim_start_matches(|c: char| c.is_ascii_digit()).len(),
            )
        });
        if let Some((sign, digits)) = exponent.filter(|&(_, digits)| digits > 0) {
            length += 1 + sign + digits;
        }
        let refuse = |expected: &str| {
            let found = match length {
                0..=40 => format!("`{}`", &rest[..length]),
                _ => "a number of many digits".to_owned(),
            };
            Err(Error::expression(self.text, self.at, found, expected))
        };
        match rest[..length].parse::<f64>() {
            Ok(number) if number.is_finite() => Ok((Token::Number(number), length)),
            Ok(_) => refuse("a number of at most 1.8e308"),
            Err(_) => refuse("a number, such as 2, 0.5 or 1e-3"),
        }
    }
}
