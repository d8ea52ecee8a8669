//! The speed of matrix products, on every instruction set of this processor: the three products of a dense layer, for
//! the lecture's network and larger ones. `cargo bench -p tercet-kernels --bench matmul`
//!
//! Each result is checked against the naive sibling before it is timed. Items are multiply-adds.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tercet_kernels::Isa;
use tercet_kernels::matmul::{Start, View, naive, product};

fn main() {
    divan::main();
}

/// A product (M, K) · (K, N) on an instruction set.
#[derive(Clone, Copy)]
struct Case {
    isa: Isa,
    /// B, D and H of the layer: the batch, the inputs, the outputs.
    layer: (usize, usize, usize),
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (batch, inputs, outputs) = self.layer;
        write!(f, "{} batch {batch}, {inputs} to {outputs}", self.isa.name())
    }
}

/// The lecture's network, a larger version of it, a wide layer, and one whose weights exceed every cache, with half a
/// batch and with a whole one.
const LAYERS: [(usize, usize, usize); 5] =
    [(20, 784, 36), (64, 784, 128), (128, 512, 512), (64, 2048, 2048), (128, 2048, 2048)];

fn cases() -> impl Iterator<Item = Case> {
    Isa::available().into_iter().flat_map(|isa| LAYERS.map(|layer| Case { isa, layer }))
}

/// Reproducible pseudo-random numbers from −1 to 1.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn time(bencher: Bencher<'_, '_>, isa: Isa, a: View<'_>, b: View<'_>, start: Start<'_>) {
    let (m, k, n) = (a.rows(), a.columns(), b.columns());
    let (mut c, mut expected) = (vec![0.0; m * n], vec![0.0; m * n]);
    product(isa, a, b, start, &mut c);
    naive::product(a, b, start, &mut expected);
    // K + 1 roundings of sums that stay below K + 2.
    let tolerance = (k + 1) as f32 * (k + 2) as f32 * f32::EPSILON;
    for (at, (c, expected)) in c.iter().zip(&expected).enumerate() {
        assert!((c - expected).abs() <= tolerance, "{} at {at}: {c}, not {expected}", isa.name());
    }
    bencher
        .counter(ItemsCount::new(m * k * n))
        .bench_local(|| product(isa, black_box(a), black_box(b), start, black_box(&mut c)));
}

/// `Z = b + X · W`.
#[divan::bench(args = cases())]
fn forward(bencher: Bencher<'_, '_>, Case { isa, layer: (batch, inputs, outputs) }: Case) {
    let (x, w, bias) = (numbers(batch * inputs, 1), numbers(inputs * outputs, 2), numbers(outputs, 3));
    let (x, w) = (View::new(&x, batch, inputs), View::new(&w, inputs, outputs));
    time(bencher, isa, x, w, Start::Bias(&bias));
}

/// `dW = Xᵀ · dZ`.
#[divan::bench(args = cases())]
fn weight_gradient(bencher: Bencher<'_, '_>, Case { isa, layer: (batch, inputs, outputs) }: Case) {
    let (x, dz) = (numbers(batch * inputs, 1), numbers(batch * outputs, 2));
    let (x, dz) = (View::new(&x, batch, inputs), View::new(&dz, batch, outputs));
    time(bencher, isa, x.t(), dz, Start::Zero);
}

/// `dX = dZ · Wᵀ`.
#[divan::bench(args = cases())]
fn input_gradient(bencher: Bencher<'_, '_>, Case { isa, layer: (batch, inputs, outputs) }: Case) {
    let (dz, w) = (numbers(batch * outputs, 1), numbers(inputs * outputs, 2));
    let (dz, w) = (View::new(&dz, batch, outputs), View::new(&w, inputs, outputs));
    time(bencher, isa, dz, w.t(), Start::Zero);
}
