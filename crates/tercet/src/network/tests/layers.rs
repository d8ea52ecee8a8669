//! Every layer over random shapes: naive gradients against central differences in f64, fast passes against naive ones.

use super::*;
use crate::image::ImageShape;
use crate::loss::Loss;

/// Small random numbers from a seed.
struct Dice(crate::random::Generator);

impl Dice {
    fn new(seed: u64) -> Self {
        Dice(generator(seed, Stream::Search))
    }

    /// A random integer from `low` to `high`, inclusive.
    fn between(&mut self, low: usize, high: usize) -> usize {
        self.0.random_range(low..=high)
    }

    fn numbers(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.0.sample::<f64, _>(StandardNormal)).collect()
    }

    fn scaled(&mut self, count: usize, scale: f64) -> Vec<f64> {
        self.numbers(count).iter().map(|value| value * scale).collect()
    }
}

/// A network of an architecture string with random parameters everywhere, even where training would start from zeros
/// and ones.
fn network(line: &str, input: Shape, classes: usize, seed: u64) -> Network {
    let layers: Architecture = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut network =
        layers.network(input, classes, Init::He, seed).unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut dice = Dice::new(seed);
    for learned in network.trainable_mut() {
        for b in learned.b.iter_mut() {
            *b = 0.3 * dice.0.sample::<f32, _>(StandardNormal);
        }
        if !learned.is_matrix {
            learned.w.iter_mut().for_each(|w| *w = 1.0 + 0.3 * dice.0.sample::<f32, _>(StandardNormal));
        }
    }
    network
}

fn naive_layers(network: &Network) -> Vec<naive::Layer<f64>> {
    network.layers().iter().map(|layer| naive::Layer::of(layer).expect("no dropout")).collect()
}

/// Image layers, and all other layers on features, with random sizes.
fn lines(seed: u64) -> Vec<(String, Shape)> {
    let mut dice = Dice::new(seed);
    let image =
        ImageShape { height: dice.between(5, 9), width: dice.between(5, 9), channels: dice.between(1, 4) };
    let (height, width) = (dice.between(1, 4), dice.between(1, 4));
    let (filters, stride) = (dice.between(1, 5), dice.between(1, 3));
    // Padding may be larger than the filter.
    let padding = dice.between(0, height.max(width) + 1);
    let conv = format!("conv{height}x{width}-{filters}/{stride}+{padding}");
    let (size, apart) = (dice.between(1, 3), dice.between(1, 3));
    let units = dice.between(1, 7);
    let mut lines: Vec<(String, Shape)> = [
        conv.clone(),
        format!("{conv} batchnorm relu"),
        format!("conv3-{filters}+1 pool{size}/{apart} relu"),
        format!("conv3-{filters}+1 relu pool{size}/{apart}"),
        format!("conv3-{filters}+1 avgpool{size}/{apart} gelu flatten dense{units} tanh"),
        format!("conv2-{filters} pool relu conv2-{units} relu"),
        format!("conv2-{filters} relu pool conv2-{units} sigmoid"),
        format!("conv3-{filters} relu conv3-{units} batchnorm leaky0.2"),
        "pool relu".to_owned(),
        format!("avgpool conv1-{filters} relu"),
        "batchnorm flatten".to_owned(),
    ]
    .map(|line| (line, Shape::Image(image)))
    .into();
    let activations =
        ["relu", "leaky0.1", "sigmoid", "tanh", "gelu", "gelu-tanh", "batchnorm", "batchnorm relu"];
    let features = Shape::Features(dice.between(1, 9));
    lines.extend(activations.map(|word| (format!("dense{units} {word} dense{units} {word}"), features)));
    lines
}

