//! exp and ln of sixteen numbers at once, accurate to a few units in the last place (the polynomials of Moshier's
//! Cephes).
//!
//! Every step is one operation on whole arrays, so that it compiles to register instructions. All of them are
//! additions, multiplications and shifts, which have the same result on every instruction set.

use super::LANES;
use super::threshold::zip;

/// 1.5 · 2^23: adding it to a number rounds it to an integer, which is then in the low bits.
const ROUNDS: f32 = 12_582_912.0;

/// ln 2 in two parts. The first has few bits, so that its product with an integer is exact.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);

/// The smallest supported argument of [`exp`], which gives e^−87.
pub(super) const LEAST: f32 = -87.0;

/// eˣ for x from [`LEAST`] to 88.
#[inline(always)]
pub(super) fn exp(x: [f32; LANES]) -> [f32; LANES] {
    const POLYNOMIAL: [f32; 5] = [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];
    let rounded = x.map(|x| x * std::f32::consts::LOG2_E + ROUNDS);
    let n = rounded.map(|rounded| rounded - ROUNDS);
    let r = zip(x, n, |x, n| (x - n * LN_2.0) - n * LN_2.1);
    let mut y = [1.987_569_1e-4; LANES];
    for c in POLYNOMIAL {
        y = zip(y, r, |y, r| y * r + c);
    }
    let y = zip(y, r, |y, r| (y * r) * r + r + 1.0);
    // n is added to the exponent; the shift discards the bits of `rounded` above n.
    let scale = rounded.map(|rounded| f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23)));
    zip(y, scale, |y, scale| y * scale)
}

/// ln x for every normal x above 0.
#[inline(always)]
pub(super) fn ln(x: [f32; LANES]) -> [f32; LANES] {
    const POLYNOMIAL: [f32; 8] = [
        -0.115_146_1,
        0.116_769_99,
        -0.124_201_41,
        0.142_493_23,
        -0.166_680_58,
        0.200_007_15,
        -0.25,
        0.333_333_3,
    ];
    const HALF: u32 = 0x3f00_0000;
    // x = m · 2^e with m from √½ to √2.
    let bits = x.map(f32::to_bits);
    let below = bits.map(|bits| f32::from_bits((bits & 0x007f_ffff) | HALF));
    let doubled = below.map(|m| if m < std::f32::consts::FRAC_1_SQRT_2 { 1.0f32 } else { 0.0 });
    let m = zip(below, doubled, |m, doubled| m + doubled * m - 1.0);
    let e = bits.map(|bits| ((bits >> 23) as i32 - 126) as f32);
    let e = zip(e, doubled, |e, doubled| e - doubled);
    let mut y = [7.037_683_6e-2; LANES];
    for c in POLYNOMIAL {
        y = zip(y, m, |y, m| y * m + c);
    }
    let square = m.map(|m| m * m);
    let y = zip(zip(y, m, |y, m| y * m), square, |y, square| y * square - 0.5 * square);
    let y = zip(y, e, |y, e| y + e * LN_2.1);
    zip(zip(m, y, |m, y| m + y), e, |sum, e| sum + e * LN_2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_match_f64_except_for_the_last_digits() {
        for step in (0..20_000).step_by(if cfg!(miri) { 200 } else { 1 }) {
            let x = LEAST + step as f32 * ((88.0 - LEAST) / 20_000.0);
            let (found, expected) = (exp([x; LANES])[3], f64::from(x).exp());
            assert!((f64::from(found) / expected - 1.0).abs() < 3e-7, "exp {x}: {found}, not {expected}");
            let (found, expected) = (ln([found; LANES])[15], f64::from(found).ln());
            assert!(
                (f64::from(found) - expected).abs() < 2e-7 * expected.abs().max(0.5),
                "ln e^{x}: {found}, not {expected}"
            );
        }
        assert_eq!((exp([0.0; LANES])[0], ln([1.0; LANES])[0]), (1.0, 0.0));
    }
}
