//! The transposed sparse product of few columns: a row of B in registers is added to a row of sums for each non-zero.
//!
//! The sums are stored in rows of whole registers, aligned to cache lines. In C itself a row could begin anywhere, and
//! a load that overlaps the numbers which were just stored for the previous row stalls until they have reached the
//! cache: that was four times slower. In the end the sums are copied to C, or used to update the weights, and reset to
//! zero: clearing them in the same pass costs nothing.

use super::CsrMatrix;
use crate::lanes::Lanes;
use crate::optimizer::Sgd;

/// How many registers a row of B may fill. Beyond that, transposing A costs less than storing C so often.
pub(super) const MOST_REGISTERS: usize = 4;

/// How many numbers a cache line holds.
const LINE: usize = 16;

/// Squares are summed in f32, lane by lane, for this many rows before they are added to a sum in f64.
const SQUARED_TOGETHER: usize = 64;

/// Scratch memory for the sums of [`transposed_product`](super::transposed_product) and
/// [`transposed_product_sgd`](super::transposed_product_sgd). It contains only zeros before and after each call.
#[derive(Clone, Debug, Default)]
pub struct Accumulators(Vec<f32>);

impl Accumulators {
    /// Reserves room for products of (`rows`, `columns`), so that products up to this size allocate nothing.
    pub fn reserve(&mut self, rows: usize, columns: usize) {
        let room = rows * columns.next_multiple_of(LINE) + LINE;
        if self.0.len() < room {
            self.0.resize(room, 0.0);
        }
    }

    /// `rows` rows of `stride` numbers, the first one aligned to a cache line.
    fn rows(&mut self, rows: usize, stride: usize) -> &mut [f32] {
        self.reserve(rows, stride);
        let aligned = self.0.as_ptr().align_offset(4 * LINE).min(LINE);
        &mut self.0[aligned..][..rows * stride]
    }
}

/// The width of a matrix with `n` columns: `V` registers per row, the last of which has `last` numbers.
#[derive(Clone, Copy)]
struct Width<const V: usize> {
    n: usize,
    last: usize,
}

impl<const V: usize> Width<V> {
    #[inline(always)]
    fn of<L: Lanes>(n: usize) -> Self {
        let last = n - (V - 1) * L::LANES;
        assert!(0 < last && last <= L::LANES);
        Width { n, last }
    }

    /// Loads a row.
    ///
    /// # Safety
    /// The processor has the instructions of `L`, and `n` numbers may be read.
    #[inline(always)]
    unsafe fn load<L: Lanes>(self, row: *const f32) -> [L; V] {
        std::array::from_fn(|v| {
            // SAFETY: the caller promises the instructions and the numbers.
            unsafe {
                let from = row.add(v * L::LANES);
                if v + 1 < V { L::load(from) } else { L::load_part(from, self.last) }
            }
        })
    }

    /// # Safety
    /// The processor has the instructions of `L`, and `n` numbers may be written.
    #[inline(always)]
    unsafe fn store<L: Lanes>(self, numbers: [L; V], row: *mut f32) {
        for (v, numbers) in numbers.into_iter().enumerate() {
            // SAFETY: the caller promises the instructions and the room.
            unsafe {
                let to = row.add(v * L::LANES);
                if v + 1 < V { numbers.store(to) } else { numbers.store_part(to, self.last) }
            }
        }
    }
}

/// Adds `Aᵀ · B` to the sums, (K, V · LANES).
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn add_up<L: Lanes, const V: usize>(a: &CsrMatrix, b: &[f32], width: Width<V>, sums: &mut [f32]) {
    let stride = V * L::LANES;
    assert!(b.len() == a.rows() * width.n && sums.len() == a.columns() * stride);
    let to = sums.as_mut_ptr();
    for (i, b) in b.chunks_exact(width.n).enumerate() {
        // An example that satisfies the margin has no gradient of the SVM loss; late in training most examples do.
        if b.iter().fold(true, |zero, &b| zero & (b == 0.0)) {
            continue;
        }
        let row = a.row(i);
        // SAFETY: the caller promises the instructions. A row of B has `n` numbers, and the columns of A are rows of
        // the sums, each of which has `stride` numbers.
        unsafe {
            let b: [L; V] = width.load(b.as_ptr());
            for (&column, &value) in a.at()[row.clone()].iter().zip(&a.values()[row]) {
                let value = L::splat(value);
                let to = to.add(column as usize * stride);
                for (v, &b) in b.iter().enumerate() {
                    let to = to.add(v * L::LANES);
                    L::load(to).add_product(value, b).store(to);
                }
            }
        }
    }
}

/// Loads the sums of a row and resets them to zero.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn take<L: Lanes, const V: usize>(sums: &mut [f32]) -> [L; V] {
    assert!(sums.len() == V * L::LANES);
    std::array::from_fn(|v| {
        // SAFETY: the caller promises the instructions, and there are `V` registers' widths of numbers.
        unsafe {
            let from = sums.as_mut_ptr().add(v * L::LANES);
            let taken = L::load(from);
            L::splat(0.0).store(from);
            taken
        }
    })
}

