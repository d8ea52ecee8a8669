//! The image distortion model.

use super::field::COLUMNS;
use super::portable::Portable;
use super::{Field, Warp};
use crate::Isa;
use crate::isa::Level;

/// The numbers of [`COLUMNS`] adjacent pixels.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Chunk(pub(super) [u32; COLUMNS]);

/// Reusable memory for [`warped`]. Its contents do not matter.
#[derive(Clone, Debug)]
pub struct Workspace {
    warp: Warp,
    sums: Vec<Chunk>,
}

impl Workspace {
    /// Memory for a warp.
    pub fn new(warp: Warp) -> Self {
        let warps = (2 * warp.reach + 1).pow(2);
        Workspace { warp, sums: vec![Chunk([u32::MAX; COLUMNS]); warps * 2 * warp.context.max(1)] }
    }
}

/// Arithmetic on the numbers of [`COLUMNS`] adjacent pixels at once.
///
/// # Safety
/// The caller of a method makes sure that the processor has the instructions of the implementing type.
pub(super) trait Columns: Copy {
    /// The largest number in every lane.
    unsafe fn max_value() -> Self;

    /// The squared length of the difference of two edges, for each pixel.
    unsafe fn squares(q: &[i16; 2 * COLUMNS], x: &[i16; 2 * COLUMNS]) -> Self;

    /// The elementwise sum.
    unsafe fn plus(self, other: Self) -> Self;

    /// The elementwise minimum.
    unsafe fn min(self, other: Self) -> Self;

    /// Moves the number of the next pixel into each lane, and 0 into the last.
    unsafe fn next(self) -> Self;

    /// The sum of the first `count` numbers.
    unsafe fn sum(self, count: usize) -> u64;

    unsafe fn load(from: &Chunk) -> Self;

    unsafe fn store(self, to: &mut Chunk);
}

/// `Σ_p min_s Σ_c ‖E_q(p + c) − E_x(p + c + s)‖²`, over all pixels p of the image; s runs over all displacements of up
/// to `reach` pixels up, down and to the sides, c over the square of `context` pixels around. `None` if it exceeds
/// `threshold`: as no term is negative, the sum stops as soon as it exceeds the threshold, without losing anything.
///
/// It is not a metric, because it is not symmetric: the pixels of q are matched in x, and the pixels of x would not
/// find the same matches in q.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::deformable::{Field, Warp, Workspace, warped};
///
/// // The same edge, two pixels apart: within reach.
/// let warp = Warp { reach: 2, context: 0 };
/// let (mut q, mut x) = (Field::new(5, 1, warp), Field::new(5, 1, warp));
/// q.set(&[9, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/// x.set(&[0, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
/// let mut workspace = Workspace::new(warp);
/// assert_eq!(warped(Isa::active(), &q, &x, u64::MAX, &mut workspace), Some(0));
/// ```
///
/// If the images, their warps and that of the workspace differ.
/// If the images, their warps and that of the workspace differ.
pub fn warped(isa: Isa, q: &Field, x: &Field, threshold: u64, workspace: &mut Workspace) -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2(q: &Field, x: &Field, threshold: u64, sums: &mut [Chunk]) -> Option<u64> {
        // SAFETY: portable code needs no instructions.
        unsafe { body::<Portable>(q, x, threshold, sums) }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    fn avx512(q: &Field, x: &Field, threshold: u64, sums: &mut [Chunk]) -> Option<u64> {
        // SAFETY: this function is compiled for the instructions that the type needs.
        unsafe { body::<super::avx512::Registers>(q, x, threshold, sums) }
    }
    assert_eq!((q.width, q.height), (x.width, x.height), "images of one size");
    assert!(q.warp == x.warp && q.warp == workspace.warp, "one warp for images and workspace");
    let sums = &mut workspace.sums[..];
    match isa.0 {
        // SAFETY: portable code needs no instructions.
        Level::Portable => unsafe { body::<Portable>(q, x, threshold, sums) },
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        // SAFETY: portable code needs no instructions.
        Level::Wasm => unsafe { body::<Portable>(q, x, threshold, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an Isa of this level exists only where the processor has AVX2.
        Level::Avx2 => unsafe { avx2(q, x, threshold, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an Isa of this level exists only where the processor has AVX-512 F, BW and VL, and AVX2.
        Level::Avx512 => unsafe { avx512(q, x, threshold, sums) },
    }
}

/// Processes rows from top to bottom, so that a sum can end early. For each row and displacement there is one row of
/// squared differences and one of horizontal sums of them; the latter are kept for as many previous rows as the context
/// has, and their sum is the sum over the context.
///
/// No sum exceeds 32 bits: the edges are signed bytes, so a square is at most 2 · 254² = 129,032, and a context
/// has at most 49 of them.
///
/// # Safety
/// The processor has the instructions of C.
#[inline(always)]
unsafe fn body<C: Columns>(q: &Field, x: &Field, threshold: u64, sums: &mut [Chunk]) -> Option<u64> {
    let Warp { reach, context } = q.warp;
    // Pixels whose context is blank in both images contribute 0 without displacement, so such rows are skipped.
    let first = q.first.min(x.first).saturating_sub(context);
    let end = (q.end.max(x.end) + context).min(q.height);
    let (reach, margin, kept) = (reach as isize, context as isize, 2 * context);
    let mut total = 0;
    if first >= end {
        return Some(total);
    }
    for block in (0..q.width).step_by(COLUMNS - 2 * context) {
        let columns = (q.width - block).min(COLUMNS - 2 * context);
        let left = block as isize - margin;
        // The slot for the sums of this row, which overwrites the oldest ones.
        let mut turn = 0;
        let mut seen = 0;
        for row in first as isize - margin..end as isize + margin {
            // SAFETY: the caller promises the instructions of C, here and below.
            let mut min = unsafe { C::max_value() };
            let edges = q.at(row, left);
            let mut warp = 0;
            for down in -reach..=reach {
                for across in -reach..=reach {
                    // SAFETY: as above.
                    unsafe {
                        let squares = C::squares(edges, x.at(row + down, left + across));
                        let mut sum = squares;
                        for _ in 0..kept {
                            sum = squares.plus(sum.next());
                        }
                        if kept > 0 {
                            let before = &mut sums[warp * kept..][..kept];
                            let mut around = sum;
                            for before in &*before {
                                around = around.plus(C::load(before));
                            }
                            sum.store(&mut before[turn]);
                            sum = around;
                        }
                        min = min.min(sum);
                    }
                    warp += 1;
                }
            }
            turn = if turn + 1 < kept { turn + 1 } else { 0 };
            seen += 1;
            if seen > kept {
                // SAFETY: as above.
                total += unsafe { min.sum(columns) };
                if total > threshold {
                    return None;
                }
            }
        }
    }
    Some(total)
}