#[test]
fn naive_gradients_of_every_layer_are_central_differences() {
    for seed in 0..4 {
        for (line, input) in lines(seed) {
            let network = network(&line, input, 3, seed);
            let layers = naive_layers(&network);
            let mut dice = Dice::new(seed + 100);
            let x = dice.numbers(5 * network.inputs());
            for (l, layer) in layers.iter().enumerate() {
                let before = if l == 0 { network.input() } else { network.shapes()[l - 1] };
                let x = if l == 0 { x.clone() } else { dice.numbers(5 * before.values()) };
                // Any scalar function of the output will do: a sum with random weights.
                let of_outputs = dice.numbers(5 * layer.output(before).values());
                let sum = |y: Vec<f64>| y.iter().zip(&of_outputs).map(|(y, of)| y * of).sum::<f64>();
                let (dx, dw, db) = layer.backward(before, &x, &of_outputs);
                let what = || format!("{seed}, {line}, layer {}", l + 1);
                let found = check(|x| sum(layer.forward(before, x)), &x, &dx);
                assert_eq!(found, Verdict::Agrees, "dx of {}", what());
                let with = |first: bool, values: &[f64]| {
                    let mut changed = layer.clone();
                    match &mut changed {
                        naive::Layer::Dense(naive::Dense { w, b, .. })
                        | naive::Layer::Conv2d(naive::Conv2d { w, b, .. })
                        | naive::Layer::BatchNorm(naive::BatchNorm { gamma: w, beta: b }) => {
                            *if first { w } else { b } = values.to_vec();
                        }
                        _ => panic!("a layer that learns nothing"),
                    }
                    sum(changed.forward(before, &x))
                };
                if layer.learns() {
                    let (w, b) = match layer {
                        naive::Layer::Dense(naive::Dense { w, b, .. })
                        | naive::Layer::Conv2d(naive::Conv2d { w, b, .. })
                        | naive::Layer::BatchNorm(naive::BatchNorm { gamma: w, beta: b }) => (w, b),
                        _ => unreachable!(),
                    };
                    assert_eq!(check(|w| with(true, w), w, &dw), Verdict::Agrees, "dw of {}", what());
                    assert_eq!(check(|b| with(false, b), b, &db), Verdict::Agrees, "db of {}", what());
                }
            }
        }
    }
}

#[test]
fn the_checker_catches_a_gradient_of_pooling_that_goes_to_all_of_a_window() {
    let image = ImageShape { height: 4, width: 4, channels: 2 };
    let (x, dy) = (Dice::new(1).numbers(32), Dice::new(2).numbers(8));
    let wrong = naive::average_backward(Pool::HALVING, image, 32, &dy);
    let sum = |x: &[f64]| {
        naive::max_forward(Pool::HALVING, image, x).iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f64>()
    };
    assert!(matches!(check(sum, &x, &wrong), Verdict::Differs { .. }));
}

/// Compared with the largest value, since sums of many terms may be close to 0. A batch norm may divide by a small
/// deviation, which amplifies the rounding before it.
fn assert_near(fast: &[f32], naive: &[f64], what: &str) {
    let tolerance = if what.contains("batchnorm") { 3e-4 } else { 3e-5 };
    assert_eq!(fast.len(), naive.len(), "{what}");
    let scale = naive.iter().fold(1.0f64, |largest, n| largest.max(n.abs()));
    for (i, (&f, &n)) in fast.iter().zip(naive).enumerate() {
        assert!((f64::from(f) - n).abs() <= tolerance * scale, "{what} at {i}: {f}, not {n}");
    }
}

/// The loss and all gradients of a network on a random batch, fast and naive.
fn assert_passes_agree(network: &Network, examples: usize, seed: u64, what: &str) {
    let mut dice = Dice::new(seed);
    let x = dice.scaled(examples * network.inputs(), 1.0);
    let x: Vec<f64> = x.iter().map(|&x| f64::from(x as f32)).collect();
    let labels: Vec<u32> = (0..examples as u32).map(|i| (i * 5 + 1) % network.classes() as u32).collect();
    for loss in [Loss::Softmax, Loss::SVM] {
        let layers = naive_layers(network);
        let (expected, gradients) =
            naive::network_loss_and_gradients(&layers, network.input(), &x, &labels, loss, 0.01f32.into());
        let mut workspace = Workspace::new();
        // The second pass must not depend on the first.
        for byte in [0x00, 0xff] {
            let found = network.loss_and_gradients(&to_f32(&x), &labels, loss, 0.01, &mut workspace);
            assert_near(&[found], &[expected], &format!("loss of {what}"));
            assert_eq!(workspace.gradients().len(), gradients.len());
            for (l, (fast, (dw, db))) in workspace.gradients().iter().zip(&gradients).enumerate() {
                assert_near(&fast.dw, dw, &format!("dw of {what}, {l}"));
                assert_near(&fast.db, db, &format!("db of {what}, {l}"));
            }
            let before = workspace.gradients().to_vec();
            workspace.poison(byte);
            let again = network.loss_and_gradients(&to_f32(&x), &labels, loss, 0.01, &mut workspace);
            assert_eq!(found.to_bits(), again.to_bits(), "{what}, {byte:#x}");
            assert_eq!(workspace.gradients(), before, "{what}, {byte:#x}");
        }
    }
}

