//! How a factor of a product is read: as it lies, transposed, or some of its rows.

use std::ops::Range;

/// A matrix that reads a slice by strides: element (i, j) is `values[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// A row-major matrix.
    ///
    /// # Panics
    /// Where there are not rows × columns values.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(columns), "values of a ({rows}, {columns}) matrix");
        View { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transpose: element (i, j) of it is element (j, i) of this.
    pub fn t(self) -> Self {
        View {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// Where the range reaches past the last row.
    pub fn row_range(self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.rows,
            "rows {range:?} of a matrix of {} rows",
            self.rows
        );
        let rows = range.len();
        // An empty range may start one past the last element, which no slice reaches when rows are strided.
        let from = if rows == 0 { self.values.len() } else { range.start * self.row_stride };
        View { values: &self.values[from..], rows, ..self }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Element (i, j).
    #[inline(always)]
    pub fn at(&self, i: usize, j: usize) -> f32 {
        self.values[i * self.row_stride + j * self.column_stride]
    }

    /// The slice that is read.
    #[inline(always)]
    pub(crate) fn values(&self) -> &'a [f32] {
        self.values
    }

    /// How far apart two neighbouring rows lie.
    #[inline(always)]
    pub(crate) fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// How far apart two neighbouring columns lie.
    #[inline(always)]
    pub(crate) fn column_stride(&self) -> usize {
        self.column_stride
    }
}

/// What the sums of a product start from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// From zero: `C = A · B`.
    Zero,
    /// From the same number in all rows of a column: `C = bias + A · B`, the bias being (N).
    Bias(&'a [f32]),
    /// From what is there: `C += A · B`.
    Keep,
}

impl Start<'_> {
    /// Panics where the shapes of a product do not fit.
    pub(super) fn check(&self, a: View<'_>, b: View<'_>, c: &[f32]) {
        assert_eq!(
            a.columns,
            b.rows,
            "matrix A has dimensions {:?}, matrix B has dimensions {:?}: the inner dimensions must match",
            (a.rows, a.columns),
            (b.rows, b.columns)
        );
        assert_eq!(c.len(), a.rows * b.columns, "C is ({}, {})", a.rows, b.columns);
        if let Start::Bias(bias) = self {
            assert_eq!(bias.len(), b.columns, "one bias for each column of C");
        }
    }
}
