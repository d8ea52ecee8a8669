//! A curve of bounded size, for training runs of any length.

/// The largest number of points: more than a terminal has columns of dots.
const MOST: usize = 512;

/// Values by step. If there are too many points, every two neighbours are replaced by their mean.
#[derive(Clone, Debug)]
pub struct Curve {
    points: Vec<(f64, f64)>,
    /// How many values a point averages.
    per_point: usize,
    /// The sums of steps and values of the next point, and their number.
    pending: (f64, f64, usize),
}

impl Curve {
    pub fn new() -> Self {
        Curve { points: Vec::with_capacity(MOST), per_point: 1, pending: (0.0, 0.0, 0) }
    }

    /// Adds a value. Non-finite values are left out.
    pub fn push(&mut self, step: usize, value: f64) {
        if !value.is_finite() {
            return;
        }
        let (steps, values, count) = &mut self.pending;
        (*steps, *values, *count) = (*steps + step as f64, *values + value, *count + 1);
        if *count < self.per_point {
            return;
        }
        let n = *count as f64;
        self.points.push((*steps / n, *values / n));
        self.pending = (0.0, 0.0, 0);
        if self.points.len() == MOST {
            for i in 0..MOST / 2 {
                self.points[i] = mean(&self.points[2 * i..][..2]);
            }
            self.points.truncate(MOST / 2);
            self.per_point *= 2;
        }
    }

    /// Step and value of at most `most` points, in order; neighbours are averaged if there are more.
    pub fn thinned(&self, most: usize) -> impl Iterator<Item = (f64, f64)> {
        self.points.chunks(self.points.len().div_ceil(most.max(1)).max(1)).map(mean)
    }

    /// Step and value of each point, in order.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
}

/// The mean of points.
fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    (points.iter().map(|point| point.0).sum::<f64>() / n, points.iter().map(|point| point.1).sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_keeps_its_shape_in_few_points() {
        let mut curve = Curve::new();
        for step in 1..=100_000 {
            curve.push(step, step as f64 * 3.0);
        }
        let points = curve.points();
        assert!((MOST / 2..MOST).contains(&points.len()), "{}", points.len());
        assert!(points.iter().all(|(step, value)| (value - 3.0 * step).abs() < 1e-6));
        let thinned: Vec<(f64, f64)> = curve.thinned(60).collect();
        assert!((30..=60).contains(&thinned.len()) && thinned.is_sorted());
        assert!(thinned.iter().all(|(step, value)| (value - 3.0 * step).abs() < 1e-6));
        assert!(points.is_sorted() && points[0].0 < 300.0 && points.last().unwrap().0 > 99_000.0);
    }

    #[test]
    fn non_finite_values_are_left_out() {
        let mut curve = Curve::new();
        for (step, value) in [(1, 2.0), (2, f64::INFINITY), (3, f64::NAN), (4, 5.0)] {
            curve.push(step, value);
        }
        assert_eq!(curve.points(), [(1.0, 2.0), (4.0, 5.0)]);
    }
}
