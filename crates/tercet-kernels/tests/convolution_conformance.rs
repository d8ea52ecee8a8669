//! Every pass of a convolution against its naive sibling, on every instruction set that this processor has, and the
//! naive passes against finite differences.

mod common;
mod interpreted;

use tercet_kernels::Isa;
use tercet_kernels::convolution::{
    NO_GRADIENT, Scratch, Shape, backward_input, backward_input_pooled, backward_weights,
    backward_weights_pooled, forward, forward_pooled, forward_relu, naive,
};
use tercet_kernels::matmul::is_fused;

use common::numbers;
use interpreted::few;

/// The sizes in the order (height, width, channels), (kernel_height, kernel_width), stride, padding, filters.
fn shape(
    image: (usize, usize, usize),
    kernel: (usize, usize),
    stride: usize,
    padding: usize,
    filters: usize,
) -> Shape {
    let ((height, width, channels), (kernel_height, kernel_width)) = (image, kernel);
    let shape = Shape { height, width, channels, kernel_height, kernel_width, stride, padding, filters };
    shape.check().unwrap();
    shape
}

/// Sizes at which an edge case could go wrong: smaller and larger than a register, a tile and a window, strides that
/// skip pixels, padding as large as the kernel and larger, outputs of odd sizes and of a single pixel.
fn shapes() -> Vec<Shape> {
    let mut shapes = vec![
        shape((1, 1, 1), (1, 1), 1, 0, 1),
        shape((1, 1, 3), (3, 3), 1, 1, 5),
        shape((2, 2, 1), (2, 2), 1, 0, 4),
        shape((5, 7, 2), (3, 2), 1, 0, 3),
        shape((7, 5, 3), (2, 3), 2, 1, 9),
        shape((9, 8, 1), (5, 5), 1, 2, 8),
        shape((8, 9, 5), (3, 3), 3, 0, 17),
        shape((6, 6, 8), (1, 1), 1, 0, 16),
        shape((6, 11, 4), (1, 3), 1, 0, 7),
        shape((11, 6, 4), (3, 1), 2, 3, 33),
        shape((4, 4, 2), (4, 4), 1, 0, 6),
        shape((4, 4, 2), (5, 5), 1, 4, 6),
        shape((12, 12, 8), (5, 5), 1, 0, 16),
        shape((28, 28, 1), (5, 5), 1, 0, 8),
        shape((8, 8, 16), (3, 3), 1, 1, 48),
        shape((7, 9, 17), (3, 3), 1, 0, 20),
        shape((10, 13, 32), (3, 3), 1, 0, 64),
        shape((9, 10, 20), (3, 3), 1, 2, 19),
        shape((6, 6, 3), (3, 3), 1, 1, 100),
        shape((9, 7, 40), (5, 5), 2, 2, 24),
        shape((1, 2, 3), (1, 1), 1, 1, 4),
        shape((3, 4, 2), (3, 3), 1, 3, 17),
        shape((2, 3, 16), (3, 3), 1, 5, 24),
        shape((3, 2, 1), (2, 2), 1, 7, 9),
        shape((4, 5, 3), (2, 3), 3, 4, 6),
    ];
    for filters in [1, 2, 5, 12, 15, 23, 31, 32, 63, 65, 70] {
        shapes.push(shape((5, 6, 3), (3, 3), 1, 0, filters));
    }
    for channels in [1, 2, 4, 7, 9, 13, 24, 33] {
        shapes.push(shape((7, 6, channels), (3, 3), 1, 1, 11));
    }
    if cfg!(miri) {
        shapes.retain(|shape| shape.outputs() * shape.patch() < 1000);
    }
    shapes
}

/// The largest error that rounding can cause in a sum of `terms` products of numbers of at most 1, and a bias.
fn tolerance(terms: usize) -> f32 {
    (terms + 1) as f32 * (terms + 2) as f32 * f32::EPSILON
}

/// Describes the first difference between two arrays, if there is one.
fn differs(what: &str, terms: usize, found: &[f32], expected: &[f32]) -> Option<String> {
    assert_eq!(found.len(), expected.len());
    let fits = |f: f32, e: f32| (f - e).abs() <= tolerance(terms);
    let at = found.iter().zip(expected).position(|(&f, &e)| !fits(f, e))?;
    Some(format!("{what} at {at}: {}, not {}", found[at], expected[at]))
}

