//! What nearest neighbours are remembered with: how many of them vote, and how much each example counts.

use std::fmt;
use std::str::FromStr;

use tercet::neighbors::{Deformable, Deformation, Edges};

use crate::exit;

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
pub struct DeformationArgs {
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
pub enum EdgesName {
    Plain,
    Root,
}

impl DeformationArgs {
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
