//! The gradient of the weights: for each filter, the sum of the patches at which it has a gradient, times that
//! gradient.
//!
//! `dW[·, co] = Σ g · patch`, and a patch is a few rows of the image, each contiguous. So the gradient of one filter
//! stays in registers while the loop runs over the patches at which its gradient is non-zero: with a pool that is at
//! most one in four. Each multiply-add loads a register of the image from the first-level cache, which can supply one
//! multiply-add per cycle. The loops, from the outside in:
//!
//! 1. The batch is cut into *bands*: rows of outputs, or whole examples if they are small, whose patches cover so
//!    little of the image that it stays in the cache. Their gradients are sorted by filter.
//! 2. A patch is cut into blocks that fit in registers.
//! 3. The filters. The list of each is summed in registers, and the sum is then added to that of the previous bands: at
//!    the end, where its latency does not matter, because those sums come from the second-level cache.
//!
//! The sums are stored filter by filter in whole registers. Numbers of the image beyond the end of a patch's row are
//! summed as well, and discarded at the end.

use super::blocks::{Block, FEW, NARROW, SHORT, Sizes, WIDE, cut, for_size};
use super::gradient_lists::{FilterLists, Gradient};
use super::outer::{self, pass as outer_pass};
use super::scratch::{Buffer, MOST_LANES, Scratch, copy_padded, find_nonzero};
use super::tile::find_patch_offsets;
use super::winograd::{self, weights_pass as winograd_pass};
use super::{NO_GRADIENT, Shape};
use crate::Isa;
use crate::dispatch::for_isa;
use crate::isa::Level;
use crate::lanes::Lanes;

/// How much of the image a band may read, in numbers: 20 KiB.
const CACHED: usize = 5120;

/// The arguments of a backward pass to the weights.
pub(super) struct Weights<'a> {
    pub(super) shape: &'a Shape,
    pub(super) x: &'a [f32],
    pub(super) gradient: Gradient<'a>,
    pub(super) dw: &'a mut [f32],
    pub(super) db: &'a mut [f32],
    pub(super) scratch: &'a mut Scratch,
}

/// Adds the patches in the list of each filter to the filter's sums, in a block of `R` rows of `V` registers. The sums
/// of filter co begin at `sums[co * R * V * LANES]`, the rows of a patch are `stride` apart.
///
/// # Safety
/// The processor has the instructions of `L`, and the block lies in the image for each patch of the lists.
#[inline(always)]
unsafe fn gather<L: Lanes, const R: usize, const V: usize>(
    lists: &FilterLists,
    image: &[f32],
    sums: &mut [f32],
    stride: usize,
) {
    let rows: [*const f32; R] = std::array::from_fn(|r| image.as_ptr().wrapping_add(r * stride));
    for (filter, memory) in sums.chunks_exact_mut(R * V * L::LANES).enumerate() {
        let (patches, values) = lists.list(filter);
        // SAFETY: the caller promises the instructions and that the patches lie in the image; a filter's sums have R ·
        // V registers.
        unsafe {
            let memory = memory.as_mut_ptr();
            let at = |r: usize, v: usize| (r * V + v) * L::LANES;
            let mut sums = [[L::splat(0.0); V]; R];
            for (&patch, &value) in patches.iter().zip(values) {
                let value = L::splat(value);
                for (sums, row) in sums.iter_mut().zip(&rows) {
                    let from = row.add(patch as usize);
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.add_product(value, L::load(from.add(v * L::LANES)));
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    let memory = memory.add(at(r, v));
                    L::load(memory).plus(sum).store(memory);
                }
            }
        }
    }
}

/// `db[co] = Σ dy`, wherever a gradient is passed on. If there are few filters, several outputs are summed at a time,
/// so that the loops are long.
#[inline(always)]
fn sum_bias(gradient: Gradient<'_>, db: &mut [f32], buffer: &mut Buffer) {
    let filters = db.len();
    let together = (64 / filters).max(1);
    let sums = buffer.resized(together * filters);
    sums.fill(0.0);
    let dy = gradient.dy.chunks(sums.len());
    match gradient.argmax {
        None => dy.for_each(|dy| sums.iter_mut().zip(dy).for_each(|(sum, &dy)| *sum += dy)),
        Some(argmax) => {
            for (dy, argmax) in dy.zip(argmax.chunks(sums.len())) {
                for ((sum, &dy), &argmax) in sums.iter_mut().zip(dy).zip(argmax) {
                    *sum += if argmax == NO_GRADIENT { 0.0 } else { dy };
                }
            }
        }
    }
    db.fill(0.0);
    for sums in sums.chunks_exact(filters) {
        db.iter_mut().zip(sums).for_each(|(db, &sum)| *db += sum);
    }
}

