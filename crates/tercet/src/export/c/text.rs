//! Numbers, strings and names in C syntax.

use std::fmt::Write;

use crate::{Error, Result};

/// The maximum length of a line of an array.
const LINE: usize = 100;

/// The maximum length of a string literal that C99 guarantees.
const MOST_BYTES: usize = 4095;

/// The keywords of C99, and those of C++, since the header may be included there.
const KEYWORDS: &str = "alignas alignof and asm auto bool break case catch char class const constexpr continue default delete \
    do double else enum explicit export extern false float for friend goto if inline int long mutable namespace new noexcept \
    not nullptr operator or private protected public register restrict return short signed sizeof static struct switch \
    template this thread_local throw true try typedef typeid typename union unsigned using virtual void volatile while xor";

/// Rejects an invalid prefix for function names.
pub(super) fn check_name(name: &str) -> Result<()> {
    let refuse = |expected: &str| Err(Error::setting("the name in C", name, expected));
    let mut characters = name.chars();
    if !characters.next().is_some_and(|c| c.is_ascii_alphabetic())
        || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        return refuse("a letter of A to Z, in capitals or not, then such letters, digits and underscores");
    }
    if KEYWORDS.split_whitespace().any(|word| word == name) {
        return refuse("a name that is not reserved in C");
    }
    Ok(())
}

/// Rejects file names that cannot be quoted after `#include`, where there are no escapes.
pub(super) fn check_header(file: &str) -> Result<()> {
    match file.is_empty() || file.contains(['"', '\\', '?']) || file.contains(char::is_control) {
        true => {
            let expected = "a name without quotation marks, question marks, backslashes and line breaks";
            Err(Error::setting("the name of the header", format!("{file:?}"), expected))
        }
        false => Ok(()),
    }
}

/// A C name derived from a file name: invalid characters become underscores.
///
/// ```
/// use tercet::export::name_in_c;
///
/// assert_eq!(name_in_c("digits"), "digits");
/// assert_eq!(name_in_c("99-percent.v2"), "model_99_percent_v2");
/// ```
pub fn name_in_c(text: &str) -> String {
    let name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    match check_name(&name) {
        Ok(()) => name,
        Err(_) => format!("model_{name}"),
    }
}

/// A string literal in which every byte has the same meaning for every compiler.
pub(super) fn string(text: &str) -> Result<String> {
    if text.len() > MOST_BYTES {
        let what = "bytes of the name of a class to export";
        return Err(Error::mismatch(what, text.len(), format!("at most {MOST_BYTES}, as C99 promises")));
    }
    let mut quoted = "\"".to_owned();
    for byte in text.bytes() {
        match byte {
            // Two question marks start a trigraph.
            b'"' | b'\\' | b'?' => quoted.extend(['\\', byte.into()]),
            b' '..=b'~' => quoted.push(byte.into()),
            // Always three digits, so that a following digit is not taken as part of the escape.
            _ => _ = write!(quoted, "\\{byte:03o}"),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

/// Text for a comment, which does not end it and contains nothing that a compiler would interpret.
pub(super) fn comment(text: &str) -> String {
    let plain = |c: char| match c {
        '×' => 'x',
        '–' | '−' | '→' => '-',
        c if c.is_ascii_graphic() || c == ' ' => c,
        _ => '?',
    };
    text.chars().map(plain).collect::<String>().replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")
}

/// A number that the compiler parses back to the same bits.
pub(super) fn float(value: f32) -> String {
    // The shortest digits that represent it, with an exponent if that is shorter.
    let (plain, short) = (format!("{value:?}"), format!("{value:e}"));
    if plain.len() <= short.len() + 2 { format!("{plain}f") } else { format!("{short}f") }
}

/// `static const TYPE name[count] = { … };`
pub(super) fn array(
    out: &mut String,
    kind: &str,
    name: &str,
    count: usize,
    values: impl Iterator<Item = String>,
) {
    let _ = writeln!(out, "static const {kind} {name}[{count}] = {{");
    let mut line = String::new();
    for value in values {
        if line.len() + value.len() + 2 > LINE {
            let _ = writeln!(out, "   {line}");
            line.clear();
        }
        let _ = write!(line, " {value},");
    }
    let _ = writeln!(out, "   {line}\n}};");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_to_the_same_bits() {
        for value in
            [0.0, -0.0, 1.0, 0.1, -1.5e-7, 1e30, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), 123_456.79]
        {
            let text = float(value);
            let number = text.strip_suffix('f').unwrap();
            assert_eq!(number.parse::<f32>().unwrap().to_bits(), value.to_bits(), "{text}");
            assert!(number.contains(['.', 'e']), "{text} would be an integer in C");
        }
    }

    #[test]
    fn names_are_names_in_c() {
        for good in ["a", "Digits_2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "2a", "_a", "é", "a-b", "int", "class", "a b"] {
            assert!(check_name(bad).is_err(), "{bad}");
            assert!(check_name(&name_in_c(bad)).is_ok(), "{bad} becomes {}", name_in_c(bad));
        }
        assert!(check_header("my net-2.h").is_ok());
        assert!(check_header("a\".h").is_err() && check_header("").is_err());
    }

    #[test]
    fn class_names_do_not_end_strings_or_comments() {
        assert_eq!(string("a\"b\\c??=\u{e9}1\n").unwrap(), "\"a\\\"b\\\\c\\?\\?=\\303\\2511\\012\"");
        assert!(string(&"x".repeat(MOST_BYTES + 1)).is_err());
        assert_eq!(comment("28 × 28 */ int x; /* é"), "28 x 28 * / int x; / * ?");
        assert_eq!(comment("*/*/"), "* / * /");
    }
}
