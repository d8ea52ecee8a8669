//! Formats numbers and excerpts for readers.

/// `28630` as `28,630`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes: `47.0 MB`, `113 kB`, `12 bytes`. Powers of ten.
pub fn bytes(n: usize) -> String {
    match n {
        0..1_000 => format!("{n} bytes"),
        1_000..1_000_000 => format!("{:.0} kB", n as f64 / 1e3),
        _ => format!("{:.1} MB", n as f64 / 1e6),
    }
}

/// A time span: `430 ns`, `18 µs`, `2.4 ms`, `3.21 s`, `2 min 05 s`.
pub fn seconds(s: f64) -> String {
    match s {
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s if s < 60.0 => format!("{s:.2} s"),
        s => format!("{} min {:02} s", s as u64 / 60, s as u64 % 60),
    }
}

/// A text for an error message: truncated and without control characters.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    let printed = |c: char| if c.is_control() { '·' } else { c };
    let mut shown: String = text.chars().take(SHOWN).map(printed).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn spans_and_sizes_choose_their_unit() {
        assert_eq!(
            [5e-7, 2.5e-5, 0.0024, 3.214, 125.0].map(seconds),
            ["500 ns", "25.0 µs", "2.4 ms", "3.21 s", "2 min 05 s"]
        );
        assert_eq!([12, 113_400, 47_040_016].map(bytes), ["12 bytes", "113 kB", "47.0 MB"]);
    }
}
