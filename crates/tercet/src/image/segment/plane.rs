//! [`Plane`]: one number for each pixel, for intermediate results.

/// Width × height values, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane<T> {
    pub width: usize,
    pub height: usize,
    pub values: Vec<T>,
}

/// Which pixels belong to something.
pub(super) type Mask = Plane<bool>;

impl<T: Copy> Plane<T> {
    /// The same value everywhere.
    pub fn filled(width: usize, height: usize, value: T) -> Self {
        Plane { width, height, values: vec![value; width * height] }
    }

    /// The value at a pixel.
    pub fn at(&self, x: usize, y: usize) -> T {
        self.values[y * self.width + x]
    }

    /// Sets the value at a pixel.
    pub fn set(&mut self, x: usize, y: usize, value: T) {
        self.values[y * self.width + x] = value;
    }

    /// Rows become columns.
    pub fn transpose(&self) -> Self {
        let values = (0..self.values.len()).map(|p| self.at(p / self.height, p % self.height)).collect();
        Plane { width: self.height, height: self.width, values }
    }

    /// The same shape with other values.
    pub fn map<U>(&self, change: impl Fn(T) -> U) -> Plane<U> {
        let values = self.values.iter().map(|&value| change(value)).collect();
        Plane { width: self.width, height: self.height, values }
    }
}

impl Mask {
    /// The number of pixels that belong to it.
    pub fn count(&self) -> usize {
        self.values.iter().filter(|&&v| v).count()
    }

    /// The pixels whose square neighbourhood of this radius lies in the mask; outside the picture counts as inside if
    /// `beyond`.
    pub fn erode(&self, radius: usize, beyond: bool) -> Mask {
        let along = |mask: &Mask| {
            let mut out = mask.clone();
            for (row, new) in mask.values.chunks(mask.width).zip(out.values.chunks_mut(mask.width)) {
                // The distance to the last pixel outside, to the left; then the same from the right.
                let mut since = if beyond { radius } else { 0 };
                for (v, new) in row.iter().zip(new.iter_mut()) {
                    since = if *v { since + 1 } else { 0 };
                    *new = since > radius;
                }
                since = if beyond { radius } else { 0 };
                for (v, new) in row.iter().zip(new.iter_mut()).rev() {
                    since = if *v { since + 1 } else { 0 };
                    *new &= since > radius;
                }
            }
            out
        };
        along(&along(self).transpose()).transpose()
    }

    /// The pixels within a square of this radius around one of the mask.
    pub fn dilate(&self, radius: usize) -> Mask {
        self.map(|v| !v).erode(radius, true).map(|v| !v)
    }
}

/// The median of some values, the upper one of two; 0 if there are none.
pub(super) fn median(mut values: Vec<f32>) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erosion_and_dilation_move_the_edge_by_the_radius() {
        let inside = |p: usize| (3..9).contains(&(p % 12)) && (2..8).contains(&(p / 12));
        let mask = Plane { width: 12, height: 10, values: (0..120).map(inside).collect() };
        assert_eq!((mask.count(), mask.erode(1, false).count(), mask.dilate(1).count()), (36, 16, 64));
        assert_eq!(mask.erode(3, false).count(), 0);
        let all = Plane::filled(5, 4, true);
        assert_eq!((all.erode(1, true).count(), all.erode(1, false).count()), (20, 6));
        assert_eq!(mask.transpose().transpose(), mask);
    }
}
