//! Comparison with an independent solver, and degenerate data sets.

use std::ops::ControlFlow;

use super::*;
use crate::image::ImageShape;

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|c| c.to_string()).collect()
}

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    use rand::RngExt;
    let mut generator = generator(seed, Stream::Search);
    (0..count).map(|_| generator.random_range(-1.0..1.0)).collect()
}

/// Examples biased towards their class, with every third feature zero if `sparse`.
fn set(n: usize, d: usize, classes: usize, sparse: bool) -> Dataset {
    let mut x = numbers(n * d, 3);
    let labels: Vec<u32> = (0..n).map(|i| ((i * 7) % classes) as u32).collect();
    for (at, x) in x.iter_mut().enumerate() {
        *x += if at % d % classes == labels[at / d] as usize { 0.4 } else { 0.0 };
        *x = if sparse && *x < 0.3 { 0.0 } else { *x };
    }
    Dataset::from_features("made up", d, x, labels, names(classes)).unwrap()
}

fn solved(data: &Dataset, settings: &Settings) -> Solution {
    solve(data, settings, None, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// P(W, b) and its gradients in f64, by the naive loss and the formulas.
fn objective(data: &Dataset, settings: &Settings, w: &[f64], b: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let (n, d, c) = (data.len(), data.width(), data.class_count());
    let mut x = vec![0.0f32; n * d];
    data.write_inputs(&(0..n).collect::<Vec<_>>(), &mut x);
    let score =
        |i: usize, k: usize| b[k] + (0..d).map(|j| f64::from(x[i * d + j]) * w[j * c + k]).sum::<f64>();
    let f: Vec<f64> = (0..n * c).map(|at| score(at / c, at % c)).collect();
    let mut df = vec![0.0; n * c];
    let loss = crate::loss::naive::loss_and_gradient(settings.loss, &f, data.labels(), &mut df);
    let reg = f64::from(settings.reg);
    let mut dw: Vec<f64> = w.iter().map(|w| 2.0 * reg * w).collect();
    let mut db = vec![0.0; c];
    for i in 0..n {
        for k in 0..c {
            db[k] += df[i * c + k];
            (0..d).for_each(|j| dw[j * c + k] += df[i * c + k] * f64::from(x[i * d + j]));
        }
    }
    (loss + reg * w.iter().map(|w| w * w).sum::<f64>(), dw, db)
}

/// The lowest objective found by gradient descent, which does not use the dual. `rate` is the learning rate of step t.
fn descended(data: &Dataset, settings: &Settings, steps: usize, rate: impl Fn(f64) -> f64) -> f64 {
    let (d, c) = (data.width(), data.class_count());
    let (mut w, mut b) = (vec![0.0f64; d * c], vec![0.0f64; c]);
    let mut best = f64::INFINITY;
    for t in 0..steps {
        let (reached, dw, db) = objective(data, settings, &w, &b);
        best = best.min(reached);
        let rate = rate(t as f64);
        w.iter_mut().zip(&dw).for_each(|(w, dw)| *w -= rate * dw);
        b.iter_mut().zip(&db).for_each(|(b, db)| *b -= rate * db);
    }
    best
}

/// The reported objective is that of the returned weights.
fn is_of_its_weights(solution: &Solution, data: &Dataset, settings: &Settings) {
    let dense = solution.classifier.dense();
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let (direct, _, _) = objective(data, settings, &wide(&dense.w), &wide(&dense.b));
    let primal = solution.last.primal;
    assert!((direct - primal).abs() < 1e-12 * primal.max(1.0), "{direct}, not {primal}");
}

#[test]
fn the_objective_matches_that_of_gradient_descent() {
    for (classes, sparse) in [(2, false), (3, true), (5, false)] {
        let data = set(40, 6, classes, sparse);
        let loss = Loss::Svm { margin: 1.5 };
        let settings = Settings { reg: 0.05, loss, tolerance: 1e-5, ..Settings::default() };
        let solution = solved(&data, &settings);
        assert_eq!(solution.ending, Ending::Converged, "{:?}", solution.last);
        let Progress { primal, dual, .. } = solution.last;
        let other = descended(&data, &settings, 20_000, |t| 1.0 / (2.0 * 0.05 * (t + 20.0)));
        assert!(dual <= other && other - primal > -1e-5 * primal, "{dual} {primal} {other}");
        assert!(other - primal < 1e-3 * primal, "the other method is at {other}, not {primal}");
        is_of_its_weights(&solution, &data, &settings);
    }
}

/// The objective of softmax is smooth, so gradient descent with a constant learning rate converges to the minimum.
#[test]
fn the_softmax_objective_matches_that_of_gradient_descent() {
    for (classes, sparse, reg) in [(2, false, 0.05), (3, true, 0.01), (17, false, 0.002)] {
        let data = set(60, 6, classes, sparse);
        let settings = Settings { reg, loss: Loss::Softmax, tolerance: 1e-5, ..Settings::default() };
        let solution = solved(&data, &settings);
        assert_eq!(solution.ending, Ending::Converged, "{:?}", solution.last);
        let Progress { primal, dual, .. } = solution.last;
        let least = descended(&data, &settings, 6_000, |_| 0.5);
        assert!(dual <= least + 1e-9 * least, "the bound {dual} is above {least}");
        assert!((primal - least).abs() <= 1e-5 * primal, "{primal}, not {least}");
        is_of_its_weights(&solution, &data, &settings);
    }
}

/// For every regularisation, the bound of every gap check is below the objective of any weights.
#[test]
fn no_bound_of_softmax_is_above_an_objective() {
    let data = set(120, 12, 5, true);
    for reg in [1.0, 1e-2, 1e-4, 1e-6] {
        let settings = Settings { reg, loss: Loss::Softmax, max_epochs: 30, ..Settings::default() };
        let mut bounds = Vec::new();
        solve(&data, &settings, None, &mut |progress| {
            bounds.push(progress.dual);
            ControlFlow::Continue(())
        })
        .unwrap();
        let exact = Settings { tolerance: 1e-6, max_epochs: 100_000, ..settings };
        let least = solved(&data, &exact).last.primal;
        assert!(bounds.iter().all(|&bound| bound <= least), "{reg}: {bounds:?}, {least}");
        // Weak regularisation converges slowly.
        assert!(reg < 1e-4 || bounds.iter().any(|&bound| bound > 0.5 * least), "{reg}: {bounds:?}, {least}");
    }
}

#[test]
fn the_bound_only_rises_and_the_objective_only_falls() {
    let data = set(300, 20, 4, true);
    let mut seen: Vec<Progress> = Vec::new();
    for loss in [Loss::SVM, Loss::Softmax] {
        seen.clear();
        let settings = Settings { reg: 1e-3, loss, tolerance: 1e-6, ..Settings::default() };
        let solution = solve(&data, &settings, None, &mut |progress| {
            seen.push(*progress);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(seen.len() > 2 && seen.len() == solution.gap_checks);
        assert!(seen.iter().all(|p| p.dual <= p.primal && p.gap >= 0.0));
        assert!(seen.windows(2).all(|p| p[1].dual >= p[0].dual && p[1].primal <= p[0].primal));
        assert!(solution.last.gap <= 1e-6, "{:?}", solution.last);
    }
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let data = set(5000, 30, 11, true);
    for loss in [Loss::SVM, Loss::Softmax] {
        let settings = Settings { loss, max_epochs: 3, tolerance: 1e-9, ..Settings::default() };
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let solution = pool.install(|| solved(&data, &settings));
            (solution.classifier, solution.last)
        };
        let one = with(1);
        for threads in 2..=4 {
            assert_eq!(with(threads), one, "{loss}, {threads} threads");
        }
        assert_ne!(solved(&data, &Settings { seed: 1, ..settings }).classifier, one.0);
    }
}

#[test]
fn dense_sparse_and_pixel_rows_give_the_same_result() {
    let pixels: Vec<u8> =
        numbers(60 * 8, 5).iter().map(|&x| if x < 0.1 { 0 } else { (x * 255.0) as u8 }).collect();
    let labels: Vec<u32> = (0..60).map(|i| i % 3).collect();
    let values: Vec<f32> = pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
    let a = Dataset::from_pixels("a", ImageShape::gray(4, 2), pixels, labels.clone(), names(3)).unwrap();
    let b = Dataset::from_features("b", 8, values, labels, names(3)).unwrap();
    let settings = Settings { reg: 0.01, tolerance: 1e-5, ..Settings::default() };
    let (from_pixels, from_values) = (solved(&a, &settings), solved(&b, &settings));
    assert!(
        from_pixels.last.dual <= from_values.last.primal && from_values.last.dual <= from_pixels.last.primal
    );
    // Values without zeros are read directly from the data set.
    let dense = Dataset::from_features("c", 8, numbers(480, 5), a.labels().to_vec(), names(3)).unwrap();
    assert_eq!(solved(&dense, &settings).ending, Ending::Converged);
}

#[test]
fn a_warm_start_converges_in_fewer_epochs() {
    let data = set(400, 25, 5, true);
    let from = |data: &Dataset, settings: &Settings, start: &Variables| {
        solve(data, settings, Some(start), &mut |_| ControlFlow::Continue(()))
    };
    for loss in [Loss::SVM, Loss::Softmax] {
        let settings = |reg| Settings { reg, loss, tolerance: 1e-4, ..Settings::default() };
        let first = solved(&data, &settings(2e-3));
        let cold = solved(&data, &settings(1e-3));
        let warm = from(&data, &settings(1e-3), &first.variables).unwrap();
        assert_eq!(warm.ending, Ending::Converged);
        assert!(warm.last.epochs < cold.last.epochs, "{loss}: {:?}, {:?}", warm.last, cold.last);
        assert!(warm.last.dual <= cold.last.primal && cold.last.dual <= warm.last.primal);

        let other = from(&set(400, 25, 4, true), &settings(1e-3), &first.variables).unwrap_err();
        assert!(other.to_string().starts_with("examples of the variables to start from"), "{other}");
    }
    // Variables of the SVM loss may sum to more than 1.
    let svm = solved(&data, &Settings::default());
    let softmax = Settings { loss: Loss::Softmax, ..Settings::default() };
    let error = from(&data, &softmax, &svm.variables).unwrap_err().to_string();
    assert!(error.starts_with("loss of the variables to start from: found SVM loss"), "{error}");
}

#[test]
fn degenerate_sets_are_solved() {
    let settings = Settings { reg: 0.01, tolerance: 1e-3, ..Settings::default() };
    let features = |d, x: Vec<f32>, labels: Vec<u32>, classes| {
        Dataset::from_features("odd", d, x, labels, names(classes)).unwrap()
    };
    for (data, what) in [
        (features(3, vec![1.0, 2.0, 3.0], vec![1], 3), "one example"),
        (features(2, vec![0.0; 20], (0..10).map(|i| i % 2).collect(), 2), "rows of zeros"),
        (features(2, numbers(20, 1), vec![2; 10], 4), "one class of four"),
        (features(2, numbers(20, 1), vec![0; 10], 1), "one class at all"),
        (features(1, vec![1.0; 12], (0..12).map(|i| i % 3).collect(), 3), "twelve times the same"),
        (set(104, 5, 26, false), "26 classes"),
        (set(20, 3000, 3, true), "more features than examples"),
    ] {
        for loss in [Loss::SVM, Loss::Softmax] {
            let solution = solved(&data, &Settings { loss, ..settings });
            assert_eq!(solution.ending, Ending::Converged, "{loss}, {what}: {:?}", solution.last);
            assert_eq!(solution.classifier.dense().outputs, data.class_count());
        }
    }
}

#[test]
fn invalid_input_is_rejected() {
    let data = set(10, 3, 2, false);
    let base = Settings::default();
    for (settings, start) in [
        (Settings { reg: 0.0, ..base }, "reg is 0; expected"),
        (Settings { reg: f32::NAN, ..base }, "reg is NaN"),
        (Settings { reg: 1e-44, ..base }, "reg is "),
        (Settings { loss: Loss::Svm { margin: -1.0 }, ..base }, "margin is -1"),
        (Settings { tolerance: 0.0, ..base }, "tolerance is 0"),
        (Settings { tolerance: f64::NAN, ..base }, "tolerance is NaN"),
        (Settings { max_epochs: 0, ..base }, "epochs is 0"),
    ] {
        let error =
            solve(&data, &settings, None, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
        assert!(error.starts_with(start), "{error}");
    }
    let empty = data.subset(&[]);
    assert!(solve(&empty, &base, None, &mut |_| ControlFlow::Continue(())).is_err());
    let huge = Dataset::from_features("huge", 1, vec![1e30, 1.0], vec![0, 1], names(2)).unwrap();
    let error = solve(&huge, &base, None, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.starts_with("sum of squares of the features of example 0"), "{error}");
}

#[test]
fn the_observer_can_stop_it() {
    let data = set(100, 5, 3, false);
    let tight = Settings { tolerance: 1e-12, max_epochs: 4, ..Settings::default() };
    assert_eq!(solved(&data, &tight).ending, Ending::OutOfEpochs);
    let asked = solve(&data, &tight, None, &mut |_| ControlFlow::Break(())).unwrap();
    assert_eq!((asked.ending, asked.gap_checks), (Ending::Interrupted, 1));
}