/// The arrays of a layer and a batch.
struct Layer {
    shape: Shape,
    x: Vec<f32>,
    w: Vec<f32>,
    b: Vec<f32>,
    /// The gradient of the output, partly 0 as after a ReLU.
    dy: Vec<f32>,
    /// The gradient of the pooled output, and its argmax.
    pooled_dy: Vec<f32>,
    argmax: Vec<u8>,
}

impl Layer {
    fn new(shape: Shape, examples: usize, zeros: bool) -> Self {
        let mut x = numbers(examples * shape.inputs(), 1);
        let (w, b) = (numbers(shape.weights(), 2), numbers(shape.filters, 3));
        let mut dy = numbers(examples * shape.outputs(), 4);
        if zeros {
            let chances = numbers(x.len(), 7);
            x.iter_mut().zip(chances).for_each(|(x, chance)| *x *= f32::from(chance > 0.6));
            dy.iter_mut().for_each(|dy| *dy = dy.max(0.0));
        }
        let mut argmax = vec![0; examples * shape.pooled()];
        let mut y = vec![0.0; argmax.len()];
        naive::forward_pooled(&shape, &x, &w, &b, &mut y, &mut argmax);
        let pooled_dy = numbers(argmax.len(), 5);
        Layer { shape, x, w, b, dy, pooled_dy, argmax }
    }
}

#[allow(clippy::type_complexity, reason = "the signatures are those of the library")]
/// All passes of one implementation, so that a wrong one can be planted.
struct Passes {
    forward: fn(Isa, &Shape, &[f32], &[f32], &[f32], &mut [f32], &mut Scratch),
    backward_weights: fn(Isa, &Shape, &[f32], &[f32], &mut [f32], &mut [f32], &mut Scratch),
    backward_input: fn(Isa, &Shape, &[f32], &[f32], &mut [f32], &mut Scratch),
}

const FAST: Passes = Passes { forward, backward_weights, backward_input };

/// The checker: describes the first difference in the passes without a pool, if there is one.
fn difference(passes: &Passes, isa: Isa, layer: &Layer, scratch: &mut Scratch) -> Option<String> {
    let Layer { shape, x, w, b, dy, .. } = layer;
    let positions = dy.len() / shape.filters;
    let (mut y, mut expected_y) = (vec![f32::NAN; dy.len()], vec![0.0; dy.len()]);
    naive::forward(shape, x, w, b, &mut expected_y);
    (passes.forward)(isa, shape, x, w, b, &mut y, scratch);
    let wrong = differs("y", shape.patch(), &y, &expected_y);

    let (mut dw, mut db) = (vec![f32::NAN; w.len()], vec![f32::NAN; b.len()]);
    let (mut expected_dw, mut expected_db) = (dw.clone(), db.clone());
    naive::backward_weights(shape, x, dy, &mut expected_dw, &mut expected_db);
    (passes.backward_weights)(isa, shape, x, dy, &mut dw, &mut db, scratch);
    let wrong = wrong.or_else(|| differs("dw", positions, &dw, &expected_dw));
    let wrong = wrong.or_else(|| differs("db", positions, &db, &expected_db));

    let (mut dx, mut expected_dx) = (vec![f32::NAN; x.len()], vec![0.0; x.len()]);
    naive::backward_input(shape, dy, w, &mut expected_dx);
    (passes.backward_input)(isa, shape, dy, w, &mut dx, scratch);
    let terms = shape.kernel_height * shape.kernel_width * shape.filters;
    let wrong = wrong.or_else(|| differs("dx", terms, &dx, &expected_dx));
    wrong.map(|wrong| format!("{isa:?} {shape:?}: {wrong}"))
}

#[test]
fn the_passes_equal_the_naive_ones_over_awkward_sizes() {
    // One scratch memory for all: what a pass leaves in it must not affect the next one.
    let mut scratch = Scratch::new();
    for isa in Isa::available() {
        for shape in shapes() {
            for (examples, zeros) in [(0, false), (1, false), (3, true)] {
                let layer = Layer::new(shape, examples, zeros);
                assert_eq!(difference(&FAST, isa, &layer, &mut scratch), None);
            }
        }
    }
}

