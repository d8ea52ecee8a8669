//! Human-readable tables and numbers.

use std::fmt::Display;
use std::io::Write;

use anyhow::{Context, Result};
use comfy_table::{ContentArrangement, Table};

/// Writes a result and a line feed to standard output.
///
/// # Errors
/// A closed pipe, as with `| head -1`, for which `println!` would panic.
pub fn print(result: impl Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{result}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// A table with these column names, whose columns are separated by spaces only: readable in a pipe, and on a terminal,
/// where cells wrap to its width.
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

/// Seconds with three significant digits; a dash for NaN.
pub fn seconds(seconds: f64) -> String {
    if seconds.is_nan() {
        return "–".to_owned();
    }
    let before_the_point = (seconds.abs().max(1e-9).log10().floor() as i32 + 1).max(1);
    format!("{seconds:.*}", (4 - before_the_point).clamp(0, 3) as usize)
}

/// Seconds with three significant digits, in a suitable unit: `8.12 ms`; a dash for NaN.
pub fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s.is_nan() => return "–".to_owned(),
        s if s < 1e-3 => (1e6 * s, "µs"),
        s if s < 1.0 => (1e3 * s, "ms"),
        s => (s, "s"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

/// A ratio: `1/15.2` or `1/1.08` below one, `1.07` above.
pub fn ratio(ratio: f64) -> String {
    match ratio {
        r if r.is_nan() => "–".to_owned(),
        r if r < 0.5 => format!("1/{:.1}", 1.0 / r),
        r if r < 1.0 => format!("1/{:.2}", 1.0 / r),
        r => format!("{r:.2}"),
    }
}

/// A whole number with a comma after every third digit.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in millions: `47.0 MB`.
pub fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_read() {
        assert_eq!(
            [0.0123, 0.5, 5.25, 42.04, 123.4, f64::NAN].map(seconds),
            ["0.012", "0.500", "5.250", "42.04", "123.4", "–"]
        );
        assert_eq!(
            [9.94e-6, 0.0123, 0.9, 5.25, 142.0, f64::NAN].map(duration),
            ["9.94 µs", "12.3 ms", "900 ms", "5.25 s", "142 s", "–"]
        );
        assert_eq!([1.0 / 15.2, 1.0 / 1.08, 1.0].map(ratio), ["1/15.2", "1/1.08", "1.00"]);
        assert_eq!([1.151, f64::NAN].map(ratio), ["1.15", "–"]);
        assert_eq!([7, 999, 1000, 1_234_567].map(count), ["7", "999", "1,000", "1,234,567"]);
    }
}
