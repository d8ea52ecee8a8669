//! The choice of k by leave-one-out.

use tercet::neighbors::{ChoiceOfK, NeighborsClassifier};
use tercet::text;

use crate::progress::{Stage, say};
use crate::table::{self, percent, table};
use crate::{interrupt, output};

/// The default for the largest k to try, if there are enough examples.
const K_MAX: usize = 15;

/// Finds the best k by leave-one-out, with progress. `None` if Ctrl-C interrupted it.
pub fn choose_k(classifier: &NeighborsClassifier, k_max: Option<usize>) -> anyhow::Result<Option<ChoiceOfK>> {
    let n = classifier.labels().len();
    let k_max = k_max.unwrap_or_else(|| K_MAX.min(n.saturating_sub(1)).max(1));
    let (examples, nearest) = (text::thousands(n), text::thousands(k_max));
    say(format!("{examples} examples, each classified by its {nearest} nearest neighbours among the others"));
    let stage = Stage::new(format!("leave-one-out for k = 1 to {nearest}"), n);
    let progress = |done, _| {
        stage.at(done);
        interrupt::flow()
    };
    let choice = classifier.choose_k(k_max, &progress)?.filter(|_| !interrupt::was_asked());
    if let Some(choice) = &choice {
        stage.done(&format!("{} at k = {}", percent(choice.best().accuracy), choice.k));
    }
    Ok(choice)
}

/// Prints the accuracy of every k, and the k that was chosen.
pub fn print(choice: &ChoiceOfK) -> anyhow::Result<()> {
    let mut all = table(["k", "accuracy", "± s.e.", "95 % interval"]);
    for point in &choice.accuracies {
        all.add_row([
            point.k.to_string(),
            percent(point.accuracy),
            format!("{:.2}", 100.0 * point.standard_error),
            format!("{:.2} – {:.2}", 100.0 * point.interval.low, 100.0 * point.interval.high),
        ]);
    }
    table::print(&all)?;
    let best = choice.best();
    output::print(format_args!(
        "\nk = {}, chosen by leave-one-out: accuracy {}, 95 % interval {:.2} – {:.2}",
        choice.k,
        percent(best.accuracy),
        100.0 * best.interval.low,
        100.0 * best.interval.high,
    ))
}
