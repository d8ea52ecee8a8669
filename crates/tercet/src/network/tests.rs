//! Checks the network's passes against central differences in f64 and against their naive versions.

use rand::RngExt;
use rand_distr::StandardNormal;

use super::*;
use crate::gradient_check::{Verdict, check};
use crate::loss::Loss;
use crate::random::{Stream, generator};

fn randn(count: usize, seed: u64) -> Vec<f64> {
    let mut generator = generator(seed, Stream::Weights);
    (0..count).map(|_| generator.sample(StandardNormal)).collect()
}

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Naive layers of the given sizes, in f64, with weights and biases that are not small.
fn naive_layers(sizes: &[usize]) -> Vec<naive::Dense<f64>> {
    sizes
        .windows(2)
        .enumerate()
        .map(|(l, s)| naive::Dense {
            inputs: s[0],
            outputs: s[1],
            w: randn(s[0] * s[1], l as u64).iter().map(|w| w / (s[0] as f64).sqrt()).collect(),
            b: randn(s[1], 100 + l as u64),
        })
        .collect()
}

fn fast_network(layers: &[naive::Dense<f64>]) -> Network {
    let mut all = Vec::new();
    for layer in layers {
        if !all.is_empty() {
            all.push(Layer::Activation(Activation::Relu));
        }
        let (inputs, outputs) = (layer.inputs, layer.outputs);
        all.push(Layer::Dense(Dense { inputs, outputs, w: to_f32(&layer.w), b: to_f32(&layer.b) }));
    }
    Network::new(all).unwrap()
}

/// Sizes of networks: linear, two layers, three, and wide enough to be split among threads.
const SIZES: [&[usize]; 5] = [&[3, 4], &[7, 5, 3], &[6, 9, 8, 4], &[1, 1, 1, 1, 2], &[300, 33, 10]];

fn batch(sizes: &[usize], examples: usize) -> (Vec<f64>, Vec<u32>) {
    let classes = *sizes.last().unwrap() as u32;
    (randn(examples * sizes[0], 7), (0..examples as u32).map(|i| (i * 5 + 1) % classes).collect())
}

#[test]
fn naive_gradients_are_central_differences() {
    for sizes in &SIZES[..4] {
        let (x, labels) = batch(sizes, 6);
        for loss in [Loss::SVM, Loss::Softmax] {
            let layers = naive_layers(sizes);
            let (_, gradients) = naive::loss_and_gradients(&layers, &x, &labels, loss, 0.01);
            for l in 0..layers.len() {
                for biases in [false, true] {
                    let (at, gradient) = match biases {
                        false => (&layers[l].w, &gradients[l].0),
                        true => (&layers[l].b, &gradients[l].1),
                    };
                    let f = |p: &[f64]| {
                        let mut changed = layers.clone();
                        *if biases { &mut changed[l].b } else { &mut changed[l].w } = p.to_vec();
                        naive::loss_and_gradients(&changed, &x, &labels, loss, 0.01).0
                    };
                    assert_eq!(check(f, at, gradient), Verdict::Agrees, "{sizes:?} {loss} {l} {biases}");
                }
            }
        }
    }
}

#[test]
fn the_checker_catches_a_planted_wrong_gradient() {
    let (x, labels) = batch(SIZES[1], 6);
    let layers = naive_layers(SIZES[1]);
    let (_, mut gradients) = naive::loss_and_gradients(&layers, &x, &labels, Loss::SVM, 0.01);
    // Half the gradient of the regularisation: the mistake of confusing reg · W² with ½ reg · W².
    for (dw, w) in gradients[0].0.iter_mut().zip(&layers[0].w) {
        *dw -= 0.01 * w;
    }
    let f = |w: &[f64]| {
        let mut changed = layers.clone();
        changed[0].w = w.to_vec();
        naive::loss_and_gradients(&changed, &x, &labels, Loss::SVM, 0.01).0
    };
    assert!(matches!(check(f, &layers[0].w, &gradients[0].0), Verdict::Differs { .. }));
}

