//! After the first steps, a training step does not allocate. Runs in a separate process, whose allocations are counted.
//!
//! The first steps allocate the buffers for a batch, for the passes and for the threads. A validation check has its own
//! buffers.

use std::alloc::System;
use std::ops::ControlFlow;

use rayon::{ThreadPool, ThreadPoolBuilder};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tercet::Dataset;
use tercet::augment::{Augment, Elastic};
use tercet::loss::Loss;
use tercet::network::{Architecture, Init, Network, Shape};
use tercet::optimizer::Optimizer;
use tercet::schedule::Schedule;
use tercet::train::{Length, Plan, Settings, Trainer};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations of all threads so far, including reallocations.
fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// Steps before the first window: two epochs, in which most threads allocate their buffers.
const WARM: usize = 32;

/// Steps per window in which allocations are counted.
const COUNTED: usize = 159;

/// The number of windows, of which one must be without allocations. On a busy machine, a thread may take part in
/// training for the first time within a window and allocate its buffers then; the test harness allocates when it
/// reports that a test is slow. Neither happens in every window, as an allocation in the step would.
const WINDOWS: usize = 8;

/// More steps than are counted for both ways of training. The only validation check is after the last one.
const STEPS: usize = (2 * (WARM + WINDOWS * COUNTED) + 1).next_multiple_of(16);

/// Images, or the same number of features, of four classes.
fn set(pixels: bool) -> Dataset {
    let (n, d) = (1024, 64);
    let numbers = (0..n * d).map(|i| ((i * 7919 + 13) % 101) as u8);
    let labels = (0..n as u32).map(|i| i % 4).collect();
    let classes = ["a", "b", "c", "d"].map(String::from).to_vec();
    if pixels {
        let shape = tercet::image::ImageShape::gray(8, 8);
        // Half of them are 0, as in images of digits.
        let pixels = numbers.map(|x| if x < 50 { 0 } else { x }).collect();
        Dataset::from_pixels("pixels", shape, pixels, labels, classes).unwrap()
    } else {
        let values = numbers.map(|x| f32::from(x) / 50.0 - 1.0).collect();
        Dataset::from_features("features", d, values, labels, classes).unwrap()
    }
}

/// Networks for such a set: fully connected ones, and others on images.
fn networks_on(data: &Dataset) -> Vec<Network> {
    let plain = [&[][..], &[32], &[512, 256]];
    let plain = plain.map(|hidden| Network::fully_connected(data.width(), hidden, 4, Init::He, 0).unwrap());
    let lines: &[&str] = match data.image_shape() {
        Some(_) => &[
            "conv3-32+same relu pool conv3-32+same pool relu conv2-8+1 relu avgpool flatten dense32 relu",
            "conv3-8+same batchnorm leaky pool3/2 dropout0.3 flatten dense16 batchnorm gelu",
        ],
        None => &["dense32 batchnorm tanh dropout0.2 dense16 sigmoid"],
    };
    let layers = lines.iter().map(|line| line.parse::<Architecture>().unwrap());
    let others = layers.map(|layers| layers.network(Shape::of(data), 4, Init::He, 0).unwrap());
    plain.into_iter().chain(others).collect()
}

