//! [`Value`]: the values that flow along the edges of a graph.

use crate::{Error, Result};

/// A row-major matrix of f64; a scalar is one of (1, 1).
///
/// ```
/// use tercet::graph::Value;
/// let w = Value::new(2, 2, vec![1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!((w.shape(), w.to_string().as_str()), ((2, 2), "[1, 2; 3, 4]"));
/// assert_eq!(Value::scalar(-4.0).to_string(), "-4");
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    rows: usize,
    columns: usize,
    numbers: Vec<f64>,
}

/// Rows and columns.
pub type Shape = (usize, usize);

/// The distribution of the numbers of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The minimum; NaN if any number is.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The maximum; NaN if any number is.
    pub max: f64,
    /// The fraction of zeros, from 0 to 1.
    pub zeros: f64,
}

impl Value {
    /// A matrix from its numbers, row by row.
    ///
    /// # Errors
    /// If there are not exactly rows × columns numbers, or none.
    pub fn new(rows: usize, columns: usize, numbers: Vec<f64>) -> Result<Self> {
        if numbers.is_empty() || rows.checked_mul(columns) != Some(numbers.len()) {
            let what = format!("numbers of a matrix with dimensions ({rows}, {columns})");
            return Err(Error::mismatch(
                what,
                numbers.len(),
                format!("{rows} × {columns}, and at least one"),
            ));
        }
        Ok(Value { rows, columns, numbers })
    }

    /// A single number.
    pub fn scalar(number: f64) -> Self {
        Value::filled((1, 1), number)
    }

    /// A single row of numbers, at least one.
    pub(super) fn row(numbers: Vec<f64>) -> Self {
        Value { rows: 1, columns: numbers.len(), numbers }
    }

    pub(super) fn filled((rows, columns): Shape, number: f64) -> Self {
        Value { rows, columns, numbers: vec![number; rows * columns] }
    }

    /// Applies a function to each number.
    pub(super) fn map(&self, f: &dyn Fn(f64) -> f64) -> Self {
        Value { numbers: self.numbers.iter().map(|&v| f(v)).collect(), ..*self }
    }

    /// Rows and columns.
    pub fn shape(&self) -> Shape {
        (self.rows, self.columns)
    }

    /// All numbers, row by row.
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// All numbers, mutable.
    pub fn numbers_mut(&mut self) -> &mut [f64] {
        &mut self.numbers
    }

    /// The number, if there is only one.
    pub fn as_scalar(&self) -> Option<f64> {
        if let [number] = self.numbers[..] { Some(number) } else { None }
    }

    /// The number at a row and column of the larger shape to which this value is broadcast.
    fn stretched(&self, row: usize, column: usize) -> f64 {
        let row = if self.rows == 1 { 0 } else { row };
        let column = if self.columns == 1 { 0 } else { column };
        self.numbers[row * self.columns + column]
    }

    /// `f(a, b)`, element-wise. A row is broadcast over all rows, a column over all columns, a scalar over both.
    ///
    /// # Shapes
    /// They must be compatible, as defined by [`common_shape`].
    pub(super) fn zip(a: &Value, b: &Value, f: &dyn Fn(f64, f64) -> f64) -> Self {
        let (rows, columns) = common_shape(a.shape(), b.shape()).expect("shapes that fit");
        let mut numbers = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                numbers.push(f(a.stretched(row, column), b.stretched(row, column)));
            }
        }
        Value { rows, columns, numbers }
    }

    /// The reverse of broadcasting: each number is the sum over all its copies.
    pub(super) fn summed_to(self, (rows, columns): Shape) -> Self {
        if self.shape() == (rows, columns) {
            return self;
        }
        let mut sums = Value::filled((rows, columns), 0.0);
        for row in 0..self.rows {
            for column in 0..self.columns {
                let (to_row, to_column) =
                    (if rows == 1 { 0 } else { row }, if columns == 1 { 0 } else { column });
                sums.numbers[to_row * columns + to_column] += self.numbers[row * self.columns + column];
            }
        }
        sums
    }

    /// Adds another value of the same shape.
    pub(super) fn add(&mut self, other: &Value) {
        self.numbers.iter_mut().zip(&other.numbers).for_each(|(sum, v)| *sum += v);
    }

    /// The distribution of its numbers.
    ///
    /// ```
    /// use tercet::graph::Value;
    /// let summary = Value::new(1, 4, vec![0.0, 2.0, 0.0, -4.0])?.summary();
    /// assert_eq!((summary.min, summary.mean, summary.max, summary.zeros), (-4.0, -0.5, 2.0, 0.5));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn summary(&self) -> Summary {
        let count = self.numbers.len() as f64;
        // `f64::min` would ignore NaN, which must propagate.
        let pick = |better: &dyn Fn(f64, f64) -> bool| {
            let first = self.numbers[0];
            self.numbers.iter().fold(first, |best, &v| if v.is_nan() || better(v, best) { v } else { best })
        };
        Summary {
            min: pick(&|v, best| v < best),
            mean: self.numbers.iter().sum::<f64>() / count,
            max: pick(&|v, best| v > best),
            zeros: self.numbers.iter().filter(|&&v| v == 0.0).count() as f64 / count,
        }
    }

    /// The value if it has at most `most` numbers, otherwise its shape and the range of its numbers.
    pub fn short(&self, most: usize) -> String {
        if self.numbers.len() <= most {
            return self.to_string();
        }
        let Summary { min, max, .. } = self.summary();
        format!("{:?} from {} to {}", self.shape(), number(min), number(max))
    }
}

