//! The speed of convolutions, on every instruction set of this processor: the passes of the layers of a small LeNet, of
//! PyTorch's example network for MNIST, and of some others. `cargo bench -p tercet-kernels --bench convolution`
//!
//! Each result is checked against the naive sibling before it is timed. Items are the multiply-adds of the dense pass,
//! whatever is skipped, and a batch has 16 examples. The images of a single channel have as many zeros as MNIST's, and
//! the gradients as many as after a pool and a ReLU. `peak` is the throughput of the multiply-add units alone.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tercet_kernels::Isa;
use tercet_kernels::convolution::{
    Scratch, Shape, backward_input, backward_input_pooled, backward_weights, backward_weights_pooled,
    forward_pooled, forward_relu, naive,
};

fn main() {
    divan::main();
}

const BATCH: usize = 16;

/// A layer on an instruction set.
#[derive(Clone, Copy)]
struct Case {
    isa: Isa,
    shape: Shape,
    /// Whether the ReLU is followed by a 2 × 2 max pool.
    pool: bool,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shape { height, width, channels, kernel_height, stride, filters, .. } = self.shape;
        write!(f, "{} {height}x{width}x{channels} conv{kernel_height}-{filters}", self.isa.name())?;
        if stride > 1 {
            write!(f, "/{stride}")
        } else {
            f.write_str(if self.pool { " relu pool" } else { " relu" })
        }
    }
}

/// Side, channels, kernel, stride, padding, filters, pool.
const LAYERS: [(usize, usize, usize, usize, usize, usize, bool); 8] = [
    (28, 1, 5, 1, 0, 8, true),
    (12, 8, 5, 1, 0, 16, true),
    (28, 1, 3, 1, 0, 32, false),
    (26, 32, 3, 1, 0, 64, true),
    (26, 32, 3, 1, 0, 32, false),
    (24, 32, 5, 2, 2, 32, false),
    (14, 24, 5, 1, 2, 24, true),
    (12, 64, 3, 1, 1, 64, false),
];

fn cases() -> impl Iterator<Item = Case> {
    Isa::available().into_iter().flat_map(|isa| {
        LAYERS.map(|(side, channels, kernel, stride, padding, filters, pool)| {
            let (height, width, kernel_height, kernel_width) = (side, side, kernel, kernel);
            let shape =
                Shape { height, width, channels, kernel_height, kernel_width, stride, padding, filters };
            Case { isa, shape, pool }
        })
    })
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

/// Images of one channel are rings, which fill a fifth of the pixels; others resemble the output of a ReLU.
fn images(shape: &Shape) -> Vec<f32> {
    let mut x = numbers(BATCH * shape.inputs(), 1);
    for (at, x) in x.iter_mut().enumerate() {
        let (example, argmax) = (at / shape.inputs(), at % shape.inputs());
        let (row, column) = ((argmax / shape.width) as f32, (argmax % shape.width) as f32);
        let radius = (row - 13.5).hypot((column - 13.5) * (1.1 + 0.05 * example as f32));
        let is_ink = (5.8..9.4).contains(&radius);
        *x = if shape.channels == 1 { x.abs() * f32::from(is_ink) } else { x.max(0.0) };
    }
    x
}

/// The arrays of a layer and a batch, with the correct results.
struct Layer {
    shape: Shape,
    x: Vec<f32>,
    w: Vec<f32>,
    b: Vec<f32>,
    y: Vec<f32>,
    argmax: Vec<u8>,
    dy: Vec<f32>,
}

impl Layer {
    fn new(Case { shape, pool, .. }: Case) -> Self {
        let x = images(&shape);
        let (mut w, b) = (numbers(shape.weights(), 2), numbers(shape.filters, 3));
        w.iter_mut().for_each(|w| *w /= (shape.patch() as f32).sqrt());
        let b: Vec<f32> = b.iter().map(|b| b / 10.0).collect();
        let mut y = vec![0.0; BATCH * if pool { shape.pooled() } else { shape.outputs() }];
        let mut argmax = vec![0; if pool { y.len() } else { 0 }];
        if pool {
            naive::forward_pooled(&shape, &x, &w, &b, &mut y, &mut argmax);
        } else {
            naive::forward_relu(&shape, &x, &w, &b, &mut y);
        }
        let mut dy = numbers(y.len(), 4);
        if !pool {
            dy.iter_mut().zip(&y).for_each(|(dy, &y)| *dy *= f32::from(y > 0.0));
        }
        Layer { shape, x, w, b, y, argmax, dy }
    }

    fn work(&self) -> ItemsCount {
        ItemsCount::new(BATCH * self.shape.multiply_adds())
    }
}

fn check(isa: Isa, terms: usize, found: &[f32], expected: &[f32]) {
    let tolerance = (terms + 1) as f32 * f32::EPSILON * 8.0;
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance, "{} at {at}: {found}, not {expected}", isa.name());
    }
}

