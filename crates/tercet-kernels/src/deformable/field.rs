//! [`Field`]: the edges of an image with a margin of zeros, in the layout that the kernel reads.

use super::Warp;

/// Columns that are computed at once.
pub(super) const COLUMNS: usize = 32;

/// The edges of an image, padded with zeros as far as a warp can reach. Its memory is reused for the next image.
///
/// ```
/// use tercet_kernels::deformable::{Field, Warp};
/// let warp = Warp { reach: 2, context: 1 };
/// let mut field = Field::new(28, 28, warp);
/// field.set(&[0; 28 * 28 * 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Field {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) warp: Warp,
    /// (margin + height + margin, stride, 2).
    values: Vec<i16>,
    stride: usize,
    /// The rows from the first to the last with an edge.
    pub(super) first: usize,
    pub(super) end: usize,
}

impl Field {
    /// Room for images of a size.
    ///
    /// # Panics
    /// If the image is empty, or the warp too large.
    pub fn new(width: usize, height: usize, warp: Warp) -> Self {
        assert!(width > 0 && height > 0, "an image of {width} × {height}");
        let margin = warp.margin();
        // Whole blocks of columns are read, from the left margin of the first to the right margin of the last.
        let stride = width.next_multiple_of(COLUMNS - 2 * warp.context) + COLUMNS + 2 * margin;
        let values = vec![0; (height + 2 * margin) * stride * 2];
        Field { width, height, warp, values, stride, first: 0, end: 0 }
    }

    /// Stores the edges of the next image.
    ///
    /// # Shapes
    /// `edges` is (height, width, 2).
    ///
    /// # Panics
    /// If the edges have another size.
    pub fn set(&mut self, edges: &[i8]) {
        assert_eq!(edges.len(), 2 * self.width * self.height, "edges of {} × {}", self.width, self.height);
        let margin = self.warp.margin();
        (self.first, self.end) = (self.height, 0);
        let rows = self.values.chunks_exact_mut(2 * self.stride).skip(margin);
        for (y, (row, edges)) in rows.zip(edges.chunks_exact(2 * self.width)).enumerate() {
            let row = &mut row[2 * margin..][..2 * self.width];
            let mut any = 0;
            for (value, &edge) in row.iter_mut().zip(edges) {
                *value = i16::from(edge);
                any |= edge;
            }
            if any != 0 {
                (self.first, self.end) = (self.first.min(y), y + 1);
            }
        }
    }

    /// The edges of [`COLUMNS`] pixels starting at (row, column), which may be in the margin.
    #[inline(always)]
    pub(super) fn at(&self, row: isize, column: isize) -> &[i16; 2 * COLUMNS] {
        let margin = self.warp.margin() as isize;
        let pixel = (row + margin) as usize * self.stride + (column + margin) as usize;
        let (pixels, _) = self.values[2 * pixel..].split_at(2 * COLUMNS);
        pixels.try_into().expect("the slice has this length")
    }
}
