//! The sparse product: the sums of a row are held in registers, and a row of B is added for each non-zero.
//!
//! A dense tile loads a row of B and uses it for several rows of A. Here each row of A has its own non-zeros, so a row
//! of B is loaded again for each of them. That is fast as long as it comes from the first-level cache, which can supply
//! one multiply-add per cycle, as registers would. The loops, from the outside in:
//!
//! 1. B is cut into panels up to eight registers wide. The more registers, the less often a non-zero is loaded, and the
//!    more independent sums there are: a multiply-add must not wait for the previous one.
//! 2. K is cut into blocks so deep that the panel's rows in them fill a first-level cache. If the row stride of B is
//!    larger than the panel is wide, the rows are first copied to contiguous memory, because rows that are a power of
//!    two apart would map to the same few cache sets; unless there are too few rows of A to amortise the copy. A B that
//!    is read as its transpose is transposed during the copy.
//! 3. The rows of A, several at a time if the panel is narrow.
//!
//! If the product is a gradient, the weights are updated when a row's sums are complete, while they are in registers.

use std::ops::Range;

use super::CsrMatrix;
use super::csr::BLOCK;
use crate::lanes::{Aligned, Lanes};
use crate::matmul::transpose::transpose;
use crate::matmul::{Start, View, ViewMut};
use crate::optimizer::Sgd;

/// The widest panel, in registers.
const MOST_REGISTERS: usize = 8;

/// How many numbers of B are kept in the first-level cache: 32 KiB.
const CACHED: usize = 8192;

/// With fewer rows of A than this, B is not copied, even if its rows are not contiguous.
const ROWS_WORTH_A_COPY: usize = 12;

/// The same for a B whose rows are contiguous, but not aligned to the registers.
const ROWS_WORTH_AN_ALIGNMENT: usize = 32;

/// A slice of B: row `first` of B begins at `values[0]`, the following ones are `stride` apart.
#[derive(Clone, Copy)]
struct Panel<'a> {
    values: &'a [f32],
    stride: usize,
    first: usize,
    /// How many columns the last register holds.
    last: usize,
}

/// The initial value of the sums of a row, at the columns of a panel.
#[derive(Clone, Copy)]
enum First<'a> {
    Zero,
    Bias(&'a [f32]),
    Keep,
}

/// Weights whose gradient is the product: they are updated from the sums, which are not stored.
pub(super) struct Weights<'a> {
    pub(super) step: Sgd,
    pub(super) w: ViewMut<'a>,
    /// If there is momentum.
    pub(super) velocity: Option<ViewMut<'a>>,
}