#[divan::bench(args = cases())]
fn forward(bencher: Bencher<'_, '_>, case: Case) {
    let layer = Layer::new(case);
    let Layer { shape, x, w, b, .. } = &layer;
    let (mut y, mut argmax) = (vec![0.0; layer.y.len()], vec![0; layer.argmax.len()]);
    let mut scratch = Scratch::new();
    let mut run = || {
        let (x, w, b) = (black_box(x), black_box(w), black_box(b));
        if case.pool {
            forward_pooled(case.isa, shape, x, w, b, &mut y, &mut argmax, &mut scratch);
        } else {
            forward_relu(case.isa, shape, x, w, b, &mut y, &mut scratch);
        }
    };
    run();
    bencher.counter(layer.work()).bench_local(run);
    check(case.isa, shape.patch(), &y, &layer.y);
}

#[divan::bench(args = cases())]
fn weight_gradient(bencher: Bencher<'_, '_>, case: Case) {
    let layer = Layer::new(case);
    let Layer { shape, x, dy, argmax, .. } = &layer;
    let (mut dw, mut db) = (vec![0.0; layer.w.len()], vec![0.0; layer.b.len()]);
    let (mut expected_dw, mut expected_db) = (dw.clone(), db.clone());
    let mut scratch = Scratch::new();
    let mut run = || {
        let (x, dy, argmax) = (black_box(x), black_box(dy), black_box(argmax));
        if case.pool {
            backward_weights_pooled(case.isa, shape, x, dy, argmax, &mut dw, &mut db, &mut scratch);
        } else {
            backward_weights(case.isa, shape, x, dy, &mut dw, &mut db, &mut scratch);
        }
    };
    run();
    bencher.counter(layer.work()).bench_local(run);
    if case.pool {
        naive::backward_weights_pooled(shape, x, dy, argmax, &mut expected_dw, &mut expected_db);
    } else {
        naive::backward_weights(shape, x, dy, &mut expected_dw, &mut expected_db);
    }
    check(case.isa, BATCH * shape.positions(), &dw, &expected_dw);
    check(case.isa, BATCH * shape.positions(), &db, &expected_db);
}

#[divan::bench(args = cases())]
fn input_gradient(bencher: Bencher<'_, '_>, case: Case) {
    let layer = Layer::new(case);
    let Layer { shape, w, dy, argmax, .. } = &layer;
    let (mut dx, mut expected) = (vec![0.0; layer.x.len()], vec![0.0; layer.x.len()]);
    let mut scratch = Scratch::new();
    let mut run = || {
        let (w, dy, argmax) = (black_box(w), black_box(dy), black_box(argmax));
        if case.pool {
            backward_input_pooled(case.isa, shape, dy, argmax, w, &mut dx, &mut scratch);
        } else {
            backward_input(case.isa, shape, dy, w, &mut dx, &mut scratch);
        }
    };
    run();
    bencher.counter(layer.work()).bench_local(run);
    if case.pool {
        naive::backward_input_pooled(shape, dy, argmax, w, &mut expected);
    } else {
        naive::backward_input(shape, dy, w, &mut expected);
    }
    check(case.isa, shape.patch() * shape.filters, &dx, &expected);
}

/// Twelve chains of multiply-adds without memory accesses. The throughput of sixteen lanes depends on the processor:
/// many split them into two steps, so that eight lanes are as fast.
#[divan::bench(args = Isa::available().into_iter().map(Isa::name))]
fn peak(bencher: Bencher<'_, '_>, isa: &str) {
    const STEPS: usize = 1000;
    /// The compiler turns each array into a register.
    fn portable(by: f32) -> [[f32; 4]; 12] {
        let mut sums = [[by; 4]; 12];
        for _ in 0..STEPS {
            for sum in &mut sums {
                for lane in sum.iter_mut() {
                    *lane = *lane * by + by;
                }
            }
        }
        sums
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn fused(by: f32) -> [std::arch::x86_64::__m256; 12] {
        use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
        let by = _mm256_set1_ps(by);
        let mut sums = [by; 12];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, by, by);
            }
        }
        sums
    }
    let steps = |lanes| ItemsCount::new(STEPS * 12 * lanes);
    match isa {
        // SAFETY: the name comes from the list of instruction sets that this processor has.
        #[cfg(target_arch = "x86_64")]
        "avx2" | "avx512" => bencher.counter(steps(8)).bench_local(|| unsafe { fused(black_box(0.5)) }),
        _ => bencher.counter(steps(4)).bench_local(|| portable(black_box(0.5))),
    }
}
