//! Strided views of the factors of a product (as stored, transposed, or a range of rows or columns) and of its result.

use std::marker::PhantomData;
use std::ops::Range;

/// A matrix that reads a slice through strides: element (i, j) is `values[i * row_stride + j * column_stride]`.
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
    /// If the number of values is not rows × columns.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(columns), "values of a ({rows}, {columns}) matrix");
        View { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transpose: its element (i, j) is element (j, i) of this view.
    pub fn t(self) -> Self {
        View {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// A range of the rows.
    ///
    /// # Panics
    /// If the range reaches past the last row.
    pub fn row_range(self, range: Range<usize>) -> Self {
        check_range(&range, self.rows);
        let rows = range.len();
        // An empty range may start past the last element of a strided slice.
        let from = if rows == 0 { self.values.len() } else { range.start * self.row_stride };
        View { values: &self.values[from..], rows, ..self }
    }

    /// A range of the columns.
    ///
    /// # Panics
    /// If the range reaches past the last column.
    pub fn column_range(self, range: Range<usize>) -> Self {
        self.t().row_range(range).t()
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

    /// The underlying slice.
    #[inline(always)]
    pub(crate) fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The distance between two adjacent rows, in elements.
    #[inline(always)]
    pub(crate) fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// The distance between two adjacent columns, in elements.
    #[inline(always)]
    pub(crate) fn column_stride(&self) -> usize {
        self.column_stride
    }
}

/// Panics if a range of rows or columns extends past `count`.
fn check_range(range: &Range<usize>, count: usize) {
    assert!(
        range.start <= range.end && range.end <= count,
        "{range:?} of the rows or columns of a matrix of {count}"
    );
}

/// A mutable row-major matrix, or a range of the columns of one, so that threads can write adjacent columns of the same
/// matrix.
///
/// ```
/// use tercet_kernels::matmul::ViewMut;
///
/// let mut values = [0.0; 6];
/// let (mut left, mut right) = ViewMut::new(&mut values, 2, 3).split_columns(1);
/// left.row(1).fill(1.0);
/// right.row(0).fill(2.0);
/// assert_eq!(values, [0.0, 2.0, 2.0, 1.0, 0.0, 0.0]);
/// ```
#[derive(Debug)]
pub struct ViewMut<'a> {
    /// Element (i, j) is at offset `row_stride · i + j`. Nothing else reads or writes these elements during `'a`.
    values: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: it gives access only to its own elements, as a `&mut [f32]` does, which is `Send`.
unsafe impl Send for ViewMut<'_> {}

impl<'a> ViewMut<'a> {
    /// A whole matrix.
    ///
    /// # Panics
    /// If the number of values is not rows × columns.
    pub fn new(values: &'a mut [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(columns), "values of a ({rows}, {columns}) matrix");
        ViewMut { values: values.as_mut_ptr(), rows, columns, row_stride: columns, borrowed: PhantomData }
    }

    /// The columns before `at`, and the columns from `at` on.
    ///
    /// # Panics
    /// If there are fewer than `at` columns.
    pub fn split_columns(self, at: usize) -> (Self, Self) {
        check_range(&(0..at), self.columns);
        let right = self.values.wrapping_add(at);
        (ViewMut { columns: at, ..self }, ViewMut { values: right, columns: self.columns - at, ..self })
    }

    /// A range of the columns.
    ///
    /// # Panics
    /// If the range reaches past the last column.
    #[must_use]
    pub fn column_range(self, range: Range<usize>) -> Self {
        self.split_columns(range.end).0.split_columns(range.start).1
    }

    /// The same elements, for a shorter lifetime.
    pub fn reborrow(&mut self) -> ViewMut<'_> {
        ViewMut { ..*self }
    }

    /// A range of the rows.
    ///
    /// # Panics
    /// If the range reaches past the last row.
    pub fn row_range(&mut self, range: Range<usize>) -> ViewMut<'_> {
        check_range(&range, self.rows);
        ViewMut {
            values: self.values.wrapping_add(range.start * self.row_stride),
            rows: range.len(),
            ..*self
        }
    }

    /// Row i.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub fn row(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows, "row {i} of a matrix of {} rows", self.rows);
        // SAFETY: a row's elements are contiguous, inside the slice that this view was made from, and exclusive to this
        // view as long as it is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.values.add(i * self.row_stride), self.columns) }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A pointer to the first element of a submatrix, whose rows are [`row_stride`](Self::row_stride) apart.
    ///
    /// # Panics
    /// If the submatrix extends past the matrix.
    #[inline(always)]
    pub(crate) fn part(&mut self, (i, rows): (usize, usize), (j, columns): (usize, usize)) -> *mut f32 {
        assert!(i + rows <= self.rows && j + columns <= self.columns, "a submatrix within bounds");
        self.values.wrapping_add(i * self.row_stride + j)
    }

    /// The distance between two adjacent rows, in elements.
    #[inline(always)]
    pub(crate) fn row_stride(&self) -> usize {
        self.row_stride
    }
}

/// The initial value of the sums of a product.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Zero: `C = A · B`.
    Zero,
    /// The same number in all rows of a column: `C = bias + A · B`, where the bias is (N).
    Bias(&'a [f32]),
    /// The current contents: `C += A · B`.
    Keep,
}

impl Start<'_> {
    /// Panics if the shapes of a product do not match.
    pub(super) fn check(&self, a: View<'_>, b: View<'_>, c: &ViewMut<'_>) {
        assert_eq!(
            a.columns,
            b.rows,
            "matrix A has dimensions {:?}, matrix B has dimensions {:?}: the inner dimensions must match",
            (a.rows, a.columns),
            (b.rows, b.columns)
        );
        assert_eq!((c.rows, c.columns), (a.rows, b.columns), "the shape of C");
        if let Start::Bias(bias) = self {
            assert_eq!(bias.len(), b.columns, "one bias for each column of C");
        }
    }

    /// The initial value for a range of the columns.
    #[must_use]
    pub fn columns(self, range: Range<usize>) -> Self {
        match self {
            Start::Bias(bias) => Start::Bias(&bias[range]),
            other => other,
        }
    }
}
