//! [`Key`]: the sort key of rows.

use std::cmp::Ordering;

/// The sort key of rows: exact, totally ordered, smallest first. The reported distance is computed from it.
pub(in crate::neighbors) trait Key: Copy + Ord + Send {
    /// The distance, in f64. A larger key never has a smaller distance.
    fn distance(self) -> f64;
}

/// A distance computed in f64 that is not squared: L1 and cosine of f32 rows, and negated dot products.
#[derive(Clone, Copy, Debug)]
pub(in crate::neighbors) struct Float(pub f64);

/// A squared distance in f64: L2 of f32 rows.
#[derive(Clone, Copy, Debug)]
pub(in crate::neighbors) struct FloatSquared(pub f64);

/// A cubed distance in f64: L3 of f32 rows.
#[derive(Clone, Copy, Debug)]
pub(in crate::neighbors) struct FloatCubed(pub f64);

macro_rules! order_by_total_cmp {
    ($name:ident, $distance:expr) => {
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.total_cmp(&other.0)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $name {}

        impl Key for $name {
            fn distance(self) -> f64 {
                $distance(self.0)
            }
        }
    };
}

order_by_total_cmp!(Float, |distance: f64| distance);
order_by_total_cmp!(FloatSquared, f64::sqrt);
order_by_total_cmp!(FloatCubed, f64::cbrt);

/// Smaller keys come first, and have the smaller of these distances.
#[cfg(test)]
pub(super) fn check_order<K: Key + std::fmt::Debug>(nearer: K, farther: K, distances: [f64; 2]) {
    assert!(nearer < farther && nearer != farther && nearer.cmp(&nearer).is_eq(), "{nearer:?}, {farther:?}");
    assert_eq!([nearer.distance(), farther.distance()], distances);
}

/// A reach is at least the distance, and only slightly more.
#[cfg(test)]
pub(super) fn check_reach(found: f64, distance: f64, slack: f64) {
    assert!(found >= distance, "{found} is less than {distance}");
    assert!(found <= distance + slack, "{found} is much more than {distance}");
}

/// The root of a reach is rounded, and a factor covers that in addition to the error bound of the key.
#[cfg(test)]
pub(super) fn check_root_is_rounded_up(found: f64, squared: f64) {
    let share = found / squared.sqrt() - 1.0;
    assert!(share > 0.5e-12 && share < 2e-12, "{share}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_floats_are_ordered_by_their_distances() {
        check_order(Float(-9.0), Float(16.0), [-9.0, 16.0]);
        check_order(FloatSquared(9.0), FloatSquared(16.0), [3.0, 4.0]);
        check_order(FloatCubed(8.0), FloatCubed(27.0), [2.0, 3.0]);
    }
}
