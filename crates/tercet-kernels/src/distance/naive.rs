//! Distances computed directly from their formulas: the specification of every other kernel in this module.

/// The squared Euclidean distance, `Σ (a_i − b_i)²`.
///
/// # Panics
/// If the rows differ in length, as for every function in this file.
pub fn l2_squared(a: &[u8], b: &[u8]) -> u64 {
    assert_eq!(a.len(), b.len(), "rows of equal width");
    let mut sum = 0;
    for i in 0..a.len() {
        let difference = u64::from(a[i].abs_diff(b[i]));
        sum += difference * difference;
    }
    sum
}

/// The Manhattan distance, `Σ |a_i − b_i|`.
pub fn l1(a: &[u8], b: &[u8]) -> u64 {
    assert_eq!(a.len(), b.len(), "rows of equal width");
    let mut sum = 0;
    for i in 0..a.len() {
        sum += u64::from(a[i].abs_diff(b[i]));
    }
    sum
}

/// The cube of the L3 distance, `Σ |a_i − b_i|³`.
pub fn l3_cubed(a: &[u8], b: &[u8]) -> u64 {
    assert_eq!(a.len(), b.len(), "rows of equal width");
    let mut sum = 0;
    for i in 0..a.len() {
        sum += u64::from(a[i].abs_diff(b[i])).pow(3);
    }
    sum
}

/// The dot product, `Σ a_i · b_i`.
pub fn dot(a: &[u8], b: &[u8]) -> u64 {
    assert_eq!(a.len(), b.len(), "rows of equal width");
    let mut sum = 0;
    for i in 0..a.len() {
        sum += u64::from(a[i]) * u64::from(b[i]);
    }
    sum
}

/// The same distances for rows of f32, computed in f64.
///
/// Column i is added to accumulator i mod 8, columns ascending; at the end the eight accumulators are added as
/// `((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))`. The difference of two f32 is taken in f64 and no operations are
/// fused, so this determines every bit of the result.
pub mod floats {
    /// `Σ (a_i − b_i)²`.
    pub fn l2_squared(a: &[f32], b: &[f32]) -> f64 {
        sum_in_lanes(a, b, |a, b| (a - b) * (a - b))
    }

    /// `Σ |a_i − b_i|`.
    pub fn l1(a: &[f32], b: &[f32]) -> f64 {
        sum_in_lanes(a, b, |a, b| (a - b).abs())
    }

    /// `Σ |a_i − b_i|³`, where the cube is computed as `(|d| · d) · d`.
    pub fn l3_cubed(a: &[f32], b: &[f32]) -> f64 {
        sum_in_lanes(a, b, |a, b| (a - b).abs() * (a - b) * (a - b))
    }

    /// `Σ a_i · b_i`.
    pub fn dot(a: &[f32], b: &[f32]) -> f64 {
        sum_in_lanes(a, b, |a, b| a * b)
    }

    fn sum_in_lanes(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
        assert_eq!(a.len(), b.len(), "rows of equal width");
        let mut s = [0.0; 8];
        for i in 0..a.len() {
            s[i % 8] += term(f64::from(a[i]), f64::from(b[i]));
        }
        ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
    }
}
