//! A check of the data themselves: examples that come more than once, and labels that may be wrong.

use tercet::data::Split;
use tercet::evaluate::{
    DuplicatePair, ExampleId, Partition, Suspect, SuspectSettings, Suspects, find_leakage, suspects,
};
use tercet::network::Shape;
use tercet::recipe::{GradientDescentRecipe, Recipe};
use tercet::{Dataset, text};
use tercet_report::DataCheck;

use crate::progress::Stage;
use crate::table::{self, percent, table, with_header};
use crate::{exit, interrupt, output};

/// Pairs, and suspects of a set, that are listed in the terminal.
const LISTED: usize = 15;

/// How the data are checked.
pub struct Check {
    /// Which share of the usual distance to the nearest neighbour is near.
    pub near: f64,
    /// How labels are doubted, if they are.
    pub suspects: Option<SuspectSettings>,
    /// What decided which examples are held out.
    pub seed: u64,
}

impl Check {
    /// The defaults, for data that a convolutional network may be able to learn from.
    pub fn of(train: &Dataset, seed: u64) -> Self {
        Check {
            near: 0.25,
            suspects: Some(SuspectSettings { recipe: recipe_for(train, seed), ..Default::default() }),
            seed,
        }
    }

    /// Checks the parts. `None` where Ctrl-C ended it.
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
        stage.done(&format!("{exact} equal, {near} nearly"));

        let doubted = match &self.suspects {
            None => None,
            Some(settings) => {
                let stage = Stage::new(format!("labels, in {} folds", settings.folds), 1000);
                let mut watch = |share: f64| {
                    stage.at((1000.0 * share) as usize);
                    interrupt::flow()
                };
                let Some(found) = suspects(whole, test, settings, &mut watch)? else { return Ok(None) };
                let (train, test) = (text::thousands(found.train.len()), text::thousands(found.test.len()));
                stage.done(&format!("{train} suspects for training, {test} of the test set"));
                Some(found)
            }
        };
        Ok(Some(DataCheck::new(parts, test, self.seed, found, doubted)))
    }
}

/// The convolutional network of `compare` where the examples are images that are large enough, or else the plain one.
fn recipe_for(train: &Dataset, seed: u64) -> GradientDescentRecipe {
    let convolutional = match Recipe::named("ninety-nine") {
        Some(Recipe::GradientDescent(recipe)) => {
            recipe.untrained(Shape::of(train), train.class_count()).is_ok().then_some(recipe)
        }
        _ => None,
    };
    GradientDescentRecipe { seed, ..convolutional.unwrap_or_else(GradientDescentRecipe::network) }
}

/// A recipe that was asked for, to doubt labels by.
pub fn recipe_that_doubts(name: &str, seed: u64) -> anyhow::Result<GradientDescentRecipe> {
    match crate::recipes::open(name)? {
        Recipe::GradientDescent(recipe) => Ok(GradientDescentRecipe { seed, ..recipe }),
        _ => {
            Err(exit::usage(format!("the recipe {name} trains no network; expected one of gradient descent")))
        }
    }
}

/// Prints what was found.
pub fn print(check: &DataCheck, classes: &[String]) -> anyhow::Result<()> {
    let looked_near = check.leakage.near_share > 0.0;
    let columns = if looked_near { 4 } else { 3 };
    let mut rows =
        with_header(&["examples that come twice", "equal", "other labels", "nearly equal"][..columns]);
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
    list_pairs("equal", &exact, classes)?;
    list_pairs("nearly equal", &check.leakage.near.iter().collect::<Vec<_>>(), classes)?;
    check.suspects.as_ref().map_or(Ok(()), |suspects| print_suspects(suspects, check, classes))
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

fn print_suspects(suspects: &Suspects, check: &DataCheck, classes: &[String]) -> anyhow::Result<()> {
    let name = |class: u32| classes[class as usize].clone();
    let has_test = check.parts.iter().any(|(part, _)| *part == Partition::Test);
    for (set, found) in [("test", &suspects.test), ("training", &suspects.train)] {
        if set == "test" && !has_test {
            continue;
        }
        output::print(format_args!(
            "\nlabels of the {set} set that may be wrong: {}",
            text::thousands(found.len())
        ))?;
        if found.is_empty() {
            continue;
        }
        let mut rows = table(["example", "label", "network", "neighbours", "suspicion"]);
        for suspect in found.iter().take(LISTED) {
            let Suspect { index, label, network, neighbors, .. } = *suspect;
            rows.add_row([
                index.to_string(),
                name(label),
                name(network),
                name(neighbors),
                percent(suspect.suspicion()),
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