#[test]
fn the_fast_passes_of_every_layer_match_the_naive_ones() {
    for seed in 0..8 {
        for (line, input) in lines(seed) {
            let network = network(&line, input, 3, seed);
            let examples = [1, 2, 7][seed as usize % 3].max(if network.has_batch_norm() { 7 } else { 1 });
            assert_passes_agree(&network, examples, seed, &format!("{line} on {input}"));
        }
    }
    // Large enough to be split among threads.
    for line in
        ["conv5-24 pool relu conv3-32 pool relu flatten dense64 relu", "conv5-8 batchnorm relu pool conv3-12"]
    {
        let network = network(line, Shape::Image(ImageShape::gray(28, 28)), 10, 3);
        assert_passes_agree(&network, 33, 1, line);
    }
}

#[test]
fn outputs_of_layers_are_kept_in_the_workspace() {
    let network = network("conv3-4 sigmoid flatten dense5 relu", Shape::Image(ImageShape::gray(6, 5)), 2, 1);
    let x = to_f32(&Dice::new(1).numbers(3 * 30));
    let mut workspace = Workspace::new();
    network.forward(&x, &mut workspace);
    assert_eq!(workspace.output(1).len(), 3 * 4 * 3 * 4);
    assert!(workspace.output(1).iter().all(|&y| y > 0.0 && y < 1.0));
    assert!(workspace.output(2).is_empty(), "flattening moves nothing");
    assert_eq!(workspace.output(5).len(), 6);
}

#[test]
fn folding_batch_norms_keeps_the_scores() {
    let shape = ImageShape { height: 8, width: 7, channels: 3 };
    let line = "conv3-6+1 batchnorm relu pool batchnorm dropout0.3 flatten dense9 batchnorm tanh dropout0.5";
    let mut network = network(line, Shape::Image(shape), 4, 2);
    let mut dice = Dice::new(5);
    for layer in &mut network.layers {
        if let Layer::BatchNorm(norm) = layer {
            norm.mean.iter_mut().for_each(|mean| *mean = dice.scaled(1, 0.5)[0] as f32);
            norm.variance.iter_mut().for_each(|variance| *variance = dice.scaled(1, 1.0)[0].abs() as f32);
        }
    }
    let folded = network.for_prediction();
    // The one after the pool has no preceding layer to be folded into.
    assert_eq!(folded.architecture().to_string(), "conv3-6+1 relu pool batchnorm flatten dense9 tanh dense4");
    let x = to_f32(&dice.numbers(20 * shape.features()));
    let (mut one, mut other) = (Workspace::new(), Workspace::new());
    let (plain, folded) = (network.forward(&x, &mut one), folded.forward(&x, &mut other));
    for (plain, folded) in plain.iter().zip(folded) {
        assert!((plain - folded).abs() < 1e-5 * plain.abs().max(1.0), "{plain}, not {folded}");
    }
}

#[test]
fn statistics_follow_the_batches() {
    let mut network = network("batchnorm", Shape::Features(2), 2, 1);
    let mut workspace = Workspace::new();
    // Means 2 and −1, unbiased variances 4 · 2 / 1 and 0.
    let x = [0.0, -1.0, 4.0, -1.0];
    for _ in 0..400 {
        network.loss_and_gradients(&x, &[0, 1], Loss::Softmax, 0.0, &mut workspace);
        network.update_running_stats(&workspace);
    }
    let Layer::BatchNorm(norm) = &network.layers()[0] else { panic!("a batch norm comes first") };
    for (found, expected) in norm.mean.iter().chain(&norm.variance).zip([2.0, -1.0, 8.0, 0.0]) {
        assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
    }
    let before = norm.clone();
    network.loss_and_gradients(&x[..2], &[0], Loss::Softmax, 0.0, &mut workspace);
    network.update_running_stats(&workspace);
    assert_eq!(network.layers()[0], Layer::BatchNorm(before), "one value says nothing of a variance");
}

