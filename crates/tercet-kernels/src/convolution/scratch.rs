//! What the passes need beside their arguments.

use super::Shape;
use super::blocks::Block;
use super::gradient_lists::{FilterLists, PatchLists};

/// How many numbers a line of the cache holds.
const LINE: usize = 16;

/// The widest register, in numbers.
pub(super) const MOST_LANES: usize = 16;

/// Room for what a pass writes down on its way. It belongs to the caller, any pass may use it for any shape, and what is
/// in it does not matter: it grows to what is needed, and from then on the passes allocate nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// The weights as the innermost loop reads them, or the sums that become their gradient.
    pub(super) panels: Buffer,
    /// The weights of a convolution that is turned around.
    pub(super) rotated: Buffer,
    /// What tiles become, and the sums of their products.
    pub(super) frequencies: Buffer,
    pub(super) sums: Buffer,
    /// Images with their padding.
    pub(super) padded: Buffer,
    /// Where each patch begins in the padded image.
    pub(super) offsets: Vec<u32>,
    /// Which rows of each patch have anything but zeros, and room to find that out.
    pub(super) nonzero: Vec<u8>,
    /// The outputs that count, and the places of their patches.
    pub(super) outputs: Vec<(u32, u32)>,
    /// How a patch is cut.
    pub(super) blocks: Vec<Block>,
    /// The gradients that are not zero.
    pub(super) patch_lists: PatchLists,
    pub(super) filter_lists: FilterLists,
}

impl Scratch {
    /// Room for nothing yet.
    pub fn new() -> Self {
        Scratch::default()
    }
}

/// Numbers that begin where a line of the cache does.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer(Vec<f32>);

impl Buffer {
    /// So many numbers; what they are means nothing.
    pub(super) fn resized(&mut self, count: usize) -> &mut [f32] {
        if self.0.len() < count + LINE {
            self.0.resize(count + LINE, 0.0);
        }
        let aligned = self.0.as_ptr().align_offset(4 * LINE).min(LINE);
        &mut self.0[aligned..][..count]
    }
}

/// The image with zeros around it: itself where there is no padding, else a copy in `buffer`.
pub(super) fn pad<'a>(shape: &Shape, x: &'a [f32], buffer: &'a mut Buffer) -> &'a [f32] {
    if shape.padding == 0 {
        return x;
    }
    let padded = buffer.resized(shape.padded_height() * shape.padded_width() * shape.channels);
    copy_padded(shape, x, padded);
    padded
}

/// Copies an image and zeros around it.
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

/// Copies an image out of the zeros around it.
#[inline(always)]
pub(super) fn unpad(shape: &Shape, padded: &[f32], x: &mut [f32]) {
    let (row, margin) = (shape.padded_width() * shape.channels, shape.padding * shape.channels);
    let rows = padded[shape.padding * row..].chunks_exact(row);
    for (x, padded) in x.chunks_exact_mut(shape.width * shape.channels).zip(rows) {
        x.copy_from_slice(&padded[margin..][..x.len()]);
    }
}

/// For each place of an image the rows of the patch that begins there which have anything but zeros: bit ky for row ky.
/// Four fifths of a written digit are zero, and most rows of its patches. Nothing where there are several channels, of
/// which rarely all are zero, or the patches are of a shape that this is not made for.
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
