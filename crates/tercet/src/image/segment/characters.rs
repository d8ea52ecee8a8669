//! Components become characters: strokes of one character together, one line of writing after the other.

use super::components::Component;
use super::plane::{Mask, Plane};

/// A component with less than this fraction of the ink of the largest one is dirt.
const SPECK: f32 = 0.02;

/// Characters lower than this fraction of the highest one are small print.
const SMALL_PRINT: f32 = 0.45;

/// A component whose inside is this thick, as a fraction of its longer side, is no stroke: a hole, a stain, a stamp.
const BLOB: f32 = 0.5;

/// A component is a rule or an underline if it is this many times as wide as high.
const FLAT: usize = 4;

/// A character, in the order of reading.
#[derive(Clone, Debug)]
pub(super) struct Character {
    pub ink: Component,
    /// The line of writing, from 0.
    pub line: usize,
}

/// For each pixel, the chessboard distance to the nearest one outside the mask; 0 outside it.
pub(super) fn depth(mask: &Mask) -> Plane<u16> {
    let (width, height) = (mask.width, mask.height);
    let mut depth = mask.map(|v| if v { u16::MAX - 1 } else { 0 });
    let mut relax = |x: usize, y: usize, rows: [i32; 3]| {
        if depth.at(x, y) == 0 {
            return;
        }
        let around = [(-1, rows[0]), (0, rows[0]), (1, rows[0]), (rows[1], 0)];
        let near = around.iter().map(|&(dx, dy)| {
            let (x, y) = (x as i32 + dx, y as i32 + dy);
            let inside = x >= 0 && y >= 0 && (x as usize) < width && (y as usize) < height;
            if inside { depth.at(x as usize, y as usize) } else { 0 }
        });
        let nearest = near.min().unwrap_or(0);
        depth.set(x, y, depth.at(x, y).min(nearest + 1));
    };
    for p in 0..width * height {
        relax(p % width, p / width, [-1, -1, 0]);
    }
    for p in (0..width * height).rev() {
        relax(p % width, p / width, [1, 1, 0]);
    }
    depth
}

/// Whether a component is too thick for a stroke.
pub(super) fn is_blob(part: &Component, depth: &Plane<u16>) -> bool {
    let deepest = part.pixels.iter().map(|&p| depth.values[p]).max().unwrap_or(0);
    let longest = part.width().max(part.height());
    longest > 4 && f32::from(2 * deepest - 1) > BLOB * longest as f32
}

/// Whether a component is the outline of a box: nearly all of its ink lies along the sides of its bounding box.
pub(super) fn is_frame(part: &Component, width: usize) -> bool {
    let (w, h) = (part.width(), part.height());
    let band = (w.min(h) / 10).max(2);
    if w < 12 || h < 12 {
        return false;
    }
    let mut sides = [vec![false; w], vec![false; w], vec![false; h], vec![false; h]];
    let mut inside = 0;
    for &p in &part.pixels {
        let (x, y) = (p % width - part.left, p / width - part.top);
        let near = [y < band, y + band >= h, x < band, x + band >= w];
        inside += usize::from(!near.contains(&true));
        (0..4).filter(|&i| near[i]).for_each(|i| sides[i][if i < 2 { x } else { y }] = true);
    }
    let covered = |side: &Vec<bool>| side.iter().filter(|v| **v).count() as f32 / side.len() as f32;
    sides.iter().all(|side| covered(side) > 0.9) && (inside as f32) < 0.12 * part.pixels.len() as f32
}

/// The characters among the components of the ink.
pub(super) fn characters(mut parts: Vec<Component>) -> Vec<Character> {
    let largest = parts.iter().map(|part| part.pixels.len()).max().unwrap_or(0);
    parts.retain(|part| part.pixels.len() as f32 >= SPECK * largest as f32);
    let mut parts = merged(parts);
    let upright = |part: &Component| part.width() < FLAT * part.height();
    if parts.iter().any(upright) {
        parts.retain(upright);
    }
    let highest = parts.iter().map(Component::height).max().unwrap_or(0);
    parts.retain(|part| part.height() as f32 >= SMALL_PRINT * highest as f32);
    in_lines(parts)
}

/// Joins the pieces of broken or separate strokes: a piece next to a larger one, above or below it, or at a very small
/// distance.
fn merged(mut parts: Vec<Component>) -> Vec<Component> {
    parts.sort_by_key(|part| std::cmp::Reverse(part.width().max(part.height())));
    let mut whole: Vec<Component> = Vec::new();
    for part in parts {
        let near = |other: &&mut Component| belongs(&part, other);
        match whole.iter_mut().find(near) {
            Some(other) => other.join(part),
            None => whole.push(part),
        }
    }
    whole
}

