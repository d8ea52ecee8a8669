//! Rows of pixels in plain Rust, which the compiler vectorises.

use super::field::COLUMNS;
use super::warped::{Chunk, Columns};

/// The numbers of [`COLUMNS`] adjacent pixels.
#[derive(Clone, Copy)]
pub(super) struct Portable([u32; COLUMNS]);

impl Columns for Portable {
    #[inline(always)]
    unsafe fn max_value() -> Self {
        Portable([u32::MAX; COLUMNS])
    }

    #[inline(always)]
    unsafe fn squares(q: &[i16; 2 * COLUMNS], x: &[i16; 2 * COLUMNS]) -> Self {
        let mut squares = [0; COLUMNS];
        for (i, square) in squares.iter_mut().enumerate() {
            let across = i32::from(q[2 * i] - x[2 * i]);
            let down = i32::from(q[2 * i + 1] - x[2 * i + 1]);
            *square = (across * across + down * down).cast_unsigned();
        }
        Portable(squares)
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // Only sums of rows that are never used can wrap around: those of the previous contents of a workspace.
        Portable(std::array::from_fn(|i| self.0[i].wrapping_add(other.0[i])))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i].min(other.0[i])))
    }

    #[inline(always)]
    unsafe fn next(self) -> Self {
        Portable(std::array::from_fn(|i| if i + 1 < COLUMNS { self.0[i + 1] } else { 0 }))
    }

    #[inline(always)]
    unsafe fn sum(self, count: usize) -> u64 {
        self.0[..count].iter().map(|&number| u64::from(number)).sum()
    }

    #[inline(always)]
    unsafe fn load(from: &Chunk) -> Self {
        Portable(from.0)
    }

    #[inline(always)]
    unsafe fn store(self, to: &mut Chunk) {
        to.0 = self.0;
    }
}
