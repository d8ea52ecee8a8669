//! The forward pass: transform the kernels and the tiles, multiply, and transform back.

use super::{FREQUENCIES, GROUP, Tiles, column, transform_tile};
use crate::Isa;
use crate::convolution::max_pool::PoolLanes;
use crate::convolution::scratch::Scratch;
use crate::convolution::tile::{Epilogue, Forward, Loops, Panel, Patches};
use crate::dispatch::for_isa;
use crate::lanes::Lanes;

/// `G g`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn transform_weights<L: Lanes>(g: [L; 3]) -> [L; 6] {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let zero = L::splat(0.0);
        let times = |sum: L, factor: f32, x: L| sum.add_product(L::splat(factor), x);
        let outer = times(zero, -1.0 / 6.0, g[0].plus(g[2]));
        let wide = times(times(zero, 1.0 / 24.0, g[0]), 1.0 / 6.0, g[2]);
        [
            times(zero, 0.25, g[0]),
            times(outer, -1.0 / 6.0, g[1]),
            times(outer, 1.0 / 6.0, g[1]),
            times(wide, 1.0 / 12.0, g[1]),
            times(wide, -1.0 / 12.0, g[1]),
            g[2],
        ]
    }
}

/// `Aᵀ m`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn transform_sums<L: Lanes>(m: [L; 6]) -> [L; 4] {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let times = |sum: L, factor: f32, x: L| sum.add_product(L::splat(factor), x);
        let (near, far) = (m[1].plus(m[2]), m[3].plus(m[4]));
        let (tilt, steep) = (m[1].minus(m[2]), m[3].minus(m[4]));
        [
            m[0].plus(near).plus(far),
            times(tilt, 2.0, steep),
            times(near, 4.0, far),
            times(tilt, 8.0, steep).plus(m[5]),
        ]
    }
}

/// Transforms the kernels of `width` filters starting at `from` and stores them: for each frequency, a row of `stride`
/// numbers per channel.
///
/// # Safety
/// The processor has the instructions of `L`; `stride` is a whole number of registers.
#[inline(always)]
unsafe fn transform_kernels<L: Lanes>(
    forward: &Forward<'_>,
    (from, width): (usize, usize),
    stride: usize,
    to: &mut [f32],
) {
    let (channels, filters) = (forward.shape.channels, forward.shape.filters);
    assert!(from + width <= filters && forward.w.len() == 9 * channels * filters);
    assert!(
        width <= stride && stride.is_multiple_of(L::LANES) && to.len() >= FREQUENCIES * channels * stride
    );
    for channel in 0..channels {
        for first in (0..stride).step_by(L::LANES) {
            let lanes = width.saturating_sub(first).min(L::LANES);
            // SAFETY: the caller promises the instructions; the assertions bound what is read and written.
            unsafe {
                let mut rows = [[L::splat(0.0); 3]; 3];
                for (ky, row) in rows.iter_mut().enumerate() {
                    for (kx, w) in row.iter_mut().enumerate() {
                        let at = ((ky * 3 + kx) * channels + channel) * filters + from + first;
                        if lanes > 0 {
                            *w = L::load_part(forward.w.as_ptr().add(at), lanes);
                        }
                    }
                }
                let rows = rows.map(|row| transform_weights(row));
                for x in 0..6 {
                    for (y, u) in transform_weights(column(&rows, x)).into_iter().enumerate() {
                        u.store(to.as_mut_ptr().add(((y * 6 + x) * channels + channel) * stride + first));
                    }
                }
            }
        }
    }
}

/// Transforms the kernels of all panels, and copies the biases. Both are for whole registers of filters.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn transform_panels<L: Lanes>(isa: Isa, forward: &Forward<'_>, kernels: &mut [f32], bias: &mut [f32]) {
    let (channels, filters) = (forward.shape.channels, bias.len());
    bias.fill(0.0);
    if let Some(b) = forward.b {
        bias[..b.len()].copy_from_slice(b);
    }
    let mut from = 0;
    while from < filters {
        let width = Loops::new(isa, filters - from).width;
        let panel = &mut kernels[FREQUENCIES * channels * from..FREQUENCIES * channels * (from + width)];
        // SAFETY: the caller promises the instructions.
        unsafe {
            transform_kernels::<L>(forward, (from, width.min(forward.shape.filters - from)), width, panel)
        };
        from += width;
    }
}

