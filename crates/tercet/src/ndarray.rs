//! Conversions from and to the arrays of the crate `ndarray`, with the feature `ndarray`.

use ndarray::{Array2, ArrayView2};

use crate::Matrix;

/// The same values without a copy.
///
/// ```
/// use ndarray::{Array2, array};
/// use tercet::Matrix;
///
/// let scores = Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(Array2::from(scores), array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// # Ok::<(), tercet::Error>(())
/// ```
impl From<Matrix> for Array2<f32> {
    fn from(matrix: Matrix) -> Self {
        let shape = (matrix.rows(), matrix.columns());
        Array2::from_shape_vec(shape, matrix.into_values()).expect("a matrix has rows × columns values")
    }
}

/// A view of a matrix.
impl<'a> From<&'a Matrix> for ArrayView2<'a, f32> {
    fn from(matrix: &'a Matrix) -> Self {
        let shape = (matrix.rows(), matrix.columns());
        ArrayView2::from_shape(shape, matrix.values()).expect("a matrix has rows × columns values")
    }
}

/// The same values in row-major order, without a copy if they are in that order already.
impl From<Array2<f32>> for Matrix {
    fn from(array: Array2<f32>) -> Self {
        let (rows, columns) = array.dim();
        let values = match array.is_standard_layout() {
            // An array may start at an offset in its buffer.
            true => match array.into_raw_vec_and_offset() {
                (values, None | Some(0)) if values.len() == rows * columns => values,
                (values, offset) => values[offset.unwrap_or(0)..][..rows * columns].to_vec(),
            },
            false => array.iter().copied().collect(),
        };
        Matrix::new(rows, columns, values).expect("an array has rows × columns values")
    }
}

/// A copy of the values in row-major order.
impl From<ArrayView2<'_, f32>> for Matrix {
    fn from(array: ArrayView2<'_, f32>) -> Self {
        let (rows, columns) = array.dim();
        Matrix::new(rows, columns, array.iter().copied().collect())
            .expect("an array has rows × columns values")
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array};

    use super::*;

    #[test]
    fn arrays_in_any_order_become_the_same_matrix() {
        let array = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let matrix = Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(Matrix::from(array.clone()), matrix);
        assert_eq!(Matrix::from(array.view()), matrix);
        assert_eq!(ArrayView2::from(&matrix), array);
        assert_eq!(Array2::from(matrix.clone()), array);
        assert_eq!(Matrix::from(array.t().to_owned().reversed_axes()), matrix);
        let columns = array![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]].reversed_axes();
        assert!(!columns.is_standard_layout());
        assert_eq!(Matrix::from(columns), matrix);
    }

    #[test]
    fn parts_of_arrays_become_matrices() {
        let array = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]];
        let mut row = array.clone();
        row.slice_axis_inplace(Axis(0), (1..2).into());
        assert_eq!(Matrix::from(row), Matrix::new(1, 3, vec![4.0, 5.0, 6.0]).unwrap());
        let mut column = array.clone();
        column.slice_axis_inplace(Axis(1), (2..).into());
        let expected = Matrix::new(3, 1, vec![3.0, 6.0, 9.0]).unwrap();
        assert_eq!(Matrix::from(column.view()), expected);
        assert_eq!(Matrix::from(column), expected);
        let empty = Matrix::from(Array2::zeros((0, 3)));
        assert_eq!((empty.rows(), empty.columns()), (0, 3));
    }
}
