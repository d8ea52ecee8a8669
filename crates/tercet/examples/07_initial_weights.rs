//! How long is the plateau at the start of training, and how does it depend on the initial weights?
//!
//! The lecture draws the initial weights as 1e-4 · randn. All scores are then about 0, the SVM loss is about (C − 1) ·
//! Δ = 9, and it stays there for a while: a plateau. This example trains with several seeds and several scales of the
//! weights, in several configurations: the lecture's script, the smaller learning rate that is the default of its
//! `train_nn`, a second hidden layer, and this library's defaults. It records when the loss has halved.
//!
//! Without arguments it runs one seed and skips the defaults, which train for longer. The record in
//! `benchmarks/records` has a hundred seeds, and ten for the defaults:
//!
//! ```sh
//! cargo run --release -p tercet --example 07_initial_weights -- \
//!     --seeds 100 --csv benchmarks/records/initial-weights.csv
//! ```

use std::fmt::Write;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tercet::data::{Source, Split, default_validation, split};
use tercet::network::{Init, Network};
use tercet::train::{Length, Plan, Settings, train};
use tercet::{Error, Result};

/// The initialisations that are compared.
const INITS: [Init; 6] = [
    Init::Normal(1e-6),
    Init::Normal(1e-5),
    Init::Normal(1e-4),
    Init::Normal(1e-3),
    Init::Normal(1e-2),
    Init::He,
];

/// The number of steps with the lecture's settings.
const STEPS: usize = 1500;

/// The loss of one batch of 20 is noisy; the mean of this many is stable enough to compare.
const WINDOW: usize = 10;

/// The network and its training settings.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// 36 hidden units, learning rate 0.1, reg 1e-5.
    Script,
    /// 36 hidden units, learning rate 0.01, reg 1e-3: the defaults of `train_nn`, which stops after 100 steps.
    TrainNn,
    /// The script's settings, with two hidden layers of 36 units.
    ThreeLayers,
    /// 128 hidden units and the library's default settings.
    Default,
}

impl Way {
    const ALL: [Way; 4] = [Way::Script, Way::TrainNn, Way::ThreeLayers, Way::Default];

    /// The number of seeds to run.
    fn seeds(self, seeds: u64) -> u64 {
        if self == Way::Default { seeds / 10 } else { seeds }
    }

    fn hidden(self) -> &'static [usize] {
        match self {
            Way::Script | Way::TrainNn => &[36],
            Way::ThreeLayers => &[36, 36],
            Way::Default => &[128],
        }
    }

    fn settings(self) -> Settings {
        let lecture = match self {
            Way::Script | Way::ThreeLayers => Settings::lecture(),
            Way::TrainNn => Settings::lecture_train_nn(),
            Way::Default => return Settings::default(),
        };
        // A single validation check, after the last step.
        Settings { length: Length::Iterations(STEPS), validate_every: Some(STEPS), ..lecture }
    }

    fn name(self) -> &'static str {
        match self {
            Way::Script => "script",
            Way::TrainNn => "train_nn",
            Way::ThreeLayers => "three layers",
            Way::Default => "default",
        }
    }
}

/// The result of one training.
struct Run {
    way: Way,
    init: Init,
    seed: u64,
    /// The mean loss of the first 100 and of the first 500 steps.
    mean_loss: [f32; 2],
    /// The first step after which the mean of the last [`WINDOW`] losses is below half of the loss at equal scores: 4.5
    /// for the SVM loss, and half of ln 10 for the softmax loss of the defaults.
    halved_at: Option<usize>,
    /// The validation accuracy after the last step.
    validation_accuracy: f64,
}

fn main() -> Result<()> {
    let (seeds, csv) = arguments()?;
    let mnist = Source::Mnist.open()?;
    let parts = split(&mnist.train, default_validation(mnist.train.len()), 0)?;

    let starts = |way: Way| {
        let seeds = 0..way.seeds(seeds);
        INITS.into_iter().flat_map(move |init| seeds.clone().map(move |seed| (way, init, seed)))
    };
    let jobs: Vec<(Way, Init, u64)> = Way::ALL.into_iter().flat_map(starts).collect();
    let runs: Vec<Run> =
        jobs.into_par_iter().map(|(way, init, seed)| run(way, init, seed, &parts)).collect::<Result<_>>()?;

    for way in Way::ALL.into_iter().filter(|way| way.seeds(seeds) > 0) {
        print_table(&runs, way, way.seeds(seeds));
    }
    if let Some(path) = csv {
        std::fs::write(&path, record(&runs)).map_err(Error::file("write", &path))?;
        println!("The record of each run is in {}.", path.display());
    }
    check(&runs);
    Ok(())
}

