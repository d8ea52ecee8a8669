//! The network's gradients, the graph's gradients and central differences must agree.

use proptest::prelude::*;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::super::*;
use crate::gradient_check::Verdict;
use crate::image::ImageShape;
use crate::loss::Loss;
use crate::network::{Activation, Architecture, Dense, Init, Layer, Network, Workspace};
use crate::random::{Stream, generator};

/// A network of these sizes with random weights and biases that are not small, and a batch for it.
fn network(sizes: &[usize], examples: usize, seed: u64) -> (Network, Vec<f32>, Vec<u32>) {
    let mut generator = generator(seed, Stream::Weights);
    let mut randn = |count: usize, scale: f32| -> Vec<f32> {
        (0..count).map(|_| scale * generator.sample::<f32, _>(StandardNormal)).collect()
    };
    let mut layers = Vec::new();
    for size in sizes.windows(2) {
        if !layers.is_empty() {
            layers.push(Layer::Activation(Activation::Relu));
        }
        let (inputs, outputs) = (size[0], size[1]);
        let w = randn(inputs * outputs, 1.0 / (inputs as f32).sqrt());
        layers.push(Layer::Dense(Dense { inputs, outputs, w, b: randn(outputs, 1.0) }));
    }
    let x = randn(examples * sizes[0], 1.0);
    let classes = sizes[sizes.len() - 1] as u32;
    let labels = (0..examples as u32).map(|i| (i * 5 + seed as u32) % classes).collect();
    (Network::new(layers).unwrap(), x, labels)
}

fn relative_error(fast: f32, slow: f64) -> f64 {
    (f64::from(fast) - slow).abs() / slow.abs().max(1.0)
}

