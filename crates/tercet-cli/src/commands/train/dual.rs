//! `tercet train linear --solver dual`: the exact solver, and the choice of the regularisation strength.

use std::ops::ControlFlow;
use std::process::ExitCode;

use tercet::linear::dual::{Ending, Progress};
use tercet::linear::path::Choice;
use tercet::recipe::{DualHistory, DualRecipe, FitProgress, Fitted, History};

use super::{data_in_words, model_path, say_preprocessing};
use crate::args::train::TrainCommonArgs;
use crate::progress::{Stage, say};
use crate::saving::save;
use crate::split::split;
use crate::table::percent;
use crate::{exit, interrupt, loading, output};

/// Trains a linear classifier exactly.
pub fn run(common: &TrainCommonArgs, recipe: DualRecipe) -> anyhow::Result<ExitCode> {
    common.logging.reject("the exact solver")?;
    // Each fold has its own sparse copy of the rows, which is freed as a whole.
    tercet_kernels::allocator::return_large_blocks();
    let preprocessing = common.preprocessing.or(recipe.preprocessing);
    let recipe = DualRecipe { preprocessing, ..recipe };
    recipe.validate()?;
    let path = model_path(common, "linear")?;
    let collection = loading::open(&common.data)?;
    let data = split(&collection.train, recipe.validation, recipe.seed)?;
    interrupt::watch("the current model will be saved")?;
    say(format!("exact linear classifier; {}", data_in_words(&data)));
    let mut stages = FitStages::new(&recipe);
    let fitted = recipe.fit(&data, None, &mut |progress| stages.see(progress))?;
    let Some(Fitted { model, history: History::Dual(history) }) = fitted else {
        return Ok(exit::interrupted());
    };
    stages.done(&history);
    let saved = save(&path, &model)?;
    if !common.json {
        output::print(summary(&history))?;
    }
    saved.print(common.json)?;
    Ok(match history.ending {
        Ending::Interrupted => exit::interrupted(),
        _ => ExitCode::SUCCESS,
    })
}

/// The progress of a fit: the choice of the regularisation strength if there is one, and the solution.
struct FitStages<'a> {
    recipe: &'a DualRecipe,
    /// The stage of the choice, the number of finished solutions, and the current one.
    choice: Option<(Stage, usize, (usize, f32))>,
    solution: Option<Stage>,
}

impl<'a> FitStages<'a> {
    fn new(recipe: &'a DualRecipe) -> Self {
        FitStages { recipe, choice: None, solution: None }
    }

    fn see(&mut self, progress: FitProgress<'_>) -> ControlFlow<()> {
        match progress {
            FitProgress::Preprocessing(preprocessing) => {
                say_preprocessing(preprocessing);
                if !self.recipe.train.reg.is_choice() {
                    self.begin_solution();
                }
            }
            FitProgress::Path { split, reg, progress } => {
                let train = &self.recipe.train;
                let solutions = train.folds.unwrap_or(1) * train.reg.choices().len();
                let begin = || (Stage::new("choice of reg", solutions), 0, (0, f32::INFINITY));
                let (stage, done, at) = self.choice.get_or_insert_with(begin);
                if *at != (split, reg) {
                    *at = (split, reg);
                    stage.at(*done);
                    *done += 1;
                }
                stage.note(format!("reg {reg:e}, gap {:.1e}", progress.gap));
            }
            FitProgress::Choice(choice) => {
                if let Some((stage, ..)) = self.choice.take() {
                    say_choice(stage, choice);
                }
                self.begin_solution();
            }
            FitProgress::Solve(progress) => {
                let stage = self.begin_solution();
                stage.at(progress.epochs as usize);
                stage.note(format!("gap {:.1e}", progress.gap));
                stage.say(format!("epoch {:.1}: {}", progress.epochs, in_words(&progress)));
            }
            _ => {}
        }
        interrupt::flow()
    }

    fn begin_solution(&mut self) -> &mut Stage {
        let most = self.recipe.train.max_epochs;
        self.solution.get_or_insert_with(|| Stage::new("linear", most))
    }

    fn done(mut self, history: &DualHistory) {
        self.begin_solution();
        let end = match history.ending {
            Ending::Converged => String::new(),
            Ending::OutOfEpochs => format!(
                ", not converged to {:e}: increase --epochs, or --tolerance",
                history.settings.tolerance
            ),
            Ending::Interrupted => ", interrupted".to_owned(),
        };
        let accuracy = history
            .validation_accuracy
            .map_or("not validated".to_owned(), |accuracy| format!("validation {}", percent(accuracy)));
        let result = format!("{accuracy}, gap {:.1e}{end}", history.last.gap);
        if let Some(stage) = self.solution {
            stage.done(&result);
        }
    }
}

fn say_choice(stage: Stage, choice: &Choice) {
    for point in &choice.points {
        stage.say(format!(
            "reg {:e}: accuracy {}, 95 % interval {} to {}, objective {:.6}, gap {:.1e}",
            point.reg,
            percent(point.accuracy),
            percent(point.interval.low),
            percent(point.interval.high),
            point.primal,
            point.gap
        ));
    }
    stage.done(&format!("reg {:e}", choice.reg));
}

fn in_words(progress: &Progress) -> String {
    let Progress { primal, dual, gap, .. } = progress;
    format!("objective {primal:.6}, at least {dual:.6}, gap {gap:.1e}")
}

/// The line for standard output.
fn summary(history: &DualHistory) -> String {
    let epochs = format!("{:.1} epochs", history.last.epochs);
    format!("reg {:e}: {}, {epochs}", history.settings.reg, in_words(&history.last))
}
