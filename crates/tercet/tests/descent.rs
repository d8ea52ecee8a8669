//! Ten steps of training with all options, compared with plain loops in f64 that implement the formulas.

use rand::Rng;
use tercet::Dataset;
use tercet::data::Batches;
use tercet::network::{Init, Network};
use tercet::optimizer::Optimizer;
use tercet::random::{Stream, generator};
use tercet::schedule::Schedule;
use tercet::train::{ClassWeights, Length, Plan, Settings, train};

const N: usize = 60;
const D: usize = 7;
const H: usize = 6;
const C: usize = 3;
const SEED: u64 = 11;
const BATCH: usize = 8;

/// Examples with overlapping classes of unequal size.
fn examples() -> Dataset {
    let mut noise = generator(3, Stream::Weights);
    let mut uniform = || noise.next_u32() as f32 / 2f32.powi(32);
    let labels: Vec<u32> = (0..N).map(|i| if i % 6 < 3 { 0 } else { 1 + (i % 2) as u32 }).collect();
    let values = labels
        .iter()
        .flat_map(|&y| (0..D).map(move |d| (y, d)))
        .map(|(y, d)| uniform() + if d % C == y as usize { 0.7 } else { 0.0 })
        .collect();
    Dataset::from_features("x", D, values, labels, vec!["a".into(), "b".into(), "c".into()]).unwrap()
}

/// A network with one hidden layer, and its gradient: W1, b1, W2, b2.
type Parameters = [Vec<f64>; 4];

struct Options {
    reg: f64,
    /// ε of label smoothing.
    smoothing: f64,
    /// p of dropout.
    dropout: f64,
    clip: f64,
}

/// The loss of a batch and its gradient, example by example and number by number.
fn loss_and_gradient(
    [w1, b1, w2, b2]: &Parameters,
    batch: &[(Vec<f64>, usize, f64)],
    dropped: &[bool],
    options: &Options,
) -> (f64, Parameters) {
    let mut loss = 0.0;
    let mut d: Parameters = [vec![0.0; D * H], vec![0.0; H], vec![0.0; H * C], vec![0.0; C]];
    for (e, (x, y, weight)) in batch.iter().enumerate() {
        let z: Vec<f64> = (0..H).map(|h| b1[h] + (0..D).map(|i| x[i] * w1[i * H + h]).sum::<f64>()).collect();
        // The factor of a hidden unit's output: 0 if it is dropped or inactive.
        let gain: Vec<f64> = (0..H)
            .map(|h| if z[h] > 0.0 && !dropped[e * H + h] { 1.0 / (1.0 - options.dropout) } else { 0.0 })
            .collect();
        let a: Vec<f64> = (0..H).map(|h| gain[h] * z[h]).collect();
        let f: Vec<f64> = (0..C).map(|c| b2[c] + (0..H).map(|h| a[h] * w2[h * C + c]).sum::<f64>()).collect();
        let sum: f64 = f.iter().map(|f| f.exp()).sum();
        let share = weight / batch.len() as f64;
        let mut da = [0.0; H];
        for c in 0..C {
            let p = f[c].exp() / sum;
            let q = options.smoothing / C as f64 + if c == *y { 1.0 - options.smoothing } else { 0.0 };
            loss -= share * q * p.ln();
            let df = share * (p - q);
            d[3][c] += df;
            for h in 0..H {
                d[2][h * C + c] += a[h] * df;
                da[h] += w2[h * C + c] * df;
            }
        }
        for h in 0..H {
            let dz = gain[h] * da[h];
            d[1][h] += dz;
            for i in 0..D {
                d[0][i * H + h] += x[i] * dz;
            }
        }
    }
    for (w, dw) in [(w1, 0), (w2, 2)] {
        for (i, w) in w.iter().enumerate() {
            loss += options.reg * w * w;
            d[dw][i] += 2.0 * options.reg * w;
        }
    }
    let norm = d.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
    if norm > options.clip {
        d.iter_mut().flatten().for_each(|g| *g *= options.clip / norm);
    }
    (loss, d)
}

/// The hidden units dropped in a step, by the rule in the documentation of `Dropout`.
fn dropped(step: u64, p: f64, examples: usize) -> Vec<bool> {
    let mut generator = generator(SEED, Stream::Dropout);
    generator.set_word_pos(u128::from(step) << 32);
    (0..examples * H).map(|_| f64::from(generator.next_u32()) < p * 2f64.powi(32)).collect()
}

