//! The transposed sparse product of few columns: a row of B in registers, added to a row of C for each non-zero.
//!
//! The sums are kept in rows of whole registers, which begin at lines of the cache, and come into C at the end. In C
//! itself a row may begin anywhere, and a load that reaches into the numbers which the row before has just stored waits
//! until they have come to the cache: that was four times slower.

use super::Rows;
use crate::lanes::Lanes;

/// How many registers a row of B may fill. Beyond that, turning A around costs less than storing C so often.
pub(super) const MOST_REGISTERS: usize = 4;

/// How many numbers a line of the cache holds.
const LINE: usize = 16;

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn scatter<L: Lanes, const V: usize>(
    a: &Rows,
    b: &[f32],
    n: usize,
    c: &mut [f32],
    sums: &mut Vec<f32>,
) {
    let (last, stride) = (n - (V - 1) * L::LANES, V * L::LANES);
    assert!(0 < last && last <= L::LANES);
    assert!(b.len() == a.rows() * n && c.len() == a.columns() * n);
    sums.resize((sums.len()).max(a.columns() * stride + LINE), 0.0);
    let aligned = sums.as_ptr().align_offset(4 * LINE).min(LINE);
    let sums = &mut sums[aligned..][..a.columns() * stride];
    sums.fill(0.0);
    let to = sums.as_mut_ptr();
    for (i, b) in b.chunks_exact(n).enumerate() {
        // An example that is right by more than the margin has no gradient of the SVM loss: most have none in the end.
        if b.iter().all(|&b| b == 0.0) {
            continue;
        }
        let row = a.row(i);
        // SAFETY: the caller promises the instructions. A row of B has `n` numbers, and the columns of A are rows of
        // the sums, of which each has `stride` numbers.
        unsafe {
            let b: [L; V] = std::array::from_fn(|v| {
                let from = b.as_ptr().add(v * L::LANES);
                if v + 1 < V { L::load(from) } else { L::load_part(from, last) }
            });
            for (&column, &value) in a.at()[row.clone()].iter().zip(&a.values()[row]) {
                let value = L::splat(value);
                let to = to.add(column as usize * stride);
                for (v, &b) in b.iter().enumerate() {
                    let to = to.add(v * L::LANES);
                    L::load(to).add_product(value, b).store(to);
                }
            }
        }
    }
    let (count, c) = (c.len(), c.as_mut_ptr());
    for (d, sums) in sums.chunks_exact(stride).enumerate() {
        // SAFETY: the caller promises the instructions. Row d of C begins at d · n and has `n` numbers; where a whole
        // register's width is stored, it ends before C does, and what it writes beyond the row is written again by the
        // rows that follow.
        unsafe {
            let c = c.add(d * n);
            for v in 0..V {
                let sum = L::load(sums.as_ptr().add(v * L::LANES));
                let to = c.add(v * L::LANES);
                if d * n + stride <= count || v + 1 < V { sum.store(to) } else { sum.store_part(to, last) }
            }
        }
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn product<L: Lanes>(a: &Rows, b: &[f32], n: usize, c: &mut [f32], sums: &mut Vec<f32>) {
    // SAFETY: the caller promises the instructions.
    unsafe {
        match n.div_ceil(L::LANES) {
            0 => {}
            1 => scatter::<L, 1>(a, b, n, c, sums),
            2 => scatter::<L, 2>(a, b, n, c, sums),
            3 => scatter::<L, 3>(a, b, n, c, sums),
            _ => scatter::<L, 4>(a, b, n, c, sums),
        }
    }
}

/// Four lanes, for any processor.
pub(super) fn portable(a: &Rows, b: &[f32], n: usize, c: &mut [f32], sums: &mut Vec<f32>) {
    // SAFETY: plain arrays need no instructions beyond the target's own.
    unsafe { product::<[f32; 4]>(a, b, n, c, sums) }
}

/// Eight lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn avx2(a: &Rows, b: &[f32], n: usize, c: &mut [f32], sums: &mut Vec<f32>) {
    // SAFETY: this function is compiled for, and so called on, processors with AVX2 and FMA.
    unsafe { product::<std::arch::x86_64::__m256>(a, b, n, c, sums) }
}

/// Sixteen lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
pub(super) fn avx512(a: &Rows, b: &[f32], n: usize, c: &mut [f32], sums: &mut Vec<f32>) {
    // SAFETY: this function is compiled for, and so called on, processors with AVX-512 F.
    unsafe { product::<std::arch::x86_64::__m512>(a, b, n, c, sums) }
}
