//! The gradient of the input: for each patch, the sum of the filters' weights times their gradients, added to the
//! image.
//!
//! A patch at which the filters have the gradients g receives `Σ_co g_co · W[·, co]`. The sum stays in registers while
//! the loop runs over the filters with a non-zero gradient: with a pool, most filters have theirs at one of the other
//! three patches. Each multiply-add loads a register of weights from the first-level cache, which can supply one
//! multiply-add per cycle. The loops, from the outside in:
//!
//! 1. A patch is cut into blocks whose sums fit in registers and whose weights, for all filters, fit in the cache. The
//!    weights are packed filter by filter, in whole registers, padded with zeros at the end of a row.
//! 2. The examples: their gradients are sorted by patch once, and used for every block.
//! 3. The sums of the patches are accumulated in an image with its padding, plus enough room at the end for whole
//!    registers to be added.

use super::Shape;
use super::blocks::{Block, FEW, NARROW, Sizes, WIDE, cut, for_size};
use super::gradient_lists::{Gradient, PatchLists};
use super::scratch::{MOST_LANES, Scratch, unpad};
use super::tile::{Epilogue, Forward, find_patch_offsets};
use super::winograd;
use crate::Isa;
use crate::isa::Level;
use crate::lanes::Lanes;

/// How many weights are kept in the first-level cache: 26 KiB.
const CACHED: usize = 6656;

/// The arguments of a backward pass to the input.
pub(super) struct Input<'a> {
    pub(super) shape: &'a Shape,
    pub(super) gradient: Gradient<'a>,
    pub(super) w: &'a [f32],
    pub(super) dx: &'a mut [f32],
    pub(super) scratch: &'a mut Scratch,
}

/// Adds to each patch of an image the sum over its list, in a block of `R` rows of `V` registers: patch n begins at
/// `image[offsets[n]]`, its rows are `stride` apart, and the weights of filter co begin at
/// `weights[co * R * V * LANES]`.
///
/// # Safety
/// The processor has the instructions of `L`, each filter of the lists has its weights, and the block lies in the image
/// for each patch.
#[inline(always)]
unsafe fn scatter<L: Lanes, const R: usize, const V: usize>(
    lists: &PatchLists,
    offsets: &[u32],
    weights: &[f32],
    image: &mut [f32],
    stride: usize,
) {
    let (weights, image) = (weights.as_ptr(), image.as_mut_ptr());
    for (list, &offset) in lists.starts.windows(2).zip(offsets) {
        let list = list[0] as usize..list[1] as usize;
        if list.is_empty() {
            continue;
        }
        // SAFETY: the caller promises the instructions, the weights and the room in the image.
        unsafe {
            let mut sums = [[L::splat(0.0); V]; R];
            for (&filter, &value) in lists.filters[list.clone()].iter().zip(&lists.values[list]) {
                let weights = weights.add(filter as usize * (R * V * L::LANES));
                let value = L::splat(value);
                for (r, sums) in sums.iter_mut().enumerate() {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.add_product(value, L::load(weights.add((r * V + v) * L::LANES)));
                    }
                }
            }
            let to = image.add(offset as usize);
            for (r, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    let to = to.add(r * stride + v * L::LANES);
                    L::load(to).plus(sum).store(to);
                }
            }
        }
    }
}

/// Packs the weights of a block, filter by filter.
fn copy_weights(input: &Input<'_>, block: &Block, lanes: usize, to: &mut [f32]) {
    let (filters, row_length) = (input.shape.filters, input.shape.kernel_width * input.shape.channels);
    let size = block.size(lanes);
    to.fill(0.0);
    for row in 0..block.rows {
        for column in 0..block.width {
            let from = ((block.row + row) * row_length + block.column + column) * filters;
            let to = to[row * block.registers * lanes + column..].iter_mut().step_by(size);
            to.zip(&input.w[from..from + filters]).for_each(|(to, &w)| *to = w);
        }
    }
}

/// [`scatter`] for the size of a block, compiled for an instruction set.
type Scatter = unsafe fn(&Block, &PatchLists, &[u32], &[f32], &mut [f32], usize);

