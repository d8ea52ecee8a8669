//! The gradient of the weights: for each filter, the sum of the patches at which it has a gradient, times that.
//!
//! `dW[·, co] = Σ g · patch`, and a patch is a few rows of the image, each in one piece. So the gradient of one filter
//! stays in registers while the patches at which its gradient is not zero go past: behind a pool that is at most one in
//! four. Each multiply-add takes a register of the image from the first-level cache, which feeds one multiply-add a
//! cycle. The plan, from the outside in:
//!
//! 1. The batch is cut into *bands*: rows of outputs, or whole examples where they are small, whose patches lie in so
//!    little of the image that it stays in the cache. Their gradients are sorted by filter.
//! 2. A patch is cut into blocks that fit into registers.
//! 3. The filters go past. The sums of each are loaded, its list is run through, and they are stored again.
//!
//! The sums lie filter by filter in whole registers; numbers of the image beyond the end of a patch's row are summed up
//! there as well, and left behind in the end.

use super::Shape;
use super::blocks::{Block, NARROW, Sizes, WIDE, cut, for_size};
use super::lists::{ByFilter, Gradient};
use super::scratch::{MOST_LANES, Scratch, copy_padded, find_alive};
use super::tile::find_places;
use crate::Isa;
use crate::isa::Level;
use crate::lanes::Lanes;

/// How many numbers of the image a band may read: 20 KiB of them.
const CACHED: usize = 5120;

/// A backward pass to the weights.
pub(super) struct Weights<'a> {
    pub(super) shape: &'a Shape,
    pub(super) x: &'a [f32],
    pub(super) gradient: Gradient<'a>,
    pub(super) dw: &'a mut [f32],
    pub(super) db: &'a mut [f32],
    pub(super) scratch: &'a mut Scratch,
}

/// Adds to the sums of each filter, in a block of `R` rows of `V` registers, the patches of its list. The sums of filter
/// co begin at `sums[co * R * V * LANES]`, the rows of a patch are `stride` apart.
///
/// # Safety
/// The processor has the instructions of `L`, and the block lies in the image for each patch of the lists.
#[inline(always)]
unsafe fn gather<L: Lanes, const R: usize, const V: usize>(
    lists: &ByFilter,
    image: &[f32],
    sums: &mut [f32],
    stride: usize,
) {
    let rows: [*const f32; R] = std::array::from_fn(|r| image.as_ptr().wrapping_add(r * stride));
    for (filter, memory) in sums.chunks_exact_mut(R * V * L::LANES).enumerate() {
        let (patches, values) = lists.list(filter);
        // SAFETY: the caller promises the instructions and that the patches lie in the image; a filter's sums have R · V
        // registers.
        unsafe {
            let memory = memory.as_mut_ptr();
            let at = |r: usize, v: usize| (r * V + v) * L::LANES;
            let mut sums = [[L::splat(0.0); V]; R];
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(memory.add(at(r, v)));
                }
            }
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
                for (v, sum) in sums.iter().enumerate() {
                    sum.store(memory.add(at(r, v)));
                }
            }
        }
    }
}

/// `db[co] = Σ dy`, where a gradient goes through.
#[inline(always)]
fn sum_bias(gradient: Gradient<'_>, db: &mut [f32]) {
    db.fill(0.0);
    let filters = db.len();
    match gradient.place {
        None => {
            for dy in gradient.dy.chunks_exact(filters) {
                db.iter_mut().zip(dy).for_each(|(db, &dy)| *db += dy);
            }
        }
        Some(place) => {
            for (dy, place) in gradient.dy.chunks_exact(filters).zip(place.chunks_exact(filters)) {
                for ((db, &dy), &place) in db.iter_mut().zip(dy).zip(place) {
                    *db += if place < 4 { dy } else { 0.0 };
                }
            }
        }
    }
}

/// How a batch is cut into bands: so many examples stand in the cache at once, or so many rows of outputs of one.
fn bands(shape: &Shape, row_of_outputs: usize) -> (usize, usize) {
    let row = shape.padded_width() * shape.channels;
    let example = row * shape.padded_height();
    if example <= CACHED {
        return (CACHED / example, usize::MAX);
    }
    // So many rows of the image are read by the first row of outputs, and so many more by each other.
    let (first, more) =
        (shape.kernel_height + (row_of_outputs - 1) * shape.stride, row_of_outputs * shape.stride);
    (1, 1 + (CACHED / row).saturating_sub(first) / more)
}

