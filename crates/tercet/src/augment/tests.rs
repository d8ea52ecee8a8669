//! Augmentation compared with an independent implementation, its statistics, and its reproducibility.

use rand::Rng;

use super::*;
use crate::data::split;
use crate::image::ImageShape;
use crate::network::{Init, Network};
use crate::optimizer::Optimizer;
use crate::random::{Stream, generator};
use crate::train::{Checkpoint, Identity, Length, Plan, Settings, Trainer, train};

const ALL: Augment = Augment {
    shift: 2.0,
    rotate: 20.0,
    scale: 0.2,
    shear: 0.3,
    mirror: true,
    elastic: Some(Elastic { rms: 2.0, sigma: 3.0 }),
};

/// Each transform on its own, and all of them combined.
fn each() -> [Augment; 7] {
    let none = Augment::default();
    [
        Augment { shift: ALL.shift, ..none },
        Augment { rotate: ALL.rotate, ..none },
        Augment { scale: ALL.scale, ..none },
        Augment { shear: ALL.shear, ..none },
        Augment { mirror: true, ..none },
        Augment { elastic: ALL.elastic, ..none },
        ALL,
    ]
}

/// A picture of random pixels.
fn picture(shape: ImageShape) -> Vec<u8> {
    (0..shape.features()).map(|i| (i * 7919 % 1009 % 256) as u8).collect()
}

/// The augmented picture in f64, directly from the formulas in the module's documentation: the forward map is inverted,
/// and the field is the sum over all points of the lattice.
fn naive(
    augment: Augment,
    shape: ImageShape,
    (batch, seed, step, place): (u128, u64, u128, u128),
    old: &[u8],
) -> Vec<f64> {
    let (width, height) = (shape.width as f64, shape.height as f64);
    let sigma = augment.elastic.map_or(1.0, |elastic| f64::from(elastic.sigma));
    // Points at −4 σ, −3 σ, …, the last one within 4 σ of the last pixel.
    let points = |side: f64| ((side - 1.0) / sigma).ceil() as usize + 8;
    let (across, down) = (points(width), points(height));
    let lattice_words = augment.elastic.map_or(0, |_| across * down);
    let words = (16 + lattice_words).next_multiple_of(16) as u128;
    let mut generator = generator(seed, Stream::Augment);
    let start = (step * batch + place) * words;

    generator.set_word_pos(start);
    let mut uniform =
        |most: f32| f64::from(most) * ((f64::from(generator.next_u32()) + 0.5) / 2f64.powi(32) * 2.0 - 1.0);
    let (t_x, t_y) = (uniform(augment.shift), uniform(augment.shift));
    let angle = uniform(augment.rotate) * std::f64::consts::PI / 180.0;
    let (s_x, s_y) = (1.0 + uniform(augment.scale), 1.0 + uniform(augment.scale));
    let h = uniform(augment.shear);
    let mirrored = uniform(1.0) < 0.0 && augment.mirror;
    let times = |a: [[f64; 2]; 2], b: [[f64; 2]; 2]| {
        let element = |i: usize, j: usize| a[i][0] * b[0][j] + a[i][1] * b[1][j];
        [[element(0, 0), element(0, 1)], [element(1, 0), element(1, 1)]]
    };
    let rotation = [[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]];
    let forwards = times(rotation, times([[s_x, 0.0], [0.0, s_y]], [[1.0, h], [0.0, 1.0]]));
    let determinant = forwards[0][0] * forwards[1][1] - forwards[0][1] * forwards[1][0];

    generator.set_word_pos(start + 16);
    let lattice: Vec<[f64; 2]> = (0..lattice_words)
        .map(|_| {
            let word = generator.next_u32();
            let byte = |shift: u32| f64::from(word >> shift & 255);
            // In units of the standard deviation.
            let unit = ((65536.0f64 - 1.0) / 6.0).sqrt();
            [(byte(0) + byte(8) - 255.0) / unit, (byte(16) + byte(24) - 255.0) / unit]
        })
        .collect();
    let gaussian = |pixel: f64, point: usize| {
        let distance = pixel - (point as f64 - 4.0) * sigma;
        // Of two points at exactly 4 σ, the left one counts.
        let within = distance > -4.0 * sigma + 1e-9 && distance < 4.0 * sigma + 1e-9;
        if within { (-distance * distance / (2.0 * sigma * sigma)).exp() } else { 0.0 }
    };
    let displacement = |x: f64, y: f64, component: usize| {
        let Some(Elastic { rms, .. }) = augment.elastic else { return 0.0 };
        let (mut sum, mut squares) = (0.0, 0.0);
        for j in 0..down {
            for i in 0..across {
                let weight = gaussian(x, i) * gaussian(y, j);
                sum += weight * lattice[j * across + i][component];
                squares += weight * weight;
            }
        }
        f64::from(rms) / 2f64.sqrt() * sum / squares.sqrt()
    };
    let value = |x: i64, y: i64, channel: usize| {
        let inside = (0..shape.width as i64).contains(&x) && (0..shape.height as i64).contains(&y);
        let at = |x: usize, y: usize| (y * shape.width + x) * shape.channels + channel;
        if inside { f64::from(old[at(x as usize, y as usize)]) } else { 0.0 }
    };

    let (c_x, c_y) = ((width - 1.0) / 2.0, (height - 1.0) / 2.0);
    let mut new = Vec::new();
    for y in 0..shape.height {
        for x in 0..shape.width {
            let (q_x, q_y) = (x as f64 - c_x - t_x, y as f64 - c_y - t_y);
            let p_x = (forwards[1][1] * q_x - forwards[0][1] * q_y) / determinant;
            let p_x = if mirrored { c_x - p_x } else { c_x + p_x };
            let p_y = (forwards[0][0] * q_y - forwards[1][0] * q_x) / determinant + c_y;
            let p_x = p_x + displacement(x as f64, y as f64, 0);
            let p_y = p_y + displacement(x as f64, y as f64, 1);
            let (left, top) = (p_x.floor(), p_y.floor());
            for channel in 0..shape.channels {
                let corner = |dx: i64, dy: i64| value(left as i64 + dx, top as i64 + dy, channel);
                let (right, down) = (p_x - left, p_y - top);
                new.push(
                    (1.0 - right) * (1.0 - down) * corner(0, 0)
                        + right * (1.0 - down) * corner(1, 0)
                        + (1.0 - right) * down * corner(0, 1)
                        + right * down * corner(1, 1),
                );
            }
        }
    }
    new
}

