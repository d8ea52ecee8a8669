//! Ten steps of every optimizer compared with its formula in f64, and the ranges of its constants.

use super::*;

/// f(w) = w², with gradient 2w, computed by hand in exact binary fractions.
#[test]
fn three_steps_down_a_parabola() {
    let heavy_ball = Optimizer::Sgd { momentum: 0.5 };
    let (mut plain, mut heavy) = ([8.0], [8.0]);
    let (mut none, mut velocity) = (Moments::new(Optimizer::PLAIN, 1), Moments::new(heavy_ball, 1));
    for (t, expected) in (1..).zip([(6.0, 6.0), (4.5, 3.5), (3.375, 1.375)]) {
        let (dp, dh) = ([2.0 * plain[0]], [2.0 * heavy[0]]);
        Optimizer::PLAIN.step(t, 0.125, &mut plain, &dp, &mut none);
        heavy_ball.step(t, 0.125, &mut heavy, &dh, &mut velocity);
        assert_eq!((plain[0], heavy[0]), expected);
    }
}

const RATE: f64 = 0.05;
const MU: f64 = 0.9;
const BETA1: f64 = 0.8;
const BETA2: f64 = 0.99;
const EPSILON: f64 = 1e-3;
const DECAY: f64 = 0.5;

/// Ten steps of three parameters in f64, by a rule that maps (t, w, dw, m, v) to the next (w, m, v). The gradient is
/// that of Σ a (w − c)², with a different a for each parameter.
fn trace(rule: impl Fn(i32, f64, f64, f64, f64) -> (f64, f64, f64)) -> Vec<[f64; 3]> {
    let (mut w, mut m, mut v) = (START, [0.0; 3], [0.0; 3]);
    let mut trace = Vec::new();
    for t in 1..=10 {
        for i in 0..3 {
            (w[i], m[i], v[i]) = rule(t, w[i], gradient(i, w[i]), m[i], v[i]);
        }
        trace.push(w);
    }
    trace
}

const START: [f64; 3] = [2.0, -1.0, 0.5];

fn gradient(i: usize, w: f64) -> f64 {
    2.0 * [1.0, 0.05, 3.0][i] * (w - [0.5, 0.25, 0.75][i])
}

fn follows(optimizer: Optimizer, expected: &[[f64; 3]]) -> bool {
    let mut w = START.map(|w| w as f32);
    let mut moments = Moments::new(optimizer, 3);
    (1..).zip(expected).all(|(t, expected)| {
        let dw = [0, 1, 2].map(|i| gradient(i, w[i].into()) as f32);
        optimizer.step(t, RATE as f32, &mut w, &dw, &mut moments);
        w.iter().zip(expected).all(|(w, expected)| (f64::from(*w) - expected).abs() < 2e-6)
    })
}

fn adam_by_formula(t: i32, w: f64, dw: f64, m: f64, v: f64) -> (f64, f64, f64) {
    let m = BETA1 * m + (1.0 - BETA1) * dw;
    let v = BETA2 * v + (1.0 - BETA2) * dw * dw;
    let m_hat = m / (1.0 - BETA1.powi(t));
    let v_hat = v / (1.0 - BETA2.powi(t));
    (w - RATE * m_hat / (v_hat.sqrt() + EPSILON), m, v)
}

#[test]
fn ten_steps_of_every_optimizer_follow_its_formula() {
    let plain = trace(|_, w, dw, m, v| (w - RATE * dw, m, v));
    let momentum = trace(|_, w, dw, velocity, v| {
        let velocity = MU * velocity - RATE * dw;
        (w + velocity, velocity, v)
    });
    let adam = trace(adam_by_formula);
    let adamw = trace(|t, w, dw, m, v| {
        let (stepped, m, v) = adam_by_formula(t, w, dw, m, v);
        (stepped - RATE * DECAY * w, m, v)
    });
    let (beta1, beta2, epsilon) = (BETA1 as f32, BETA2 as f32, EPSILON as f32);
    let optimizers = [
        (Optimizer::PLAIN, &plain),
        (Optimizer::Sgd { momentum: MU as f32 }, &momentum),
        (Optimizer::Adam { beta1, beta2, epsilon }, &adam),
        (Optimizer::AdamW { beta1, beta2, epsilon, weight_decay: DECAY as f32 }, &adamw),
        (Optimizer::AdamW { beta1, beta2, epsilon, weight_decay: 0.0 }, &adam),
    ];
    for (i, (optimizer, _)) in optimizers.iter().enumerate() {
        for (j, (_, trace)) in optimizers.iter().enumerate() {
            // Each optimizer follows its own trace and, so that this test can fail, no other.
            let same = i == j || (i.min(j), i.max(j)) == (2, 4);
            assert_eq!(follows(*optimizer, trace), same, "{optimizer}, trace {j}");
        }
    }
}

/// Uses Nesterov's original definition rather than the implemented formula: the gradient is evaluated at w + μ · v, and
/// that point is what the implementation keeps as its parameters.
#[test]
fn nesterov_looks_ahead() {
    let (mut w, mut velocity) = (START, [0.0; 3]);
    let mut ahead = Vec::new();
    for _ in 0..10 {
        for i in 0..3 {
            velocity[i] = MU * velocity[i] - RATE * gradient(i, w[i] + MU * velocity[i]);
            w[i] += velocity[i];
        }
        ahead.push([0, 1, 2].map(|i| w[i] + MU * velocity[i]));
    }
    assert!(follows(Optimizer::Nesterov { momentum: MU as f32 }, &ahead));
    assert!(!follows(Optimizer::Sgd { momentum: MU as f32 }, &ahead));
}

#[test]
fn constants_outside_their_ranges_are_rejected_by_name() {
    let (beta1, beta2, epsilon, weight_decay) = (0.9, 0.999, 1e-8, 0.01);
    // With a momentum of 1, the velocity would never decay.
    for bad in [1.0, -0.1, f32::NAN] {
        for (optimizer, name) in [
            (Optimizer::Sgd { momentum: bad }, "momentum is"),
            (Optimizer::Nesterov { momentum: bad }, "momentum is"),
            (Optimizer::Adam { beta1: bad, beta2, epsilon }, "beta1 is"),
            (Optimizer::AdamW { beta1, beta2: bad, epsilon, weight_decay }, "beta2 is"),
        ] {
            let error = optimizer.validate().unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }
    for bad in [-1.0, f32::INFINITY, f32::NAN] {
        let epsilon_error = Optimizer::Adam { beta1, beta2, epsilon: bad }.validate().unwrap_err();
        assert!(epsilon_error.to_string().starts_with("epsilon is"), "{epsilon_error}");
        let decay_error = Optimizer::AdamW { beta1, beta2, epsilon, weight_decay: bad }.validate();
        assert!(decay_error.unwrap_err().to_string().starts_with("weight decay is"));
    }
    for optimizer in [Optimizer::ADAM, Optimizer::ADAMW, Optimizer::PLAIN] {
        optimizer.validate().unwrap();
    }
}

#[test]
fn unused_moments_are_empty() {
    let kept = |optimizer| {
        let moments = Moments::new(optimizer, 5);
        (moments.first.len(), moments.second.len())
    };
    assert_eq!(kept(Optimizer::PLAIN), (0, 0));
    assert_eq!(kept(Optimizer::Nesterov { momentum: 0.0 }), (5, 0));
    assert_eq!(kept(Optimizer::ADAMW), (5, 5));
}