/// Trains for ten steps, and compares them with plain loops. `update` takes (t, w, dw, m, v, whether it is a weight).
fn follow(
    settings: Settings,
    weights: Option<&[f32]>,
    update: impl Fn(i32, &mut f64, f64, &mut f64, &mut f64, bool),
) {
    let settings = Settings { batch: BATCH, length: Length::Iterations(10), ..settings };
    let set = examples();
    let network = Network::fully_connected(D, &[H], C, Init::He, SEED).unwrap();
    let mut trained = network.clone();
    let plan = Plan::new(&set, settings, SEED).with_weights(weights.map(<[f32]>::to_vec));
    let training = train(&mut trained, &plan).unwrap();

    let mut parameters: Parameters = flat(&network);
    let zeros = || parameters.each_ref().map(|p| vec![0.0; p.len()]);
    let (mut m, mut v) = (zeros(), zeros());
    let options = Options {
        reg: settings.reg.into(),
        smoothing: settings.label_smoothing.into(),
        dropout: settings.dropout.into(),
        clip: settings.clip.map_or(f64::INFINITY, f64::from),
    };
    let mut batches = Batches::random(N, BATCH, SEED).unwrap();
    let (mut rows, mut x) = (Vec::new(), vec![0.0; D]);
    let start = parameters.clone();
    for (step, &found) in training.history.losses.iter().enumerate() {
        batches.next(&mut rows);
        let mut batch = Vec::new();
        for &i in &rows {
            set.write_inputs(&[i], &mut x);
            let weight = weights.map_or(1.0, |weights| weights[i].into());
            batch.push((x.iter().map(|&x| x.into()).collect(), set.label(i) as usize, weight));
        }
        let dropped = dropped(step as u64, options.dropout, rows.len());
        let (loss, d) = loss_and_gradient(&parameters, &batch, &dropped, &options);
        assert!((f64::from(found) - loss).abs() < 1e-5 * loss, "step {step}: {found}, not {loss}");
        for array in 0..4 {
            for i in 0..parameters[array].len() {
                update(
                    step as i32 + 1,
                    &mut parameters[array][i],
                    d[array][i],
                    &mut m[array][i],
                    &mut v[array][i],
                    array % 2 == 0,
                );
            }
        }
    }
    let found = flat(&trained);
    for (array, (found, expected)) in found.iter().zip(&parameters).enumerate() {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-5, "array {array}: {found}, not {expected}");
        }
        assert_ne!(start[array], parameters[array], "ten steps change something");
    }
}

fn flat(network: &Network) -> Parameters {
    let numbers = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let layers: Vec<_> = network.dense_layers().collect();
    [numbers(&layers[0].w), numbers(&layers[0].b), numbers(&layers[1].w), numbers(&layers[1].b)]
}

fn base() -> Settings {
    Settings {
        reg: 0.0,
        learning_rate: 0.2,
        schedule: Schedule::Constant,
        optimizer: Optimizer::PLAIN,
        ..Settings::default()
    }
}

fn plain(_: i32, w: &mut f64, dw: f64, _: &mut f64, _: &mut f64, _: bool) {
    *w -= f64::from(0.2f32) * dw;
}

#[test]
fn label_smoothing() {
    follow(Settings { label_smoothing: 0.2, ..base() }, None, plain);
}

#[test]
fn gradient_clipping() {
    // About half of the gradient norms: all steps are clipped.
    follow(Settings { clip: Some(0.25), reg: 0.01, ..base() }, None, plain);
}

#[test]
fn class_weights_and_weights_of_examples() {
    let own: Vec<f32> = (0..N).map(|i| (i % 4) as f32).collect();
    for (classes, own) in [
        (ClassWeights::Balanced, None),
        (ClassWeights::Equal, Some(&own[..])),
        (ClassWeights::Given(vec![0.0, 3.0, 1.0]), Some(&own[..])),
    ] {
        let weights = classes.of_examples(&examples(), own).unwrap().unwrap();
        follow(base(), Some(&weights), plain);
    }
}

#[test]
fn dropout() {
    follow(Settings { dropout: 0.4, ..base() }, None, plain);
}

#[test]
fn regularisation_goes_through_adam_but_decoupled_decay_does_not() {
    let (beta1, beta2, epsilon, rate): (f64, f64, f64, f64) = (0.8, 0.99, 1e-4, 0.02);
    let adam = |t: i32, w: &mut f64, dw: f64, m: &mut f64, v: &mut f64| {
        *m = beta1 * *m + (1.0 - beta1) * dw;
        *v = beta2 * *v + (1.0 - beta2) * dw * dw;
        *w -= rate * (*m / (1.0 - beta1.powi(t))) / ((*v / (1.0 - beta2.powi(t))).sqrt() + epsilon);
    };
    let (b1, b2, e) = (beta1 as f32, beta2 as f32, epsilon as f32);
    let coupled = Settings {
        reg: 0.05,
        learning_rate: rate as f32,
        optimizer: Optimizer::Adam { beta1: b1, beta2: b2, epsilon: e },
        ..base()
    };
    follow(coupled, None, |t, w, dw, m, v, _| adam(t, w, dw, m, v));
    let optimizer = Optimizer::AdamW { beta1: b1, beta2: b2, epsilon: e, weight_decay: 0.5 };
    follow(Settings { reg: 0.0, optimizer, ..coupled }, None, |t, w, dw, m, v, is_weight| {
        let decay = if is_weight { rate * 0.5 * *w } else { 0.0 };
        adam(t, w, dw, m, v);
        *w -= decay;
    });
}

#[test]
fn everything_together() {
    let weights = ClassWeights::Balanced.of_examples(&examples(), None).unwrap().unwrap();
    let settings = Settings {
        reg: 0.01,
        label_smoothing: 0.1,
        dropout: 0.25,
        clip: Some(0.3),
        schedule: Schedule::Step { every: 4, gamma: 0.5 },
        optimizer: Optimizer::Nesterov { momentum: 0.8 },
        ..base()
    };
    follow(settings, Some(&weights), |t, w, dw, velocity, _, _| {
        let rate = f64::from(0.2f32) * 0.5f64.powi((t - 1) / 4);
        let mu = f64::from(0.8f32);
        *velocity = mu * *velocity - rate * dw;
        *w += mu * *velocity - rate * dw;
    });
}