/// Transforms the sums of one tile back and finishes its outputs; those in `zero_outputs` are set to the bias. The sums
/// of frequency f begin at `from[f * plane]`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn finish_tile<L: PoolLanes>(
    forward: &mut Forward<'_>,
    tiles: &Tiles,
    bias: &[f32],
    (example, tile, zero_outputs): (usize, usize, u16),
    from: &[f32],
    plane: usize,
) {
    let shape = forward.shape;
    let filters = shape.filters;
    let (top, left) = (tile / tiles.across * 4, tile % tiles.across * 4);
    assert!((FREQUENCIES - 1) * plane + tiles.filters <= from.len() && bias.len() >= tiles.filters);
    assert!(filters <= tiles.filters && tiles.filters.is_multiple_of(L::LANES));
    for filter in (0..filters).step_by(L::LANES) {
        let lanes = (filters - filter).min(L::LANES);
        // SAFETY: the caller promises the instructions; the assertions bound what is read.
        let mut rows = [[unsafe { L::splat(0.0) }; 4]; 4];
        // SAFETY: the same.
        unsafe {
            let (from, bias) = (from.as_ptr().add(filter), L::load(bias.as_ptr().add(filter)));
            let mut columns = [[bias; 4]; 6];
            for (x, column) in columns.iter_mut().enumerate() {
                *column = transform_sums(std::array::from_fn(|y| L::load(from.add((y * 6 + x) * plane))));
            }
            for (y, row) in rows.iter_mut().enumerate() {
                *row = transform_sums(column(&columns, y)).map(|sum| sum.plus(bias));
                for (x, sum) in row.iter_mut().enumerate() {
                    if zero_outputs >> (4 * y + x) & 1 == 1 {
                        *sum = bias;
                    }
                }
            }
        }
        // SAFETY: the caller promises the instructions.
        unsafe { store_tile(forward, rows, (example, top, left), (filter, lanes)) };
    }
}

/// Stores the outputs of a tile, which begins at (`top`, `left`), for `lanes` filters, after their ReLU or pool.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn store_tile<L: PoolLanes>(
    forward: &mut Forward<'_>,
    rows: [[L; 4]; 4],
    (example, top, left): (usize, usize, usize),
    (filter, lanes): (usize, usize),
) {
    let (shape, filters) = (forward.shape, forward.shape.filters);
    let relu = matches!(forward.epilogue, Epilogue::Relu);
    if let Epilogue::Pooled(argmax) = &mut forward.epilogue {
        let (height, width) = (shape.pooled_height(), shape.pooled_width());
        for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let (pooled_y, pooled_x) = (top / 2 + y, left / 2 + x);
            if pooled_y < height && pooled_x < width {
                let at = ((example * height + pooled_y) * width + pooled_x) * filters + filter;
                let (y_out, argmax) = (&mut forward.y[at..at + lanes], &mut argmax[at..at + lanes]);
                let (above, below) = (rows[2 * y], rows[2 * y + 1]);
                let four = [above[2 * x], above[2 * x + 1], below[2 * x], below[2 * x + 1]];
                // SAFETY: the caller promises the instructions, and both slices have `lanes` elements.
                unsafe { L::pool(four, y_out.as_mut_ptr(), argmax.as_mut_ptr(), lanes) };
            }
        }
    } else {
        let (height, width) = (shape.output_height(), shape.output_width());
        for (y, row) in rows.iter().enumerate().take(height - top) {
            for (x, &sum) in row.iter().enumerate().take(width - left) {
                let at = ((example * height + top + y) * width + left + x) * filters + filter;
                let to = &mut forward.y[at..at + lanes];
                // SAFETY: the caller promises the instructions, and the slice has `lanes` elements.
                unsafe {
                    let sum = if relu { L::splat(0.0).or_larger(sum) } else { sum };
                    let to = to.as_mut_ptr();
                    if lanes == L::LANES { sum.store(to) } else { sum.store_part(to, lanes) }
                }
            }
        }
    }
}