/// [`product`] with `V` registers per row.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn product_of<L: Lanes, const V: usize>(
    a: &CsrMatrix,
    b: &[f32],
    n: usize,
    c: &mut [f32],
    sums: &mut Accumulators,
) {
    let width = Width::<V>::of::<L>(n);
    let sums = sums.rows(a.columns(), V * L::LANES);
    // SAFETY: the caller promises the instructions, and a row of C has `n` numbers.
    unsafe {
        add_up::<L, V>(a, b, width, sums);
        for (sums, c) in sums.chunks_exact_mut(V * L::LANES).zip(c.chunks_exact_mut(n)) {
            width.store(take::<L, V>(sums), c.as_mut_ptr());
        }
    }
}

/// [`sgd`] with `V` registers per row.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn sgd_of<L: Lanes, const V: usize>(
    a: &CsrMatrix,
    b: &[f32],
    n: usize,
    step: Sgd,
    (w, velocity): (&mut [f32], &mut [f32]),
    sums: &mut Accumulators,
) -> f64 {
    let width = Width::<V>::of::<L>(n);
    let sums = sums.rows(a.columns(), V * L::LANES);
    let Sgd { learning_rate, momentum, reg } = step;
    assert!(w.len() == a.columns() * n && (momentum == 0.0 || velocity.len() == w.len()));
    let mut squares = 0.0;
    // SAFETY: the caller promises the instructions. There are as many rows of `n` weights as of sums, and with momentum
    // as many velocities.
    unsafe {
        add_up::<L, V>(a, b, width, sums);
        let (learning_rate, twice_reg) = (L::splat(learning_rate), L::splat(2.0 * reg));
        let (with_momentum, zero) = (L::splat(momentum), L::splat(0.0));
        // The next row is loaded before this one is stored, because a load that overlaps a masked store has to wait for
        // it.
        let (rows, w, velocity) = (a.columns(), w.as_mut_ptr(), velocity.as_mut_ptr());
        let (mut next, mut next_velocities, mut partial) = ([zero; V], [zero; V], [zero; V]);
        if rows > 0 {
            next = width.load(w);
            if momentum != 0.0 {
                next_velocities = width.load(velocity);
            }
        }
        for (d, sums) in sums.chunks_exact_mut(V * L::LANES).enumerate() {
            let (dw, mut weights, mut velocities): ([L; V], _, _) = (take(sums), next, next_velocities);
            if d + 1 < rows {
                next = width.load(w.add((d + 1) * n));
                if momentum != 0.0 {
                    next_velocities = width.load(velocity.add((d + 1) * n));
                }
            }
            for v in 0..V {
                partial[v] = partial[v].add_product(weights[v], weights[v]);
                let change = learning_rate.times(dw[v].plus(twice_reg.times(weights[v])));
                if momentum == 0.0 {
                    weights[v] = weights[v].minus(change);
                } else {
                    velocities[v] = with_momentum.times(velocities[v]).minus(change);
                    weights[v] = weights[v].plus(velocities[v]);
                }
            }
            if momentum != 0.0 {
                width.store(velocities, velocity.add(d * n));
            }
            width.store(weights, w.add(d * n));
            if (d + 1).is_multiple_of(SQUARED_TOGETHER) {
                squares += sum::<L, V>(partial);
                partial = [zero; V];
            }
        }
        squares += sum::<L, V>(partial);
    }
    if reg == 0.0 { 0.0 } else { squares }
}

/// The sum of all lanes: first over the registers, then over the lanes in f64.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn sum<L: Lanes, const V: usize>(numbers: [L; V]) -> f64 {
    let mut lanes = [0.0f32; 16];
    // SAFETY: the caller promises the instructions, and no register has more than sixteen lanes.
    unsafe {
        let mut all = L::splat(0.0);
        for numbers in numbers {
            all = all.plus(numbers);
        }
        all.store(lanes.as_mut_ptr());
    }
    lanes.iter().map(|&number| f64::from(number)).sum()
}

/// Calls a function for the number of registers that `n` columns fill.
macro_rules! for_registers {
    ($n:expr, $body:ident::<$lanes:ident>($($argument:expr),*)) => {
        match $n.div_ceil($lanes::LANES) {
            0 | 1 => $body::<$lanes, 1>($($argument),*),
            2 => $body::<$lanes, 2>($($argument),*),
            3 => $body::<$lanes, 3>($($argument),*),
            _ => $body::<$lanes, 4>($($argument),*),
        }
    };
}

/// `C = Aᵀ · B`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn product<L: Lanes>(
    a: &CsrMatrix,
    b: &[f32],
    n: usize,
    c: &mut [f32],
    sums: &mut Accumulators,
) {
    // SAFETY: the caller promises the instructions.
    unsafe { for_registers!(n, product_of::<L>(a, b, n, c, sums)) }
}

/// The step of gradient descent with `dW = Aᵀ · B`; returns Σ W² from before the step.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn sgd<L: Lanes>(
    a: &CsrMatrix,
    b: &[f32],
    n: usize,
    step: Sgd,
    weights: (&mut [f32], &mut [f32]),
    sums: &mut Accumulators,
) -> f64 {
    // SAFETY: the caller promises the instructions.
    unsafe { for_registers!(n, sgd_of::<L>(a, b, n, step, weights, sums)) }
}