#[test]
fn every_transform_matches_its_formula() {
    let shape = |width, height, channels| ImageShape { width, height, channels };
    for shape in
        [shape(28, 28, 1), shape(9, 14, 3), shape(20, 6, 2), shape(5, 7, 4), shape(1, 1, 1), shape(40, 1, 1)]
    {
        let old = picture(shape);
        for augment in each() {
            let mut augmenter = Augmenter::new(augment, shape, 20, 5).unwrap();
            for (step, place) in [(0, 0), (0, 19), (3, 7), (70_000, 1)] {
                let mut new = vec![0; old.len()];
                augmenter.write(&old, step, place, &mut new);
                let expected = naive(augment, shape, (20, 5, u128::from(step), place as u128), &old);
                for (i, (&new, expected)) in new.iter().zip(expected).enumerate() {
                    let off = (f64::from(new) - expected).abs();
                    assert!(off < 0.6, "{shape}, {augment}, value {i}: {new}, not {expected}");
                }
            }
        }
    }
}

#[test]
fn a_planted_wrong_naive_map_is_caught() {
    // The comparison above would be worthless if another angle or another position passed it.
    let (shape, augment) = (ImageShape::gray(28, 28), Augment { rotate: 20.0, ..Augment::default() });
    let old = picture(shape);
    let mut new = vec![0; old.len()];
    Augmenter::new(augment, shape, 20, 5).unwrap().write(&old, 3, 7, &mut new);
    for wrong in [
        naive(augment, shape, (20, 5, 3, 8), &old),
        naive(augment, shape, (20, 6, 3, 7), &old),
        naive(Augment { rotate: 20.5, ..augment }, shape, (20, 5, 3, 7), &old),
    ] {
        assert!(new.iter().zip(wrong).any(|(&new, wrong)| (f64::from(new) - wrong).abs() > 2.0));
    }
}

#[test]
fn no_augmentation_changes_nothing() {
    let shape = ImageShape { width: 11, height: 5, channels: 3 };
    let old = picture(shape);
    let mut new = vec![1; old.len()];
    let still = Some(Elastic { rms: 0.0, sigma: 4.0 });
    for augment in [Augment::default(), Augment { elastic: still, ..Augment::default() }] {
        Augmenter::new(augment, shape, 3, 0).unwrap().write(&old, 2, 1, &mut new);
        assert_eq!(new, old);
    }
}