fn assert_close(fast: &[f32], naive: &[f64], what: &str) {
    assert_eq!(fast.len(), naive.len(), "{what}");
    for (i, (&f, &n)) in fast.iter().zip(naive).enumerate() {
        assert!((f64::from(f) - n).abs() <= 2e-5 * n.abs().max(1.0), "{what} at {i}: {f}, not {n}");
    }
}

#[test]
fn the_fast_passes_match_the_naive_ones() {
    for sizes in SIZES {
        for examples in [1, 2, 20, 67] {
            let (x, labels) = batch(sizes, examples);
            let layers = naive_layers(sizes);
            let network = fast_network(&layers);
            for loss in [Loss::SVM, Loss::Softmax] {
                let (expected, gradients) = naive::loss_and_gradients(&layers, &x, &labels, loss, 0.01);
                let mut workspace = Workspace::new();
                let found = network.loss_and_gradients(&to_f32(&x), &labels, loss, 0.01, &mut workspace);
                assert_close(&[found], &[expected], "loss");
                for (fast, (dw, db)) in workspace.gradients().iter().zip(&gradients) {
                    assert_close(&fast.dw, dw, "dw");
                    assert_close(&fast.db, db, "db");
                }
            }
        }
    }
}

#[test]
fn sparse_passes_match_the_naive_ones_and_the_dense_bits() {
    for sizes in [&[300, 33, 10][..], &[120, 200, 70, 10], &[90, 10]] {
        let (mut x, labels) = batch(sizes, 67);
        x.iter_mut().enumerate().for_each(|(i, x)| *x *= f64::from(u8::from(i * 7919 % 101 < 20)));
        let (layers, dense) = (naive_layers(sizes), to_f32(&x));
        let network = fast_network(&layers);
        let (expected, gradients) = naive::loss_and_gradients(&layers, &x, &labels, Loss::SVM, 0.01);
        let mut workspace = Workspace::new();
        let found = network.loss_and_gradients(&dense, &labels, Loss::SVM, 0.01, &mut workspace);
        assert_close(&[found], &[expected], "loss");
        for (fast, (dw, db)) in workspace.gradients().iter().zip(&gradients) {
            assert_close(&fast.dw, dw, "dw");
            assert_close(&fast.db, db, "db");
        }
        for byte in [0x00, 0xff] {
            let mut dirty = workspace.clone();
            dirty.poison(byte);
            network.loss_and_gradients(&dense, &labels, Loss::SVM, 0.01, &mut dirty);
            assert_eq!(workspace.gradients(), dirty.gradients(), "{byte:#x}");
        }

        // The same layer, once dense and once sparse: the same bits.
        let Layer::Dense(first) = &network.layers()[0] else { panic!("the first layer is dense") };
        let mut z = [vec![0.0; 67 * first.outputs], vec![0.0; 67 * first.outputs]];
        let x = tercet_kernels::matmul::View::new(&dense, 67, first.inputs);
        let w = tercet_kernels::matmul::View::new(&first.w, first.inputs, first.outputs);
        let bias = tercet_kernels::matmul::Start::Bias(&first.b);
        crate::parallel::product(x, w, bias, &mut z[0]);
        first.forward(Input::Dense(&dense), &mut sparsity::Sparsity::default(), &mut z[1]);
        assert!(sparsity::is_worthwhile(
            dense.iter().filter(|&&x| x != 0.0).count(),
            dense.len(),
            first.outputs
        ));
        assert!(z[0].iter().zip(&z[1]).all(|(a, b)| a.to_bits() == b.to_bits()), "{sizes:?}");
    }
}

