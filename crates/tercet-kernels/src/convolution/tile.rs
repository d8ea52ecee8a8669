//! The forward pass: tiles of outputs held in registers, with patches read directly from the image.
//!
//! A convolution is a matrix product whose left factor, the patches, is never materialised: with channels last, a row
//! of a patch is contiguous in the image, so a patch is a pointer and a row stride. The loops, from the outside in:
//!
//! 1. The filters are cut into *panels* a few registers wide. A panel of all weights is packed so that the innermost
//!    loop reads it sequentially, with zeros for the missing columns of the last panel.
//! 2. The examples, each with its padding around it.
//! 3. The outputs of an example, `P` at a time. Their accumulators stay in registers while (ky, kx, ci) runs; each step
//!    loads one row of the panel and multiplies it by `P` numbers of the image, each broadcast to all lanes. The
//!    outputs can be any `P` patches, because each has its own pointer: at the edge some are computed twice, and for a
//!    pool groups of four belong together, whose maximum is taken while they are in registers.
//!
//! Each output is one chain of multiply-adds, starting from its bias, over (ky, kx, ci) in order, whichever tile it
//! belongs to.

use super::Shape;
use super::max_pool::PoolLanes;
use super::scratch::{Scratch, find_nonzero, pad};
use super::winograd;
use crate::Isa;
use crate::isa::Level;

/// The arguments of a forward pass.
pub(super) struct Forward<'a> {
    pub(super) shape: &'a Shape,
    pub(super) x: &'a [f32],
    pub(super) w: &'a [f32],
    /// Without biases the sums start at 0.
    pub(super) b: Option<&'a [f32]>,
    pub(super) y: &'a mut [f32],
    pub(super) epilogue: Epilogue<'a>,
    pub(super) scratch: &'a mut Scratch,
}

/// What is done with the sums.
pub(super) enum Epilogue<'a> {
    Linear,
    Relu,
    Pooled(&'a mut [u8]),
}

/// Some adjacent filters: their weights, a row of `V` registers for each (ky, kx, ci), and their biases in the same
/// layout.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) weights: &'a [f32],
    pub(super) bias: &'a [f32],
    /// The number of filters.
    pub(super) width: usize,
}

/// A padded image, and the offsets of its patches.
#[derive(Clone, Copy)]
pub(super) struct Patches<'a> {
    pub(super) image: &'a [f32],
    pub(super) offsets: &'a [u32],
    /// The number of rows of a patch, their length, and the distance between them.
    pub(super) rows: usize,
    pub(super) length: usize,
    pub(super) stride: usize,
    /// For the patch at each offset, which of its rows are not all zeros.
    pub(super) nonzero: Option<&'a [u8]>,
}

impl Patches<'_> {
    /// Panics if a patch extends past the image.
    pub(super) fn check(&self) {
        let last = self.offsets.iter().max().map_or(0, |&offset| offset as usize);
        assert!(last + (self.rows - 1) * self.stride + self.length <= self.image.len());
        assert!(self.nonzero.is_none_or(|nonzero| nonzero.len() == self.image.len() && self.rows <= 32));
    }
}

