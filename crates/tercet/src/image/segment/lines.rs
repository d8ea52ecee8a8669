//! Ruled lines, grids and margins.

use super::plane::{Mask, Plane};

/// The steepest line that counts as horizontal: about 6 degrees.
const STEEPEST: f32 = 0.105;

/// A line covers at least this fraction of the picture's width.
const COVERS: f32 = 0.5;

/// A single line comes at least this close to both sides of the picture, as a fraction of its width.
const FROM_SIDE: f32 = 0.08;

/// Ruled lines thinner than this fraction of the shorter side are found.
const THICKEST: f32 = 1.0 / 50.0;

/// The maximum number of lines in one direction.
const MOST: usize = 80;

/// A straight line `y = intercept + slope · x`.
struct Line {
    intercept: f32,
    slope: f32,
    /// The runs on it, as indices.
    runs: Vec<usize>,
    reaches_both_sides: bool,
}

/// Consecutive pixels of the mask in one column.
struct Run {
    x: usize,
    top: usize,
    length: usize,
}

impl Run {
    fn middle(&self) -> f32 {
        self.top as f32 + (self.length - 1) as f32 / 2.0
    }
}

/// Removes long thin lines from a mask, horizontal and vertical ones, and returns what was removed. Strokes that cross a
/// line stay whole: across the line they are longer than it is thick.
pub(super) fn remove_lines(mask: &mut Mask) -> Mask {
    let mut removed = remove_horizontal(mask);
    let mut turned = mask.transpose();
    let vertical = remove_horizontal(&mut turned).transpose();
    *mask = turned.transpose();
    removed.values.iter_mut().zip(&vertical.values).for_each(|(a, b)| *a |= *b);
    removed
}

fn remove_horizontal(mask: &mut Mask) -> Mask {
    let thickest = ((mask.width.min(mask.height) as f32 * THICKEST).round() as usize).max(3);
    let mut removed = Plane::filled(mask.width, mask.height, false);
    let runs = runs(mask);
    let mut thin: Vec<usize> = (0..runs.len()).filter(|&i| runs[i].length <= thickest).collect();
    let mut lines: Vec<Line> = Vec::new();
    let mut slope = None;
    while lines.len() < MOST {
        // Ruled lines are parallel, so the slope of the first is tried before all others.
        let found = slope.and_then(|slope| best(&runs, &thin, mask, &[slope]));
        let Some(line) = found.or_else(|| best(&runs, &thin, mask, &slopes(mask.width))) else { break };
        slope = Some(line.slope);
        let taken: std::collections::HashSet<usize> = line.runs.iter().copied().collect();
        thin.retain(|run| !taken.contains(run));
        lines.push(line);
    }
    // One line that does not come from one side to the other may be a stroke.
    if lines.len() < 3 {
        lines.retain(|line| line.reaches_both_sides);
    }
    for line in lines {
        let mut lengths: Vec<usize> = line.runs.iter().map(|&i| runs[i].length).collect();
        lengths.sort_unstable();
        let thick = lengths[lengths.len() / 2];
        for run in &runs {
            let at = line.intercept + line.slope * run.x as f32;
            let near = (run.middle() - at).abs() <= 1.5 + thick as f32 / 2.0;
            if near && run.length <= thick + thick / 2 + 2 {
                for y in run.top..run.top + run.length {
                    mask.set(run.x, y, false);
                    removed.set(run.x, y, true);
                }
            }
        }
    }
    removed
}

fn runs(mask: &Mask) -> Vec<Run> {
    let mut runs = Vec::new();
    for x in 0..mask.width {
        let mut y = 0;
        while y < mask.height {
            let top = y;
            while y < mask.height && mask.at(x, y) {
                y += 1;
            }
            if y > top {
                runs.push(Run { x, top, length: y - top });
            }
            y += 1;
        }
    }
    runs
}

/// Slopes so close that a line differs by a pixel from the nearest of them at its ends.
fn slopes(width: usize) -> Vec<f32> {
    let steps = (STEEPEST * width as f32 / 2.0).ceil() as i32;
    (-steps..=steps).map(|i| i as f32 * 2.0 / width as f32).filter(|slope| slope.abs() <= STEEPEST).collect()
}

/// The line with the most runs, by a Hough transform, if it is long enough.
fn best(runs: &[Run], thin: &[usize], mask: &Mask, slopes: &[f32]) -> Option<Line> {
    let (width, height) = (mask.width, mask.height);
    let below = (STEEPEST * width as f32).ceil() as usize + 2;
    let mut votes = vec![0u32; height + 2 * below + 4];
    let mut best = (0, 0, 0.0);
    for &slope in slopes {
        votes.fill(0);
        for &i in thin {
            let intercept = runs[i].middle() - slope * runs[i].x as f32;
            votes[(intercept.round() + below as f32) as usize] += 1;
        }
        let sums = votes.windows(3).map(|three| three.iter().sum::<u32>());
        if let Some((at, count)) = sums.enumerate().max_by_key(|(at, count)| (*count, usize::MAX - at))
            && count > best.0
        {
            best = (count, at + 1, slope);
        }
    }
    let (count, bin, slope) = best;
    if (count as f32) < COVERS * width as f32 {
        return None;
    }
    let intercept = bin as f32 - below as f32;
    let on_line = |&&i: &&usize| (runs[i].middle() - slope * runs[i].x as f32 - intercept).abs() <= 1.6;
    let on_line: Vec<usize> = thin.iter().filter(on_line).copied().collect();
    let mut columns: Vec<usize> = on_line.iter().map(|&i| runs[i].x).collect();
    columns.dedup();
    let margin = (FROM_SIDE * width as f32) as usize + 1;
    // A few runs at the sides, so that a speck there does not count.
    let (first, last) = (*columns.get(2)?, *columns.get(columns.len().checked_sub(3)?)?);
    let reaches_both_sides = first <= margin && last + 1 + margin >= width;
    let is_long = columns.len() as f32 >= COVERS * width as f32;
    is_long.then_some(Line { intercept, slope, runs: on_line, reaches_both_sides })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(inked: impl Fn(usize, usize) -> bool) -> Mask {
        Plane { width: 200, height: 150, values: (0..30_000).map(|p| inked(p % 200, p / 200)).collect() }
    }

    fn stroke(x: usize, y: usize) -> bool {
        (90..98).contains(&x) && (30..120).contains(&y)
    }

    fn on_grid(x: usize, y: usize) -> bool {
        x % 25 < 2 || (y + x / 30) % 20 < 2
    }

    #[test]
    fn a_slanted_grid_disappears_and_the_stroke_on_it_stays() {
        let mut seen = mask(|x, y| stroke(x, y) || on_grid(x, y));
        let removed = remove_lines(&mut seen);
        let (kept, gone) = (mask(stroke), mask(|x, y| on_grid(x, y) && !stroke(x, y)));
        let differ = |a: &Mask, b: &Mask| a.values.iter().zip(&b.values).filter(|(a, b)| a != b).count();
        assert!(differ(&seen, &kept) < 120, "{}", differ(&seen, &kept));
        assert!(differ(&removed, &gone) < 120);
    }

    #[test]
    fn one_short_line_is_a_stroke_and_one_across_the_picture_is_not() {
        let bar = mask(|x, y| (30..170).contains(&x) && (50..53).contains(&y));
        let mut seen = bar.clone();
        assert_eq!((remove_lines(&mut seen).count(), &seen), (0, &bar));
        let mut across = mask(|_, y| (50..53).contains(&y));
        remove_lines(&mut across);
        assert_eq!(across.count(), 0);
    }
}
