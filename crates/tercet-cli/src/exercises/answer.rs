//! Reads a student's numbers, in any common notation.

use anyhow::bail;

/// The largest number of numbers.
const MOST: usize = 10_000;

/// The numbers in a text, in order. They are separated by spaces, commas, semicolons or line breaks.
/// Brackets, names followed by `=` or `:`, and comments after `#` are ignored.
pub fn read(text: &str) -> anyhow::Result<Vec<f64>> {
    let mut numbers = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let text = text.split('#').next().unwrap_or_default();
        // A name may contain spaces, and precedes its number.
        for part in text.split([',', ';']) {
            let part = part.rsplit(['=', ':']).next().unwrap_or_default();
            let words = part.split(|c: char| c.is_whitespace() || "[](){}|".contains(c));
            for word in words.filter(|word| !word.is_empty()) {
                // A typographic minus sign.
                let Ok(number) = word.replace('\u{2212}', "-").parse() else {
                    bail!(
                        "line {}: found {word:?}; expected a number, such as 8.3, −0.5 or 1e-3, with a \
                         decimal point",
                        line + 1
                    );
                };
                numbers.push(number);
                if numbers.len() > MOST {
                    bail!("found more than {MOST} numbers; expected the numbers of one exercise");
                }
            }
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let all = [1.5, -2.0, 300.0];
        for text in [
            "1.5 -2 300",
            "1.5, −2, 3e2\n",
            "[1.5 -2.; 300]",
            "[[1.5, -2.0],\n [3e2]]",
            "h = 1.5 # the first\nthe second: -2\n\nloss L = 300",
            "(1.5,\t-2,\r\n300,)",
        ] {
            assert_eq!(read(text).unwrap(), all, "{text}");
        }
        assert_eq!(read("").unwrap(), [] as [f64; 0]);
        let error = read("1\n2,x y").unwrap_err().to_string();
        assert!(error.starts_with("line 2: found \"x\""), "{error}");
        assert!(read(&"1 ".repeat(MOST + 1)).is_err());
    }
}
