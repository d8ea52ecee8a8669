//! The solver of a linear classifier, and the options of the exact one.

use clap::{Args, ValueEnum};
use tercet::recipe::DualRecipe;

use crate::args::gradient_descent::GradientDescentArgs;
use crate::exit;

/// The solver, and the options of the exact one.
#[derive(Args)]
pub struct DualArgs {
    /// Solver: gradient descent, or the exact dual solver, which reports its duality gap
    #[arg(long, value_enum, default_value_t = Solver::Sgd)]
    solver: Solver,
    /// Stop the dual solver when the relative duality gap is below this [default: 1e-3]
    #[arg(long, value_name = "GAP", allow_negative_numbers = true)]
    tolerance: Option<f64>,
    /// Choose `--reg auto`, or from a list, by N-fold cross-validation instead of the validation set
    #[arg(long, value_name = "N")]
    folds: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Solver {
    /// Stochastic gradient descent
    Sgd,
    /// Dual coordinate ascent
    Dual,
}

impl DualArgs {
    /// The recipe for the exact solver; `None` for gradient descent.
    pub fn recipe(&self, d: &GradientDescentArgs) -> anyhow::Result<Option<DualRecipe>> {
        let reject = |given: &[(&str, bool)], why: &str| match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(exit::usage(format!("{name} {why}, or leave {name} out"))),
            None => Ok(()),
        };
        let of_dual = [("--tolerance", self.tolerance.is_some()), ("--folds", self.folds.is_some())];
        if self.solver == Solver::Sgd {
            reject(&of_dual, "belongs to the exact solver: add --solver dual")?;
            return Ok(None);
        }
        let of_descent = [
            ("--lr", d.lr.is_some()),
            ("--batch", d.batch.is_some()),
            ("--iterations", d.iterations.is_some()),
            ("--validate-every", d.validate_every.is_some()),
            ("--losses", d.losses.is_some()),
            ("--sample-weights", d.sample_weights.is_some()),
        ];
        let why = "belongs to gradient descent: use --solver sgd";
        reject(&of_descent, why)?;
        reject(&d.refinements.given(), why)?;
        let (seed, validation) = (d.seed.seed, d.split.validation);
        let mut recipe = DualRecipe { seed, validation, ..DualRecipe::default() };
        let train = &mut recipe.train;
        train.loss = d.loss(train.loss)?;
        train.reg = d.reg.clone().unwrap_or(train.reg.clone());
        if !train.reg.is_choice() {
            reject(&of_dual[1..], "belongs to --reg auto: add that")?;
        }
        train.folds = self.folds;
        train.tolerance = self.tolerance.unwrap_or(train.tolerance);
        train.max_epochs = d.epochs.unwrap_or(train.max_epochs);
        recipe.validate()?;
        Ok(Some(recipe))
    }
}
