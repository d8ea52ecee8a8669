//! Human-readable numbers.

/// 12345 → "12,345".
pub(crate) fn grouped(count: impl TryInto<u64>) -> String {
    let digits = count.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// 0.97054 → "97.05 %".
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// 0.97054 → "97.1", and a dash for an undefined value.
pub(crate) fn percent_or_dash(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", 100.0 * share))
}

/// 0.00042 → "420 µs": three digits and a suitable unit.
pub(crate) fn seconds(s: f64) -> String {
    match s {
        s if !s.is_finite() || s < 0.0 => "–".to_owned(),
        0.0 => "0 s".to_owned(),
        s if s >= 99.95 => {
            let whole = s.round() as u64;
            format!("{} min {:02} s", whole / 60, whole % 60)
        }
        s if s >= 0.9995 => format!("{} s", three_digits(s)),
        s if s >= 0.9995e-3 => format!("{} ms", three_digits(s * 1e3)),
        s if s >= 0.9995e-6 => format!("{} µs", three_digits(s * 1e6)),
        s => format!("{} ns", three_digits(s * 1e9)),
    }
}

/// 1234567 → "1.23 MB": three digits and a decimal unit.
pub(crate) fn bytes(count: u64) -> String {
    let b = count as f64;
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", three_digits(b / 1e3)),
        1_000_000..1_000_000_000 => format!("{} MB", three_digits(b / 1e6)),
        _ => format!("{} GB", three_digits(b / 1e9)),
    }
}

/// 12.345 → "12.3", 1.2345 → "1.23", 123.45 → "123".
pub(crate) fn three_digits(v: f64) -> String {
    match v.abs() {
        a if a >= 99.95 => format!("{v:.0}"),
        a if a >= 9.995 => format!("{v:.1}"),
        a if a >= 0.9995 || a == 0.0 => format!("{v:.2}"),
        a if a >= 1e-3 => format!("{v:.4}"),
        _ => format!("{v:.2e}"),
    }
}

/// "1 example", "2 examples".
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count as u64), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [grouped(0u64), grouped(999u64), grouped(1000u64), grouped(1234567u64)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [seconds(0.000_42), seconds(1.5), seconds(12.345), seconds(125.0), seconds(2.5e-9)],
            ["420 µs", "1.50 s", "12.3 s", "2 min 05 s", "2.50 ns"]
        );
        assert_eq!([bytes(12), bytes(31_400), bytes(47_040_000)], ["12 B", "31.4 kB", "47.0 MB"]);
        assert_eq!(seconds(f64::NAN), "–");
        assert_eq!([percent(0.97054), percent_or_dash(None)], ["97.05 %", "–"]);
    }
}
