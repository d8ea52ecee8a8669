//! The optimizer steps against the naive ones, on every instruction set that this processor has.

mod common;

use tercet_kernels::Isa;
use tercet_kernels::optimizer::{Adam, Sgd, adam, naive, sgd, sum_of_squares};

use common::numbers;

#[test]
fn a_step_is_the_naive_one_to_the_bit() {
    for isa in Isa::available() {
        for count in [0, 1, 7, 15, 16, 17, 33, 1000] {
            for momentum in [0.0, 0.9] {
                for reg in [0.0, 0.01] {
                    let how = Sgd { learning_rate: 0.1, momentum, reg };
                    let (dw, mut w, mut v) = (numbers(count, 1), numbers(count, 2), numbers(count, 3));
                    let (mut naive_w, mut naive_v) = (w.clone(), v.clone());
                    let sum_of_squares = sgd(isa, how, &mut w, &dw, &mut v);
                    let naive_squares = naive::sgd(how, &mut naive_w, &dw, &mut naive_v);
                    assert!(w == naive_w && v == naive_v, "{isa:?} {how:?} {count}");
                    assert!(
                        (sum_of_squares - naive_squares).abs() <= 1e-12 * naive_squares,
                        "{isa:?} {count}"
                    );
                }
            }
        }
    }
}

#[test]
fn without_momentum_no_velocity_is_needed() {
    for isa in Isa::available() {
        for count in [0, 15, 16, 17, 1000] {
            let how = Sgd { learning_rate: 0.1, momentum: 0.0, reg: 0.01 };
            let (dw, mut w) = (numbers(count, 1), numbers(count, 2));
            let mut with = w.clone();
            let sum_of_squares = sgd(isa, how, &mut w, &dw, &mut []);
            assert_eq!(
                sum_of_squares,
                sgd(isa, how, &mut with, &dw, &mut vec![0.0; count]),
                "{isa:?} {count}"
            );
            assert!(w == with, "{isa:?} {count}");
        }
    }
}

#[test]
fn a_step_of_adam_is_the_naive_one_to_the_bit() {
    for isa in Isa::available() {
        for count in [0, 1, 7, 15, 16, 17, 33, 1500] {
            for reg in [0.0, 0.01] {
                let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
                let how = Adam { beta1, beta2, epsilon, rate: 0.1, root_correction: 1.5, decay: 0.02, reg };
                let (dw, mut w, mut m) = (numbers(count, 1), numbers(count, 2), numbers(count, 3));
                let mut v: Vec<f32> = numbers(count, 4).iter().map(|v| v * v).collect();
                let (mut naive_w, mut naive_m, mut naive_v) = (w.clone(), m.clone(), v.clone());
                let found = adam(isa, &how, &mut w, &dw, &mut m, &mut v);
                let expected = naive::adam(&how, &mut naive_w, &dw, &mut naive_m, &mut naive_v);
                assert!(w == naive_w && m == naive_m && v == naive_v, "{isa:?} {how:?} {count}");
                assert!((found - expected).abs() <= 1e-12 * expected, "{isa:?} {count}");
            }
        }
    }
}

#[test]
fn squares_equal_those_of_the_step() {
    for isa in Isa::available() {
        for count in [0, 1, 15, 16, 1000, 2500] {
            let (w, how) = (numbers(count, 2), Sgd { learning_rate: 0.1, momentum: 0.0, reg: 0.01 });
            let of_step = sgd(isa, how, &mut w.clone(), &vec![0.0; count], &mut []);
            assert_eq!(sum_of_squares(isa, &w), of_step, "{isa:?} {count}");
        }
    }
}