#[test]
fn dropout_layers_and_the_setting_drop_by_their_own_probabilities() {
    let dense = |w: Vec<f32>, outputs| Dense { inputs: w.len() / outputs, outputs, w, b: vec![0.0; outputs] };
    let layers = vec![
        Layer::Dropout { p: 0.25 },
        Layer::Dense(dense(vec![1.0; 4000], 1)),
        Layer::Activation(Activation::Sigmoid),
        Layer::Dense(dense(vec![1.0, 0.0], 2)),
    ];
    let network = Network::new(layers).unwrap();
    let mut workspace = Workspace::new();
    let mut dropout = Dropout::new(0.0, 3).unwrap();
    let objective = || Loss::Softmax.into();
    network.objective_and_gradients(
        &[0.001; 4000],
        &[0],
        objective(),
        0.0,
        Some(&mut dropout),
        &mut workspace,
    );
    let kept = workspace.output(0).iter().filter(|&&y| y != 0.0).count();
    assert!((2800..3200).contains(&kept), "{kept} of 4,000 stay with a probability of 0.75");
    let sum: f32 = workspace.output(0).iter().sum();
    assert!((sum - 4.0).abs() < 0.3, "what stays is scaled up: {sum}");
    // Dropped units get no gradient; only the mask tells which they are.
    let dw = &workspace.gradients()[0].dw;
    assert!(dw.iter().zip(workspace.output(0)).all(|(dw, y)| (*dw == 0.0) == (*y == 0.0)));

    // Without a `Dropout`, as in prediction, nothing is dropped.
    network.loss_and_gradients(&[0.001; 4000], &[0], Loss::Softmax, 0.0, &mut workspace);
    assert!(workspace.output(0).iter().all(|&y| y == 0.001));

    // The setting applies to the sigmoid as well: its output is dropped in some steps, doubled in the others.
    let mut dropout = Dropout::new(0.5, 3).unwrap();
    let mut seen = [0; 2];
    for step in 0..40 {
        dropout.seek(step);
        network.objective_and_gradients(
            &[0.0; 4000],
            &[0],
            objective(),
            0.0,
            Some(&mut dropout),
            &mut workspace,
        );
        let [y] = workspace.output(2) else { panic!("one unit") };
        assert!(*y == 0.0 || *y == 1.0, "{y}");
        seen[usize::from(*y == 1.0)] += 1;
        // A dropped unit passes no gradient, and a kept one passes twice the gradient.
        let db = workspace.gradients()[0].db[0];
        assert_eq!(db == 0.0, *y == 0.0, "{db}");
    }
    assert!(seen.iter().all(|&count| count > 8), "{seen:?}");
}