/// The shape of `a + b`: rows must be equal or one of them 1, and so must columns.
pub(super) fn common_shape(a: Shape, b: Shape) -> Option<Shape> {
    let common = |a: usize, b: usize| match (a, b) {
        (a, b) if a == b => Some(a),
        (1, b) => Some(b),
        (a, 1) => Some(a),
        _ => None,
    };
    Some((common(a.0, b.0)?, common(a.1, b.1)?))
}

impl std::fmt::Display for Value {
    /// In expression syntax: `-4`, `[1, 2; 3, 4]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(v) = self.as_scalar() {
            return f.write_str(&number(v));
        }
        let rows: Vec<String> = self
            .numbers
            .chunks_exact(self.columns)
            .map(|row| row.iter().map(|&v| number(v)).collect::<Vec<_>>().join(", "))
            .collect();
        write!(f, "[{}]", rows.join("; "))
    }
}

/// `v` rounded to the given number of significant digits: 1234.5 to three digits is 1230.
///
/// # Panics
/// If `digits` is 0.
pub fn rounded(v: f64, digits: usize) -> f64 {
    format!("{v:.*e}", digits - 1).parse().unwrap_or(v)
}

/// A number with six significant digits, without trailing zeros: `-4`, `0.25`, `1.23457e-7`.
pub fn number(v: f64) -> String {
    if v == 0.0 {
        return "0".to_owned();
    }
    if !v.is_finite() {
        return v.to_string();
    }
    let trimmed = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    // The exponent after rounding to six digits: 999999.7 is 1e6.
    let scientific = format!("{v:.5e}");
    let (digits, exponent) = scientific.split_once('e').expect("an exponent");
    match exponent.parse::<i32>().expect("a small number") {
        e @ -4..=8 => trimmed(&format!("{v:.*}", usize::try_from(5 - e).unwrap_or(0))),
        e => format!("{}e{e}", trimmed(digits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_digits() {
        assert_eq!([0.0, -1234.5, 0.000123456].map(|v| rounded(v, 3)), [0.0, -1230.0, 0.000123]);
        assert!(rounded(f64::INFINITY, 3).is_infinite() && rounded(f64::NAN, 3).is_nan());
    }

    #[test]
    fn numbers_are_short_and_keep_six_digits() {
        let found = [0.0, -0.0, -4.0, 0.1 + 0.2, 1.0 / 3.0, 123456.78, 999_999.7, 1e8, 1.5e12, 2e-5, -1e-4]
            .map(number);
        let expected = [
            "0",
            "0",
            "-4",
            "0.3",
            "0.333333",
            "123457",
            "1000000",
            "100000000",
            "1.5e12",
            "2e-5",
            "-0.0001",
        ];
        assert_eq!(found, expected);
        assert_eq!([f64::NAN, f64::NEG_INFINITY].map(number), ["NaN", "-inf"]);
    }

    #[test]
    fn broadcasting_and_summing_back() {
        let matrix = Value::new(2, 3, vec![1., 2., 3., 4., 5., 6.]).unwrap();
        let row = Value::new(1, 3, vec![10., 20., 30.]).unwrap();
        let column = Value::new(2, 1, vec![100., 200.]).unwrap();
        let sum = |a: &Value, b: &Value| Value::zip(a, b, &|a, b| a + b);
        assert_eq!(sum(&matrix, &row).numbers(), [11., 22., 33., 14., 25., 36.]);
        assert_eq!(sum(&column, &matrix).numbers(), [101., 102., 103., 204., 205., 206.]);
        assert_eq!(sum(&row, &column).shape(), (2, 3));
        assert_eq!(matrix.clone().summed_to((1, 3)).numbers(), [5., 7., 9.]);
        assert_eq!(matrix.clone().summed_to((2, 1)).numbers(), [6., 15.]);
        assert_eq!(matrix.summed_to((1, 1)).numbers(), [21.]);
        assert_eq!(common_shape((2, 3), (3, 2)), None);
    }

    #[test]
    fn a_summary_does_not_hide_nan() {
        let summary = Value::row(vec![1.0, f64::NAN, 3.0]).summary();
        assert!(summary.min.is_nan() && summary.max.is_nan());
    }
}
