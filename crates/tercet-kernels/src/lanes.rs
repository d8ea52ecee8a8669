//! A vector register of f32, as used by the generic kernels.
//!
//! A kernel is written once, generic over this trait; a thin function with `#[target_feature]` compiles it for each
//! instruction set. The methods are always inlined into such a function, so they may use its instructions.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// `LANES` numbers that are processed at once.
///
/// # Safety
/// The caller of a method makes sure that the processor has the instructions of the implementing type, and that
/// pointers are valid for `LANES` numbers. No alignment is needed.
pub(crate) trait Lanes: Copy {
    /// How many numbers a register holds.
    const LANES: usize;

    /// The same number in every lane.
    unsafe fn splat(value: f32) -> Self;

    /// Loads `LANES` numbers from `from`.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes the `LANES` numbers to `to`.
    unsafe fn store(self, to: *mut f32);

    /// Loads the first `count` numbers from `from`, at most `LANES`, followed by zeros. No others are read.
    unsafe fn load_part(from: *const f32, count: usize) -> Self;

    /// Writes the first `count` numbers, at most `LANES`, to `to`, and no others.
    unsafe fn store_part(self, to: *mut f32, count: usize);

    /// `if self > other { self } else { other }`: `other` if either is NaN.
    unsafe fn or_larger(self, other: Self) -> Self;

    /// `self + other`.
    unsafe fn plus(self, other: Self) -> Self;

    /// `self − other`.
    unsafe fn minus(self, other: Self) -> Self;

    /// `self · other`.
    unsafe fn times(self, other: Self) -> Self;

    /// `self + a · b`, with one rounding or two, depending on the instruction set.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;

    /// Transposes a square of `LANES` rows and columns: the number at `r * stride + c` goes to `c * to_stride + r`.
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize);
}

/// A buffer on the stack that is aligned to a cache line, so that no register load straddles two lines, which would
/// cost two loads.
#[repr(align(64))]
pub(crate) struct Aligned<const COUNT: usize>(pub(crate) [f32; COUNT]);

