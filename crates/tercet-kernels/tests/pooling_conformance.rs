//! Every pass of a pool against its naive sibling, on every instruction set that this processor has.

mod common;
mod interpreted;

use tercet_kernels::Isa;
use tercet_kernels::pooling::{Window, average_backward, average_forward, max_backward, max_forward, naive};

use common::numbers;
use interpreted::few;

fn windows() -> Vec<Window> {
    let mut windows = Vec::new();
    for (height, width) in [(1, 1), (2, 2), (5, 7), (12, 9), (15, 16)] {
        for channels in [1, 3, 8, 17] {
            for (size, stride) in [(1, 1), (2, 2), (2, 1), (3, 2), (3, 5), (5, 3), (15, 1)] {
                let window = Window { height, width, channels, size, stride };
                if window.check().is_ok() {
                    windows.push(window);
                }
            }
        }
    }
    if cfg!(miri) {
        windows.retain(|window| window.inputs() < 700);
    }
    few(&windows, 3)
}

#[test]
fn the_passes_equal_the_naive_ones_to_the_bit() {
    for isa in Isa::available() {
        for window in windows() {
            for examples in [0, 1, 3] {
                let (inputs, outputs) = (examples * window.inputs(), examples * window.outputs());
                // Few distinct numbers, so that there are ties.
                let x: Vec<f32> = numbers(inputs, 1).iter().map(|x| (x * 8.0).round()).collect();
                let dy = numbers(outputs, 2);
                let (mut y, mut argmax) = (vec![f32::NAN; outputs], vec![99; outputs]);
                let (mut expected_y, mut expected_place) = (y.clone(), argmax.clone());
                max_forward(isa, &window, &x, &mut y, &mut argmax);
                naive::max_forward(&window, &x, &mut expected_y, &mut expected_place);
                assert_eq!((&y, &argmax), (&expected_y, &expected_place), "{isa:?} {window:?}");

                let (mut dx, mut expected_dx) = (vec![f32::NAN; inputs], vec![f32::NAN; inputs]);
                max_backward(isa, &window, &dy, &argmax, &mut dx);
                naive::max_backward(&window, &dy, &argmax, &mut expected_dx);
                assert_eq!(dx, expected_dx, "{isa:?} {window:?}");

                average_forward(isa, &window, &x, &mut y);
                naive::average_forward(&window, &x, &mut expected_y);
                assert_eq!(y, expected_y, "{isa:?} {window:?}");
                average_backward(isa, &window, &dy, &mut dx);
                naive::average_backward(&window, &dy, &mut expected_dx);
                assert_eq!(dx, expected_dx, "{isa:?} {window:?}");
            }
        }
    }
}

#[test]
fn the_naive_gradients_match_finite_differences() {
    let window = Window { height: 7, width: 6, channels: 2, size: 3, stride: 2 };
    let (x, dy) = (numbers(window.inputs(), 1), numbers(window.outputs(), 2));
    let (mut y, mut argmax) = (vec![0.0; dy.len()], vec![0; dy.len()]);
    let mut dx = [vec![0.0; x.len()], vec![0.0; x.len()]];
    naive::max_forward(&window, &x, &mut y, &mut argmax);
    naive::max_backward(&window, &dy, &argmax, &mut dx[0]);
    naive::average_backward(&window, &dy, &mut dx[1]);
    // Both are linear while the argmax is constant, so a large step is exact up to rounding; it must not change an
    // argmax.
    let step = 2e-4;
    for (is_average, dx) in [false, true].into_iter().zip(dx) {
        for at in 0..x.len() {
            let mut objective = |by: f32| -> f64 {
                let mut moved = x.clone();
                moved[at] += by;
                if is_average {
                    naive::average_forward(&window, &moved, &mut y);
                } else {
                    naive::max_forward(&window, &moved, &mut y, &mut argmax);
                }
                y.iter().zip(&dy).map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum()
            };
            let slope = (objective(step) - objective(-step)) / (2.0 * f64::from(step));
            assert!(
                (slope - f64::from(dx[at])).abs() < 2e-3,
                "average {is_average} at {at}: {slope}, {}",
                dx[at]
            );
        }
    }
}

#[test]
fn nan_is_propagated() {
    let window = Window { height: 2, width: 2, channels: 1, size: 2, stride: 2 };
    for isa in Isa::available() {
        for at in 0..4 {
            let (mut x, mut y, mut argmax) = ([1.0, 2.0, 3.0, 4.0], [0.0], [0]);
            x[at] = f32::NAN;
            max_forward(isa, &window, &x, &mut y, &mut argmax);
            assert!(y[0].is_nan() && usize::from(argmax[0]) == at, "{isa:?}");
        }
    }
}

#[test]
#[should_panic(expected = "a pool of 3 × 3 pixels with stride 1 does not fit an image of 2 × 4")]
fn a_window_that_does_not_fit_is_rejected() {
    let window = Window { height: 2, width: 4, channels: 1, size: 3, stride: 1 };
    average_forward(Isa::PORTABLE, &window, &[0.0; 8], &mut []);
}

#[test]
#[should_panic(expected = "argmax 4 is outside a window of 2 × 2")]
fn an_argmax_outside_its_window_is_rejected() {
    let window = Window { height: 2, width: 2, channels: 1, size: 2, stride: 2 };
    max_backward(Isa::PORTABLE, &window, &[1.0], &[4], &mut [0.0; 4]);
}