fn belongs(part: &Component, to: &Component) -> bool {
    let gap =
        |a: (usize, usize), b: (usize, usize)| (a.0.max(b.0) as f32 - a.1.min(b.1) as f32 - 1.0).max(0.0);
    let across = gap((part.left, part.right), (to.left, to.right));
    let down = gap((part.top, part.bottom), (to.top, to.bottom));
    let overlap = (part.right.min(to.right) + 1).saturating_sub(part.left.max(to.left)) as f32;
    let (size, own) = (to.height().max(to.width()) as f32, part.width().max(part.height()) as f32);
    let inside = across == 0.0 && down == 0.0 && own < 0.8 * size;
    let stacked =
        overlap >= 0.5 * part.width().min(to.width()) as f32 && down < 0.2 * size && own < 0.75 * size;
    let broken = overlap > 0.0 && down < (0.05 * size).max(2.0);
    // The bar of a 5, or of a 7, to the side of its stroke.
    let beside =
        down == 0.0 && across < 0.12 * size && (part.height() as f32) < 0.4 * size && own < 0.6 * size;
    inside || stacked || broken || beside
}

/// Sorts characters into lines of writing, each from left to right.
fn in_lines(mut parts: Vec<Component>) -> Vec<Character> {
    parts.sort_by_key(|part| part.top + part.bottom);
    let mut lines: Vec<Vec<Component>> = Vec::new();
    for part in parts {
        let shares = |line: &&mut Vec<Component>| {
            line.iter().any(|other| {
                let both = (part.bottom.min(other.bottom) + 1).saturating_sub(part.top.max(other.top));
                2 * both > part.height().min(other.height())
            })
        };
        match lines.iter_mut().find(shares) {
            Some(line) => line.push(part),
            None => lines.push(vec![part]),
        }
    }
    let mut characters = Vec::new();
    for (line, mut parts) in lines.into_iter().enumerate() {
        parts.sort_by_key(|part| part.left + part.right);
        characters.extend(parts.into_iter().map(|ink| Character { ink, line }));
    }
    characters
}

#[cfg(test)]
mod tests {
    use super::super::components::components;
    use super::*;

    fn mask(inked: impl Fn(usize, usize) -> bool) -> Mask {
        Plane { width: 120, height: 90, values: (0..10_800).map(|p| inked(p % 120, p / 120)).collect() }
    }

    fn bar(left: usize, top: usize, x: usize, y: usize) -> bool {
        (left..left + 4).contains(&x) && (top..top + 25).contains(&y)
    }

    #[test]
    fn characters_are_read_line_by_line_from_left_to_right() {
        let places = [(70, 12), (20, 10), (45, 14), (30, 55), (60, 58)];
        let ink = mask(|x, y| places.iter().any(|&(left, top)| bar(left, top, x, y)));
        let found = characters(components(&ink));
        let order: Vec<_> = found.iter().map(|c| (c.line, c.ink.left)).collect();
        assert_eq!(order, [(0, 20), (0, 45), (0, 70), (1, 30), (1, 60)]);
    }

    #[test]
    fn specks_underlines_and_small_print_are_left_out_and_pieces_are_joined() {
        let ink = mask(|x, y| {
            let small = (100..103).contains(&x) && (75..83).contains(&y);
            let underline = (20..80).contains(&x) && (50..53).contains(&y);
            let piece = (46..56).contains(&x) && (10..13).contains(&y);
            bar(40, 12, x, y) || piece || small || underline || (x, y) == (5, 5)
        });
        let found = characters(components(&ink));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].ink.left, found[0].ink.right, found[0].ink.bottom), (40, 55, 36));
    }

    #[test]
    fn blobs_and_frames_are_recognised() {
        let disc = mask(|x, y| (x as f32 - 40.0).hypot(y as f32 - 40.0) < 15.0);
        let frame = mask(|x, y| {
            let inside = |r: usize| (20 + r..80 - r).contains(&x) && (10 + r..80 - r).contains(&y);
            inside(0) && !inside(3)
        });
        let ring = mask(|x, y| (12.0..16.0).contains(&(x as f32 - 40.0).hypot(y as f32 - 40.0)));
        for (ink, blob, is_box) in [(disc, true, false), (frame, false, true), (ring, false, false)] {
            let part = components(&ink).remove(0);
            assert_eq!((is_blob(&part, &depth(&ink)), is_frame(&part, 120)), (blob, is_box));
        }
    }
}
