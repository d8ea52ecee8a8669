//! Compressing the non-zeros of a block.

use crate::Isa;
use crate::isa::Level;
use crate::pixels::SCALED;

/// Writes the columns, counted from `first`, and the values of the non-zeros among at most 64 numbers to the beginning
/// of `at` and `values`, and returns their number. NaN is not zero. Both slices have room for 64, and their contents
/// after the non-zeros are unspecified.
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
        // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL, and POPCNT; VBMI2
        // was just detected.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if is_x86_feature_detected!("avx512vbmi2") => unsafe {
            avx512::pixels_as_bytes(row, first, at, values)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::pixels(row, first, at, values) },
        _ => plain(row, first, at, values, |&pixel| SCALED[usize::from(pixel)]),
    }
}

/// Writes every number and advances only past non-zeros, so that there is no branch to mispredict.
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

    /// Writes sixteen columns, compressed by `mask`, and sixteen already compressed numbers to the beginning of both
    /// slices.
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
            // SAFETY: the mask selects as many numbers as there are.
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
            // SAFETY: the mask selects as many pixels as there are.
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

    /// The same for processors that can compress bytes: all 64 pixels at once, and only the non-zeros are widened.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,popcnt")]
    pub(super) fn pixels_as_bytes(row: &[u8], first: u32, at: &mut [u32], values: &mut [f32]) -> usize {
        assert!(row.len() <= 64);
        let valid = u64::MAX.checked_shr(64 - row.len() as u32).unwrap_or(0);
        // SAFETY: the mask selects as many pixels as there are.
        let pixels = unsafe { _mm512_maskz_loadu_epi8(valid, row.as_ptr().cast()) };
        let mask = _mm512_test_epi8_mask(pixels, pixels);
        let count = mask.count_ones() as usize;
        let (columns, pixels) =
            (_mm512_maskz_compress_epi8(mask, counting_bytes()), _mm512_maskz_compress_epi8(mask, pixels));
        let (at, values) = (&mut at[..64], &mut values[..64]);
        let mut write = |part: usize, columns: __m128i, pixels: __m128i| {
            let columns = _mm512_add_epi32(_mm512_cvtepu8_epi32(columns), _mm512_set1_epi32(first as i32));
            let numbers = divided_by_255(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(pixels)));
            let (at, values) = (&mut at[16 * part..][..16], &mut values[16 * part..][..16]);
            // SAFETY: both slices hold sixteen numbers.
            unsafe {
                _mm512_storeu_epi32(at.as_mut_ptr().cast(), columns);
                _mm512_storeu_ps(values.as_mut_ptr(), numbers);
            }
        };
        // Most blocks of a handwritten digit have at most thirty-two non-zeros.
        if count > 0 {
            write(0, _mm512_castsi512_si128(columns), _mm512_castsi512_si128(pixels));
            write(1, _mm512_extracti32x4_epi32::<1>(columns), _mm512_extracti32x4_epi32::<1>(pixels));
        }
        if count > 32 {
            write(2, _mm512_extracti32x4_epi32::<2>(columns), _mm512_extracti32x4_epi32::<2>(pixels));
            write(3, _mm512_extracti32x4_epi32::<3>(columns), _mm512_extracti32x4_epi32::<3>(pixels));
        }
        count
    }

    /// The bytes 0 to 63.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn counting_bytes() -> __m512i {
        const COUNTING: [u8; 64] = {
            let mut counting = [0; 64];
            let mut i = 0;
            while i < 64 {
                counting[i] = i as u8;
                i += 1;
            }
            counting
        };
        // SAFETY: there are 64 bytes.
        unsafe { _mm512_loadu_epi8(COUNTING.as_ptr().cast()) }
    }

    /// x / 255 without a division instruction: a multiplication by the reciprocal, corrected by its error. For the
    /// numbers 0 to 255 it equals the division to the bit; the conformance tests check each of them.
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

#[cfg(all(test, target_arch = "x86_64", not(miri)))]
mod tests {
    use super::*;

    /// A given processor always uses the same one of the two versions, so no other test covers the other one.
    #[test]
    fn all_versions_find_the_same_non_zeros() {
        if !Isa::available().iter().any(|isa| isa.0 == Level::Avx512) {
            return;
        }
        let found = |way: &dyn Fn(&mut [u32], &mut [f32]) -> usize| {
            let (mut at, mut values) = ([0; 64], [0.0; 64]);
            let count = way(&mut at, &mut values);
            (at[..count].to_vec(), values[..count].to_vec())
        };
        for length in 0..=64 {
            for one_in in 1..9 {
                let row: Vec<u8> =
                    (0..length).map(|i| if i % one_in == 0 { (i * 37 % 256) as u8 } else { 0 }).collect();
                let expected = found(&|at, values| {
                    plain(&row, 640, at, values, |&pixel: &u8| SCALED[usize::from(pixel)])
                });
                // SAFETY: the processor has AVX-512 F, BW and VL, and POPCNT.
                assert_eq!(found(&|at, values| unsafe { avx512::pixels(&row, 640, at, values) }), expected);
                if is_x86_feature_detected!("avx512vbmi2") {
                    // SAFETY: it has VBMI2, too.
                    let by_bytes =
                        found(&|at, values| unsafe { avx512::pixels_as_bytes(&row, 640, at, values) });
                    assert_eq!(by_bytes, expected);
                }
            }
        }
    }
}
