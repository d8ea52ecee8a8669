//! What nearest neighbours are remembered with: how many of them vote, and how much each example counts.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use tercet::neighbors::{ChoiceOfK, Deformable, Deformation, Edges, NeighborsClassifier};
use tercet::{Error, text};

use crate::progress::{Stage, say};
use crate::table::{self, percent, table};
use crate::{exit, interrupt, output};

/// How many neighbours vote, as a person says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum K {
    /// As many as leave-one-out finds best.
    Auto,
    /// So many.
    Given(usize),
}

impl fmt::Display for K {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            K::Auto => f.pad("auto"),
            K::Given(k) => k.fmt(f),
        }
    }
}

impl FromStr for K {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(K::Auto),
            number => number.parse().map(K::Given).map_err(|_| "expected a number, or auto"),
        }
    }
}

/// What a distance forgives.
#[derive(clap::Args, Clone, Default)]
pub struct Deforming {
    /// Forgive shifts of the whole image by up to so many pixels
    #[arg(long, value_name = "PIXELS", conflicts_with = "warps", help_heading = "Deformations")]
    shifts: Option<usize>,
    /// Let every pixel find its own best place, up to so many pixels away: the image distortion model
    #[arg(long, value_name = "PIXELS", help_heading = "Deformations")]
    warps: Option<usize>,
    /// The pixels to each side that are compared with a pixel that is warped [default: 1]
    #[arg(long, value_name = "PIXELS", help_heading = "Deformations")]
    context: Option<usize>,
    /// How strong an edge counts where pixels are warped [default: root]
    #[arg(long, value_enum, help_heading = "Deformations")]
    edges: Option<EdgesName>,
    /// How many examples, the nearest by --metric, are looked at [default: 2000]
    #[arg(long, value_name = "N", help_heading = "Deformations")]
    candidates: Option<usize>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum EdgesName {
    Plain,
    Root,
}

impl Deforming {
    /// What was asked for. Refuses the details of what was not.
    pub fn deformable(&self) -> anyhow::Result<Option<Deformable>> {
        let refuse = |given: &[(&str, bool)], owner: &str| match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => {
                Err(exit::usage(format!("{name} belongs to {owner}: add that, or leave {name} out")))
            }
            None => Ok(()),
        };
        let of_warps = [("--context", self.context.is_some()), ("--edges", self.edges.is_some())];
        let deformation = match (self.shifts, self.warps) {
            (_, Some(reach)) => Deformation::Warps {
                reach,
                context: self.context.unwrap_or(Deformable::CONTEXT),
                edges: match self.edges {
                    Some(EdgesName::Plain) => Edges::Plain,
                    Some(EdgesName::Root) => Edges::Root,
                    None => Deformable::EDGES,
                },
            },
            (shifts, None) => {
                refuse(&of_warps, "--warps")?;
                let Some(by) = shifts else {
                    refuse(&[("--candidates", self.candidates.is_some())], "--shifts or --warps")?;
                    return Ok(None);
                };
                Deformation::Shifts(by)
            }
        };
        let candidates = self.candidates.unwrap_or(Deformable::CANDIDATES);
        Ok(Some(Deformable { candidates, deformation }))
    }
}

/// The largest k that is tried, unless another is asked for or there are not as many others.
const K_MAX: usize = 15;

/// Finds the best k by leave-one-out, with progress. `None` where Ctrl-C ended it.
pub fn choose_k(classifier: &NeighborsClassifier, k_max: Option<usize>) -> anyhow::Result<Option<ChoiceOfK>> {
    let n = classifier.labels().len();
    let k_max = k_max.unwrap_or_else(|| K_MAX.min(n.saturating_sub(1)).max(1));
    let (examples, nearest) = (text::thousands(n), text::thousands(k_max));
    say(format!("{examples} examples, each judged by its {nearest} nearest others"));
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

/// Prints every k with its accuracy, and the one that was chosen.
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

/// Bytes that a line of a file of weights may have, on average.
const BYTES_OF_A_LINE: usize = 64;

/// Reads the weights of `examples` examples: one number a line, in the order of the training set.
pub fn read_weights(path: &Path, examples: usize) -> anyhow::Result<Vec<f32>> {
    let refuse = |found: String, expected: String| {
        let remedy = "Write the weight of each training example on a line of its own, in their order.";
        anyhow::Error::new(Error::format(path, found, expected, remedy))
    };
    let most = (examples + 1) * BYTES_OF_A_LINE;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::file("read", path))?;
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    let wanted = format!("{} numbers, one for each training example", text::thousands(examples));
    if bytes.len() > most {
        return Err(refuse(format!("more than {}", text::bytes(most)), wanted));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| refuse("bytes that are no text".to_owned(), wanted.clone()))?;
    let mut weights = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let word = line.trim();
        let weight = word.parse::<f32>().ok().filter(|weight| weight.is_finite() && *weight >= 0.0);
        let Some(weight) = weight else {
            let found = format!("{word:?} on line {}", text::thousands(number));
            return Err(refuse(found, "a finite number, 0 or more".to_owned()));
        };
        weights.push(weight);
    }
    if weights.len() != examples {
        return Err(refuse(format!("{} numbers", text::thousands(weights.len())), wanted));
    }
    Ok(weights)
}
