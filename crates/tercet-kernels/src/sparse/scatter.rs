//! The transposed sparse product of few columns: a row of B in registers, added to a row of C for each non-zero.

use super::Rows;
use crate::lanes::Lanes;

/// How many registers a row of B may fill. Beyond that, turning A around costs less than storing C so often.
pub(super) const MOST_REGISTERS: usize = 4;

/// # Safety
/// The processor has the instructions of `L`, and `n` is `V - 1` full registers and `last` lanes of one more.
#[inline(always)]
unsafe fn scatter<L: Lanes, const V: usize, const WHOLE: bool>(a: &Rows, b: &[f32], n: usize, c: &mut [f32]) {
    let last = if WHOLE { L::LANES } else { n - (V - 1) * L::LANES };
    assert!(n == (V - 1) * L::LANES + last && last <= L::LANES);
    assert!(b.len() == a.rows() * n && c.len() == a.columns() * n);
    let c = c.as_mut_ptr();
    for (i, b) in b.chunks_exact(n).enumerate() {
        let row = a.row(i);
        // SAFETY: the caller promises the instructions. Rows of B and C have `n` numbers, and the columns of A are
        // rows of C, by the assertions above.
        unsafe {
            let load = |from: *const f32, v: usize| {
                let from = from.add(v * L::LANES);
                if WHOLE || v + 1 < V { L::load(from) } else { L::load_part(from, last) }
            };
            let b: [L; V] = std::array::from_fn(|v| load(b.as_ptr(), v));
            for (&column, &value) in a.at()[row.clone()].iter().zip(&a.values()[row]) {
                let value = L::splat(value);
                let c = c.add(column as usize * n);
                for (v, &b) in b.iter().enumerate() {
                    let sum = load(c, v).add_product(value, b);
                    let to = c.add(v * L::LANES);
                    if WHOLE || v + 1 < V { sum.store(to) } else { sum.store_part(to, last) }
                }
            }
        }
    }
}

/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn product<L: Lanes>(a: &Rows, b: &[f32], n: usize, c: &mut [f32]) {
    macro_rules! registers {
        ($registers:literal) => {
            if n == $registers * L::LANES {
                scatter::<L, $registers, true>(a, b, n, c)
            } else {
                scatter::<L, $registers, false>(a, b, n, c)
            }
        };
    }
    // SAFETY: the caller promises the instructions; so many registers hold `n` numbers.
    unsafe {
        match n.div_ceil(L::LANES) {
            0 => {}
            1 => registers!(1),
            2 => registers!(2),
            3 => registers!(3),
            _ => registers!(4),
        }
    }
}

/// Four lanes, for any processor.
pub(super) fn portable(a: &Rows, b: &[f32], n: usize, c: &mut [f32]) {
    // SAFETY: plain arrays need no instructions beyond the target's own.
    unsafe { product::<[f32; 4]>(a, b, n, c) }
}

/// Eight lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn avx2(a: &Rows, b: &[f32], n: usize, c: &mut [f32]) {
    // SAFETY: this function is compiled for, and so called on, processors with AVX2 and FMA.
    unsafe { product::<std::arch::x86_64::__m256>(a, b, n, c) }
}

/// Sixteen lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
pub(super) fn avx512(a: &Rows, b: &[f32], n: usize, c: &mut [f32]) {
    // SAFETY: this function is compiled for, and so called on, processors with AVX-512 F.
    unsafe { product::<std::arch::x86_64::__m512>(a, b, n, c) }
}
