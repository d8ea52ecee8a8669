//! The gradient of the weights: the transpose of the forward pass.
//!
//! The gradient of a tile of outputs is transformed to frequencies by A and multiplied there by the transformed inputs,
//! `dU = Σ V ⊗ A dy Aᵀ`, a product (channels, tiles) · (tiles, filters) for each frequency. The result is the gradient
//! of the transformed kernels, and `dw = Gᵀ dU G`. The products are computed by [`outer`](super::super::outer): the
//! sums of a few channels and filters stay in registers while the loop runs over the tiles of a group.

use super::{FREQUENCIES, GROUP, Tiles, column, transform_tile};
use crate::convolution::Shape;
use crate::convolution::outer::add;
use crate::convolution::scratch::Scratch;
use crate::convolution::weights::Weights;
use crate::lanes::Lanes;

/// `A dy`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn transform_outputs<L: Lanes>(y: [L; 4]) -> [L; 6] {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let times = |sum: L, factor: f32, x: L| sum.add_product(L::splat(factor), x);
        let (even, odd) = (y[0].plus(y[2]), y[1].plus(y[3]));
        let (wide_even, wide_odd) = (times(y[0], 4.0, y[2]), times(y[1], 4.0, y[3]));
        [
            y[0],
            even.plus(odd),
            even.minus(odd),
            times(wide_even, 2.0, wide_odd),
            times(wide_even, -2.0, wide_odd),
            y[3],
        ]
    }
}

/// `Gᵀ u`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn gather_weights<L: Lanes>(u: [L; 6]) -> [L; 3] {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let zero = L::splat(0.0);
        let times = |sum: L, factor: f32, x: L| sum.add_product(L::splat(factor), x);
        let (near, far) = (u[1].plus(u[2]), u[3].plus(u[4]));
        let (tilt, steep) = (u[2].minus(u[1]), u[3].minus(u[4]));
        let outer = times(zero, -1.0 / 6.0, near);
        [
            times(times(outer, 1.0 / 24.0, far), 0.25, u[0]),
            times(times(zero, 1.0 / 6.0, tilt), 1.0 / 12.0, steep),
            times(outer, 1.0 / 6.0, far).plus(u[5]),
        ]
    }
}

/// Transforms the gradient of one tile of an output: its numbers of frequency f begin at `to[f * plane]`. Beyond the
/// edges of the output it is 0.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn transform_gradient<L: Lanes>(
    work: &Weights<'_>,
    tiles: &Tiles,
    (example, tile): (usize, usize),
    to: &mut [f32],
    plane: usize,
) {
    let shape = work.shape;
    let (height, width, filters) = (shape.output_height(), shape.output_width(), shape.filters);
    let (top, left) = (tile / tiles.across * 4, tile % tiles.across * 4);
    let dy = &work.gradient.dy[example * shape.outputs()..][..shape.outputs()];
    assert!((FREQUENCIES - 1) * plane + tiles.filters <= to.len());
    assert!(filters <= tiles.filters && tiles.filters.is_multiple_of(L::LANES));
    for filter in (0..filters).step_by(L::LANES) {
        let lanes = (filters - filter).min(L::LANES);
        // SAFETY: the caller promises the instructions; a pixel inside the output has `filters` numbers, of which no
        // more are read, and the assertions bound what is written.
        unsafe {
            let mut columns = [[L::splat(0.0); 6]; 4];
            for (x, column) in columns.iter_mut().enumerate() {
                let mut pixels = [L::splat(0.0); 4];
                for (y, pixel) in pixels.iter_mut().enumerate() {
                    if top + y < height && left + x < width {
                        let from = dy.as_ptr().add(((top + y) * width + left + x) * filters + filter);
                        *pixel = if lanes == L::LANES { L::load(from) } else { L::load_part(from, lanes) };
                    }
                }
                *column = transform_outputs(pixels);
            }
            for y in 0..6 {
                for (x, m) in transform_outputs(column(&columns, y)).into_iter().enumerate() {
                    m.store(to.as_mut_ptr().add((y * 6 + x) * plane + filter));
                }
            }
        }
    }
}

/// Adds the products of a frequency to its sums, `R` channels and `V` registers of filters at a time, starting with
/// filter `from`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn multiply<L: Lanes, const R: usize, const V: usize>(
    tiles: &Tiles,
    outputs: &[(u32, u32)],
    inputs: &[f32],
    gradients: &[f32],
    sums: &mut [f32],
    from: usize,
) {
    let filters = tiles.filters;
    assert!(tiles.channels.is_multiple_of(R) && from + V * L::LANES <= filters);
    assert!(sums.len() >= tiles.channels * filters);
    for &(tile, offset) in outputs {
        assert!((tile as usize + 1) * filters <= gradients.len());
        assert!(offset as usize + tiles.channels <= inputs.len());
    }
    for channel in (0..tiles.channels).step_by(R) {
        // SAFETY: the caller promises the instructions; the assertions ensure that every tile has all channels and
        // filters, and so do the sums.
        unsafe {
            let memory = sums.as_mut_ptr().add(channel * filters + from);
            let offsets = std::array::from_fn(|r| channel + r);
            let mut found = [[L::splat(0.0); V]; R];
            found = add::<L, R, V>(
                inputs,
                outputs,
                offsets,
                (gradients.as_ptr().add(from), filters, L::LANES),
                found,
            );
            for (r, found) in found.iter().enumerate() {
                for (v, &sum) in found.iter().enumerate() {
                    let memory = memory.add(r * filters + v * L::LANES);
                    L::load(memory).plus(sum).store(memory);
                }
            }
        }
    }
}

