//! `tercet data show`: some examples of every class, in the terminal or as a PNG.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;
use tercet::Dataset;
use tercet::augment::{Augment, variations};
use tercet::data::{Openings, contact_sheet, contact_sheet_text};
use tercet::recipe::Recipe;

use crate::args::data::ShowArgs;
use crate::output_files::check_writable;
use crate::{exit, loading, output, recipes};

/// How many examples of each class are shown by default in the terminal, and in a PNG.
const COLUMNS: (usize, usize) = (3, 12);

/// Shows examples.
pub fn run(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let augment = args.augment.as_deref().map(|recipe| augmentation(recipe, args.seed)).transpose()?;
    args.out.as_deref().map(check_writable).transpose()?;
    let collection = loading::open(&args.data.args())?;
    let mut set: Dataset = match args.test {
        true => loading::test_set(&collection)?.open(&mut Openings::new(), "data show"),
        false => collection.train,
    };
    let columns = args.columns.unwrap_or(if args.out.is_some() { COLUMNS.1 } else { COLUMNS.0 });
    if let Some((augment, seed)) = augment {
        // One column is the original.
        set = variations(&set, augment, columns.saturating_sub(1), seed)?;
    }
    match &args.out {
        Some(path) => {
            let sheet = contact_sheet(&set, columns)?;
            let mut png = std::io::Cursor::new(Vec::new());
            sheet.write_to(&mut png, image::ImageFormat::Png)?;
            tercet::file::replace(path, png.get_ref())?;
            output::print_files(args.json, &[path], json!({ "data": set.name() }))?;
        }
        None => {
            let text = contact_sheet_text(&set, columns, output::width(), output::colours())?;
            std::io::stdout().write_all(text.as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The augmentation of a recipe, and its seed.
fn augmentation(name: &str, seed: Option<u64>) -> anyhow::Result<(Augment, u64)> {
    match recipes::open(name)? {
        Recipe::GradientDescent(recipe) if !recipe.train.augment.is_none() => {
            Ok((recipe.train.augment, seed.unwrap_or(recipe.seed)))
        }
        _ => Err(exit::usage(format!(
            "the recipe {name} has no augmentation; expected one with [train.augment]"
        ))),
    }
}