/// The smallest number of allocations in a window of training on these threads, the larger of those of [`Trainer::run`]
/// and of [`Trainer::step`]. `leak` is called after each step.
fn counted(pool: &ThreadPool, network: &Network, data: &Dataset, settings: Settings, leak: fn()) -> usize {
    let plan = Plan::new(data, settings, 0).with_weights(vec![1.0; data.len()]);
    let mut trainer = Trainer::new(network.clone(), plan).unwrap();
    pool.install(|| {
        let mut windows = Windows::default();
        trainer
            .run(|_, _| {
                leak();
                windows.after_step();
                if windows.are_enough() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        let in_run = windows.fewest;
        let mut windows = Windows::default();
        while !windows.are_enough() {
            trainer.step().unwrap();
            leak();
            windows.after_step();
        }
        in_run.max(windows.fewest)
    })
}

/// Windows of steps, and the fewest allocations in one.
struct Windows {
    steps: usize,
    before: usize,
    fewest: usize,
}

impl Default for Windows {
    fn default() -> Self {
        Windows { steps: 0, before: 0, fewest: usize::MAX }
    }
}

impl Windows {
    /// Whether a window was without allocations, or all windows are over.
    fn are_enough(&self) -> bool {
        self.fewest == 0 || self.steps == WARM + WINDOWS * COUNTED
    }

    fn after_step(&mut self) {
        self.steps += 1;
        if self.steps >= WARM && (self.steps - WARM).is_multiple_of(COUNTED) {
            let now = allocations();
            if self.steps > WARM {
                self.fewest = self.fewest.min(now - self.before);
            }
            self.before = now;
        }
    }
}

/// Sixteen steps per epoch, and no validation check before the last step.
fn settings() -> Settings {
    Settings { length: Length::Epochs(STEPS / 16), validate_every: Some(STEPS), ..Settings::default() }
}

/// The only test, since the allocations of others would be counted as well.
#[test]
fn a_step_allocates_nothing() {
    let nothing = || ();
    let base = settings();
    let elastic = Some(Elastic { rms: 1.0, sigma: 2.0 });
    let augment = Augment { shift: 1.0, rotate: 10.0, scale: 0.1, shear: 0.1, mirror: true, elastic };
    let networks = [
        ("plain", Settings { optimizer: Optimizer::PLAIN, ..base }),
        ("momentum", base),
        ("Nesterov", Settings { optimizer: Optimizer::Nesterov { momentum: 0.9 }, ..base }),
        ("Adam", Settings { optimizer: Optimizer::ADAM, learning_rate: 1e-3, ..base }),
        ("AdamW", Settings { optimizer: Optimizer::ADAMW, learning_rate: 1e-3, ..base }),
        ("dropout", Settings { dropout: 0.5, ..base }),
        ("input dropout", Settings { input_dropout: 0.2, ..base }),
        ("a moving average", Settings { ema: Some(0.99), ..base }),
        ("augmentation", Settings { augment, ..base }),
        ("clipped", Settings { clip: Some(0.1), label_smoothing: 0.1, ..base }),
        ("one cycle", Settings { schedule: Schedule::ONE_CYCLE, loss: Loss::SVM, ..base }),
        ("random batches", Settings { length: Length::Iterations(STEPS), ..base }),
    ];
    let mut found = Vec::new();
    // Starting and stopping threads allocates, so all of them exist before and after.
    let pools = [1, 2].map(|threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.broadcast(|_| ());
        pool
    });
    for pool in &pools {
        let threads = pool.current_num_threads();
        for data in [set(true), set(false)] {
            for (what, settings) in networks {
                for network in networks_on(&data) {
                    let of_pictures = !settings.augment.is_none();
                    if settings.dropout > 0.0 && network.layers().len() == 1
                        || of_pictures && !data.is_pixels()
                    {
                        continue;
                    }
                    // The optimizer step does not depend on the layers: for slow networks, some of the settings are
                    // enough.
                    if network.layers().len() > 5
                        && !["momentum", "AdamW", "dropout", "a moving average", "augmentation"]
                            .contains(&what)
                    {
                        continue;
                    }
                    let count = counted(pool, &network, &data, settings, nothing);
                    if count > 0 {
                        let (name, layers) = (data.name(), network.architecture());
                        found.push(format!("{what}, {layers}, {name}, {threads} threads: {count}"));
                    }
                }
            }
        }
    }

    assert!(found.is_empty(), "{}", found.join("\n"));

    // Checks that allocations are really counted.
    let data = set(true);
    let found =
        counted(&pools[0], &networks_on(&data)[0], &data, base, || drop(std::hint::black_box(Box::new(1))));
    assert_eq!(found, COUNTED);
}