/// Multiplies `R` rows of A, whose non-zeros are at `lists`, with a block of a panel of `V` registers. `WHOLE` means
/// that the last register is full. The sums (or the updated weights) are those of C from row i and column j on.
///
/// The function is long because its parts share the sums, which must stay in registers, and the closures that load and
/// store whole or partial registers.
///
/// # Safety
/// The processor has the instructions of `L`, and each column of the non-zeros is a row of the panel.
#[inline(always)]
unsafe fn gather<L: Lanes, const R: usize, const V: usize, const WHOLE: bool>(
    a: &CsrMatrix,
    lists: [Range<usize>; R],
    panel: Panel<'_>,
    first: First<'_>,
    (c, weights): (&mut ViewMut<'_>, Option<&mut Weights<'_>>),
    (i, j): (usize, usize),
) {
    let last = if WHOLE { L::LANES } else { panel.last };
    let width = (V - 1) * L::LANES + last;
    let (part, null) = (((i, R), (j, width)), std::ptr::null_mut());
    let uses_c = weights.is_none() || matches!(first, First::Keep);
    let (c, n) = (if uses_c { c.part(part.0, part.1) } else { null }, c.row_stride());
    if let First::Bias(bias) = first {
        assert!(width <= bias.len());
    }
    let (mut shortest, mut longest) = (usize::MAX, 0);
    for list in &lists {
        assert!(list.start <= list.end && list.end <= a.non_zeros());
        (shortest, longest) = (shortest.min(list.len()), longest.max(list.len()));
    }
    let (at, values) = (a.at().as_ptr(), a.values().as_ptr());
    let b = panel.values.as_ptr();
    // SAFETY: the caller promises the instructions and that the columns are rows of the panel, each of which has
    // `width` numbers; the assertions, and that in `part`, bound what is read and written of C and of the bias.
    unsafe {
        let load = |from: *const f32, v: usize| {
            let from = from.add(v * L::LANES);
            if WHOLE || v + 1 < V { L::load(from) } else { L::load_part(from, last) }
        };
        let mut sums = [[L::splat(0.0); V]; R];
        for (r, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                match first {
                    First::Zero => {}
                    First::Bias(bias) => *sum = load(bias.as_ptr(), v),
                    First::Keep => *sum = load(c.add(r * n), v),
                }
            }
        }
        let add = |sums: &mut [L; V], place: usize| {
            let row = b.add((*at.add(place) as usize - panel.first) * panel.stride);
            let value = L::splat(*values.add(place));
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = sum.add_product(value, load(row, v));
            }
        };
        for i in 0..shortest {
            for (sums, list) in sums.iter_mut().zip(&lists) {
                add(sums, list.start + i);
            }
        }
        // The rest of the longer lists, still interleaved: otherwise each multiply-add would wait for the previous one.
        for i in shortest..longest {
            for (sums, list) in sums.iter_mut().zip(&lists) {
                if i < list.len() {
                    add(sums, list.start + i);
                }
            }
        }
        let store = |sum: L, to: *mut f32, v: usize| {
            let to = to.add(v * L::LANES);
            if WHOLE || v + 1 < V { sum.store(to) } else { sum.store_part(to, last) }
        };
        let Some(Weights { step, w, velocity }) = weights else {
            for (r, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    store(sum, c.add(r * n), v);
                }
            }
            return;
        };
        // The formulas of `optimizer`, with the same roundings.
        let (learning_rate, twice_reg) = (L::splat(step.learning_rate), L::splat(2.0 * step.reg));
        let (w, w_stride) = (w.part(part.0, part.1), w.row_stride());
        let velocity = velocity.as_mut().map(|of| (of.part(part.0, part.1), of.row_stride()));
        for (r, sums) in sums.iter().enumerate() {
            let w = w.add(r * w_stride);
            for (v, &dw) in sums.iter().enumerate() {
                let weights = load(w, v);
                let change = learning_rate.times(dw.plus(twice_reg.times(weights)));
                let weights = if let Some((velocity, stride)) = velocity {
                    let velocity = velocity.add(r * stride);
                    let moved = L::splat(step.momentum).times(load(velocity, v)).minus(change);
                    store(moved, velocity, v);
                    weights.plus(moved)
                } else {
                    weights.minus(change)
                };
                store(weights, w, v);
            }
        }
    }
}

/// Whether the panels of B are copied for this many rows of A.
#[inline(always)]
fn is_worth_a_copy<L: Lanes>(rows: usize, b: View<'_>) -> bool {
    if b.column_stride() != 1 {
        return true;
    }
    let is_aligned = (b.values().as_ptr() as usize | (4 * b.row_stride())).is_multiple_of(4 * L::LANES);
    match (b.row_stride() > b.columns().min(MOST_REGISTERS * L::LANES), is_aligned) {
        (true, _) => rows >= ROWS_WORTH_A_COPY,
        (false, true) => false,
        (false, false) => rows >= ROWS_WORTH_AN_ALIGNMENT,
    }
}

/// `width` columns of B from `from` on, in `V` registers, at the rows `depths`: in place, or `copied` to the buffer.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn panel_of<'a, L: Lanes, const V: usize, const WHOLE: bool>(
    b: View<'a>,
    depths: &Range<usize>,
    (from, width): (usize, usize),
    copied: bool,
    buffer: &'a mut [f32],
) -> Panel<'a> {
    let last = width - (V - 1) * L::LANES;
    let stride = if copied { V * L::LANES } else { b.row_stride() };
    let panel = if copied && b.column_stride() != 1 {
        // SAFETY: the caller promises the instructions.
        unsafe { transpose::<L>(b, depths, &(from..from + width), stride, buffer) };
        Panel { values: &*buffer, stride, first: depths.start, last }
    } else if copied {
        for (p, to) in depths.clone().zip(buffer.chunks_exact_mut(stride)) {
            let row = &b.values()[p * b.row_stride() + from..][..width];
            for v in 0..V {
                // SAFETY: the caller promises the instructions; a row of the panel has `width` numbers, and one of
                // the buffer as many as `V` registers.
                unsafe {
                    let from = row.as_ptr().add(v * L::LANES);
                    let part = if WHOLE || v + 1 < V { L::load(from) } else { L::load_part(from, last) };
                    part.store(to.as_mut_ptr().add(v * L::LANES));
                }
            }
        }
        Panel { values: &*buffer, stride, first: depths.start, last }
    } else {
        let at = if depths.is_empty() { 0 } else { depths.start * stride + from };
        Panel { values: &b.values()[at..], stride, first: depths.start, last }
    };
    assert!(depths.is_empty() || (depths.len() - 1) * stride + width <= panel.values.len());
    panel
}

