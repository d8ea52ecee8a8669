//! [`Matrix`]: a dense matrix, and its product with checked dimensions.

use tercet_kernels::Isa;
use tercet_kernels::matmul::{self, Start, View};

use crate::{Error, Result};

/// A row-major matrix of f32, such as the class scores of N examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// A matrix from its values, row by row.
    ///
    /// # Errors
    /// If the number of values is not rows × columns.
    pub fn new(rows: usize, columns: usize, values: Vec<f32>) -> Result<Self> {
        if rows.checked_mul(columns) != Some(values.len()) {
            return Err(Error::mismatch(
                format!("values of a matrix with dimensions ({rows}, {columns})"),
                values.len(),
                format!("{rows} × {columns}"),
            ));
        }
        Ok(Matrix { rows, columns, values })
    }

    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Matrix { rows, columns, values: vec![0.0; rows * columns] }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Converts the matrix into its values, row by row.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// All values, mutable.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.columns..][..self.columns]
    }

    /// The matrix as a view for the kernels.
    pub fn view(&self) -> View<'_> {
        View::new(&self.values, self.rows, self.columns)
    }

    /// The column of the largest value in each row, the first one in a tie: `y_pred = argmax(scores)`.
    pub fn argmax(&self) -> Vec<u32> {
        (0..self.rows).map(|i| argmax(self.row(i))).collect()
    }

    /// The number of rows whose largest value is in the column of their label.
    ///
    /// # Shapes
    /// `labels` is (rows).
    pub fn correct(&self, labels: &[u32]) -> usize {
        (0..self.rows).zip(labels).filter(|&(i, &label)| argmax(self.row(i)) == label).count()
    }

    /// The fraction of rows whose largest value is in the column of their label; NaN if there are no rows.
    ///
    /// # Shapes
    /// `labels` is (rows).
    pub fn accuracy(&self, labels: &[u32]) -> f64 {
        self.correct(labels) as f64 / self.rows as f64
    }

    /// The product `self · other`.
    ///
    /// # Shapes
    /// (M, K) · (K, N) → (M, N).
    ///
    /// # Errors
    /// [`Error::Dimensions`] if the inner dimensions differ:
    ///
    /// ```
    /// use tercet::Matrix;
    /// let a = Matrix::zeros(4, 3);
    /// assert_eq!(a.multiply(&Matrix::zeros(3, 2))?.rows(), 4);
    /// assert_eq!(
    ///     a.multiply(&Matrix::zeros(2, 3)).unwrap_err().to_string(),
    ///     "matrix A has dimensions (4, 3), matrix B has dimensions (2, 3): the inner dimensions must match, \
    ///      but 3 is not 2"
    /// );
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn multiply(&self, other: &Matrix) -> Result<Matrix> {
        if self.columns != other.rows {
            return Err(Error::Dimensions { a: (self.rows, self.columns), b: (other.rows, other.columns) });
        }
        let mut product = Matrix::zeros(self.rows, other.columns);
        matmul::product(Isa::active(), self.view(), other.view(), Start::Zero, &mut product.values);
        Ok(product)
    }
}

/// The index of the largest value, the first one in a tie; 0 for no values. NaN is never the largest.
pub fn argmax(scores: &[f32]) -> u32 {
    let mut best = 0;
    for (i, &score) in scores.iter().enumerate() {
        if score > scores[best] || scores[best].is_nan() {
            best = i;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_scores_wins_and_nan_never_does() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[f32::NAN, -3.0, -4.0]), 1);
    }

    #[test]
    fn the_product_of_the_lecture() {
        let a = Matrix::new(4, 3, (1..=12).map(|v| v as f32).collect()).unwrap();
        let b = Matrix::new(3, 2, vec![3., 3., 2., 2., 1., 1.]).unwrap();
        assert_eq!(a.multiply(&b).unwrap().values(), [10., 10., 28., 28., 46., 46., 64., 64.]);
    }
}
