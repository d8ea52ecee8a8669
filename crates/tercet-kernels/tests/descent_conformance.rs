//! The step of gradient descent against the naive one, on every instruction set that this processor has.

mod common;

use tercet_kernels::Isa;
use tercet_kernels::descent::{Step, naive, step};

use common::numbers;

#[test]
fn a_step_is_the_naive_one_to_the_bit() {
    for isa in Isa::available() {
        for count in [0, 1, 7, 15, 16, 17, 33, 1000] {
            for momentum in [0.0, 0.9] {
                for reg in [0.0, 0.01] {
                    let how = Step { learning_rate: 0.1, momentum, reg };
                    let (dw, mut w, mut v) = (numbers(count, 1), numbers(count, 2), numbers(count, 3));
                    let (mut naive_w, mut naive_v) = (w.clone(), v.clone());
                    let squares = step(isa, how, &mut w, &dw, &mut v);
                    let naive_squares = naive::step(how, &mut naive_w, &dw, &mut naive_v);
                    assert!(w == naive_w && v == naive_v, "{isa:?} {how:?} {count}");
                    assert!((squares - naive_squares).abs() <= 1e-12 * naive_squares, "{isa:?} {count}");
                }
            }
        }
    }
}

#[test]
fn without_momentum_no_velocity_is_needed() {
    for isa in Isa::available() {
        for count in [0, 15, 16, 17, 1000] {
            let how = Step { learning_rate: 0.1, momentum: 0.0, reg: 0.01 };
            let (dw, mut w) = (numbers(count, 1), numbers(count, 2));
            let mut with = w.clone();
            let squares = step(isa, how, &mut w, &dw, &mut []);
            assert_eq!(squares, step(isa, how, &mut with, &dw, &mut vec![0.0; count]), "{isa:?} {count}");
            assert!(w == with, "{isa:?} {count}");
        }
    }
}