/// The products of all frequencies of a group of tiles, for the filters of one panel.
///
/// # Safety
/// The processor has the instructions of the loops.
unsafe fn multiply(
    tiles: &Tiles,
    offsets: &[u32],
    channels: usize,
    (inputs, plane): (&[f32], usize),
    kernels: &[f32],
    (sums, sums_plane): (&mut [f32], usize),
    loops: Loops,
) {
    let zeros = [0.0; 64];
    let panels = kernels.chunks_exact(channels * loops.width);
    let planes = inputs.chunks_exact(plane).zip(sums.chunks_mut(sums_plane));
    for ((image, sums), weights) in planes.zip(panels) {
        let patches = Patches { image, offsets, rows: 1, length: channels, stride: 0, nonzero: None };
        patches.check();
        let panel = Panel { weights, bias: &zeros, width: loops.width };
        // SAFETY: the caller promises the instructions, and the patches were checked.
        unsafe { (loops.plain)(patches, panel, sums, &mut [], tiles.filters, false) };
    }
}

/// The whole pass.
///
/// # Safety
/// The processor has the instructions of `L`, which is the widest register of the instruction set.
#[inline(always)]
unsafe fn all<L: PoolLanes>(isa: Isa, mut forward: Forward<'_>) {
    let shape = forward.shape;
    let filters = shape.filters.next_multiple_of(L::LANES);
    let is_pooled = matches!(forward.epilogue, Epilogue::Pooled(_));
    let tiles = Tiles::new(shape, is_pooled, L::LANES, filters);
    let scratch = std::mem::take(forward.scratch);
    let Scratch { mut panels, mut padded, mut offsets, mut nonzero, mut frequencies, mut sums, .. } = scratch;

    let channels = shape.channels;
    let size = FREQUENCIES * channels * filters;
    let (kernels, bias) = panels.resized(size + filters).split_at_mut(size);
    // SAFETY: the caller promises the instructions.
    unsafe { transform_panels::<L>(isa, &forward, kernels, bias) };

    let examples = forward.x.len() / shape.inputs();
    let all = examples * tiles.count;
    let group = GROUP.min(all);
    let (plane, sums_plane) = (group * tiles.channels, group * filters);
    let image = padded.resized(tiles.size);
    let inputs = frequencies.resized(FREQUENCIES * plane);
    let sums_of_group = sums.resized(FREQUENCIES * sums_plane);
    let mut zero_outputs = [0; GROUP];
    for first in (0..all).step_by(group.max(1)) {
        let count = group.min(all - first);
        for n in 0..count {
            let (example, tile) = ((first + n) / tiles.count, (first + n) % tiles.count);
            if tile == 0 {
                tiles.copy_image(shape, &forward.x[example * shape.inputs()..][..shape.inputs()], image);
                tiles.find_nonzero(image, &mut nonzero);
            }
            zero_outputs[n] = tiles.zero_outputs(tile, &nonzero);
            // SAFETY: the caller promises the instructions.
            unsafe { transform_tile::<L>(&tiles, image, tile, &mut inputs[n * tiles.channels..], plane) };
        }
        offsets.clear();
        offsets.extend((0..count).map(|n| (n * tiles.channels) as u32));
        let mut from = 0;
        while from < filters {
            let loops = Loops::new(isa, filters - from);
            let panel = &kernels[FREQUENCIES * channels * from..];
            let sums = (&mut sums_of_group[from..], sums_plane);
            // SAFETY: the caller promises the instructions.
            unsafe { multiply(&tiles, &offsets, channels, (inputs, plane), panel, sums, loops) };
            from += loops.width;
        }
        for n in 0..count {
            let at = ((first + n) / tiles.count, (first + n) % tiles.count, zero_outputs[n]);
            let from = &sums_of_group[n * filters..];
            // SAFETY: the caller promises the instructions.
            unsafe { finish_tile::<L>(&mut forward, &tiles, bias, at, from, sums_plane) };
        }
    }
    *forward.scratch = Scratch { panels, padded, offsets, nonzero, frequencies, sums, ..scratch };
}

/// The forward pass.
pub(in crate::convolution) fn run(isa: Isa, forward: Forward<'_>) {
    for_isa!(isa, all::<Lanes>(isa: Isa, forward: Forward<'_>));
}
