//! The token, which clients need if other machines can connect.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use subtle::ConstantTimeEq;
use tercet::Error;

use crate::exit;

/// The environment variable that may hold it.
pub const VARIABLE: &str = "TERCET_TOKEN";

/// The shortest token, in characters.
const SHORTEST: usize = 16;

/// The longest token, in characters.
const LONGEST: usize = 1024;

/// A secret, compared in constant time.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new token: 32 random bytes from the operating system, in hexadecimal.
    pub fn generate() -> anyhow::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).context("cannot read random numbers for a token")?;
        Ok(Token(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The token of the user, from a file or from the environment.
    pub fn given(file: Option<&Path>) -> anyhow::Result<Option<Self>> {
        if let Some(path) = file {
            let mut text = String::new();
            let opened = std::fs::File::open(path).map_err(Error::file("read", path))?;
            let most = LONGEST as u64 + 3;
            opened.take(most).read_to_string(&mut text).map_err(Error::file("read", path))?;
            return Token::checked(text.trim_end_matches(['\r', '\n']), &path.display().to_string())
                .map(Some);
        }
        match std::env::var(VARIABLE) {
            Ok(text) if !text.is_empty() => Token::checked(&text, VARIABLE).map(Some),
            Err(std::env::VarError::NotUnicode(_)) => Token::checked("\u{fffd}", VARIABLE).map(Some),
            _ => Ok(None),
        }
    }

    fn checked(text: &str, place: &str) -> anyhow::Result<Self> {
        let found = match text.chars().count() {
            n if !(SHORTEST..=LONGEST).contains(&n) => format!("{n} characters"),
            // These need no quoting in headers and URLs.
            _ if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) => {
                return Ok(Token(text.to_owned()));
            }
            _ => "other characters".to_owned(),
        };
        Err(exit::usage(format!(
            "token in {place}: found {found}; expected {SHORTEST} to {LONGEST} letters, digits, and - . _ ~"
        )))
    }

    /// Whether a client has the right token.
    pub fn is(&self, guess: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(guess).into()
    }

    /// The secret itself, to print it.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_tokens_differ_and_are_their_own_only_match() {
        let (a, b) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_eq!(a.secret().len(), 64);
        assert!(a.is(a.secret().as_bytes()) && !a.is(b.secret().as_bytes()));
        assert!(!a.is(b"") && !a.is(&a.secret().as_bytes()[..63]));
        assert!(Token::checked(a.secret(), "a test").is_ok());
    }

    #[test]
    fn weak_and_malformed_tokens_are_rejected() {
        for text in ["", "secret", "sixteen letters ", "äöüäöüäöüäöüäöüäöü", &"a".repeat(LONGEST + 1)]
        {
            assert!(Token::checked(text, "a test").is_err(), "{text:?}");
        }
    }
}