#[test]
fn the_pooled_passes_equal_the_naive_ones_over_awkward_sizes() {
    let mut scratch = Scratch::new();
    for isa in Isa::available() {
        for shape in shapes() {
            for examples in [0, 1, 3] {
                let layer = Layer::new(shape, examples, examples == 3);
                let Layer { x, w, b, pooled_dy, argmax, .. } = &layer;
                let tolerance = tolerance(shape.patch());
                let mut z = vec![0.0; examples * shape.outputs()];
                naive::forward(&shape, x, w, b, &mut z);
                let (mut y, mut expected_y) = (vec![f32::NAN; argmax.len()], vec![0.0; argmax.len()]);
                let mut found_place = vec![77; argmax.len()];
                naive::forward_pooled(&shape, x, w, b, &mut expected_y, &mut found_place.clone());
                forward_pooled(isa, &shape, x, w, b, &mut y, &mut found_place, &mut scratch);
                assert_eq!(differs("y", shape.patch(), &y, &expected_y), None, "{isa:?} {shape:?}");
                // The argmax may differ if two outputs are almost equal, so the values there are compared instead.
                let mut winners = vec![0.0; z.len()];
                naive::unpool(&shape, &vec![1.0; argmax.len()], &found_place, &mut winners);
                let sum = |at: &[f32]| at.iter().zip(&z).map(|(&at, &z)| f64::from(at * z)).sum::<f64>();
                let total: f64 = y.iter().map(|&y| f64::from(y)).sum();
                assert!(
                    (sum(&winners) - total).abs() <= f64::from(tolerance) * (1 + y.len()) as f64,
                    "{isa:?} {shape:?}"
                );
                for (at, (&y, &found)) in y.iter().zip(&found_place).enumerate() {
                    assert!(
                        found == argmax[at] || found < 4 || y.abs() <= tolerance,
                        "{isa:?} {shape:?} at {at}"
                    );
                    assert_eq!(found == NO_GRADIENT, y == 0.0, "{isa:?} {shape:?} at {at}");
                }

                let (mut dw, mut db) = (vec![f32::NAN; w.len()], vec![f32::NAN; b.len()]);
                let (mut expected_dw, mut expected_db) = (dw.clone(), db.clone());
                naive::backward_weights_pooled(
                    &shape,
                    x,
                    pooled_dy,
                    argmax,
                    &mut expected_dw,
                    &mut expected_db,
                );
                backward_weights_pooled(isa, &shape, x, pooled_dy, argmax, &mut dw, &mut db, &mut scratch);
                let terms = examples * shape.pooled_height() * shape.pooled_width();
                assert_eq!(differs("dw", terms, &dw, &expected_dw), None, "{isa:?} {shape:?}");
                assert_eq!(differs("db", terms, &db, &expected_db), None, "{isa:?} {shape:?}");

                let (mut dx, mut expected_dx) = (vec![f32::NAN; x.len()], vec![0.0; x.len()]);
                naive::backward_input_pooled(&shape, pooled_dy, argmax, w, &mut expected_dx);
                backward_input_pooled(isa, &shape, pooled_dy, argmax, w, &mut dx, &mut scratch);
                let terms = shape.kernel_height * shape.kernel_width * shape.filters;
                assert_eq!(differs("dx", terms, &dx, &expected_dx), None, "{isa:?} {shape:?}");
            }
        }
    }
}

#[test]
fn fused_relu_equals_a_separate_relu_to_the_bit() {
    let mut scratch = Scratch::new();
    for isa in Isa::available() {
        for shape in shapes() {
            let Layer { x, w, b, dy, .. } = Layer::new(shape, 2, false);
            let (mut linear, mut y) = (vec![0.0; dy.len()], vec![f32::NAN; dy.len()]);
            forward(isa, &shape, &x, &w, &b, &mut linear, &mut scratch);
            forward_relu(isa, &shape, &x, &w, &b, &mut y, &mut scratch);
            assert!(linear.iter().zip(&y).all(|(z, y)| z.max(0.0) == *y), "{isa:?} {shape:?}");
        }
    }
}