/// All of `rows` times one panel of `V` registers, which begins at column `from`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn one_panel<L: Lanes, const R: usize, const V: usize, const WHOLE: bool>(
    a: &CsrMatrix,
    rows: Range<usize>,
    b: View<'_>,
    (from, width): (usize, usize),
    start: Start<'_>,
    (c, weights): (&mut ViewMut<'_>, &mut Option<Weights<'_>>),
    buffer: &mut [f32],
) {
    let k = b.rows();
    let copied = is_worth_a_copy::<L>(rows.len(), b);
    let together = (CACHED / BLOCK / (V * L::LANES)).max(1);
    let mut block = 0;
    loop {
        let blocks = block..a.blocks().min(block + together);
        let depths = blocks.start * BLOCK..k.min(blocks.end * BLOCK);
        // SAFETY: the caller promises the instructions.
        let panel = unsafe { panel_of::<L, V, WHOLE>(b, &depths, (from, width), copied, buffer) };
        let first = match start {
            _ if block > 0 => First::Keep,
            Start::Zero => First::Zero,
            Start::Bias(bias) => First::Bias(&bias[from..]),
            Start::Keep => First::Keep,
        };
        let mut i = rows.start;
        while i < rows.end {
            let place = (i - rows.start, from);
            let to = (&mut *c, if blocks.end >= a.blocks() { weights.as_mut() } else { None });
            // SAFETY: the caller promises the instructions; the columns of the non-zeros of these blocks are in
            // `depths`, and the panel has all of these rows.
            unsafe {
                if rows.end - i >= R {
                    let mut lists = [const { 0..0 }; R];
                    for (r, list) in lists.iter_mut().enumerate() {
                        *list = a.part(i + r, &blocks);
                    }
                    gather::<L, R, V, WHOLE>(a, lists, panel, first, to, place);
                    i += R;
                } else {
                    gather::<L, 1, V, WHOLE>(a, [a.part(i, &blocks)], panel, first, to, place);
                    i += 1;
                }
            }
        }
        block = blocks.end;
        if block >= a.blocks() {
            break;
        }
    }
}

/// The whole product.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn product<L: Lanes>(
    a: &CsrMatrix,
    rows: Range<usize>,
    b: View<'_>,
    start: Start<'_>,
    mut c: ViewMut<'_>,
    mut weights: Option<Weights<'_>>,
) {
    let n = b.columns();
    let mut buffer = if is_worth_a_copy::<L>(rows.len(), b) { Some(Aligned([0.0; CACHED])) } else { None };
    let buffer = buffer.as_mut().map_or(&mut [][..], |buffer| &mut buffer.0);
    let mut from = 0;
    while from < n {
        let width = (n - from).min(MOST_REGISTERS * L::LANES);
        let (columns, rows, to) = ((from, width), rows.clone(), (&mut c, &mut weights));
        macro_rules! panel {
            ($rows:literal, $registers:literal) => {
                if width == $registers * L::LANES {
                    one_panel::<L, $rows, $registers, true>(a, rows, b, columns, start, to, buffer)
                } else {
                    one_panel::<L, $rows, $registers, false>(a, rows, b, columns, start, to, buffer)
                }
            };
        }
        // SAFETY: the caller promises the instructions. Rows times registers is the number of independent sums.
        unsafe {
            match width.div_ceil(L::LANES) {
                1 => panel!(4, 1),
                2 => panel!(4, 2),
                3 => panel!(2, 3),
                4 => panel!(2, 4),
                5 => panel!(1, 5),
                6 => panel!(1, 6),
                7 => panel!(1, 7),
                _ => panel!(1, 8),
            }
        }
        from += width;
    }
}