/// The sums of all patches of an image for one panel, `P` patches at a time. The sums of patch n begin at
/// `y[n * stride]`, or, with `POOL`, the maxima of patches 4 n to 4 n + 3.
///
/// The function is long because everything from the pointers of a tile to its stores works on the same sums, which must
/// stay in registers.
///
/// # Safety
/// The processor has the instructions of `L`, and the patches were checked.
#[inline(always)]
unsafe fn pass<L: PoolLanes, const P: usize, const V: usize, const POOL: bool>(
    patches: Patches<'_>,
    panel: Panel<'_>,
    y: &mut [f32],
    argmax: &mut [u8],
    stride: usize,
    relu: bool,
) {
    const { assert!(!POOL || P.is_multiple_of(4)) };
    let count = patches.offsets.len();
    let together = if POOL { 4 } else { 1 };
    let (outputs, steps) = (count / together, patches.rows * patches.length);
    if outputs == 0 {
        return;
    }
    assert!(panel.weights.len() >= steps * V * L::LANES && panel.bias.len() >= V * L::LANES);
    assert!(panel.width > (V - 1) * L::LANES && panel.width <= V * L::LANES);
    assert!((outputs - 1) * stride + panel.width <= y.len() && (!POOL || y.len() == argmax.len()));
    let last = panel.width - (V - 1) * L::LANES;
    let lanes = |v: usize| if v + 1 < V { L::LANES } else { last };
    for first in (0..outputs).step_by(P / together) {
        // Past the last output, the last one is computed again.
        let output = |p: usize| (first + p / together).min(outputs - 1);
        // SAFETY: the caller promises the instructions and that all patches lie in the image; the assertions bound what
        // is read of the panel and written.
        unsafe {
            let image = patches.image.as_ptr();
            // Loops, because a closure passed to `from_fn` would not be inlined: it lacks the target features of this
            // function.
            let (mut offsets, mut from) = ([0; P], [image; P]);
            for (p, (offset, from)) in offsets.iter_mut().zip(&mut from).enumerate() {
                let patch = output(p) * together + p % together;
                *offset = *patches.offsets.get_unchecked(patch) as usize;
                *from = image.add(*offset);
            }
            let nonzero = patches.nonzero.map_or(u32::MAX, |nonzero| {
                offsets.iter().fold(0, |any, &offset| any | u32::from(*nonzero.get_unchecked(offset)))
            });
            let bias: [L; V] = std::array::from_fn(|v| L::load(panel.bias.as_ptr().add(v * L::LANES)));
            let mut sums = [bias; P];
            let mut weights = panel.weights.as_ptr();
            for ky in 0..patches.rows {
                // A row of zeros changes no sum. If there are more rows than bits, none is skipped.
                let is_nonzero = nonzero >> (ky % 32) & 1 != 0;
                for j in 0..if is_nonzero { patches.length } else { 0 } {
                    let row: [L; V] = std::array::from_fn(|v| L::load(weights.add((j * V + v) * L::LANES)));
                    for (sums, from) in sums.iter_mut().zip(&from) {
                        let x = L::splat(*from.add(j));
                        for (sum, &w) in sums.iter_mut().zip(&row) {
                            *sum = sum.add_product(x, w);
                        }
                    }
                }
                weights = weights.add(patches.length * V * L::LANES);
                for from in &mut from {
                    *from = from.wrapping_add(patches.stride);
                }
            }
            if POOL {
                for (n, four) in sums.chunks_exact(4).enumerate() {
                    let at = output(4 * n) * stride;
                    for v in 0..V {
                        let to = at + v * L::LANES;
                        let four = std::array::from_fn(|q| four[q][v]);
                        L::pool(four, y.as_mut_ptr().add(to), argmax.as_mut_ptr().add(to), lanes(v));
                    }
                }
            } else {
                for (p, sums) in sums.iter().enumerate() {
                    let at = output(p) * stride;
                    for (v, &sum) in sums.iter().enumerate() {
                        let sum = if relu { L::splat(0.0).or_larger(sum) } else { sum };
                        let to = y.as_mut_ptr().add(at + v * L::LANES);
                        if lanes(v) == L::LANES { sum.store(to) } else { sum.store_part(to, last) }
                    }
                }
            }
        }
    }
}

/// Computes where the patches begin in the padded image, in the order of their outputs.
pub(super) fn find_patch_offsets(shape: &Shape, pooled: bool, offsets: &mut Vec<u32>) {
    offsets.clear();
    let (down, right) = (shape.stride * shape.padded_width() * shape.channels, shape.stride * shape.channels);
    if pooled {
        for y in 0..shape.pooled_height() {
            for x in 0..shape.pooled_width() {
                let at = 2 * (y * down + x * right);
                offsets.extend([at, at + right, at + down, at + down + right].map(|at| at as u32));
            }
        }
    } else {
        for y in 0..shape.output_height() {
            offsets.extend((0..shape.output_width()).map(|x| (y * down + x * right) as u32));
        }
    }
}

/// Packs the columns `from..from + width` of the weights into rows of `stride` numbers, padded with zeros, and the
/// biases into one more such row. Without biases that row is zero.
fn copy_panel(forward: &Forward<'_>, (from, width): (usize, usize), stride: usize, to: &mut [f32]) {
    let bias = forward.b.map_or(&[][..], |b| &b[from..from + width]);
    let rows = forward.w.chunks_exact(forward.shape.filters).map(|row| &row[from..from + width]);
    for (to, row) in to.chunks_exact_mut(stride).zip(rows.chain([bias])) {
        to[..row.len()].copy_from_slice(row);
        to[row.len()..].fill(0.0);
    }
}

/// [`pass`], compiled for an instruction set and a tile size.
type Pass = unsafe fn(Patches<'_>, Panel<'_>, &mut [f32], &mut [u8], usize, bool);

/// The loops for panels of one width.
#[derive(Clone, Copy)]
pub(super) struct Loops {
    /// How many filters a panel has.
    pub(super) width: usize,
    pub(super) plain: Pass,
    pooled: Pass,
}

