//! Checks of a data set: duplicates and label errors.

use tercet::data::Split;
use tercet::evaluate::{
    DuplicatePair, ExampleId, LabelError, LabelErrorSettings, LabelErrors, Partition, find_label_errors,
    find_leakage,
};
use tercet::network::Shape;
use tercet::recipe::{GradientDescentRecipe, Recipe};
use tercet::{Dataset, text};
use tercet_report::DataCheck;

use crate::progress::Stage;
use crate::table::{self, percent, table, with_header};
use crate::{exit, interrupt, output};

/// How many pairs, and label errors of each set, are listed in the terminal.
const LISTED: usize = 15;

/// What is checked, and how.
pub struct Check {
    /// Near-duplicates are closer than this fraction of the typical distance to the nearest neighbour.
    pub near: f64,
    /// How label errors are found; `None` skips them.
    pub label_errors: Option<LabelErrorSettings>,
    /// The seed of the validation split.
    pub seed: u64,
}

impl Check {
    /// The defaults for a data set.
    pub fn of(train: &Dataset, seed: u64) -> Self {
        Check {
            near: 0.25,
            label_errors: Some(LabelErrorSettings { recipe: recipe_for(train, seed), ..Default::default() }),
            seed,
        }
    }

    /// Checks the data. `None` if Ctrl-C interrupted it.
    pub fn run(
        &self,
        whole: &Dataset,
        parts: &Split,
        test: Option<&Dataset>,
    ) -> anyhow::Result<Option<DataCheck>> {
        let stage = Stage::new("duplicates", parts.validation.len() + test.map_or(0, |test| test.len()));
        let watch = |done, _| {
            stage.at(done);
            interrupt::flow()
        };
        let Some(found) = find_leakage(parts, test, self.near, &watch)? else { return Ok(None) };
        let (exact, near) = (text::thousands(found.exact.len()), text::thousands(found.near.len()));
        stage.done(&format!("{exact} exact, {near} near"));

        let label_errors = match &self.label_errors {
            None => None,
            Some(settings) => {
                let stage = Stage::new(format!("label errors, {} folds", settings.folds), 1000);
                let mut watch = |share: f64| {
                    stage.at((1000.0 * share) as usize);
                    interrupt::flow()
                };
                let Some(found) = find_label_errors(whole, test, settings, &mut watch)? else {
                    return Ok(None);
                };
                let (train, test) = (text::thousands(found.train.len()), text::thousands(found.test.len()));
                stage.done(&format!("{train} in the training set, {test} in the test set"));
                Some(found)
            }
        };
        Ok(Some(DataCheck::new(parts, test, self.seed, found, label_errors)))
    }
}

/// The convolutional network of `compare` if the examples are images that are large enough, or else a fully
/// connected one.
fn recipe_for(train: &Dataset, seed: u64) -> GradientDescentRecipe {
    let convolutional = match Recipe::named("ninety-nine") {
        Some(Recipe::GradientDescent(recipe)) => {
            recipe.untrained(Shape::of(train), train.class_count()).is_ok().then_some(recipe)
        }
        _ => None,
    };
    GradientDescentRecipe {
        seed,
        ..convolutional.unwrap_or_else(|| GradientDescentRecipe::network().by_data())
    }
}

/// The recipe of the networks that find label errors.
pub fn recipe(name: &str, seed: u64) -> anyhow::Result<GradientDescentRecipe> {
    match crate::recipes::open(name)? {
        Recipe::GradientDescent(recipe) => Ok(GradientDescentRecipe { seed, ..recipe }),
        _ => Err(exit::usage(format!(
            "the recipe {name} trains no network; expected a recipe of gradient descent"
        ))),
    }
}

/// Prints what was found.
pub fn print(check: &DataCheck, classes: &[String]) -> anyhow::Result<()> {
    let with_near = check.leakage.near_share > 0.0;
    let columns = if with_near { 4 } else { 3 };
    let mut rows = with_header(&["duplicates", "exact", "labels differ", "near"][..columns]);
    for parts in check.pairs_of_parts() {
        let (exact, differ, near) = check.counts(parts);
        let (a, b) = (parts.0.name(), parts.1.name());
        let between = if a == b { format!("within {a}") } else { format!("{a} – {b}") };
        let near = if a == b { "–".to_owned() } else { text::thousands(near) };
        let cells = [between, text::thousands(exact), text::thousands(differ), near];
        rows.add_row(cells.into_iter().take(columns));
    }
    table::print(&rows)?;
    let (differ, agree): (Vec<&DuplicatePair>, Vec<&DuplicatePair>) =
        check.leakage.exact.iter().partition(|pair| !pair.labels_agree());
    let exact: Vec<&DuplicatePair> = differ.into_iter().chain(agree).collect();
    list_pairs("exact duplicates", &exact, classes)?;
    list_pairs("near-duplicates", &check.leakage.near.iter().collect::<Vec<_>>(), classes)?;
    check.label_errors.as_ref().map_or(Ok(()), |found| print_label_errors(found, check, classes))
}

fn list_pairs(kind: &str, pairs: &[&DuplicatePair], classes: &[String]) -> anyhow::Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let mut rows = table([kind, "", "labels", "distance"]);
    let place = |place: ExampleId| format!("{} {}", place.partition.name(), place.index);
    for pair in pairs.iter().take(LISTED) {
        let (a, b) = (&classes[pair.labels.0 as usize], &classes[pair.labels.1 as usize]);
        let labels = if pair.labels_agree() { a.clone() } else { format!("{a} and {b}") };
        rows.add_row([place(pair.first), place(pair.second), labels, format!("{:.0}", pair.distance)]);
    }
    output::print("")?;
    table::print(&rows)?;
    more(pairs.len())
}

fn print_label_errors(
    label_errors: &LabelErrors,
    check: &DataCheck,
    classes: &[String],
) -> anyhow::Result<()> {
    let name = |class: u32| classes[class as usize].clone();
    let has_test = check.parts.iter().any(|(part, _)| *part == Partition::Test);
    for (set, found) in [("test", &label_errors.test), ("training", &label_errors.train)] {
        if set == "test" && !has_test {
            continue;
        }
        output::print(format_args!("\nlabel errors in the {set} set: {}", text::thousands(found.len())))?;
        if found.is_empty() {
            continue;
        }
        let mut rows = table(["example", "label", "network", "neighbours", "confidence"]);
        for label_error in found.iter().take(LISTED) {
            let LabelError { index, label, network, neighbors, .. } = *label_error;
            rows.add_row([
                index.to_string(),
                name(label),
                name(network),
                name(neighbors),
                percent(label_error.score()),
            ]);
        }
        table::print(&rows)?;
        more(found.len())?;
    }
    Ok(())
}

fn more(all: usize) -> anyhow::Result<()> {
    match all.saturating_sub(LISTED) {
        0 => Ok(()),
        rest => output::print(format_args!(
            "and {} more (--json lists all, --report shows them)",
            text::thousands(rest)
        )),
    }
}