#[test]
fn nan_is_propagated() {
    let shape = shape((6, 6, 1), (3, 3), 1, 0, 3);
    let Layer { mut x, w, b, .. } = Layer::new(shape, 1, false);
    x[2 * 6 + 2] = f32::NAN;
    for isa in Isa::available() {
        let mut scratch = Scratch::new();
        let mut y = vec![0.0; shape.outputs()];
        forward_relu(isa, &shape, &x, &w, &b, &mut y, &mut scratch);
        assert!(y[0].is_nan() && y[shape.outputs() - 1].abs() >= 0.0, "{isa:?}");
        let (mut y, mut argmax) = (vec![0.0; shape.pooled()], vec![0; shape.pooled()]);
        forward_pooled(isa, &shape, &x, &w, &b, &mut y, &mut argmax, &mut scratch);
        assert!(y[0].is_nan() && argmax[0] < 4, "{isa:?}");
    }
}

#[test]
fn the_checker_catches_wrong_kernels() {
    /// Omits the last tap of the kernel.
    fn no_last_tap(
        isa: Isa,
        shape: &Shape,
        x: &[f32],
        w: &[f32],
        b: &[f32],
        y: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let mut w = w.to_vec();
        let rest = w.len() - shape.filters;
        w[rest..].fill(0.0);
        forward(isa, shape, x, &w, b, y, scratch);
    }
    /// Sums the bias over one output too few.
    fn short_bias(
        isa: Isa,
        shape: &Shape,
        x: &[f32],
        dy: &[f32],
        dw: &mut [f32],
        db: &mut [f32],
        scratch: &mut Scratch,
    ) {
        backward_weights(isa, shape, x, dy, dw, db, scratch);
        db.iter_mut().zip(dy).for_each(|(db, dy)| *db -= dy);
    }
    /// Omits the gradient of the corner of an image.
    fn no_corner(isa: Isa, shape: &Shape, dy: &[f32], w: &[f32], dx: &mut [f32], scratch: &mut Scratch) {
        backward_input(isa, shape, dy, w, dx, scratch);
        dx[0] = 0.0;
    }
    let layer = Layer::new(shape((7, 6, 3), (3, 3), 1, 1, 9), 2, false);
    for isa in Isa::available() {
        let caught = |passes| difference(&passes, isa, &layer, &mut Scratch::new()).is_some();
        assert!(caught(Passes { forward: no_last_tap, ..FAST }), "{isa:?}");
        assert!(caught(Passes { backward_weights: short_bias, ..FAST }), "{isa:?}");
        assert!(caught(Passes { backward_input: no_corner, ..FAST }), "{isa:?}");
    }
}

