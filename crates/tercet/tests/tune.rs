//! Tuning through its public interface: its trials, their results, and how it ends.

use std::ops::ControlFlow;

use rand::RngExt;
use tercet::data::{Dataset, folds, split};
use tercet::linear::LinearClassifier;
use tercet::loss::Loss;
use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
use tercet::preprocess::{Learner, Preprocessing, Spec};
use tercet::random::{Stream, generator};
use tercet::train::{self, Length, Settings, train};
use tercet::tune::{
    Axis, NeighborSpace, NetworkSpace, Plan, Progress, Search, TrialSettings, Tuning, ValidationMethod,
    Value, neighbors, networks,
};
use tercet::{Error, Result};

/// Three overlapping clouds in the plane.
fn clouds(n: usize) -> Dataset {
    let mut generator = generator(3, Stream::Weights);
    let labels: Vec<u32> = (0..n as u32).map(|i| i % 3).collect();
    let mut around =
        |centre: f32| centre + generator.random_range(-1.0..1.0f32) + generator.random_range(-1.0..1.0f32);
    let centres = [(0.0, 0.0), (1.5, 0.0), (0.0, 1.5)];
    let x =
        labels.iter().flat_map(|&y| [around(centres[y as usize].0), around(centres[y as usize].1)]).collect();
    Dataset::from_features("clouds", 2, x, labels, ["a", "b", "c"].map(String::from).to_vec()).unwrap()
}