/// If these pictures change, no earlier run can be reproduced.
#[test]
fn the_results_of_a_seed_never_change() {
    let shape = ImageShape::gray(4, 3);
    let old = [0, 0, 0, 0, 0, 200, 100, 0, 0, 50, 250, 0];
    let written = |seed, step, place| {
        let mut new = [0; 12];
        Augmenter::new(Augment { mirror: false, ..ALL }, shape, 8, seed)
            .unwrap()
            .write(&old, step, place, &mut new);
        new
    };
    assert_eq!(written(0, 0, 0), [88, 24, 0, 0, 180, 115, 0, 0, 0, 0, 0, 0]);
    let all = [written(0, 0, 0), written(0, 0, 1), written(0, 1, 0), written(1, 0, 0)];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn every_second_picture_is_mirrored() {
    let shape = ImageShape::gray(5, 2);
    let old = picture(shape);
    let turned: Vec<u8> = old.chunks(5).flat_map(|row| row.iter().rev().copied()).collect();
    let mut augmenter =
        Augmenter::new(Augment { mirror: true, ..Augment::default() }, shape, 1000, 1).unwrap();
    let mut mirrored = 0;
    for place in 0..1000 {
        let mut new = vec![0; old.len()];
        augmenter.write(&old, 0, place, &mut new);
        assert!(new == old || new == turned, "{new:?}");
        mirrored += usize::from(new == turned);
    }
    // One standard deviation is 16.
    assert!((440..=560).contains(&mirrored), "{mirrored} of 1,000");
}

#[test]
fn displacements_have_the_rms_and_the_correlation_that_were_set() {
    let (rms, sigma) = (1.7f32, 4.0);
    let shape = ImageShape::gray(28, 20);
    let room = tercet_kernels::warp::padded_row(28);
    let mut field = super::field::Field::new(Elastic { rms, sigma }, shape);
    let mut generator = generator(1, Stream::Augment);
    const DRAWN: usize = 4000;
    // Sums of squares at the corner, at an edge and in the centre; of products 4 and 8 pixels apart; of dx · dy.
    let (mut squares, mut products, mut crossed) = ([[0.0; 3]; 2], [0.0; 2], 0.0);
    for _ in 0..DRAWN {
        let components = field.draw(&mut generator);
        for (squares, d) in squares.iter_mut().zip(components) {
            let at = |x: usize, y: usize| f64::from(d[y * room + x]);
            for (squares, (x, y)) in squares.iter_mut().zip([(0, 0), (27, 9), (13, 10)]) {
                *squares += at(x, y) * at(x, y) / DRAWN as f64;
            }
            products[0] += at(10, 9) * at(14, 9) / (2 * DRAWN) as f64;
            products[1] += at(10, 3) * at(10, 11) / (2 * DRAWN) as f64;
        }
        crossed += f64::from(components[0][9 * room + 12] * components[1][9 * room + 12]) / DRAWN as f64;
    }
    // One standard deviation of a mean of 4,000 squares is 2.2 %.
    let variance = f64::from(rms * rms) / 2.0;
    for squares in squares.iter().flatten() {
        assert!((squares / variance - 1.0).abs() < 0.09, "{squares}, not {variance}");
    }
    // Smoothed white noise: exp(−d² / 4σ²).
    for (product, distance) in products.iter().zip([4.0f64, 8.0]) {
        let expected = variance * (-distance * distance / (4.0 * 16.0)).exp();
        assert!((product - expected).abs() < 0.09 * variance, "{product}, not {expected}");
    }
    assert!(crossed.abs() < 0.09 * variance, "{crossed}: the components know of each other");
}

/// α = 34 and σ = 4 as in the paper: noise uniform in ±1 at every pixel, smoothed with weights that sum to 1, times α.
#[test]
fn the_paper_s_alpha_is_the_rms_that_is_documented() {
    let (alpha, sigma) = (34.0, 4.0);
    let weights: Vec<f64> = (-16..=16).map(|i| (-f64::from(i * i) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut generator = generator(2, Stream::Augment);
    const SIDE: usize = 33;
    let (mut squares, drawn) = (0.0, 600);
    for _ in 0..2 * drawn {
        let mut smoothed = 0.0;
        for down in &weights {
            for across in &weights {
                let noise = f64::from(generator.next_u32()) / 2f64.powi(31) - 1.0;
                smoothed += noise * across * down / (sum * sum);
            }
        }
        squares += alpha * alpha * smoothed * smoothed / f64::from(drawn);
    }
    assert_eq!(weights.len(), SIDE);
    let documented = alpha / (sigma * (6.0 * std::f64::consts::PI).sqrt());
    assert!((documented - 1.96).abs() < 0.005);
    // One standard deviation of this mean is 4 % of the squares, 2 % of the root.
    assert!((squares.sqrt() / documented - 1.0).abs() < 0.08, "{}, not {documented}", squares.sqrt());
}

#[test]
fn invalid_values_are_rejected_by_name() {
    let elastic = |rms, sigma| Augment { elastic: Some(Elastic { rms, sigma }), ..Augment::default() };
    let none = Augment::default();
    for (augment, start) in [
        (Augment { shift: -1.0, ..none }, "augment.shift is -1; expected a number of pixels"),
        (Augment { shift: f32::NAN, ..none }, "augment.shift is NaN"),
        (Augment { rotate: 181.0, ..none }, "augment.rotate is 181; expected a number of degrees"),
        (Augment { scale: 1.0, ..none }, "augment.scale is 1; expected a part of 1"),
        (Augment { shear: f32::INFINITY, ..none }, "augment.shear is inf"),
        (elastic(-1.0, 4.0), "augment.elastic.rms is -1"),
        (elastic(1.0, 0.5), "augment.elastic.sigma is 0.5; expected a number of pixels from 1"),
    ] {
        let error = augment.validate().unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
        assert!(Augmenter::new(augment, ImageShape::gray(2, 2), 1, 0).is_err());
    }
}

/// Noisy pictures of two classes, larger than one chunk.
fn pictures(n: usize) -> Dataset {
    let shape = ImageShape::gray(18, 10);
    let ink = |i: usize, p: usize| (p % 18 / 3 + i).is_multiple_of(2) && (i * 7919 + p * 31) % 5 > 1;
    let pixels =
        (0..n * 180).map(|at| if ink(at / 180, at % 180) { 55 + (at * 7919 % 200) as u8 } else { 0 });
    let labels = (0..n as u32).map(|i| i % 2).collect();
    Dataset::from_pixels("pictures", shape, pixels.collect(), labels, vec!["a".into(), "b".into()]).unwrap()
}

fn settings() -> Settings {
    Settings { batch: 64, length: Length::Epochs(3), augment: ALL, ..Settings::default() }
}

#[test]
fn training_has_the_same_bits_for_every_number_of_threads() {
    let data = pictures(150);
    // Both sharded batches and whole ones.
    for (hidden, batch) in [(64, 64), (8, 20)] {
        let settings = Settings { batch, dropout: 0.2, input_dropout: 0.1, ema: Some(0.9), ..settings() };
        let trained = |settings: &Settings, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut network = Network::fully_connected(180, &[hidden], 2, Init::He, 1).unwrap();
            pool.install(|| train(&mut network, &Plan::new(&data, *settings, 2))).unwrap();
            network
        };
        let one = trained(&settings, 1);
        for threads in 2..=4 {
            assert!(trained(&settings, threads) == one, "{threads} threads");
        }
        let plain = Settings { augment: Augment::default(), ..settings };
        assert!(trained(&plain, 1) != one, "augmentation matters");
    }
}

#[test]
fn an_augmented_training_is_resumed_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let settings =
        Settings { optimizer: Optimizer::ADAMW, ema: Some(0.9), learning_rate: 1e-3, ..settings() };
    let data = split(&pictures(150), 20, 3).unwrap();
    let plan = Plan::new(&data.train, settings, 3).with_validation(&data.validation);
    let identity = Identity::of(&plan);
    let untrained = Network::fully_connected(180, &[64], 2, Init::He, 3).unwrap();
    let mut network = untrained.clone();
    let training = train(&mut network, &plan).unwrap();
    let mut trainer = Trainer::new(untrained.clone(), plan.clone()).unwrap();
    for _ in 0..5 {
        trainer.step().unwrap();
        trainer.save_checkpoint(&path, &identity).unwrap();
        let checkpoint = Checkpoint::load(&path, &identity, &untrained).unwrap();
        let mut resumed = Trainer::resume(checkpoint, plan.clone()).unwrap();
        while resumed.ending().is_none() {
            resumed.step().unwrap();
        }
        assert!(resumed.finish() == (network.clone(), training.clone()), "{}", trainer.steps_done());
    }
    // A training without the average, or with other augmentation, has another identity.
    for other in [Settings { ema: None, ..settings }, Settings { augment: Augment::default(), ..settings }] {
        let identity = Identity::of(&Plan { settings: other, ..plan.clone() });
        let error = Checkpoint::load(&path, &identity, &untrained).unwrap_err().to_string();
        assert!(error.contains("a checkpoint with settings."), "{error}");
    }
}

#[test]
fn features_are_rejected() {
    let features = Dataset::from_features("x", 1, vec![0.0, 1.0], vec![0, 1], vec!["a".into(), "b".into()]);
    let features = features.unwrap();
    let mut network = Network::fully_connected(1, &[2], 2, Init::He, 0).unwrap();
    let error = train(&mut network, &Plan::new(&features, settings(), 0)).unwrap_err().to_string();
    assert!(error.starts_with("examples of x: found features; expected images, to be augmented"), "{error}");
    assert!(variations(&features, ALL, 3, 0).is_err());
}

#[test]
fn variations_follow_their_originals() {
    let data = pictures(9);
    let shown = variations(&data, ALL, 4, 1).unwrap();
    assert_eq!(shown.labels(), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!((shown.pixels(0), shown.pixels(5)), (data.pixels(0), data.pixels(1)));
    let distinct: std::collections::BTreeSet<_> = (0..10).map(|i| shown.pixels(i)).collect();
    assert_eq!(distinct.len(), 10);
}