/// The whole pass.
fn pass(isa: Isa, input: Input<'_>, (lanes, sizes, scatter): (usize, Sizes, Scatter)) {
    let shape = input.shape;
    let scratch = std::mem::take(input.scratch);
    let Scratch { mut panels, mut padded, mut offsets, mut blocks, mut patch_lists, .. } = scratch;
    find_patch_offsets(shape, input.gradient.argmax.is_some(), &mut offsets);
    let row_length = shape.kernel_width * shape.channels;
    cut((shape.kernel_height, row_length), lanes, sizes, CACHED / shape.filters / lanes, &mut blocks);

    let all = blocks.iter().map(|block| block.size(lanes) * shape.filters).sum();
    let mut weights = panels.resized(all);
    for block in &blocks {
        let (first, rest) = weights.split_at_mut(block.size(lanes) * shape.filters);
        copy_weights(&input, block, lanes, first);
        weights = rest;
    }
    let weights = &*panels.resized(all);

    let stride = shape.padded_width() * shape.channels;
    let (outputs, _) = input.gradient.sizes(shape);
    let last = offsets.iter().max().map_or(0, |&offset| offset as usize);
    let image = padded.resized(shape.padded_height() * stride + MOST_LANES * 8);
    for (example, dx) in input.dx.chunks_exact_mut(shape.inputs()).enumerate() {
        patch_lists.fill(isa, shape.filters, input.gradient.part(example * outputs..(example + 1) * outputs));
        assert!(patch_lists.starts.len() == offsets.len() + 1);
        image.fill(0.0);
        let mut weights = weights;
        for block in &blocks {
            let (first, rest) = weights.split_at(block.size(lanes) * shape.filters);
            weights = rest;
            let from = block.row * stride + block.column;
            let image = &mut image[from..];
            assert!(last + (block.rows - 1) * stride + block.registers * lanes <= image.len());
            // SAFETY: `run` chose this `scatter` for the instruction set. The lists contain only existing filters,
            // whose weights for the block are there, and it was asserted that the block lies in the image.
            unsafe { scatter(block, &patch_lists, &offsets, first, image, stride) };
        }
        unpad(shape, image, dx);
    }
    *input.scratch = Scratch { panels, padded, offsets, blocks, patch_lists, ..scratch };
}

/// The convolution that computes the gradient of the input from that of the output, if one exists: its kernels are
/// rotated by 180°, and its channels and filters are swapped.
fn rotated(shape: &Shape) -> Option<Shape> {
    let padding = (shape.kernel_height - 1).checked_sub(shape.padding)?;
    let is_turnable = shape.kernel_height == shape.kernel_width && shape.stride == 1;
    is_turnable.then_some(Shape {
        height: shape.output_height(),
        width: shape.output_width(),
        channels: shape.filters,
        filters: shape.channels,
        padding,
        ..*shape
    })
}

/// The gradient of the input, computed as a convolution.
fn run_rotated(isa: Isa, input: Input<'_>, rotated: &Shape) {
    let Input { shape, gradient, w, dx, scratch } = input;
    let (taps, channels, filters) = (shape.kernel_height * shape.kernel_width, shape.channels, shape.filters);
    let mut buffer = std::mem::take(&mut scratch.rotated);
    let w_turned = buffer.resized(shape.weights());
    for tap in 0..taps {
        let from = &w[(taps - 1 - tap) * channels * filters..][..channels * filters];
        let to = &mut w_turned[tap * channels * filters..][..channels * filters];
        for (channel, from) in from.chunks_exact(filters).enumerate() {
            to[channel..].iter_mut().step_by(channels).zip(from).for_each(|(to, &w)| *to = w);
        }
    }
    let (x, w, epilogue) = (gradient.dy, &*w_turned, Epilogue::Linear);
    winograd::run(isa, Forward { shape: rotated, x, w, b: None, y: dx, epilogue, scratch });
    scratch.rotated = buffer;
}

/// The gradient of the input.
pub(super) fn run(isa: Isa, input: Input<'_>) {
    // With a pool the gradient is so sparse that skipping its zeros saves more.
    if input.gradient.argmax.is_none()
        && let Some(rotated) = rotated(input.shape)
        && winograd::is_for(&rotated)
    {
        return run_rotated(isa, input, &rotated);
    }
    let loops: (usize, Sizes, Scatter) = match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => (8, NARROW, avx2),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => (16, WIDE, avx512),
        _ => (4, FEW, portable),
    };
    pass(isa, input, loops);
}

/// [`scatter`] compiled for an instruction set and its block sizes.
macro_rules! compiled {
    ($(#[$attribute:meta])* $name:ident, $sizes:ident, $lanes:ty) => {
        $(#[$attribute])*
        ///
        /// # Safety
        /// Those of [`scatter`].
        unsafe fn $name(
            block: &Block,
            lists: &PatchLists,
            offsets: &[u32],
            w: &[f32],
            image: &mut [f32],
            stride: usize,
        ) {
            // SAFETY: plain arrays need no instructions beyond the target's own, the other functions are compiled for
            // those of their lanes, and the caller promises the rest.
            unsafe { for_size!($sizes block, scatter, $lanes, (lists, offsets, w, image, stride)) }
        }
    };
}
compiled!(
    /// Four lanes, for any processor.
    portable, few, [f32; 4]
);
compiled!(
    /// Eight lanes.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    avx2, narrow, std::arch::x86_64::__m256
);
compiled!(
    /// Sixteen lanes.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
    avx512, wide, std::arch::x86_64::__m512
);
