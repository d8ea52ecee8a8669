//! Copying a part of a transposed view into rows.

use std::ops::Range;

use super::View;
use crate::lanes::Lanes;

/// Copies a part of a transposed `b`: element (p, j), counted from the beginning of the part, goes to `p * width + j`.
/// Square blocks as wide as a register are transposed in registers, so that every cache line that is read or written is
/// used completely.
///
/// # Safety
/// The processor has the instructions of `L`.
///
/// # Panics
/// If `b` is not a transpose or has no such part, or if `to` is too short.
#[inline(always)]
pub(crate) unsafe fn transpose<L: Lanes>(
    b: View<'_>,
    rows: &Range<usize>,
    columns: &Range<usize>,
    width: usize,
    to: &mut [f32],
) {
    assert!(b.row_stride() == 1 || b.rows() == 1, "a transpose");
    if rows.is_empty() || columns.is_empty() {
        return;
    }
    assert!(columns.len() <= width && (rows.len() - 1) * width + columns.len() <= to.len());
    let stride = b.column_stride();
    let from = &b.values()[columns.start * stride + rows.start..(columns.end - 1) * stride + rows.end];
    let whole = |count: usize| count / L::LANES * L::LANES;
    let (p_whole, j_whole) = (whole(rows.len()), whole(columns.len()));
    for j in (0..j_whole).step_by(L::LANES) {
        for p in (0..p_whole).step_by(L::LANES) {
            // SAFETY: the caller promises the instructions; the square is inside the part, which the slices above
            // bound.
            unsafe {
                L::transpose(
                    from.as_ptr().add(j * stride + p),
                    stride,
                    to.as_mut_ptr().add(p * width + j),
                    width,
                );
            }
        }
    }
    for j in 0..columns.len() {
        let first = if j < j_whole { p_whole } else { 0 };
        for p in first..rows.len() {
            to[p * width + j] = from[j * stride + p];
        }
    }
}
