//! Picking the non-zeros out of a block.

use crate::Isa;
use crate::isa::Level;
use crate::pixels::SCALED;

/// Writes the columns, counted from `first`, and the values of the non-zeros of at most 64 numbers to the beginning of
/// `at` and `values`, and returns how many there are. NaN is not zero. Both slices have room for 64, and what is behind
/// the non-zeros in them means nothing afterwards.
pub(crate) fn floats(isa: Isa, row: &[f32], first: u32, at: &mut [u32], values: &mut [f32]) -> usize {
    match isa.0 {
        // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL, and POPCNT.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::floats(row, first, at, values) },
        _ => plain(row, first, at, values, |&value| value),
    }
}

/// The same for pixels, which become `pixel / 255`.
pub(super) fn pixels(isa: Isa, row: &[u8], first: u32, at: &mut [u32], values: &mut [f32]) -> usize {
    match isa.0 {
        // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL, and POPCNT.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::pixels(row, first, at, values) },
        _ => plain(row, first, at, values, |&pixel| SCALED[usize::from(pixel)]),
    }
}

/// Every number is written, and the place moves on where it is not zero: there is no branch to guess.
fn plain<T>(row: &[T], first: u32, at: &mut [u32], values: &mut [f32], value: impl Fn(&T) -> f32) -> usize {
    let mut count = 0;
    for (column, number) in (first..).zip(row) {
        let value = value(number);
        (at[count], values[count]) = (column, value);
        count += usize::from(value != 0.0);
    }
    count
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    /// Room for what sixteen lanes leave, of which `count` are meant, behind the `count` numbers that are there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn write(mask: __mmask16, columns: __m512i, numbers: __m512, at: &mut [u32], values: &mut [f32]) {
        let columns = _mm512_maskz_compress_epi32(mask, columns);
        let (at, values) = (&mut at[..16], &mut values[..16]);
        // SAFETY: both slices hold sixteen numbers.
        unsafe {
            _mm512_storeu_epi32(at.as_mut_ptr().cast(), columns);
            _mm512_storeu_ps(values.as_mut_ptr(), numbers);
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
    pub(super) fn floats(row: &[f32], first: u32, at: &mut [u32], values: &mut [f32]) -> usize {
        let (mut count, mut columns) = (0, columns_from(first));
        for part in row.chunks(16) {
            // SAFETY: the mask lets through as many numbers as there are.
            let numbers = unsafe { _mm512_maskz_loadu_ps(lanes(part.len()), part.as_ptr()) };
            let mask = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(numbers, _mm512_setzero_ps());
            let numbers = _mm512_maskz_compress_ps(mask, numbers);
            write(mask, columns, numbers, &mut at[count..], &mut values[count..]);
            count += mask.count_ones() as usize;
            columns = _mm512_add_epi32(columns, _mm512_set1_epi32(16));
        }
        count
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
    pub(super) fn pixels(row: &[u8], first: u32, at: &mut [u32], values: &mut [f32]) -> usize {
        let (mut count, mut columns) = (0, columns_from(first));
        for part in row.chunks(16) {
            // SAFETY: the mask lets through as many pixels as there are.
            let pixels = unsafe { _mm_maskz_loadu_epi8(lanes(part.len()), part.as_ptr().cast()) };
            let mask = _mm_test_epi8_mask(pixels, pixels);
            let pixels = _mm512_maskz_compress_epi32(mask, _mm512_cvtepu8_epi32(pixels));
            let numbers = divided_by_255(_mm512_cvtepi32_ps(pixels));
            write(mask, columns, numbers, &mut at[count..], &mut values[count..]);
            count += mask.count_ones() as usize;
            columns = _mm512_add_epi32(columns, _mm512_set1_epi32(16));
        }
        count
    }

    /// x / 255, without the slow instruction: a product with the reciprocal, and what that is wrong by. For the numbers
    /// 0 to 255 it is the division to the bit; the conformance tests try every one.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn divided_by_255(x: __m512) -> __m512 {
        let reciprocal = _mm512_set1_ps(1.0 / 255.0);
        let about = _mm512_mul_ps(x, reciprocal);
        let rest = _mm512_fnmadd_ps(about, _mm512_set1_ps(255.0), x);
        _mm512_fmadd_ps(rest, reciprocal, about)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn columns_from(first: u32) -> __m512i {
        let counting = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        _mm512_add_epi32(counting, _mm512_set1_epi32(first as i32))
    }

    /// The first `count` of sixteen lanes.
    #[inline(always)]
    fn lanes(count: usize) -> __mmask16 {
        ((1u32 << count) - 1) as __mmask16
    }
}