#[test]
fn layers_of_images_that_do_not_fit_are_rejected_by_number() {
    let conv = |channels: usize, filters: usize| {
        Layer::Conv2d(Conv2d {
            channels,
            filters,
            kernel_height: 3,
            kernel_width: 3,
            stride: 1,
            padding: 0,
            w: vec![0.0; 9 * channels * filters],
            b: vec![0.0; filters],
        })
    };
    let refuse =
        |layers: Vec<Layer>| Network::with_input(ImageShape::gray(8, 8), layers).unwrap_err().to_string();
    let error = refuse(vec![conv(1, 4), conv(2, 5)]);
    assert_eq!(error, "input of layer 2, conv 3 × 3 × 2 → 5: found 4 channels; expected 2 channels");
    assert!(refuse(vec![conv(1, 4)]).contains("the scores of a network: found 6 × 6 × 4"));
    let error = refuse(vec![Layer::MaxPool(Pool { size: 2, stride: 0 })]);
    assert!(error.contains("layer 1: found pool2/0; expected a stride of at least 1"), "{error}");
    let mut norm = BatchNorm::new(1);
    norm.variance[0] = -0.5;
    let error = refuse(vec![Layer::BatchNorm(norm), conv(1, 1)]);
    assert_eq!(error, "variance of channel 0 of layer 1: found -0.5; expected 0 or more");
    assert!(refuse(vec![Layer::Flatten]).contains("layers with weights"));
    assert!(
        refuse(vec![Layer::Activation(Activation::LeakyRelu { slope: f32::NAN })]).contains("a finite slope")
    );
    assert!(Network::new(vec![conv(1, 2)]).unwrap_err().to_string().contains("Network::with_input"));
    assert_eq!(refuse(vec![conv(0, 2)]), "channels of layer 1: found 0; expected at least 1");
    let arrays = |w: usize, b: usize| {
        let Layer::Conv2d(filters) = conv(1, 2) else { unreachable!() };
        refuse(vec![Layer::Conv2d(Conv2d { w: vec![0.0; w], b: vec![0.0; b], ..filters })])
    };
    assert_eq!(arrays(17, 2), "weights of layer 1: found 17; expected 9 × 2");
    assert_eq!(arrays(18, 1), "biases of layer 1: found 1; expected 2");
    let Layer::Conv2d(mut huge) = conv(1, 1) else { unreachable!() };
    (huge.padding, huge.kernel_height, huge.stride) = (usize::MAX - 1, usize::MAX, 1);
    assert!(Network::with_input(ImageShape::gray(8, 8), vec![Layer::Conv2d(huge)]).is_err());
}

#[test]
fn layers_print_what_they_are_and_count_what_they_take() {
    let line = "conv3x2-4/2+1 batchnorm leaky0.1 pool3/1 sigmoid avgpool flatten dense6 gelu dropout0.4";
    let network = network(line, Shape::Image(ImageShape::gray(12, 12)), 3, 1);
    let expected = "conv 3 × 2 × 1 → 4 (stride 2 and padding 1), batch norm 4, leaky relu 0.1, max pool 3 × 3 (stride 1), \
                    sigmoid, average pool 2 × 2, flatten, dense 16 → 6, gelu, dropout 0.4, dense 6 → 3: 159 parameters";
    assert_eq!(network.to_string(), expected);
    let summary = network.summary();
    assert_eq!(summary.iter().map(|layer| layer.parameters).sum::<usize>(), network.parameters());
    assert_eq!(summary.len(), network.layers().len());
    // Dropout has no naive version, since it differs in each step.
    let naive: Vec<bool> = network.layers().iter().map(|layer| naive::Layer::of(layer).is_some()).collect();
    assert_eq!(naive, [[true; 9].as_slice(), &[false, true]].concat());
    let (first, dense) = (summary[0], summary[7]);
    assert_eq!((first.output.to_string(), first.multiply_adds), ("6 × 7 × 4".to_owned(), 6 * 7 * 4 * 6));
    assert_eq!((dense.output, dense.multiply_adds), (Shape::Features(6), 16 * 6));
}

/// In the first training step the biases are 0, and so is the output on an empty background: the corner of the ReLU,
/// which passes no gradient. A method that computes 10⁻⁹ there would pass one.
#[test]
fn an_empty_background_has_no_gradient_at_biases_of_zero() {
    let layers: Architecture =
        "conv3-16+1 relu conv3-16+1 relu pool conv3-16+1 relu flatten".parse().unwrap();
    let network = layers.network(ImageShape::gray(16, 16), 3, Init::He, 1).unwrap();
    let mut x = vec![0.0f32; 2 * 16 * 16];
    for (place, value) in [(5 * 16 + 6, 0.7), (6 * 16 + 6, 1.0), (256 + 9 * 16 + 3, 0.4)] {
        x[place] = value;
    }
    let mut workspace = Workspace::new();
    network.loss_and_gradients(&x, &[0, 2], Loss::Softmax, 0.0, &mut workspace);
    let wide: Vec<f64> = x.iter().map(|&x| x.into()).collect();
    let layers = naive_layers(&network);
    let (_, expected) =
        naive::network_loss_and_gradients(&layers, network.input(), &wide, &[0, 2], Loss::Softmax, 0.0);
    for (found, (dw, db)) in workspace.gradients().iter().zip(&expected) {
        assert_near(&found.dw, dw, "dw");
        assert_near(&found.db, db, "db");
    }
}