#[test]
fn previous_contents_of_the_workspace_do_not_matter() {
    let (x, labels) = batch(SIZES[2], 20);
    let (network, x) = (fast_network(&naive_layers(SIZES[2])), to_f32(&x));
    let mut clean = Workspace::new();
    let loss = network.loss_and_gradients(&x, &labels, Loss::SVM, 0.01, &mut clean);
    for byte in [0x00, 0xff] {
        let mut dirty = clean.clone();
        dirty.poison(byte);
        let again = network.loss_and_gradients(&x, &labels, Loss::SVM, 0.01, &mut dirty);
        assert_eq!((loss.to_bits(), clean.gradients()), (again.to_bits(), dirty.gradients()), "{byte:#x}");
    }
}

#[test]
fn zero_weights_lose_all_margins() {
    let network = Network::fully_connected(5, &[4], 10, Init::Normal(0.0), 0).unwrap();
    let loss = network.loss_and_gradients(&[1.0; 15], &[3, 9, 0], Loss::SVM, 0.1, &mut Workspace::new());
    assert_eq!(loss, 9.0);
}

#[test]
fn layers_that_do_not_fit_are_rejected_by_number() {
    let dense = |inputs: usize, outputs: usize| {
        Layer::Dense(Dense { inputs, outputs, w: vec![0.0; inputs * outputs], b: vec![0.0; outputs] })
    };
    let error = Network::new(vec![dense(4, 3), Layer::Activation(Activation::Relu), dense(2, 5)])
        .unwrap_err()
        .to_string();
    assert_eq!(error, "input of layer 3, dense 2 → 5: found 3; expected 2");
    assert!(Network::new(vec![Layer::Activation(Activation::Relu)]).is_err());
    assert!(Network::fully_connected(4, &[0], 2, Init::He, 0).is_err());
    for size in [1 << 29, usize::MAX / 2, usize::MAX] {
        let error = Network::fully_connected(4, &[size], 2, Init::He, 0).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the size of the network is 4-{size}-2; expected")), "{error}");
    }
    assert!(Network::fully_connected(4, &[2], 2, Init::Normal(f32::NAN), 0).is_err());
    let weights = |w: usize, b: usize| {
        let dense = Dense { inputs: 4, outputs: 3, w: vec![0.0; w], b: vec![0.0; b] };
        Network::new(vec![Layer::Dense(dense)]).unwrap_err().to_string()
    };
    assert_eq!(weights(11, 3), "weights of layer 1: found 11; expected 4 × 3");
    assert_eq!(weights(12, 4), "biases of layer 1: found 4; expected 3");
    // A batch norm at the start determines the number of features.
    let norm = BatchNorm::new(5);
    assert_eq!(Network::new(vec![Layer::BatchNorm(norm.clone()), dense(5, 2)]).unwrap().inputs(), 5);
    let error = Network::new(vec![Layer::BatchNorm(norm), dense(4, 2)]).unwrap_err().to_string();
    assert_eq!(error, "input of layer 2, dense 4 → 2: found 5; expected 4");
    let norm = BatchNorm { mean: vec![0.0; 4], ..BatchNorm::new(5) };
    let error = Network::new(vec![Layer::BatchNorm(norm), dense(5, 2)]).unwrap_err().to_string();
    assert_eq!(error, "means of layer 1: found 4; expected 5");
    let error = Network::with_input(0, vec![dense(1, 2)]).unwrap_err().to_string();
    assert!(error.starts_with("values of an example: found 0; expected at least 1"), "{error}");
}

#[test]
fn examples_of_another_width_are_rejected() {
    let network = Network::fully_connected(4, &[3], 2, Init::He, 0).unwrap();
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let data = crate::data::Dataset::from_features("five", 5, vec![0.5; 5], vec![0], classes).unwrap();
    let error = network.scores(&data).unwrap_err().to_string();
    assert_eq!(error, "features of an example: found 5; expected 4, the network's inputs");
}

#[test]
fn he_weights_have_the_variance_they_should() {
    let network = Network::fully_connected(400, &[100], 10, Init::He, 3).unwrap();
    let first = network.dense_layers().next().unwrap();
    let variance = first.squared_weights() / first.w.len() as f64;
    assert!((variance * 200.0 - 1.0).abs() < 0.03, "{variance}");
}

mod layers;
