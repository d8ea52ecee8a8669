//! Scratch memory of the passes.

use super::Shape;
use super::blocks::Block;
use super::gradient_lists::{FilterLists, PatchLists};

/// How many numbers a cache line holds.
const LINE: usize = 16;

/// The number of lanes of the widest register.
pub(super) const MOST_LANES: usize = 16;

/// Scratch memory for intermediate results. It belongs to the caller, any pass may use it for any shape, and its
/// contents do not matter: it grows as needed, and from then on the passes allocate nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// The weights, packed for the innermost loop, or the sums that become their gradient.
    pub(super) panels: Buffer,
    /// The rotated weights of the convolution that computes the gradient of the input.
    pub(super) rotated: Buffer,
    /// Transformed tiles, and the sums of their products.
    pub(super) frequencies: Buffer,
    pub(super) sums: Buffer,
    /// Images with their padding.
    pub(super) padded: Buffer,
    /// The offset of each patch in the padded image.
    pub(super) offsets: Vec<u32>,
    /// Which rows of each patch are not all zeros, with room to compute it.
    pub(super) nonzero: Vec<u8>,
    /// The outputs that are not skipped, and the offsets of their patches.
    pub(super) outputs: Vec<(u32, u32)>,
    /// The blocks of a patch.
    pub(super) blocks: Vec<Block>,
    /// The non-zero gradients.
    pub(super) patch_lists: PatchLists,
    pub(super) filter_lists: FilterLists,
}

impl Scratch {
    /// Empty scratch memory.
    pub fn new() -> Self {
        Scratch::default()
    }
}

/// Floats aligned to a cache line.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer(Vec<f32>);

impl Buffer {
    /// `count` floats with unspecified values.
    pub(super) fn resized(&mut self, count: usize) -> &mut [f32] {
        if self.0.len() < count + LINE {
            self.0.resize(count + LINE, 0.0);
        }
        let aligned = self.0.as_ptr().align_offset(4 * LINE).min(LINE);
        &mut self.0[aligned..][..count]
    }
}

/// The image padded with zeros: the image itself if there is no padding, else a copy in `buffer`.
pub(super) fn pad<'a>(shape: &Shape, x: &'a [f32], buffer: &'a mut Buffer) -> &'a [f32] {
    if shape.padding == 0 {
        return x;
    }
    let padded = buffer.resized(shape.padded_height() * shape.padded_width() * shape.channels);
    copy_padded(shape, x, padded);
    padded
}

/// Copies an image and pads it with zeros.
#[inline(always)]
pub(super) fn copy_padded(shape: &Shape, x: &[f32], padded: &mut [f32]) {
    if shape.padding == 0 {
        return padded[..x.len()].copy_from_slice(x);
    }
    let (row, margin) = (shape.padded_width() * shape.channels, shape.padding * shape.channels);
    padded.fill(0.0);
    let rows = padded[shape.padding * row..].chunks_exact_mut(row);
    for (x, padded) in x.chunks_exact(shape.width * shape.channels).zip(rows) {
        padded[margin..][..x.len()].copy_from_slice(x);
    }
}

/// Copies an image without its padding.
#[inline(always)]
pub(super) fn unpad(shape: &Shape, padded: &[f32], x: &mut [f32]) {
    let (row, margin) = (shape.padded_width() * shape.channels, shape.padding * shape.channels);
    let rows = padded[shape.padding * row..].chunks_exact(row);
    for (x, padded) in x.chunks_exact_mut(shape.width * shape.channels).zip(rows) {
        x.copy_from_slice(&padded[margin..][..x.len()]);
    }
}

/// For each position of an image, which rows of the patch that begins there are not all zeros: bit ky for row ky. Four
/// fifths of a handwritten digit are zero, and so are most rows of its patches. Returns `None` if there are several
/// channels, which are rarely all zero, or if this function does not support the shape of the patches.
#[inline(always)]
pub(super) fn find_nonzero<'a>(shape: &Shape, image: &[f32], buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    if shape.channels > 1 || shape.stride > 1 || shape.kernel_height > 8 {
        return None;
    }
    let count = image.len();
    buffer.clear();
    buffer.resize(3 * count, 0);
    let (nonzero, rest) = buffer.split_at_mut(count);
    let (pixels, rows) = rest.split_at_mut(count);
    pixels.iter_mut().zip(image).for_each(|(pixel, &x)| *pixel = u8::from(x != 0.0));
    for kx in 0..shape.kernel_width {
        rows.iter_mut().zip(&pixels[kx..]).for_each(|(row, &pixel)| *row |= pixel);
    }
    for ky in 0..shape.kernel_height {
        let rows = &rows[ky * shape.padded_width()..];
        nonzero.iter_mut().zip(rows).for_each(|(nonzero, &row)| *nonzero |= row << ky);
    }
    Some(nonzero)
}
