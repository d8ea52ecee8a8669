//! The solver of a linear classifier, and the options of the exact one.

use clap::{Args, ValueEnum};
use tercet::recipe::DualRecipe;

use crate::args::gradient_descent::GradientDescentArgs;
use crate::exit;

/// Which solver, and what only the exact one understands.
#[derive(Args)]
pub struct DualArgs {
    /// How the loss is minimised: by gradient descent, or exactly, with a proof of how near the least it is
    #[arg(long, value_enum, default_value_t = Solver::Sgd)]
    solver: Solver,
    /// Let `dual` end as soon as the objective is within this part of the least [default: 1e-3]
    #[arg(long, value_name = "PART", allow_negative_numbers = true)]
    tolerance: Option<f64>,
    /// Let `--reg auto`, or a list, be chosen by so many folds of a cross-validation instead of the validation set
    #[arg(long, value_name = "K")]
    folds: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Solver {
    Sgd,
    Dual,
}

impl DualArgs {
    /// The recipe for the exact solver that the arguments amount to; nothing where gradient descent is to do it.
    pub fn recipe(&self, d: &GradientDescentArgs) -> anyhow::Result<Option<DualRecipe>> {
        let refuse = |given: &[(&str, bool)], why: &str| match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(exit::usage(format!("{name} {why}, or leave {name} out"))),
            None => Ok(()),
        };
        let of_dual = [("--tolerance", self.tolerance.is_some()), ("--folds", self.folds.is_some())];
        if self.solver == Solver::Sgd {
            refuse(&of_dual, "belongs to the exact solver: add --solver dual")?;
            return Ok(None);
        }
        let of_descent = [
            ("--lr", d.lr.is_some()),
            ("--batch", d.batch.is_some()),
            ("--iterations", d.iterations.is_some()),
            ("--check-every", d.check_every.is_some()),
            ("--losses", d.losses.is_some()),
            ("--weights", d.weights.is_some()),
        ];
        let why = "belongs to gradient descent: say --solver sgd";
        refuse(&of_descent, why)?;
        refuse(&d.refinements.given(), why)?;
        let (seed, validation) = (d.seed.seed, d.validation.validation);
        let mut recipe = DualRecipe { seed, validation, ..DualRecipe::default() };
        let train = &mut recipe.train;
        train.loss = d.loss(train.loss)?;
        train.reg = d.reg.clone().unwrap_or(train.reg.clone());
        if !train.reg.is_choice() {
            refuse(&of_dual[1..], "belongs to --reg auto: add that")?;
        }
        train.folds = self.folds;
        train.tolerance = self.tolerance.unwrap_or(train.tolerance);
        train.max_epochs = d.epochs.unwrap_or(train.max_epochs);
        recipe.validate()?;
        Ok(Some(recipe))
    }
}