#[test]
fn cutting_the_batch_changes_no_bit_of_outputs_and_input_gradients() {
    let examples = 5;
    let shapes = [shape((9, 8, 3), (3, 3), 1, 1, 20), shape((10, 10, 16), (3, 3), 1, 0, 32)];
    for shape in few(&shapes, 1) {
        let layer = Layer::new(shape, examples, true);
        let (inputs, outputs, pooled) = (shape.inputs(), shape.outputs(), shape.pooled());
        for isa in Isa::available() {
            let mut scratch = Scratch::new();
            let mut run = |part: std::ops::Range<usize>| {
                let (from, to) = (part.start, part.end);
                let x = &layer.x[from * inputs..to * inputs];
                let dy = &layer.dy[from * outputs..to * outputs];
                let pooled_dy = &layer.pooled_dy[from * pooled..to * pooled];
                let argmax = &layer.argmax[from * pooled..to * pooled];
                let mut y = vec![0.0; dy.len()];
                let (mut largest, mut offsets) = (vec![0.0; argmax.len()], vec![0; argmax.len()]);
                let (mut dx, mut pooled_dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
                forward(isa, &shape, x, &layer.w, &layer.b, &mut y, &mut scratch);
                forward_pooled(isa, &shape, x, &layer.w, &layer.b, &mut largest, &mut offsets, &mut scratch);
                backward_input(isa, &shape, dy, &layer.w, &mut dx, &mut scratch);
                backward_input_pooled(isa, &shape, pooled_dy, argmax, &layer.w, &mut pooled_dx, &mut scratch);
                [y, largest, dx, pooled_dx]
            };
            let whole = run(0..examples);
            for cut in few(&[1, 2, 4], 1) {
                let (first, second) = (run(0..cut), run(cut..examples));
                for ((whole, first), second) in whole.iter().zip(first).zip(second) {
                    let parts = first.iter().chain(&second);
                    assert!(
                        whole.iter().zip(parts).all(|(a, b)| a.to_bits() == b.to_bits()),
                        "{isa:?} {shape:?}"
                    );
                }
            }
        }
    }
}

/// Σ y · dy, in f64, of the naive pass.
fn objective(shape: &Shape, pooled: bool, x: &[f64], w: &[f64], b: &[f64], dy: &[f64]) -> f64 {
    let mut y = vec![0.0; dy.len()];
    if pooled {
        let mut argmax = vec![0; dy.len()];
        naive::forward_pooled(shape, x, w, b, &mut y, &mut argmax);
    } else {
        naive::forward(shape, x, w, b, &mut y);
    }
    y.iter().zip(dy).map(|(y, dy)| y * dy).sum()
}

#[test]
fn the_naive_gradients_match_finite_differences() {
    let wide = |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect::<Vec<_>>();
    let shapes = [
        shape((5, 6, 2), (3, 2), 1, 0, 3),
        shape((6, 5, 1), (3, 3), 2, 2, 4),
        shape((4, 4, 3), (3, 3), 1, 1, 2),
    ];
    for (shape, pooled) in few(&shapes, 1).into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let outputs = if pooled { shape.pooled() } else { shape.outputs() };
        let (x, w) = (wide(numbers(2 * shape.inputs(), 1)), wide(numbers(shape.weights(), 2)));
        let (b, dy) = (wide(numbers(shape.filters, 3)), wide(numbers(2 * outputs, 4)));
        let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; b.len()]);
        if pooled {
            let (mut y, mut argmax) = (vec![0.0; dy.len()], vec![0; dy.len()]);
            naive::forward_pooled(&shape, &x, &w, &b, &mut y, &mut argmax);
            naive::backward_weights_pooled(&shape, &x, &dy, &argmax, &mut dw, &mut db);
            naive::backward_input_pooled(&shape, &dy, &argmax, &w, &mut dx);
        } else {
            naive::backward_weights(&shape, &x, &dy, &mut dw, &mut db);
            naive::backward_input(&shape, &dy, &w, &mut dx);
        }
        let step = 1e-6;
        let parameters = [&x, &w, &b];
        for (which, gradient) in [dx, dw, db].iter().enumerate() {
            for at in 0..gradient.len() {
                let moved = |by: f64| {
                    let mut moved = parameters.map(Clone::clone);
                    moved[which][at] += by;
                    objective(&shape, pooled, &moved[0], &moved[1], &moved[2], &dy)
                };
                let slope = (moved(step) - moved(-step)) / (2.0 * step);
                let error = (slope - gradient[at]).abs();
                assert!(
                    error < 1e-7,
                    "{shape:?} pooled {pooled}, array {which} at {at}: {slope}, {}",
                    gradient[at]
                );
            }
        }
    }
}

#[test]
fn the_portable_forward_pass_has_the_bits_of_the_naive_one() {
    assert!(!is_fused(Isa::PORTABLE));
    let shape = shape((9, 8, 2), (5, 5), 1, 0, 7);
    let Layer { x, w, b, dy, .. } = Layer::new(shape, 2, false);
    let (mut y, mut expected) = (vec![0.0; dy.len()], vec![0.0; dy.len()]);
    naive::forward(&shape, &x, &w, &b, &mut expected);
    forward(Isa::PORTABLE, &shape, &x, &w, &b, &mut y, &mut Scratch::new());
    assert_eq!(y, expected);
}