fn unwatched(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn base() -> Settings {
    Settings { length: Length::Epochs(3), ..Settings::lecture() }
}

fn plan(search: Search) -> Plan {
    Plan { search, validation: ValidationMethod::HoldOut { size: 60 }, seed: 4 }
}

const FOLDS: Plan = Plan { search: Search::Grid, validation: ValidationMethod::KFold(4), seed: 4 };

fn neighbor_space(k: Axis<usize>) -> NeighborSpace {
    let metric = vec![Metric::L1, Metric::L2, Metric::Cosine];
    NeighborSpace { metric, vote: Vote::ALL.to_vec(), k, preprocessing: Spec::default() }
}

/// Everything except the durations.
fn timeless(mut tuning: Tuning) -> Tuning {
    tuning.seconds = 0.0;
    tuning.trials.iter_mut().for_each(|trial| trial.seconds = 0.0);
    tuning
}

fn number(tuning: &Tuning, trial: usize, name: &str) -> f64 {
    let trial = tuning.trials.iter().find(|t| t.number == trial).unwrap();
    match trial.settings.values().into_iter().find(|(n, _)| n == name).unwrap().1 {
        Value::Number(v) => v,
        Value::Name(name) => panic!("{name} is no number"),
    }
}

fn refused<T>(result: Result<T>) -> String {
    match result {
        Err(error @ Error::Setting { .. }) => error.to_string(),
        Err(error) => panic!("not about a setting: {error}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn a_grid_tries_every_combination_once_with_the_learning_rate_changing_fastest() {
    let space = NetworkSpace {
        hidden: Axis::List(vec![vec![], vec![4]]),
        margin: Some(Axis::List(vec![0.5, 1.0])),
        learning_rate: Axis::List(vec![0.01, 0.1, 0.1]),
        ..NetworkSpace::fixed(base(), vec![])
    };
    let tuning = networks(&clouds(200), &space, &plan(Search::Grid), &mut unwatched).unwrap();
    assert_eq!((tuning.trials.len(), tuning.planned, tuning.complete), (8, 8, true));
    let in_order = |name| (1..=8).map(|trial| number(&tuning, trial, name)).collect::<Vec<_>>();
    assert_eq!(in_order("learning rate"), [0.01, 0.1, 0.01, 0.1, 0.01, 0.1, 0.01, 0.1]);
    assert_eq!(in_order("margin"), [0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0]);
    assert_eq!(tuning.tuned(), ["hidden", "margin", "learning rate"]);
    let parameters = |trial: usize| tuning.trials.iter().find(|t| t.number == trial).unwrap().parameters;
    assert_eq!((parameters(1), parameters(8)), (Some(9), Some(27)));
}

#[test]
fn a_trial_matches_training_by_hand() {
    let data = clouds(200);
    let space = NetworkSpace { reg: Axis::List(vec![0.0, 1e-3]), ..NetworkSpace::fixed(base(), vec![]) };
    let tuning = networks(&data, &space, &plan(Search::Grid), &mut unwatched).unwrap();
    let parts = split(&data, 60, 4).unwrap();
    for trial in &tuning.trials {
        let TrialSettings::Network { training, .. } = &trial.settings else { panic!() };
        let standardize = Preprocessing::fit(&Spec::default(), Learner::Weights, &parts.train).unwrap();
        let [examples, held_out] =
            [&parts.train, &parts.validation].map(|set| standardize.apply_to(set).unwrap());
        let mut linear = LinearClassifier::new(2, 3).unwrap().into_network();
        train(&mut linear, &train::Plan::new(&examples, *training, 4)).unwrap();
        let (scores, labels) = (linear.scores(&held_out).unwrap(), held_out.labels());
        assert_eq!(trial.accuracy, Some(scores.accuracy(labels)));
        // There, standardisation is folded into the first layer, which rounds differently.
        let loss = f64::from(Loss::SVM.loss(scores.values(), labels));
        assert!((trial.loss.unwrap() - loss).abs() < 1e-5 * loss);
    }
}

#[test]
fn the_best_is_the_best_and_the_rest_are_in_order() {
    let tuning =
        neighbors(&clouds(300), &neighbor_space(Axis::List((1..=40).collect())), &FOLDS, &mut unwatched);
    let tuning = tuning.unwrap();
    assert_eq!(tuning.trials.len(), 3 * 2 * 40);
    let best = tuning.best().unwrap();
    for pair in tuning.trials.windows(2) {
        assert!(pair[0].accuracy >= pair[1].accuracy);
        assert!(best.accuracy >= pair[1].accuracy);
    }
    assert!(best.accuracy.unwrap() > tuning.trials.last().unwrap().accuracy.unwrap());
}

#[test]
fn one_search_serves_all_k_and_matches_separate_searches() {
    let data = clouds(150);
    let tuning =
        neighbors(&data, &neighbor_space(Axis::List(vec![7, 1, 4])), &FOLDS, &mut unwatched).unwrap();
    let parts = folds(&data, 4, 4).unwrap();
    for trial in &tuning.trials {
        let TrialSettings::Neighbors { k, metric, vote } = trial.settings else { panic!() };
        let alone = parts.iter().map(|part| {
            let classifier = NeighborsClassifier::fit(&part.train, metric, k, vote).unwrap();
            let predicted = classifier.predict(&part.validation).unwrap();
            let labels = part.validation.labels();
            predicted.iter().zip(labels).filter(|(a, b)| a == b).count() as f64 / labels.len() as f64
        });
        let alone: Vec<f64> = alone.collect();
        assert_eq!(trial.accuracies, alone, "{}", trial.describe());
        assert!((trial.accuracy.unwrap() - alone.iter().sum::<f64>() / 4.0).abs() < 1e-12);
    }
    assert_eq!(
        tuning.trials.iter().find(|t| t.number == 1).unwrap().describe(),
        "metric l1, vote uniform, k 7"
    );
}

#[test]
fn random_draws_stay_in_their_ranges_and_are_distinct() {
    let space = NetworkSpace {
        hidden: Axis::Range { low: vec![2], high: vec![5] },
        batch: Axis::List(vec![10, 20]),
        reg: Axis::Range { low: 1e-6, high: 1e-2 },
        learning_rate: Axis::Range { low: 1e-3, high: 1.0 },
        ..NetworkSpace::fixed(Settings { length: Length::Iterations(1), ..base() }, vec![])
    };
    let tuning =
        networks(&clouds(100), &space, &plan(Search::Random { trials: 60 }), &mut unwatched).unwrap();
    assert_eq!(tuning.trials.len(), 60);
    let mut below = 0;
    for trial in 1..=60 {
        assert!((1e-3..=1.0).contains(&number(&tuning, trial, "learning rate")));
        assert!((1e-6..=1e-2).contains(&number(&tuning, trial, "reg")));
        below += usize::from(number(&tuning, trial, "reg") < 1e-4);
    }
    // Half of them are expected, with a standard deviation of 4.
    assert!((14..=46).contains(&below), "{below}");

    let space = neighbor_space(Axis::Range { low: 2, high: 4 });
    let tuning =
        neighbors(&clouds(100), &space, &plan(Search::Random { trials: 500 }), &mut unwatched).unwrap();
    assert_eq!(tuning.trials.len(), 3 * 2 * 3, "there are no more");
}

#[test]
fn one_seed_gives_the_same_trials_with_any_number_of_threads() {
    let data = clouds(200);
    let space = NetworkSpace {
        hidden: Axis::List(vec![vec![], vec![30], vec![20, 10]]),
        learning_rate: Axis::Range { low: 1e-3, high: 1.0 },
        ..NetworkSpace::fixed(base(), vec![])
    };
    let run = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let plan =
            Plan { search: Search::Random { trials: 6 }, validation: ValidationMethod::KFold(3), seed };
        let by_neighbors = neighbor_space(Axis::Range { low: 1, high: 50 });
        pool.install(|| {
            let a = networks(&data, &space, &plan, &mut unwatched).unwrap();
            let b = neighbors(&data, &by_neighbors, &plan, &mut unwatched).unwrap();
            (timeless(a), timeless(b))
        })
    };
    let once = run(1, 7);
    assert_eq!(once, run(3, 7));
    assert_ne!(once.0.trials[0].settings, run(1, 8).0.trials[0].settings, "the seed matters");
}

#[test]
fn a_diverged_trial_is_ranked_last() {
    let space = NetworkSpace {
        learning_rate: Axis::List(vec![1e30, 0.1]),
        ..NetworkSpace::fixed(Settings { reg: 1.0, ..base() }, vec![4])
    };
    for (validation, fold) in
        [(ValidationMethod::HoldOut { size: 60 }, None), (ValidationMethod::KFold(3), Some(1))]
    {
        let plan = Plan { search: Search::Grid, validation, seed: 0 };
        let tuning = networks(&clouds(200), &space, &plan, &mut unwatched).unwrap();
        assert!(tuning.complete);
        let (best, last) = (&tuning.trials[0], &tuning.trials[1]);
        assert_eq!((best.number, last.number), (2, 1));
        let divergence = last.diverged.unwrap();
        assert_eq!((divergence.fold, last.accuracy, last.loss), (fold, None, None));
        assert!(divergence.to_string().starts_with("diverged at step"));
        assert!(best.diverged.is_none() && tuning.best() == Some(best));
    }
}

#[test]
fn observers_see_every_trial_and_the_time_left() {
    let space = NetworkSpace {
        learning_rate: Axis::List(vec![0.1, 0.2, 0.3]),
        ..NetworkSpace::fixed(base(), vec![])
    };
    let (mut ended, mut shares, mut estimates) = (Vec::new(), Vec::new(), 0);
    let mut watch = |progress: Progress<'_>| {
        shares.push(progress.share);
        estimates += usize::from(progress.time_left().is_some());
        assert_eq!(progress.total, 3);
        if let Some(trial) = progress.trial {
            ended.push((progress.done, trial.number, progress.share));
            if progress.done == 3 {
                assert_eq!(progress.time_left(), Some(std::time::Duration::ZERO));
            }
        }
        ControlFlow::Continue(())
    };
    networks(&clouds(200), &space, &FOLDS, &mut watch).unwrap();
    assert_eq!(ended, [(1, 1, 1.0 / 3.0), (2, 2, 2.0 / 3.0), (3, 3, 1.0)]);
    assert!(shares.is_sorted() && shares.len() > 30, "also in the middle of a trial");
    assert_eq!(estimates, shares.len());
}

#[test]
fn observers_may_stop_tuning_and_keep_the_completed_trials() {
    let data = clouds(200);
    let space = NetworkSpace {
        learning_rate: Axis::List(vec![0.1, 0.2, 0.3]),
        ..NetworkSpace::fixed(base(), vec![])
    };
    let flow = |stop| if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let ended_when = |stop: &(dyn Fn(&Progress<'_>) -> bool + Sync)| {
        networks(&data, &space, &plan(Search::Grid), &mut |progress| flow(stop(&progress))).unwrap()
    };
    let tuning = ended_when(&|progress| progress.trial.is_some() && progress.done == 2);
    assert_eq!((tuning.trials.len(), tuning.planned, tuning.complete), (2, 3, false));
    let tuning = ended_when(&|progress| progress.trial.is_none() && progress.share > 0.5);
    assert_eq!((tuning.trials.len(), tuning.complete), (1, false), "in the middle of the second");
    let tuning = ended_when(&|_| true);
    assert!(tuning.best().is_none() && tuning.trials.is_empty());
    let tuning = ended_when(&|progress| progress.done == 3);
    assert_eq!((tuning.trials.len(), tuning.complete), (3, true), "nothing was left to end");

    let space = neighbor_space(Axis::List(vec![1, 2]));
    let mut stop_in_second_search =
        |progress: Progress<'_>| flow(progress.trial.is_none() && progress.done == 4);
    let tuning = neighbors(&data, &space, &plan(Search::Grid), &mut stop_in_second_search).unwrap();
    assert_eq!((tuning.trials.len(), tuning.planned, tuning.complete), (4, 12, false));
}

#[test]
fn spaces_and_plans_that_make_no_sense_are_rejected_before_the_first_trial() {
    let data = clouds(100);
    let fixed = || NetworkSpace::fixed(base(), vec![4]);
    let random = plan(Search::Random { trials: 3 });
    let grid = plan(Search::Grid);
    let mut never = |_: Progress<'_>| -> ControlFlow<()> { panic!("a trial was begun") };
    let mut network = |space: NetworkSpace, plan: &Plan| refused(networks(&data, &space, plan, &mut never));

    let range = Axis::Range { low: 0.1, high: 1.0 };
    for (space, plan, what) in [
        (
            NetworkSpace { learning_rate: Axis::List(vec![]), ..fixed() },
            grid,
            "learning rate is an empty list",
        ),
        (NetworkSpace { hidden: Axis::List(vec![]), ..fixed() }, grid, "hidden is an empty list"),
        (NetworkSpace { learning_rate: Axis::List(vec![0.1, -1.0]), ..fixed() }, grid, "learning rate is -1"),
        (NetworkSpace { reg: range.clone(), ..fixed() }, grid, "reg is a range"),
        (NetworkSpace { reg: Axis::Range { low: 0.0, high: 1.0 }, ..fixed() }, random, "reg is 0.0 to 1.0"),
        (NetworkSpace { hidden: Axis::List(vec![vec![3, 0]]), ..fixed() }, grid, "hidden is 0"),
        (NetworkSpace { batch: Axis::List(vec![0]), ..fixed() }, grid, "batch is 0"),
        (fixed(), plan(Search::Random { trials: 0 }), "the number of trials is 0"),
        (fixed(), plan(Search::Random { trials: usize::MAX }), "the number of trials is"),
        (fixed(), Plan { validation: ValidationMethod::HoldOut { size: 100 }, ..grid }, "validation is 100"),
        (fixed(), Plan { validation: ValidationMethod::KFold(1), ..grid }, "folds is 1"),
        (
            NetworkSpace { margin: Some(range), base: Settings { loss: Loss::Softmax, ..base() }, ..fixed() },
            random,
            "loss is softmax",
        ),
    ] {
        let error = network(space, &plan);
        assert!(error.starts_with(what), "{error}");
    }
    let many = Axis::List((1..=400).map(|i| i as f32).collect());
    let error = network(NetworkSpace { reg: many.clone(), learning_rate: many, ..fixed() }, &grid);
    assert!(error.contains("160,000") && error.contains("100,000"), "{error}");

    // With 100 examples, 60 are held out, or 25 per fold.
    for (k, plan, most) in [(41, grid, "1 to 40"), (76, FOLDS, "1 to 75"), (0, grid, "1 to 40")] {
        let error = refused(neighbors(&data, &neighbor_space(Axis::List(vec![1, k])), &plan, &mut never));
        assert!(error.starts_with(&format!("k is {k}")) && error.contains(most), "{error}");
    }
    let error =
        refused(neighbors(&data, &neighbor_space(Axis::Range { low: 1, high: 41 }), &random, &mut never));
    assert!(error.starts_with("k is 41"), "{error}");
    let no_metric = NeighborSpace { metric: vec![], ..neighbor_space(Axis::only(1)) };
    assert!(refused(neighbors(&data, &no_metric, &grid, &mut never)).starts_with("metric is an empty list"));
}

#[test]
fn a_tuning_survives_json() {
    let space = NetworkSpace {
        hidden: Axis::List(vec![vec![], vec![8], vec![8, 4]]),
        reg: Axis::List(vec![0.0, 1e-3]),
        learning_rate: Axis::List(vec![0.01, 0.1, 1e30]),
        ..NetworkSpace::fixed(Settings { reg: 1.0, ..base() }, vec![])
    };
    let tuning = networks(&clouds(200), &space, &FOLDS, &mut unwatched).unwrap();
    let json = tuning.to_json().unwrap();
    assert_eq!(serde_json::from_str::<Tuning>(&json).unwrap(), tuning);
}