/// How a batch is cut into bands: the number of examples that fit in the cache, or the number of rows of outputs of one
/// example.
fn bands(shape: &Shape, row_of_outputs: usize) -> (usize, usize) {
    let row = shape.padded_width() * shape.channels;
    let example = row * shape.padded_height();
    if example <= CACHED {
        return (CACHED / example, usize::MAX);
    }
    // The image rows read by the first row of outputs, and the further rows read by each other one.
    let (first, more) =
        (shape.kernel_height + (row_of_outputs - 1) * shape.stride, row_of_outputs * shape.stride);
    (1, 1 + (CACHED / row).saturating_sub(first) / more)
}

/// [`gather`] for the size of a block, compiled for an instruction set.
type Gather = unsafe fn(&Block, &FilterLists, &[f32], &mut [f32], usize);

/// The whole pass, using lists.
fn pass(isa: Isa, work: Weights<'_>, (lanes, sizes, gather): (usize, Sizes, Gather)) {
    let (shape, is_pooled) = (work.shape, work.gradient.argmax.is_some());
    let scratch = std::mem::take(work.scratch);
    let Scratch { mut panels, mut padded, mut offsets, mut nonzero, mut blocks, mut filter_lists, .. } =
        scratch;
    find_patch_offsets(shape, is_pooled, &mut offsets);
    let (stride, row_length) = (shape.padded_width() * shape.channels, shape.kernel_width * shape.channels);
    cut((shape.kernel_height, row_length), lanes, sizes, usize::MAX, &mut blocks);
    let sums = panels.resized(blocks.iter().map(|block| block.size(lanes) * shape.filters).sum());
    sums.fill(0.0);

    let together = if is_pooled { 2 } else { 1 };
    let (examples, rows) = bands(shape, together);
    let (outputs, row_of_outputs) = work.gradient.sizes(shape);
    let image_size = stride * shape.padded_height();
    let row_of_places = if is_pooled { 4 * shape.pooled_width() } else { shape.output_width() };
    let rows_of_outputs = outputs.checked_div(row_of_outputs).unwrap_or(0);
    let rows = rows.min(rows_of_outputs).max(1);
    let last = offsets.iter().max().map_or(0, |&offset| offset as usize);
    let images = padded.resized(examples * image_size + MOST_LANES * 8);
    for (group, x) in work.x.chunks(examples * shape.inputs()).enumerate() {
        let count = x.len() / shape.inputs();
        for (x, image) in x.chunks_exact(shape.inputs()).zip(images.chunks_exact_mut(image_size)) {
            copy_padded(shape, x, image);
        }
        for first in (0..rows_of_outputs).step_by(rows) {
            let rows = first..rows_of_outputs.min(first + rows);
            filter_lists.clear(shape.filters, count * rows.len() * row_of_outputs / shape.filters);
            for example in 0..count {
                let from = (group * examples + example) * outputs;
                let part = from + rows.start * row_of_outputs..from + rows.end * row_of_outputs;
                let offsets = &offsets[rows.start * row_of_places..rows.end * row_of_places];
                let image = &images[example * image_size..][..image_size];
                let nonzero = find_nonzero(shape, image, &mut nonzero);
                filter_lists.add(
                    isa,
                    work.gradient.part(part),
                    offsets,
                    (example * image_size) as u32,
                    nonzero,
                );
            }
            let mut sums = &mut *sums;
            for block in &blocks {
                let (first, rest) = sums.split_at_mut(block.size(lanes) * shape.filters);
                sums = rest;
                let image = &images[block.row * stride + block.column..];
                let end = (block.rows - 1) * stride + block.registers * lanes;
                assert!((count - 1) * image_size + last + end <= image.len());
                // SAFETY: `gather` is one that `run` chose for the instruction set, and it was asserted that the block
                // lies in the image for each patch.
                unsafe { gather(block, &filter_lists, image, first, stride) };
            }
        }
    }

    copy_sums(shape, &blocks, lanes, sums, work.dw);
    *work.scratch = Scratch { panels, padded, offsets, nonzero, blocks, filter_lists, ..scratch };
}

