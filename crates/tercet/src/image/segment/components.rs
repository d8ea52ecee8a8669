//! Connected components of a mask.

use super::plane::Mask;

/// Pixels that are connected, including diagonally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Component {
    /// Row times width plus column.
    pub pixels: Vec<usize>,
    /// The bounding box: first and last column, first and last row.
    pub left: usize,
    pub right: usize,
    pub top: usize,
    pub bottom: usize,
}

impl Component {
    pub fn width(&self) -> usize {
        self.right - self.left + 1
    }

    pub fn height(&self) -> usize {
        self.bottom - self.top + 1
    }

    /// Whether it reaches the border of a picture of this size.
    pub fn touches(&self, width: usize, height: usize) -> bool {
        self.left == 0 || self.top == 0 || self.right + 1 == width || self.bottom + 1 == height
    }

    /// The union of two.
    pub fn join(&mut self, other: Component) {
        (self.left, self.right) = (self.left.min(other.left), self.right.max(other.right));
        (self.top, self.bottom) = (self.top.min(other.top), self.bottom.max(other.bottom));
        self.pixels.extend(other.pixels);
    }
}

/// The connected components of a mask, in the order of their first pixels.
pub(super) fn components(mask: &Mask) -> Vec<Component> {
    let (width, height) = (mask.width, mask.height);
    let mut left_over = mask.values.clone();
    let mut found = Vec::new();
    for start in 0..left_over.len() {
        if !left_over[start] {
            continue;
        }
        left_over[start] = false;
        let (x, y) = (start % width, start / width);
        let mut part = Component { pixels: vec![start], left: x, right: x, top: y, bottom: y };
        let mut next = 0;
        while next < part.pixels.len() {
            let (x, y) = (part.pixels[next] % width, part.pixels[next] / width);
            next += 1;
            (part.left, part.right) = (part.left.min(x), part.right.max(x));
            (part.top, part.bottom) = (part.top.min(y), part.bottom.max(y));
            for y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                let row = y * width + x.saturating_sub(1)..=y * width + (x + 1).min(width - 1);
                part.pixels.extend(row.filter(|&at| std::mem::take(&mut left_over[at])));
            }
        }
        found.push(part);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::plane::Plane;
    use super::*;

    #[test]
    fn diagonal_neighbours_are_connected_and_boxes_are_exact() {
        let rows = ["##....", "..#...", ".....#", ".....#"];
        let values = rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect();
        let parts = components(&Plane { width: 6, height: 4, values });
        let boxes: Vec<_> =
            parts.iter().map(|p| (p.left, p.right, p.top, p.bottom, p.pixels.len())).collect();
        assert_eq!(boxes, [(0, 2, 0, 1, 3), (5, 5, 2, 3, 2)]);
        assert!(parts[1].touches(6, 4) && !parts[1].touches(7, 5));
    }
}