#[test]
#[should_panic(expected = "a kernel of 5 × 5 does not fit into an image of 4 × 4 with a padding of 0")]
fn a_kernel_that_does_not_fit_is_rejected() {
    let shape = Shape {
        height: 4,
        width: 4,
        channels: 1,
        kernel_height: 5,
        kernel_width: 5,
        stride: 1,
        padding: 0,
        filters: 1,
    };
    forward(Isa::PORTABLE, &shape, &[0.0; 16], &[0.0; 25], &[0.0], &mut [], &mut Scratch::new());
}

#[test]
fn absurd_sizes_are_rejected_without_overflow() {
    let good = shape((28, 28, 1), (3, 3), 1, 1, 8);
    let most = usize::MAX;
    for bad in [
        Shape { height: most, ..good },
        Shape { padding: most, ..good },
        Shape { channels: most / 2, ..good },
        Shape { filters: 1 << 40, ..good },
        Shape { stride: 0, ..good },
        Shape { stride: most, ..good },
        Shape { kernel_width: 0, ..good },
        Shape { kernel_height: most, padding: most, ..good },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}

/// The largest error of an output, relative to the sum of its absolute products.
fn relative_error(isa: Isa, shape: &Shape, scratch: &mut Scratch) -> f64 {
    let wide = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let Layer { x, w, b, dy, .. } = Layer::new(*shape, 2, false);
    let mut y = vec![0.0; dy.len()];
    forward(isa, shape, &x, &w, &b, &mut y, scratch);
    let (mut exact, mut scale) = (vec![0.0; y.len()], vec![0.0; y.len()]);
    naive::forward(shape, &wide(&x), &wide(&w), &wide(&b), &mut exact);
    let absolute = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x.abs())).collect::<Vec<_>>();
    naive::forward(shape, &absolute(&x), &absolute(&w), &absolute(&b), &mut scale);
    let errors =
        y.iter().zip(&exact).zip(&scale).map(|((&y, &exact), &scale)| (f64::from(y) - exact).abs() / scale);
    errors.fold(0.0, f64::max)
}

#[test]
fn minimal_filtering_costs_a_few_bits_at_most() {
    let mut scratch = Scratch::new();
    for isa in Isa::available() {
        for (image, filters) in few(&[((14, 14, 16), 16), ((26, 26, 32), 64), ((14, 14, 128), 32)], 1) {
            // A stride of 2 is summed directly, for comparison.
            let small = relative_error(isa, &shape(image, (3, 3), 1, 0, filters), &mut scratch);
            let direct = relative_error(isa, &shape(image, (3, 3), 2, 0, filters), &mut scratch);

            assert!(small < 4e-6 && direct < 5e-7, "{isa:?} {image:?} {filters}: {small:e} {direct:e}");
        }
    }
}

/// A ReLU after a bias of 0 distinguishes 0 from 10⁻⁹, so patches of zeros must have no rounding error at all.
#[test]
fn patches_of_zeros_give_the_bias_to_the_bit() {
    for isa in Isa::available() {
        for padding in few(&[1, 0, 2], 1) {
            let shape = shape((13, 14, 18), (3, 3), 1, padding, 21);
            let (w, b) = (numbers(shape.weights(), 2), numbers(shape.filters, 3));
            let mut x = vec![0.0; 2 * shape.inputs()];
            // One non-zero pixel in each of two images, at an edge and in the middle.
            x[(3 * 14) * 18 + 17] = 0.3;
            x[shape.inputs() + (7 * 14 + 6) * 18] = -0.6;
            let mut y = vec![f32::NAN; 2 * shape.outputs()];
            forward(isa, &shape, &x, &w, &b, &mut y, &mut Scratch::new());
            let is_near = |at: usize, pixel: usize| (at..at + 3).contains(&(pixel + padding));
            let (mut biases, width) = (0, shape.output_width());
            for (i, y) in y.chunks_exact(shape.filters).enumerate() {
                let (example, row, column) =
                    (i / shape.positions(), i % shape.positions() / width, i % width);
                let (pixel_row, pixel_column) = [(3, 0), (7, 6)][example];
                if !(is_near(row, pixel_row) && is_near(column, pixel_column)) {
                    assert_eq!(y, b, "{isa:?} padding {padding}: output {row}, {column} of image {example}");
                    biases += 1;
                }
            }
            assert!(biases > shape.positions(), "most patches are zeros");
        }
    }
}