impl Loops {
    /// The loops for the next panel, given the number of filters left.
    pub(super) fn new(isa: Isa, left: usize) -> Self {
        match isa.0 {
            // Sixteen registers of eight lanes, eight to twelve of them accumulators.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => match left {
                0..=8 => Loops { width: 8, plain: avx2::<8, 1, false>, pooled: avx2::<8, 1, true> },
                _ => Loops { width: 16, plain: avx2::<6, 2, false>, pooled: avx2::<4, 2, true> },
            },
            // Thirty-two registers of sixteen lanes, or of eight lanes if half of sixteen would be unused; those are
            // processed in pairs, so that both take the same time per lane.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => match left {
                0..=8 => Loops { width: 8, plain: half::<8, 1, false>, pooled: half::<8, 1, true> },
                9..=16 => Loops { width: 16, plain: avx512::<8, 1, false>, pooled: avx512::<8, 1, true> },
                17..=24 => Loops { width: 24, plain: half::<8, 3, false>, pooled: half::<8, 3, true> },
                25..=63 => Loops { width: 32, plain: avx512::<8, 2, false>, pooled: avx512::<8, 2, true> },
                _ => Loops { width: 64, plain: avx512::<6, 4, false>, pooled: avx512::<4, 4, true> },
            },
            // Sixteen registers of four lanes, eight of them accumulators.
            _ => match left {
                0..=4 => Loops { width: 4, plain: portable::<8, 1, false>, pooled: portable::<8, 1, true> },
                _ => Loops { width: 8, plain: portable::<4, 2, false>, pooled: portable::<4, 2, true> },
            },
        }
    }
}

/// All examples for the next panel of filters, which begins at `from`. Returns where the panel after it begins.
fn one_panel(forward: &mut Forward<'_>, from: usize, loops: Loops) -> usize {
    let shape = forward.shape;
    let (stride, width) = (loops.width, (shape.filters - from).min(loops.width));
    let mut buffer = std::mem::take(&mut forward.scratch.panels);
    let panel = buffer.resized((shape.patch() + 1) * stride);
    copy_panel(forward, (from, width), stride, panel);
    let (weights, bias) = panel.split_at(shape.patch() * stride);
    let panel = Panel { weights, bias, width };
    let scratch = &mut *forward.scratch;
    let outputs = match forward.epilogue {
        Epilogue::Pooled(_) => shape.pooled(),
        _ => shape.outputs(),
    };
    for (example, x) in forward.x.chunks_exact(shape.inputs()).enumerate() {
        let image = pad(shape, x, &mut scratch.padded);
        let patches = Patches {
            image,
            nonzero: find_nonzero(shape, image, &mut scratch.nonzero),
            offsets: &scratch.offsets,
            rows: shape.kernel_height,
            length: shape.kernel_width * shape.channels,
            stride: shape.padded_width() * shape.channels,
        };
        if example == 0 {
            patches.check();
        }
        let range = example * outputs..(example + 1) * outputs;
        let y = forward.y[range.clone()].get_mut(from..).unwrap_or(&mut []);
        let relu = matches!(forward.epilogue, Epilogue::Relu);
        // SAFETY: the loops are those of the instruction set; all examples have the same patches, which were checked.
        unsafe {
            if let Epilogue::Pooled(argmax) = &mut forward.epilogue {
                let argmax = argmax[range].get_mut(from..).unwrap_or(&mut []);
                (loops.pooled)(patches, panel, y, argmax, shape.filters, true);
            } else {
                (loops.plain)(patches, panel, y, &mut [], shape.filters, relu);
            }
        }
    }
    forward.scratch.panels = buffer;
    from + width
}

/// The forward pass.
pub(super) fn run(isa: Isa, mut forward: Forward<'_>) {
    if winograd::is_for(forward.shape) {
        return winograd::run(isa, forward);
    }
    let is_pooled = matches!(forward.epilogue, Epilogue::Pooled(_));
    find_patch_offsets(forward.shape, is_pooled, &mut forward.scratch.offsets);
    let mut from = 0;
    while from < forward.shape.filters {
        let loops = Loops::new(isa, forward.shape.filters - from);
        from = one_panel(&mut forward, from, loops);
    }
}

/// [`pass`] compiled for an instruction set.
macro_rules! compiled {
    ($(#[$attribute:meta])* $name:ident, $lanes:ty) => {
        $(#[$attribute])*
        ///
        /// # Safety
        /// Those of [`pass`].
        unsafe fn $name<const P: usize, const V: usize, const POOL: bool>(
            patches: Patches<'_>,
            panel: Panel<'_>,
            y: &mut [f32],
            argmax: &mut [u8],
            stride: usize,
            relu: bool,
        ) {
            // SAFETY: plain arrays need no instructions beyond the target's own, the other functions are compiled for
            // those of their lanes, and the caller promises the rest.
            unsafe { pass::<$lanes, P, V, POOL>(patches, panel, y, argmax, stride, relu) }
        }
    };
}
compiled!(
    /// Registers of four lanes.
    portable, [f32; 4]
);
compiled!(
    /// Sixteen registers of eight lanes.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    avx2, std::arch::x86_64::__m256
);
compiled!(
    /// Thirty-two registers of eight lanes.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
    half, std::arch::x86_64::__m256
);
compiled!(
    /// Registers of sixteen lanes.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
    avx512, std::arch::x86_64::__m512
);