/// Copies the sums, block by block and filter by filter, to the gradient of the weights.
fn copy_sums(shape: &Shape, blocks: &[Block], lanes: usize, mut sums: &[f32], dw: &mut [f32]) {
    let row_length = shape.kernel_width * shape.channels;
    for block in blocks {
        let size = block.size(lanes);
        for row in 0..block.rows {
            for column in 0..block.width {
                let to = ((block.row + row) * row_length + block.column + column) * shape.filters;
                let from = sums[row * block.registers * lanes + column..].iter().step_by(size);
                dw[to..to + shape.filters].iter_mut().zip(from).for_each(|(dw, &sum)| *dw = sum);
            }
        }
        sums = &sums[size * shape.filters..];
    }
}

/// The algorithms for the gradient of the weights.
enum Algorithm {
    /// Lists of the non-zero gradients: the algorithm of this file.
    Lists,
    /// For small patches: [`outer`].
    Outer,
    /// For 3 × 3 kernels with many channels: [`winograd`].
    Winograd,
}

impl Algorithm {
    /// With a pool, or if fewer than a third of the gradients are non-zero, skipping the zeros saves more than anything
    /// else.
    #[inline(always)]
    fn of(work: &Weights<'_>) -> Self {
        let dy = work.gradient.dy;
        let are_many = || 3 * dy.iter().filter(|&&dy| dy != 0.0).count() > dy.len();
        match work.gradient.argmax {
            None if outer::is_for(work.shape) => Algorithm::Outer,
            None if winograd::is_for(work.shape) && are_many() => Algorithm::Winograd,
            _ => Algorithm::Lists,
        }
    }
}

/// The gradient of the weights.
pub(super) fn run(isa: Isa, work: Weights<'_>) {
    sum_bias(work.gradient, work.db, &mut work.scratch.sums);
    match (Algorithm::of(&work), isa.0) {
        // For short rows, two registers of eight lanes are loaded per cycle.
        #[cfg(target_arch = "x86_64")]
        (Algorithm::Lists, Level::Avx512) if work.shape.kernel_width * work.shape.channels <= 8 => {
            pass(isa, work, (8, SHORT, avx512_short))
        }
        #[cfg(target_arch = "x86_64")]
        (Algorithm::Lists, Level::Avx512) => pass(isa, work, (16, WIDE, avx512)),
        #[cfg(target_arch = "x86_64")]
        (Algorithm::Lists, Level::Avx2) => pass(isa, work, (8, NARROW, avx2)),
        (Algorithm::Lists, _) => pass(isa, work, (4, FEW, portable)),
        (Algorithm::Outer, _) => for_isa!(isa, outer_pass::<Lanes, 4 | 4 | 9>(work: Weights<'_>)),
        (Algorithm::Winograd, _) => for_isa!(isa, winograd_pass::<Lanes, 4 | 4 | 8>(work: Weights<'_>)),
    }
}

/// [`gather`] compiled for an instruction set and its block sizes.
macro_rules! compiled {
    ($(#[$attribute:meta])* $name:ident, $sizes:ident, $lanes:ty) => {
        $(#[$attribute])*
        ///
        /// # Safety
        /// Those of [`gather`].
        unsafe fn $name(block: &Block, lists: &FilterLists, image: &[f32], sums: &mut [f32], stride: usize) {
            // SAFETY: plain arrays need no instructions beyond the target's own, the other functions are compiled for
            // those of their lanes, and the caller promises the rest.
            unsafe { for_size!($sizes block, gather, $lanes, (lists, image, sums, stride)) }
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
compiled!(
    /// Thirty-two registers of eight lanes, for short rows.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
    avx512_short, short, std::arch::x86_64::__m256
);