/// The distance of the graph's values from the nearest kink: the network computes in f32 and may be on its other side.
fn distance_to_corners(model: &ModelGraph, evaluation: &Evaluation, loss: Loss, labels: &[u32]) -> f64 {
    let mut nearest = f64::INFINITY;
    for node in model
        .graph
        .nodes()
        .filter(|&node| *model.graph.operation(node) == Operation::Activation(Activation::Relu))
    {
        let inputs = evaluation.value(model.graph.operands(node)[0]).numbers();
        nearest = inputs.iter().fold(nearest, |nearest, z| nearest.min(z.abs()));
    }
    if let Loss::Svm { margin } = loss {
        let scores = evaluation.value(model.scores);
        for (f, &y) in scores.numbers().chunks_exact(scores.shape().1).zip(labels) {
            let others = (0..f.len()).filter(|&i| i != y as usize);
            let excess = others.map(|i| (f[i] - f[y as usize] + f64::from(margin)).abs());
            nearest = excess.fold(nearest, f64::min);
        }
    }
    nearest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn network_and_graph_gradients_match_central_differences(
        inputs in 1usize..9,
        hidden in proptest::collection::vec(1usize..9, 0..4),
        classes in 1usize..7,
        examples in 1usize..6,
        seed in any::<u64>(),
        margin in 0.1f32..2.0,
        reg in prop_oneof![Just(0.0f32), 0.001f32..0.1],
    ) {
        let sizes = [&[inputs], &hidden[..], &[classes]].concat();
        let (network, x, labels) = network(&sizes, examples, seed);
        for loss in [Loss::Svm { margin }, Loss::Softmax] {
            let model = ModelGraph::new(&network, &x, &labels, loss, reg).unwrap();
            let evaluation = model.graph.evaluate(&model.values).unwrap();
            let gradients = model.graph.gradients(&evaluation, model.loss).unwrap();
            for node in model.graph.nodes() {
                let Some(checked) = model.graph.check(&evaluation, &gradients, model.loss, node).unwrap()
                else { continue };
                let agrees = matches!(checked.verdict, Verdict::Agrees | Verdict::Kink { .. });
                prop_assert!(agrees, "{loss} {sizes:?} {}: {:?}", model.graph.name(node), checked.verdict);
            }

            if distance_to_corners(&model, &evaluation, loss, &labels) < 1e-4 {
                continue;
            }
            let mut workspace = Workspace::new();
            let found = network.loss_and_gradients(&x, &labels, loss, reg, &mut workspace);
            prop_assert!(relative_error(found, evaluation.value(model.loss).numbers()[0]) < 2e-5);
            for ((w, b), fast) in model.parameters.iter().zip(workspace.gradients()) {
                for (node, fast) in [(w, &fast.dw), (b, &fast.db)] {
                    let slow = gradients.of(*node).unwrap().numbers();
                    prop_assert_eq!(slow.len(), fast.len());
                    for (fast, slow) in fast.iter().zip(slow) {
                        let name = model.graph.name(*node);
                        prop_assert!(relative_error(*fast, *slow) < 2e-5, "{loss} {sizes:?} {name}: {fast}, not {slow}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_wide_network_has_the_graphs_gradients() {
    // Wide enough for the kernels' panels and for the sparse passes.
    let (network, mut x, labels) = network(&[300, 70, 33, 10], 20, 1);
    x.iter_mut().enumerate().for_each(|(i, x)| *x *= f32::from(u8::from(i * 7919 % 101 < 20)));
    for loss in [Loss::SVM, Loss::Softmax] {
        let model = ModelGraph::new(&network, &x, &labels, loss, 0.01).unwrap();
        let evaluation = model.graph.evaluate(&model.values).unwrap();
        assert!(distance_to_corners(&model, &evaluation, loss, &labels) > 1e-5, "another seed, please");
        let gradients = model.graph.gradients(&evaluation, model.loss).unwrap();
        let mut workspace = Workspace::new();
        network.loss_and_gradients(&x, &labels, loss, 0.01, &mut workspace);
        for ((w, b), fast) in model.parameters.iter().zip(workspace.gradients()) {
            for (node, fast) in [(w, &fast.dw), (b, &fast.db)] {
                for (fast, slow) in fast.iter().zip(gradients.of(*node).unwrap().numbers()) {
                    assert!(relative_error(*fast, *slow) < 2e-5, "{loss}: {fast}, not {slow}");
                }
            }
        }
    }
}

#[test]
fn every_layer_has_the_graphs_gradients() {
    let image = ImageShape { height: 9, width: 8, channels: 2 };
    for line in [
        "conv3-5 relu pool conv2-4+1 sigmoid flatten dense6 tanh dense3",
        "conv4-3/2+1 gelu avgpool2 flatten dense3",
        "conv3-4+3 relu conv2x3-3/2+4 gelu-tanh flatten dense3",
        "conv3-6 pool relu conv3-6 relu flatten leaky0.1 dense3",
        "pool3/2 conv1-4 batchnorm relu conv2-5 batchnorm relu avgpool flatten dense4 batchnorm relu dense3",
        "flatten batchnorm dense7 dropout0.4 relu dense3",
    ] {
        for seed in 0..3 {
            let layers: Architecture = line.parse().unwrap();
            let network = layers.network(image, 3, Init::He, seed).unwrap();
            let (examples, mut generator) = (6, generator(seed, Stream::Batches));
            let x: Vec<f32> = (0..examples * network.inputs())
                .map(|_| generator.sample::<f32, _>(StandardNormal))
                .collect();
            let labels = [0, 2, 1, 1, 0, 2];
            for loss in [Loss::SVM, Loss::Softmax] {
                let model = ModelGraph::new(&network, &x, &labels, loss, 0.01).unwrap();
                let evaluation = model.graph.evaluate(&model.values).unwrap();
                let gradients = model.graph.gradients(&evaluation, model.loss).unwrap();
                let mut workspace = Workspace::new();
                let found = network.loss_and_gradients(&x, &labels, loss, 0.01, &mut workspace);
                let expected = evaluation.value(model.loss).numbers()[0];
                assert!(relative_error(found, expected) < 2e-5, "{line}: {found}, not {expected}");
                // On the other side of a kink the network would also be right, but would not agree.
                if distance_to_corners(&model, &evaluation, loss, &labels) < 1e-5 {
                    continue;
                }
                for ((w, b), fast) in model.parameters.iter().zip(workspace.gradients()) {
                    for (node, fast) in [(w, &fast.dw), (b, &fast.db)] {
                        let slow = gradients.of(*node).unwrap().numbers();
                        assert_eq!(slow.len(), fast.len());
                        for (fast, slow) in fast.iter().zip(slow) {
                            let name = model.graph.name(*node);
                            assert!(relative_error(*fast, *slow) < 5e-5, "{line} {name}: {fast}, not {slow}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_graph_of_a_network_has_the_names_of_the_book() {
    let (network, x, labels) = network(&[3, 5, 2], 1, 0);
    let model = ModelGraph::new(&network, &x, &labels, Loss::SVM, 0.0).unwrap();
    let lines = [
        "x = variable",
        "w1 = variable",
        "b1 = variable",
        "v1 = x @ w1",
        "z1 = v1 + b1",
        "h1 = relu(z1)",
        "w2 = variable",
        "b2 = variable",
        "v2 = h1 @ w2",
        "scores = v2 + b2",
        "y = variable",
        "loss = svm_loss(scores, y)",
    ];
    assert_eq!(model.graph.to_string().lines().collect::<Vec<_>>(), lines);
    assert_eq!(model.parameters.len(), 2);
}

#[test]
fn batches_that_do_not_fit_are_rejected() {
    let (network, x, labels) = network(&[3, 2], 2, 0);
    for (x, labels) in [(&x[..5], &labels[..]), (&x[..], &labels[..1]), (&[], &[])] {
        assert!(ModelGraph::new(&network, x, labels, Loss::SVM, 0.0).is_err());
    }
    let model = ModelGraph::new(&network, &x, &[0, 7], Loss::SVM, 0.0).unwrap();
    let error = model.graph.evaluate(&model.values).unwrap_err().to_string();
    assert_eq!(error, "loss = svm_loss(scores, y): found the class 7; expected an integer from 0 to 1");
}
