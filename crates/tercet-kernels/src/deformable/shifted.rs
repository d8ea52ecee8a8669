//! Distances between images that may be shifted as a whole.

use super::MOST_SHIFT;
use crate::Isa;

/// The pixels of an image in a plane of zeros that is large enough for every shift.
#[derive(Clone, Debug)]
pub struct Plane {
    width: usize,
    height: usize,
    shift: usize,
    /// Two margins of zeros, height rows of `width + shift`, two margins again. Between two rows there are `shift`
    /// zeros, which serve as the right padding of one row and the left padding of the next.
    pixels: Vec<u8>,
}

impl Plane {
    /// Room for images of a size that are shifted by up to `shift` pixels.
    ///
    /// # Panics
    /// If the image is empty, or the shift above [`MOST_SHIFT`].
    pub fn new(width: usize, height: usize, shift: usize) -> Self {
        assert!(width > 0 && height > 0 && shift <= MOST_SHIFT, "an image of {width} × {height}");
        let mut plane = Plane { width, height, shift, pixels: Vec::new() };
        plane.pixels = vec![0; 4 * plane.margin() + height * plane.stride()];
        plane
    }

    /// Stores the next image.
    ///
    /// # Shapes
    /// `pixels` is (height, width).
    ///
    /// # Panics
    /// If the image has another size.
    pub fn set(&mut self, pixels: &[u8]) {
        assert_eq!(pixels.len(), self.width * self.height, "an image of {} × {}", self.width, self.height);
        let (margin, stride) = (self.margin(), self.stride());
        let rows = self.pixels[2 * margin..].chunks_exact_mut(stride);
        for (row, pixels) in rows.zip(pixels.chunks_exact(self.width)) {
            row[..self.width].copy_from_slice(pixels);
        }
    }

    fn stride(&self) -> usize {
        self.width + self.shift
    }

    /// How far the largest shift moves a pixel, in bytes.
    fn margin(&self) -> usize {
        self.shift * self.stride() + self.shift
    }
}

/// `min_s Σ_p distance(q(p), x(p + s))`, over all pixels p of the plane, for shifts s of up to `shift` pixels up, down
/// and to the sides. `pair` is the distance of two rows of bytes, such as [`l3_cubed`](crate::distance::l3_cubed), to
/// which equal bytes contribute nothing.
///
/// Pixels that a shift moves beyond the border still count, against blank paper, so no ink is lost, and the distance is
/// symmetric in q and x.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::deformable::{Plane, shifted};
/// use tercet_kernels::distance::l1;
///
/// let (mut q, mut x) = (Plane::new(3, 1, 1), Plane::new(3, 1, 1));
/// q.set(&[7, 50, 0]);
/// x.set(&[0, 7, 51]);
/// assert_eq!(shifted(Isa::active(), l1, &q, &x), 1);
/// ```
///
/// # Panics
/// If the images or their shifts differ in size.
pub fn shifted(isa: Isa, pair: fn(Isa, &[u8], &[u8]) -> u64, q: &Plane, x: &Plane) -> u64 {
    assert_eq!((q.width, q.height, q.shift), (x.width, x.height, x.shift), "images of one size and shift");
    let (margin, stride, side) = (q.margin(), q.stride(), 2 * q.shift + 1);
    // The part of the plane in which the image or its shifted copy can have ink.
    let length = 2 * margin + q.height * stride;
    let fixed = &q.pixels[margin..][..length];
    let shifts = (0..side).flat_map(|down| (0..side).map(move |across| down * stride + across));
    let distances = shifts.map(|from| pair(isa, fixed, &x.pixels[from..][..length]));
    distances.min().unwrap_or_default()
}
