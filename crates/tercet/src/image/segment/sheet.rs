//! The sheet of paper in a picture that also shows what lies around it.

use super::components::{Component, components};
use super::plane::{Mask, Plane, median};

/// The longer side of the picture in which the sheet is searched.
const LONGEST: usize = 96;

/// The darker of two surfaces must have less than this fraction of the brightness of the other one. A shadow on the
/// sheet has more.
const CONTRAST: f32 = 0.45;

/// The fraction of the picture that a sheet covers at least, and at most.
const COVERS: [f32; 2] = [0.15, 0.97];

/// A region that encloses more than this fraction of itself is a thick 0, not a sheet with writing on it.
const ENCLOSES: f32 = 0.15;

/// The pixels of the sheet; all pixels if no sheet stands out from its surround.
///
/// Writing is removed by a median filter, and Otsu's threshold splits the rest into two surfaces. The sheet is the one
/// with less of the picture's border for its area, if the brightness of the two differs more than light and shadow do, and if the
/// sheet is one compact region. Its rim, where the camera mixes the two, is left out.
pub(super) fn sheet(luma: &Plane<f32>) -> Mask {
    let all = Plane::filled(luma.width, luma.height, true);
    let step = luma.width.max(luma.height).div_ceil(LONGEST).max(1);
    let small = reduced(luma, step);
    if small.width < 12 || small.height < 12 {
        return all;
    }
    let smooth = median_filter(&small, (small.width.min(small.height) / 14).max(1));
    let Some(bright) = two_surfaces(&smooth) else { return all };
    let dark = bright.map(|v| !v);
    // Of two surfaces, the one with less of the border for its area is enclosed by the other.
    let outside = |mask: &Mask| on_border(mask) as f32 / mask.count().max(1) as f32;
    let inner = if outside(&bright) <= outside(&dark) { bright } else { dark };
    let Some(mut region) = largest(&inner) else { return all };
    let solid = region.count() as f32;
    fill_holes(&mut region);
    let enclosed = region.count() as f32 - solid;
    let share = region.count() as f32 / region.values.len() as f32;
    let border = on_border(&region) as f32 / (2 * (region.width + region.height)) as f32;
    if !(COVERS[0]..COVERS[1]).contains(&share)
        || border > 0.95
        || enclosed > ENCLOSES * solid
        || !is_compact(&region)
    {
        return all;
    }
    let rim = |p: usize| {
        let (x, y) = (p % luma.width / step, p / luma.width / step);
        region.at(x.min(region.width - 1), y.min(region.height - 1))
    };
    let full =
        Plane { width: all.width, height: all.height, values: (0..all.values.len()).map(rim).collect() };
    full.erode(step + step / 2 + 1, true)
}

/// The means of squares of `step` pixels.
fn reduced(plane: &Plane<f32>, step: usize) -> Plane<f32> {
    let (width, height) = ((plane.width / step).max(1), (plane.height / step).max(1));
    let mut sums = vec![0f32; width * height];
    let mut counts = vec![0f32; width * height];
    for (y, row) in plane.values.chunks(plane.width).enumerate() {
        let line = (y / step).min(height - 1) * width;
        for (x, v) in row.iter().enumerate() {
            let at = line + (x / step).min(width - 1);
            (sums[at], counts[at]) = (sums[at] + v, counts[at] + 1.0);
        }
    }
    let values = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
    Plane { width, height, values }
}

fn median_filter(plane: &Plane<f32>, radius: usize) -> Plane<f32> {
    let at = |p: usize| {
        let (x, y) = (p % plane.width, p / plane.width);
        let rows = y.saturating_sub(radius)..(y + radius + 1).min(plane.height);
        let columns = x.saturating_sub(radius)..(x + radius + 1).min(plane.width);
        median(rows.flat_map(|y| plane.values[y * plane.width..][columns.clone()].iter().copied()).collect())
    };
    Plane { width: plane.width, height: plane.height, values: (0..plane.values.len()).map(at).collect() }
}

/// The pixels above Otsu's threshold, if the two classes differ as two surfaces do.
fn two_surfaces(smooth: &Plane<f32>) -> Option<Mask> {
    let mut counts = [0usize; 256];
    smooth.values.iter().for_each(|v| counts[v.clamp(0.0, 255.0) as usize] += 1);
    let threshold = crate::image::otsu(&counts) as f32;
    let bright = smooth.map(|v| v > threshold + 0.5);
    let class = |wanted: bool| {
        let both = smooth.values.iter().zip(&bright.values);
        median(both.filter(|(_, is)| **is == wanted).map(|(v, _)| *v).collect())
    };
    let (light, dark) = (class(true), class(false));
    (light - dark > 60.0 && dark < CONTRAST * light).then_some(bright)
}

fn on_border(mask: &Mask) -> usize {
    let (w, h) = (mask.width, mask.height);
    let across = (0..w).map(|x| usize::from(mask.at(x, 0)) + usize::from(mask.at(x, h - 1))).sum::<usize>();
    across + (0..h).map(|y| usize::from(mask.at(0, y)) + usize::from(mask.at(w - 1, y))).sum::<usize>()
}

fn largest(mask: &Mask) -> Option<Mask> {
    let largest: Component = components(mask).into_iter().max_by_key(|part| part.pixels.len())?;
    let mut region = Plane::filled(mask.width, mask.height, false);
    largest.pixels.iter().for_each(|&p| region.values[p] = true);
    Some(region)
}

/// Adds what the region encloses: writing that the median filter left.
fn fill_holes(region: &mut Mask) {
    let outside = region.map(|v| !v);
    for hole in components(&outside).iter().filter(|part| !part.touches(region.width, region.height)) {
        hole.pixels.iter().for_each(|&p| region.values[p] = true);
    }
}

/// Whether the region fills most of its convex hull, row by row and column by column.
fn is_compact(region: &Mask) -> bool {
    let spans = |mask: &Mask| -> usize {
        let rows = mask.values.chunks(mask.width);
        rows.map(|row| match (row.iter().position(|v| *v), row.iter().rposition(|v| *v)) {
            (Some(first), Some(last)) => last - first + 1,
            _ => 0,
        })
        .sum()
    };
    let most = spans(region).max(spans(&region.transpose()));
    region.count() as f32 > 0.9 * most as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(value: impl Fn(usize, usize) -> f32) -> Plane<f32> {
        let values = (0..300 * 200).map(|p| value(p % 300, p / 300)).collect();
        Plane { width: 300, height: 200, values }
    }

    fn on_card(x: usize, y: usize) -> bool {
        (60..240).contains(&x) && (30..170).contains(&y)
    }

    #[test]
    fn a_card_on_a_dark_table_is_found_without_its_rim() {
        let found = sheet(&plane(|x, y| if on_card(x, y) { 240.0 } else { 50.0 }));
        assert!(found.at(150, 100) && !found.at(30, 100) && !found.at(61, 100));
        let count = found.count();
        assert!((20_000..25_200).contains(&count), "{count}");
    }

    #[test]
    fn a_black_square_on_white_paper_is_a_sheet_too() {
        let found = sheet(&plane(|x, y| if on_card(x, y) { 5.0 } else { 250.0 }));
        assert!(found.at(150, 100) && !found.at(30, 100));
    }

    #[test]
    fn a_shadow_and_plain_paper_are_not_a_sheet() {
        let shadow = plane(|x, y| if x + y > 300 { 115.0 } else { 235.0 });
        assert_eq!(sheet(&shadow).count(), 60_000);
        assert_eq!(sheet(&plane(|x, _| 200.0 + x as f32 / 10.0)).count(), 60_000);
    }
}
