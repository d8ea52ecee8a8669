//! A curve of bounded size, however long a training lasts.

/// The most points of a curve: more than a terminal has dots beside one another.
const MOST: usize = 512;

/// Values over steps. Where there would be too many points, each two neighbours become one, with their mean.
#[derive(Clone, Debug)]
pub struct Curve {
    points: Vec<(f64, f64)>,
    /// How many values a point is the mean of.
    together: usize,
    /// Step and value of those that are no point yet, summed, and how many they are.
    waiting: (f64, f64, usize),
}

impl Curve {
    pub fn new() -> Self {
        Curve { points: Vec::with_capacity(MOST), together: 1, waiting: (0.0, 0.0, 0) }
    }

    /// Adds a value; one that is no number leaves a gap.
    pub fn push(&mut self, step: usize, value: f64) {
        if !value.is_finite() {
            return;
        }
        let (steps, values, count) = &mut self.waiting;
        (*steps, *values, *count) = (*steps + step as f64, *values + value, *count + 1);
        if *count < self.together {
            return;
        }
        let n = *count as f64;
        self.points.push((*steps / n, *values / n));
        self.waiting = (0.0, 0.0, 0);
        if self.points.len() == MOST {
            for i in 0..MOST / 2 {
                self.points[i] = mean(&self.points[2 * i..][..2]);
            }
            self.points.truncate(MOST / 2);
            self.together *= 2;
        }
    }

    /// Step and value of at most so many points, in order: where there are more, means of neighbours.
    pub fn thinned(&self, most: usize) -> impl Iterator<Item = (f64, f64)> {
        self.points.chunks(self.points.len().div_ceil(most.max(1)).max(1)).map(mean)
    }

    /// Step and value of each point, in order.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
}

/// The point in the middle of points.
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
    fn what_is_no_number_leaves_a_gap() {
        let mut curve = Curve::new();
        for (step, value) in [(1, 2.0), (2, f64::INFINITY), (3, f64::NAN), (4, 5.0)] {
            curve.push(step, value);
        }
        assert_eq!(curve.points(), [(1.0, 2.0), (4.0, 5.0)]);
    }
}