/// Four lanes in plain Rust, for any processor: the compiler uses its baseline vectors (SSE2, NEON, WASM SIMD).
impl Lanes for [f32; 4] {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises four valid numbers.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises room for four numbers.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut part = [0.0; 4];
        for (i, number) in part.iter_mut().enumerate().take(count) {
            // SAFETY: the caller promises `count` valid numbers.
            *number = unsafe { *from.add(i) };
        }
        part
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        for (i, number) in self.into_iter().enumerate().take(count) {
            // SAFETY: the caller promises room for `count` numbers.
            unsafe { *to.add(i) = number };
        }
    }

    #[inline(always)]
    unsafe fn or_larger(self, other: Self) -> Self {
        std::array::from_fn(|i| if self[i] > other[i] { self[i] } else { other[i] })
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] - other[i])
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|i| a[i] * b[i] + self[i])
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller promises a square of four rows and columns on either side.
        unsafe {
            let rows: [Self; 4] = std::array::from_fn(|r| Self::load(from.add(r * stride)));
            for c in 0..4 {
                rows.map(|row| row[c]).store(to.add(c * to_stride));
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m256 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller promises AVX.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises AVX and eight valid numbers.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises AVX and room for eight numbers.
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller promises AVX and `count` valid numbers; the mask selects no others.
        unsafe { _mm256_maskload_ps(from, first_lanes(count)) }
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: the caller promises AVX and room for `count` numbers; the mask selects no others.
        unsafe { _mm256_maskstore_ps(to, first_lanes(count), self) }
    }

    #[inline(always)]
    unsafe fn or_larger(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX.
        unsafe { _mm256_max_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX.
        unsafe { _mm256_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX.
        unsafe { _mm256_sub_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX.
        unsafe { _mm256_mul_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller promises FMA.
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller promises AVX and a square of eight rows and columns on either side.
        unsafe {
            // Four rows at a time: quarter l of `fours[g][k]` holds column 4 l + k of the rows starting at 4 g.
            let mut fours = [[_mm256_setzero_ps(); 4]; 2];
            for (g, four) in fours.iter_mut().enumerate() {
                let from = from.add(4 * g * stride);
                let (a, b) = (Self::load(from), Self::load(from.add(stride)));
                let (c, d) = (Self::load(from.add(2 * stride)), Self::load(from.add(3 * stride)));
                let low = [_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d)];
                let high = [_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d)];
                for (k, [ab, cd]) in [(0, low), (2, high)] {
                    let (ab, cd) = (_mm256_castps_pd(ab), _mm256_castps_pd(cd));
                    four[k] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd));
                    four[k + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
                }
            }
            for k in [0, 1, 2, 3] {
                let (a, b) = (fours[0][k], fours[1][k]);
                _mm256_permute2f128_ps::<0x20>(a, b).store(to.add(k * to_stride));
                _mm256_permute2f128_ps::<0x31>(a, b).store(to.add((4 + k) * to_stride));
            }
        }
    }
}

/// A mask of the first `count` of eight lanes.
///
/// # Safety
/// The processor has AVX, and `count` is at most 8.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn first_lanes(count: usize) -> __m256i {
    const MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    debug_assert!(count <= 8);
    // SAFETY: the caller promises AVX, and eight numbers from 8 − count on are inside the sixteen.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - count).cast()) }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller promises AVX-512 F.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises AVX-512 F and sixteen valid numbers.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises AVX-512 F and room for sixteen numbers.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller promises AVX-512 F and `count` valid numbers; the mask selects no others.
        unsafe { _mm512_maskz_loadu_ps(((1u32 << count) - 1) as __mmask16, from) }
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: the caller promises AVX-512 F and room for `count` numbers; the mask selects no others.
        unsafe { _mm512_mask_storeu_ps(to, ((1u32 << count) - 1) as __mmask16, self) }
    }

    #[inline(always)]
    unsafe fn or_larger(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX-512 F.
        unsafe { _mm512_max_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX-512 F.
        unsafe { _mm512_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX-512 F.
        unsafe { _mm512_sub_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX-512 F.
        unsafe { _mm512_mul_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller promises AVX-512 F.
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller promises AVX-512 F and a square of sixteen rows and columns on either side.
        unsafe {
            // Four rows at a time: quarter l of `fours[g][k]` holds column 4 l + k of the rows starting at 4 g.
            let mut fours = [[_mm512_setzero_ps(); 4]; 4];
            for (g, four) in fours.iter_mut().enumerate() {
                let from = from.add(4 * g * stride);
                let (a, b) = (Self::load(from), Self::load(from.add(stride)));
                let (c, d) = (Self::load(from.add(2 * stride)), Self::load(from.add(3 * stride)));
                let low = [_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d)];
                let high = [_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d)];
                for (k, [ab, cd]) in [(0, low), (2, high)] {
                    let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
                    four[k] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
                    four[k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
                }
            }
            for k in [0, 1, 2, 3] {
                // Quarters 0 and 2 of both, and quarters 1 and 3 of both; then the same again of the results.
                let (even, odd) = (
                    _mm512_shuffle_f32x4::<0x88>(fours[0][k], fours[1][k]),
                    _mm512_shuffle_f32x4::<0xdd>(fours[0][k], fours[1][k]),
                );
                let (even2, odd2) = (
                    _mm512_shuffle_f32x4::<0x88>(fours[2][k], fours[3][k]),
                    _mm512_shuffle_f32x4::<0xdd>(fours[2][k], fours[3][k]),
                );
                _mm512_shuffle_f32x4::<0x88>(even, even2).store(to.add(k * to_stride));
                _mm512_shuffle_f32x4::<0x88>(odd, odd2).store(to.add((4 + k) * to_stride));
                _mm512_shuffle_f32x4::<0xdd>(even, even2).store(to.add((8 + k) * to_stride));
                _mm512_shuffle_f32x4::<0xdd>(odd, odd2).store(to.add((12 + k) * to_stride));
            }
        }
    }
}