/// The gradient of the weights, without that of the biases.
///
/// # Safety
/// The processor has the instructions of `L`, whose number of lanes `R` divides.
#[inline(always)]
pub(in crate::convolution) unsafe fn pass<L: Lanes, const R: usize>(work: Weights<'_>) {
    let shape = work.shape;
    let filters = shape.filters.next_multiple_of(L::LANES);
    let tiles = Tiles::new(shape, false, L::LANES, filters);
    let scratch = std::mem::take(work.scratch);
    let Scratch { mut panels, mut padded, mut outputs, mut frequencies, mut sums, .. } = scratch;

    let count = work.x.len() / shape.inputs() * tiles.count;
    let group = GROUP.min(count);
    let (plane, gradient_plane, kernel) = (group * tiles.channels, group * filters, tiles.channels * filters);
    let kernels = panels.resized(FREQUENCIES * kernel);
    kernels.fill(0.0);
    let image = padded.resized(tiles.size);
    let inputs = frequencies.resized(FREQUENCIES * plane);
    let gradients = sums.resized(FREQUENCIES * gradient_plane);
    for first in (0..count).step_by(group.max(1)) {
        let together = group.min(count - first);
        for n in 0..together {
            let (example, tile) = ((first + n) / tiles.count, (first + n) % tiles.count);
            if tile == 0 {
                tiles.copy_image(shape, &work.x[example * shape.inputs()..][..shape.inputs()], image);
            }
            // SAFETY: the caller promises the instructions.
            unsafe {
                transform_tile::<L>(&tiles, image, tile, &mut inputs[n * tiles.channels..], plane);
                let to = &mut gradients[n * filters..];
                transform_gradient::<L>(&work, &tiles, (example, tile), to, gradient_plane);
            }
        }
        outputs.clear();
        outputs.extend((0..together).map(|n| (n as u32, (n * tiles.channels) as u32)));
        let planes = inputs.chunks_exact(plane).zip(gradients.chunks_exact(gradient_plane));
        for ((inputs, gradients), sums) in planes.zip(kernels.chunks_exact_mut(kernel)) {
            let mut from = 0;
            while from < filters {
                // SAFETY: the caller promises the instructions.
                unsafe {
                    if filters - from >= 2 * L::LANES {
                        multiply::<L, R, 2>(&tiles, &outputs, inputs, gradients, sums, from);
                        from += 2 * L::LANES;
                    } else {
                        multiply::<L, R, 1>(&tiles, &outputs, inputs, gradients, sums, from);
                        from += L::LANES;
                    }
                }
            }
        }
    }
    // SAFETY: the caller promises the instructions.
    unsafe { transform_back::<L>(shape, kernels, filters, work.dw) };
    *work.scratch = Scratch { panels, padded, outputs, frequencies, sums, ..scratch };
}

/// Transforms the sums of all frequencies, `filters` numbers for each channel, back to the gradient of the weights.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn transform_back<L: Lanes>(shape: &Shape, kernels: &[f32], filters: usize, dw: &mut [f32]) {
    let kernel = kernels.len() / FREQUENCIES;
    assert!(
        kernel >= shape.channels * filters && filters >= shape.filters && filters.is_multiple_of(L::LANES)
    );
    assert!(dw.len() == 9 * shape.channels * shape.filters);
    for channel in 0..shape.channels {
        for filter in (0..shape.filters).step_by(L::LANES) {
            let lanes = (shape.filters - filter).min(L::LANES);
            // SAFETY: the caller promises the instructions; the kernels have all frequencies, channels and filters, and
            // so has `dw` all taps.
            unsafe {
                let from = kernels.as_ptr().add(channel * filters + filter);
                let mut columns = [[L::splat(0.0); 3]; 6];
                for (x, column) in columns.iter_mut().enumerate() {
                    *column =
                        gather_weights(std::array::from_fn(|y| L::load(from.add((y * 6 + x) * kernel))));
                }
                for ky in 0..3 {
                    for (kx, found) in gather_weights(column(&columns, ky)).into_iter().enumerate() {
                        let at = ((ky * 3 + kx) * shape.channels + channel) * shape.filters + filter;
                        found.store_part(dw.as_mut_ptr().add(at), lanes);
                    }
                }
            }
        }
    }
}
