//! The page of a hyper-parameter search.

use std::ops::ControlFlow;

use tercet::Dataset;
use tercet::train::{Length, Settings};
use tercet::tune::{Axis, NetworkSpace, Plan, Progress, Search, Tuning, ValidationMethod, networks};
use tercet_report::tuning::{figures, render, write};

/// A search over hidden layers, regularisation and learning rates, one of which diverges.
fn search(observe: &mut (dyn FnMut(Progress<'_>) -> ControlFlow<()> + Send)) -> Tuning {
    let x = (0..120).map(|i| (i % 40) as f32 / 40.0).collect();
    let y = (0..120).map(|i| u32::from(i % 40 >= 20)).collect();
    let data = Dataset::from_features("line", 1, x, y, vec!["low".into(), "high".into()]).unwrap();
    let settings = Settings { length: Length::Epochs(2), ..Settings::lecture() };
    let space = NetworkSpace {
        hidden: Axis::List(vec![vec![], vec![8], vec![8, 4]]),
        reg: Axis::List(vec![0.0, 1e-3]),
        learning_rate: Axis::List(vec![0.01, 0.1, 1e30]),
        ..NetworkSpace::fixed(settings, vec![])
    };
    networks(
        &data,
        &space,
        &Plan { search: Search::Grid, validation: ValidationMethod::KFold(4), seed: 4 },
        observe,
    )
    .unwrap()
}

#[test]
fn the_page_shows_every_setting_and_loads_nothing() {
    let tuning = search(&mut |_| ControlFlow::Continue(()));
    let page = render(&tuning).unwrap();
    for part in
        ["Accuracy against hidden", "Accuracy against learning rate", "8 × 4", "diverged at step", "±"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(!page.contains("://") && !page.contains("#0102"), "nothing is loaded, every colour is replaced");
    assert_eq!(figures(&tuning).unwrap().len(), 3);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tuning.html");
    write(&path, &tuning).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page);
    assert!(write(&folder.path().join("missing/tuning.html"), &tuning).is_err());
}

#[test]
fn a_search_that_was_stopped_before_its_first_trial_has_a_page() {
    let tuning = search(&mut |_| ControlFlow::Break(()));
    assert!(render(&tuning).unwrap().contains("No trial"));
}
