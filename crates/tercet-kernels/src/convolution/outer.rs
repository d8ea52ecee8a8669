//! The gradient of the weights of small patches: outer products of patches and gradients.
//!
//! A row of a patch of a single channel has three or five numbers, which would leave most of a register empty. So here
//! the registers hold filters: the sums of `R` inputs times `V` registers of filters stay in registers while the loop
//! runs over all outputs of the batch, each with its gradients of the filters and `R` numbers of its patch, broadcast
//! to all lanes. Outputs whose patches are all zeros are skipped, which is most of a handwritten digit.

use super::Shape;
use super::scratch::{Scratch, copy_padded, find_nonzero};
use super::tile::find_patch_offsets;
use super::weights::Weights;
use crate::lanes::Lanes;

/// Rows of a patch with fewer numbers than this count as short.
const SHORT: usize = 8;

/// Whether to use this algorithm for a shape, unless a pool follows: with a pool the filters have gradients at
/// different patches.
pub(super) fn is_for(shape: &Shape) -> bool {
    shape.kernel_width * shape.channels < SHORT
}

/// Adds the outer products of an example to `sums`: the numbers of each patch at `offsets`, times the gradients of the
/// filters, which begin at `dy[output * filters]` and fill `V` registers, except that only `last` lanes of the last one
/// are used. `outputs` lists the outputs that are not skipped, with the offsets of their patches.
///
/// # Safety
/// The processor has the instructions of `L`, the outputs have their gradients, and the patches lie in the image.
#[inline(always)]
pub(super) unsafe fn add<L: Lanes, const R: usize, const V: usize>(
    image: &[f32],
    outputs: &[(u32, u32)],
    offsets: [usize; R],
    (dy, filters, last): (*const f32, usize, usize),
    mut sums: [[L; V]; R],
) -> [[L; V]; R] {
    // SAFETY: the caller promises the instructions, the gradients and the patches.
    unsafe {
        let inputs = offsets.map(|offset| image.as_ptr().add(offset));
        for &(output, offset) in outputs {
            let dy = dy.add(output as usize * filters);
            let row: [L; V] = std::array::from_fn(|v| {
                let from = dy.add(v * L::LANES);
                if v + 1 < V || last == L::LANES { L::load(from) } else { L::load_part(from, last) }
            });
            for (sums, input) in sums.iter_mut().zip(&inputs) {
                let x = L::splat(*input.add(offset as usize));
                for (sum, &dy) in sums.iter_mut().zip(&row) {
                    *sum = sum.add_product(x, dy);
                }
            }
        }
    }
    sums
}

/// The gradients of `width` filters starting at `from`, in `V` registers, for all inputs.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn columns<L: Lanes, const R: usize, const V: usize>(
    work: &mut Weights<'_>,
    (from, width): (usize, usize),
    patches: &[u32],
    scratch: &mut Scratch,
) {
    let shape = work.shape;
    let (stride, row_length) = (shape.padded_width() * shape.channels, shape.kernel_width * shape.channels);
    let image = scratch.padded.resized(shape.padded_height() * stride);
    let last = width - (V - 1) * L::LANES;
    let end = (shape.kernel_height - 1) * stride + row_length;
    assert!(patches.iter().all(|&patch| patch as usize + end <= image.len()));
    assert!(patches.len() == shape.positions() && from + width <= shape.filters && last <= L::LANES);
    for first in (0..shape.patch()).step_by(R) {
        // Past the last input, the last one is computed again.
        let input = |r: usize| (first + r).min(shape.patch() - 1);
        let offsets = std::array::from_fn(|r| input(r) / row_length * stride + input(r) % row_length);
        // SAFETY: the caller promises the instructions; the assertions ensure that the patches lie in the image, and
        // the gradients of an example are those of all outputs.
        unsafe {
            let mut sums = [[L::splat(0.0); V]; R];
            let examples =
                work.x.chunks_exact(shape.inputs()).zip(work.gradient.dy.chunks_exact(shape.outputs()));
            for (x, dy) in examples {
                copy_padded(shape, x, image);
                let nonzero = find_nonzero(shape, image, &mut scratch.nonzero);
                scratch.outputs.clear();
                // The number of remaining outputs differs from example to example.
                scratch.outputs.reserve(patches.len());
                let numbered = (0..).zip(patches.iter().copied());
                match nonzero {
                    None => scratch.outputs.extend(numbered),
                    Some(nonzero) => {
                        scratch.outputs.extend(numbered.filter(|at| nonzero[at.1 as usize] != 0))
                    }
                }
                let dy = (dy.as_ptr().add(from), shape.filters, last);
                sums = add::<L, R, V>(image, &scratch.outputs, offsets, dy, sums);
            }
            for (r, sums) in sums.iter().enumerate().take(shape.patch() - first) {
                let dw = &mut work.dw[(first + r) * shape.filters + from..][..width];
                for (v, sum) in sums.iter().enumerate() {
                    let to = dw.as_mut_ptr().add(v * L::LANES);
                    if v + 1 < V || last == L::LANES { sum.store(to) } else { sum.store_part(to, last) }
                }
            }
        }
    }
}

/// The gradient of the weights, `R` inputs and up to two registers of filters at a time.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn pass<L: Lanes, const R: usize>(mut work: Weights<'_>) {
    let filters = work.shape.filters;
    let mut scratch = std::mem::take(work.scratch);
    let mut offsets = std::mem::take(&mut scratch.offsets);
    find_patch_offsets(work.shape, false, &mut offsets);
    let mut from = 0;
    while from < filters {
        let width = (filters - from).min(2 * L::LANES);
        // SAFETY: the caller promises the instructions.
        unsafe {
            if width > L::LANES {
                columns::<L, R, 2>(&mut work, (from, width), &offsets, &mut scratch);
            } else {
                columns::<L, R, 1>(&mut work, (from, width), &offsets, &mut scratch);
            }
        }
        from += width;
    }
    scratch.offsets = offsets;
    *work.scratch = scratch;
}
