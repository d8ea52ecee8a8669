//! Every pass of batch normalisation against its naive sibling, on every instruction set that this processor has.

mod common;
mod interpreted;

use tercet_kernels::Isa;
use tercet_kernels::batch_norm::{Normalization, backward, backward_sums, forward, moments, naive};

use common::numbers;
use interpreted::few;

#[test]
fn the_passes_equal_the_naive_ones_to_the_bit() {
    for isa in Isa::available() {
        for channels in few(&[1, 2, 4, 5, 12, 16, 21, 32, 70], 3) {
            for rows in few(&[0, 1, 2, 37], 3) {
                let count = rows * channels;
                // A few integers give zeros, and z that are exactly 0.
                let x: Vec<f32> = numbers(count, 1).iter().map(|x| (x * 8.0).round()).collect();
                let dy = numbers(count, 2);
                let [mean, gamma, beta] = [3, 4, 5].map(|seed| numbers(channels, seed));
                let inverse: Vec<f32> = numbers(channels, 6).iter().map(|x| x + 1.5).collect();

                let mut of = [vec![f64::NAN; 2 * channels], vec![f64::NAN; 2 * channels]];
                moments(isa, &x, &mut of[0]);
                naive::moments(&x, &mut of[1]);
                assert_eq!(of[0], of[1], "{isa:?} {channels} {rows}");

                for (relu, beta) in [(false, &beta), (true, &beta), (true, &vec![0.0; channels])] {
                    let normal = Normalization { mean: &mean, inverse: &inverse, gamma: &gamma, beta, relu };
                    let mut y = [vec![f32::NAN; count], vec![f32::NAN; count]];
                    forward(isa, &normal, &x, &mut y[0]);
                    naive::forward(&normal, &x, &mut y[1]);
                    assert_eq!(y[0], y[1], "{isa:?} {channels} {rows} {relu}");

                    let mut sums = [vec![f64::NAN; 2 * channels], vec![f64::NAN; 2 * channels]];
                    backward_sums(isa, &normal, &x, &dy, &mut sums[0]);
                    naive::backward_sums(&normal, &x, &dy, &mut sums[1]);
                    assert_eq!(sums[0], sums[1], "{isa:?} {channels} {rows} {relu}");

                    let shares: Vec<f32> = sums[0].iter().map(|sum| (sum / rows as f64) as f32).collect();
                    let shares = shares.split_at(channels);
                    let mut upstream = [dy.clone(), dy.clone()];
                    backward(isa, &normal, shares, &x, &mut upstream[0]);
                    naive::backward(&normal, shares, &x, &mut upstream[1]);
                    assert_eq!(upstream[0], upstream[1], "{isa:?} {channels} {rows} {relu}");
                }
            }
        }
    }
}

#[test]
fn nan_passes_the_relu() {
    let normal = Normalization { mean: &[0.0], inverse: &[1.0], gamma: &[1.0], beta: &[0.0], relu: true };
    for isa in Isa::available() {
        let mut y = [0.0; 2];
        forward(isa, &normal, &[f32::NAN, -1.0], &mut y);
        assert!(y[0].is_nan() && y[1] == 0.0, "{isa:?}");
    }
}