/// The whole pass: `run_block` is [`gather`], for the block's size, and `run_outer` the way for small patches.
#[inline(always)]
fn pass(
    work: Weights<'_>,
    (lanes, sizes): (usize, Sizes),
    run_outer: impl Fn(Weights<'_>),
    run_block: impl Fn(&Block, &ByFilter, &[f32], &mut [f32], usize),
) {
    let (shape, is_pooled) = (work.shape, work.gradient.place.is_some());
    sum_bias(work.gradient, work.db);
    if super::outer::is_for(shape, is_pooled) {
        return run_outer(work);
    }
    let scratch = std::mem::take(work.scratch);
    let Scratch { mut panels, mut padded, mut places, mut alive, mut blocks, mut by_filter, .. } = scratch;
    find_places(shape, is_pooled, &mut places);
    let (stride, row_length) = (shape.padded_width() * shape.channels, shape.kernel_width * shape.channels);
    cut((shape.kernel_height, row_length), lanes, sizes, usize::MAX, &mut blocks);
    let sums = panels.of(blocks.iter().map(|block| block.size(lanes) * shape.filters).sum());
    sums.fill(0.0);

    let together = if is_pooled { 2 } else { 1 };
    let (examples, rows) = bands(shape, together);
    let (outputs, row_of_outputs) = work.gradient.sizes(shape);
    let image_size = stride * shape.padded_height();
    let row_of_places = if is_pooled { 4 * shape.pooled_width() } else { shape.output_width() };
    let rows_of_outputs = if row_of_outputs == 0 { 0 } else { outputs / row_of_outputs };
    let rows = rows.min(rows_of_outputs).max(1);
    let last = places.iter().max().map_or(0, |&place| place as usize);
    let images = padded.of(examples * image_size + MOST_LANES * 8);
    for (group, x) in work.x.chunks(examples * shape.inputs()).enumerate() {
        let count = x.len() / shape.inputs();
        for (x, image) in x.chunks_exact(shape.inputs()).zip(images.chunks_exact_mut(image_size)) {
            copy_padded(shape, x, image);
        }
        for first in (0..rows_of_outputs).step_by(rows) {
            let rows = first..rows_of_outputs.min(first + rows);
            by_filter.clear(shape.filters, count * rows.len() * row_of_outputs / shape.filters);
            for example in 0..count {
                let from = (group * examples + example) * outputs;
                let part = from + rows.start * row_of_outputs..from + rows.end * row_of_outputs;
                let places = &places[rows.start * row_of_places..rows.end * row_of_places];
                let image = &images[example * image_size..][..image_size];
                let alive = find_alive(shape, image, &mut alive);
                by_filter.add(work.gradient.part(part), places, (example * image_size) as u32, alive);
            }
            let mut sums = &mut *sums;
            for block in &blocks {
                let (first, rest) = sums.split_at_mut(block.size(lanes) * shape.filters);
                sums = rest;
                let image = &images[block.row * stride + block.column..];
                let end = (block.rows - 1) * stride + block.registers * lanes;
                assert!((count - 1) * image_size + last + end <= image.len());
                run_block(block, &by_filter, image, first, stride);
            }
        }
    }

    let mut sums = &*sums;
    for block in &blocks {
        let size = block.size(lanes);
        for row in 0..block.rows {
            for column in 0..block.width {
                let to = ((block.row + row) * row_length + block.column + column) * shape.filters;
                let from = sums[row * block.registers * lanes + column..].iter().step_by(size);
                work.dw[to..to + shape.filters].iter_mut().zip(from).for_each(|(dw, &sum)| *dw = sum);
            }
        }
        sums = &sums[size * shape.filters..];
    }
    *work.scratch = Scratch { panels, padded, places, alive, blocks, by_filter, ..scratch };
}

/// The gradient of the weights.
pub(super) fn run(isa: Isa, work: Weights<'_>) {
    match isa.0 {
        // SAFETY: an `Isa` of this level exists only where the processor has AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(work) },
        // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(work) },
        _ => portable(work),
    }
}

/// Four lanes, for any processor.
fn portable(work: Weights<'_>) {
    // SAFETY: as below.
    let outer = |work: Weights<'_>| unsafe { super::outer::pass::<[f32; 4], 5>(work) };
    pass(work, (4, NARROW), outer, |block, lists, image, sums, stride| {
        // SAFETY: plain arrays need no instructions beyond the target's own; `pass` checked the rest.
        unsafe { for_size!(narrow block, gather, [f32; 4], (lists, image, sums, stride)) }
    });
}

/// Eight lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(work: Weights<'_>) {
    use std::arch::x86_64::__m256;
    // SAFETY: as below.
    let outer = |work: Weights<'_>| unsafe { super::outer::pass::<__m256, 5>(work) };
    pass(work, (8, NARROW), outer, |block, lists, image, sums, stride| {
        // SAFETY: this function is compiled for, and so called on, processors with AVX2 and FMA; `pass` checked the rest.
        unsafe { for_size!(narrow block, gather, __m256, (lists, image, sums, stride)) }
    });
}

/// Sixteen lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
fn avx512(work: Weights<'_>) {
    use std::arch::x86_64::__m512;
    // SAFETY: as below.
    let outer = |work: Weights<'_>| unsafe { super::outer::pass::<__m512, 9>(work) };
    pass(work, (16, WIDE), outer, |block, lists, image, sums, stride| {
        // SAFETY: this function is compiled for, and so called on, processors with AVX-512 F; `pass` checked the rest.
        unsafe { for_size!(wide block, gather, __m512, (lists, image, sums, stride)) }
    });
}