/// Trains one network once.
fn run(way: Way, init: Init, seed: u64, Split { train: examples, validation }: &Split) -> Result<Run> {
    let (inputs, classes) = (examples.width(), examples.class_count());
    let settings = way.settings();
    // ANCHOR: run
    let mut network = Network::fully_connected(inputs, way.hidden(), classes, init, seed)?;
    let plan = Plan::new(examples, settings, seed).with_validation(validation);
    let history = train(&mut network, &plan)?.history;

    let half = settings.loss.at_equal_scores(classes) / 2.0;
    let halved = history.losses.windows(WINDOW).position(|window| mean(window) < half);
    // ANCHOR_END: run
    Ok(Run {
        way,
        init,
        seed,
        mean_loss: [100, 500].map(|steps| mean(&history.losses[..steps])),
        halved_at: halved.map(|first| first + WINDOW),
        validation_accuracy: history.validations.last().expect("one at the end").validation_accuracy,
    })
}

fn mean(losses: &[f32]) -> f32 {
    losses.iter().sum::<f32>() / losses.len() as f32
}

fn runs_of(runs: &[Run], way: Way, init: Init) -> impl Iterator<Item = &Run> {
    runs.iter().filter(move |run| (run.way, run.init) == (way, init))
}

fn print_table(runs: &[Run], way: Way, seeds: u64) {
    let Settings { loss, learning_rate, reg, .. } = way.settings();
    let (name, hidden, start) = (way.name(), way.hidden(), loss.at_equal_scores(10));
    println!("{name}: hidden {hidden:?}, {loss}, learning rate {learning_rate}, reg {reg:e}; {seeds} seeds");
    println!("The loss starts at {start:.2}.\n");
    println!("                | steps until the loss has halved | mean loss, first | validation accuracy, %");
    println!("initial weights |  min   10 %   50 %   90 %   max | 100    500 steps |   min   50 %    max");
    for init in INITS {
        let column = |value: fn(&Run) -> f64| sorted(runs_of(runs, way, init).map(value));
        // A run whose loss never halved ranks after all others.
        let halved = column(|run| run.halved_at.map_or(f64::INFINITY, |step| step as f64));
        let accuracy = column(|run| 100.0 * run.validation_accuracy);
        let [loss_100, loss_500] =
            [column(|run| run.mean_loss[0].into()), column(|run| run.mean_loss[1].into())];
        print!("{:<15} |", init.to_string());
        [0.0, 0.1, 0.5, 0.9, 1.0].iter().for_each(|&q| print!(" {:>5} ", steps(quantile(&halved, q))));
        print!("| {:>4.2} {:>5.2}       |", quantile(&loss_100, 0.5), quantile(&loss_500, 0.5));
        [0.0, 0.5, 1.0].iter().for_each(|&q| print!(" {:>6.2}", quantile(&accuracy, q)));
        println!();
    }
    println!();
}

fn steps(n: f64) -> String {
    if n.is_finite() { n.to_string() } else { "never".to_owned() }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The `q` quantile of the sorted values: one of them, never the mean of two.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// One line per run. The column is empty for a run whose loss never halved.
fn record(runs: &[Run]) -> String {
    let mut csv =
        "way,init,seed,mean_loss_first_100,mean_loss_first_500,halved_at_step,validation_accuracy\n"
            .to_owned();
    for run in runs {
        let init = match run.init {
            Init::Normal(eps) => format!("normal {eps:e}"),
            Init::He => "he".to_owned(),
        };
        let [first, second] = run.mean_loss;
        let halved = run.halved_at.map_or(String::new(), |step| step.to_string());
        let (way, seed, accuracy) = (run.way.name(), run.seed, run.validation_accuracy);
        writeln!(csv, "{way},{init},{seed},{first:.4},{second:.4},{halved},{accuracy:.4}")
            .expect("a String takes any text");
    }
    csv
}

/// Checks what must hold for every seed, even if only a few were run.
fn check(runs: &[Run]) {
    let halved = |way, init, seed| {
        let run = runs_of(runs, way, init).find(|run| run.seed == seed).expect("all were run");
        run.halved_at.unwrap_or(usize::MAX)
    };
    for seed in runs_of(runs, Way::Script, Init::He).map(|run| run.seed) {
        for way in [Way::Script, Way::TrainNn, Way::ThreeLayers] {
            let (he, lecture) = (halved(way, Init::He, seed), halved(way, Init::Normal(1e-4), seed));
            assert!(he < 100 && he < lecture, "{way:?}, seed {seed}: He {he}, 1e-4 {lecture}");
        }
        // Steps that are ten times smaller take longer, and with a third layer the loss never leaves the plateau.
        assert!(halved(Way::TrainNn, Init::Normal(1e-4), seed) > 100, "seed {seed}");
        assert_eq!(halved(Way::ThreeLayers, Init::Normal(1e-4), seed), usize::MAX, "seed {seed}");
    }
}

/// `--seeds N` and `--csv FILE`.
fn arguments() -> Result<(u64, Option<PathBuf>)> {
    let (mut seeds, mut csv) = (1, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match name.as_str() {
            "--seeds" => {
                seeds = value
                    .parse()
                    .ok()
                    .filter(|&n| n > 0)
                    .ok_or_else(|| Error::setting("--seeds", value, "an integer, at least 1"))?;
            }
            "--csv" if !value.is_empty() => csv = Some(Path::new(&value).to_owned()),
            _ => return Err(Error::setting("argument", name, "--seeds N or --csv FILE")),
        }
    }
    Ok((seeds, csv))
}
