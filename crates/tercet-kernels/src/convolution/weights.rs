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
//! 3. The filters go past. The list of each is run through, and what it sums up to is added to what other bands did: at
//!    the end, when nobody waits for it, since those sums come from the second-level cache.
//!
//! The sums lie filter by filter in whole registers; numbers of the image beyond the end of a patch's row are summed up
//! there as well, and left behind in the end.

use super::blocks::{Block, NARROW, SHORT, Sizes, WIDE, cut, for_size};
use super::lists::{ByFilter, Gradient};
use super::scratch::{MOST_LANES, Room, Scratch, copy_padded, find_alive};
use super::tile::find_places;
use super::{NO_GRADIENT, Shape, outer, winograd};
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

/// `db[co] = Σ dy`, where a gradient goes through. Few filters are summed for several outputs at a time, so that the loops
/// are long.
#[inline(always)]
fn sum_bias(gradient: Gradient<'_>, db: &mut [f32], room: &mut Room) {
    let filters = db.len();
    let together = (64 / filters).max(1);
    let sums = room.of(together * filters);
    sums.fill(0.0);
    let dy = gradient.dy.chunks(sums.len());
    match gradient.place {
        None => dy.for_each(|dy| sums.iter_mut().zip(dy).for_each(|(sum, &dy)| *sum += dy)),
        Some(place) => {
            for (dy, place) in dy.zip(place.chunks(sums.len())) {
                for ((sum, &dy), &place) in sums.iter_mut().zip(dy).zip(place) {
                    *sum += if place == NO_GRADIENT { 0.0 } else { dy };
                }
            }
        }
    }
    db.fill(0.0);
    for sums in sums.chunks_exact(filters) {
        db.iter_mut().zip(sums).for_each(|(db, &sum)| *db += sum);
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

/// The whole pass: `run_block` is [`gather`], for the block's size.
#[inline(always)]
fn pass(
    work: Weights<'_>,
    (lanes, sizes): (usize, Sizes),
    run_block: impl Fn(&Block, &ByFilter, &[f32], &mut [f32], usize),
) {
    let (shape, is_pooled) = (work.shape, work.gradient.place.is_some());
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
    let rows_of_outputs = outputs.checked_div(row_of_outputs).unwrap_or(0);
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

/// The ways to a gradient of the weights.
enum Way {
    /// By lists of the gradients that are not zero: the way of this file.
    Lists,
    /// For small patches: [`outer`].
    Outer,
    /// For kernels of 3 × 3 with many channels: [`winograd`].
    Filtering,
}

impl Way {
    /// Behind a pool, or where fewer than a third of the gradients are left, the zeros are worth more than any other saving.
    #[inline(always)]
    fn of(work: &Weights<'_>) -> Self {
        let dy = work.gradient.dy;
        let are_many = || 3 * dy.iter().filter(|&&dy| dy != 0.0).count() > dy.len();
        match work.gradient.place {
            None if outer::is_for(work.shape) => Way::Outer,
            None if winograd::is_for(work.shape) && are_many() => Way::Filtering,
            _ => Way::Lists,
        }
    }
}

/// Four lanes, for any processor.
fn portable(work: Weights<'_>) {
    sum_bias(work.gradient, work.db, &mut work.scratch.sums);
    // SAFETY: plain arrays need no instructions beyond the target's own; `pass` checked the rest.
    unsafe {
        match Way::of(&work) {
            Way::Outer => outer::pass::<[f32; 4], 5>(work),
            Way::Filtering => winograd::weights_pass::<[f32; 4], 4>(work),
            Way::Lists => pass(
                work,
                (4, NARROW),
                |block, lists, image, sums, stride| for_size!(narrow block, gather, [f32; 4], (lists, image, sums, stride)),
            ),
        }
    }
}

/// Eight lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(work: Weights<'_>) {
    use std::arch::x86_64::__m256;
    sum_bias(work.gradient, work.db, &mut work.scratch.sums);
    // SAFETY: this function is compiled for, and so called on, processors with AVX2 and FMA; `pass` checked the rest.
    unsafe {
        match Way::of(&work) {
            Way::Outer => outer::pass::<__m256, 5>(work),
            Way::Filtering => winograd::weights_pass::<__m256, 4>(work),
            Way::Lists => pass(
                work,
                (8, NARROW),
                |block, lists, image, sums, stride| for_size!(narrow block, gather, __m256, (lists, image, sums, stride)),
            ),
        }
    }
}

/// Sixteen lanes, or eight where a row of a patch has no more: two registers of eight are loaded at once.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
fn avx512(work: Weights<'_>) {
    use std::arch::x86_64::{__m256, __m512};
    sum_bias(work.gradient, work.db, &mut work.scratch.sums);
    let is_short = work.shape.kernel_width * work.shape.channels <= 8;
    // SAFETY: this function is compiled for, and so called on, processors with AVX-512 F; `pass` checked the rest.
    unsafe {
        match Way::of(&work) {
            Way::Outer => outer::pass::<__m512, 9>(work),
            Way::Filtering => winograd::weights_pass::<__m512, 8>(work),
            Way::Lists if is_short => pass(
                work,
                (8, SHORT),
                |block, lists, image, sums, stride| for_size!(short block, gather, __m256, (lists, image, sums, stride)),
            ),
            Way::Lists => pass(
                work,
                (16, WIDE),
                |block, lists, image, sums, stride| for_size!(wide block, gather, __m512, (lists, image, sums, stride)),
            ),
        }
    }
}
