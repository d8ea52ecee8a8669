//! `tercet data info|check|show|convert|fetch`: a look at a data set before anything is learned from it, other files of it, and
//! its files from the net ([`fetch`]).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Subcommand;
use serde_json::json;
use tercet::Dataset;
use tercet::augment::{Augment, variations};
use tercet::data::{
    Format, Openings, Source, Summary, contact_sheet, contact_sheet_text, duplicates_across, write,
};
use tercet::recipe::AnyRecipe;
use tercet::report::{self, DataCard, Run};
use tercet::text::thousands;

use crate::args::{Data, Read, Seed, Validation, check_writable, command, recipe, test_set};
use crate::commands::fetch;
use crate::data_check::{self, Check};
use crate::progress::say;
use crate::table::{percent, with_header};
use crate::{exit, interrupt, output};

/// What `tercet data` understands.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Counts per class, value range, digest, duplicates
    Info {
        #[command(flatten)]
        data: Data,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Duplicates across training, validation and test set, and labels that may be wrong
    Check(Box<CheckArguments>),
    /// Some examples of every class, in the terminal or as a PNG
    Show {
        #[command(flatten)]
        data: Data,
        /// How many examples of each class [default: 3 in the terminal, 12 in a PNG]
        #[arg(long, value_name = "N")]
        columns: Option<usize>,
        /// Draw the test set instead of the training set
        #[arg(long)]
        test: bool,
        /// Show one example of every class beside what training by this recipe makes of it: `two-layer-elastic`, …, or a
        /// TOML file
        #[arg(long, value_name = "RECIPE")]
        augment: Option<String>,
        /// The seed of the augmentation, instead of the recipe's
        #[arg(long, value_name = "N", requires = "augment")]
        seed: Option<u64>,
        /// Write a PNG instead
        #[arg(long, value_name = "FILE.png")]
        out: Option<PathBuf>,
    },
    /// Fetch a data set from the net, or a file; nothing else ever does
    Fetch(fetch::Arguments),
    /// Write a data set in another format
    Convert {
        /// What to read: all that `--data` takes elsewhere
        #[arg(value_name = "FROM")]
        from: Source,
        /// What to write, its format told by its name: NAME.npz, features.npy (with labels.npy), NAME.csv, NAME.libsvm, or a
        /// folder
        #[arg(value_name = "TO")]
        to: PathBuf,
        #[command(flatten)]
        reading: Read,
        /// The format, where its name does not tell: idx or pictures of a folder, npz, npy, csv, libsvm
        #[arg(long)]
        format: Option<Format>,
        /// Leave the test set out
        #[arg(long)]
        train_only: bool,
    },
}

/// What `tercet data check` understands.
#[derive(clap::Args)]
struct CheckArguments {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    validation: Validation,
    #[command(flatten)]
    seed: Seed,
    /// Call examples nearly equal that are closer than this share of the usual distance to the nearest neighbour; 0 looks for
    /// equal ones alone
    #[arg(long, default_value_t = 0.25, value_name = "SHARE", allow_negative_numbers = true)]
    near: f64,
    /// Look for duplicates alone, which takes a second
    #[arg(long, conflicts_with_all = ["folds", "k", "recipe"])]
    duplicates: bool,
    /// In how many folds the networks that doubt labels are cross-validated
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// How many neighbours doubt labels
    #[arg(short, default_value_t = 5)]
    k: usize,
    /// The recipe of these networks, its loss softmax [default: ninety-nine for images, else network]
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<String>,
    /// Leave the test set sealed
    #[arg(long)]
    train_only: bool,
    /// Write a page with the pictures, too
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks at a data set.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.what {
        What::Info { data, json } => info(&data, json)?,
        What::Check(arguments) => return check(&arguments),
        What::Fetch(arguments) => return fetch::run(arguments),
        What::Show { data, columns, test, augment, seed, out } => {
            let augment = augment.map(|recipe| augmentation(&recipe, seed)).transpose()?;
            show(&data, columns, test, augment, out)?;
        }
        What::Convert { from, to, reading, format, train_only } => {
            convert(&from, &to, &reading, format, train_only)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn info(data: &Data, json: bool) -> anyhow::Result<()> {
    let collection = data.open()?;
    let mut openings = Openings::new();
    let test = collection.test.as_ref().map(|test| test.open(&mut openings, "data info"));
    let across = test.as_ref().map(|test| duplicates_across(&collection.train, test));
    let train = Summary::of(&collection.train);
    let test = test.as_ref().map(Summary::of);

    let mut out = std::io::stdout().lock();
    if json {
        let info = json!({
            "name": collection.name,
            "train": train,
            "test": test,
            "duplicates_across": across,
            "openings": openings,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&info)?)?;
        return Ok(());
    }
    writeln!(out, "{}\n", collection.name)?;
    let summaries: Vec<&Summary> = std::iter::once(&train).chain(&test).collect();
    let columns = 1 + summaries.len();
    let mut facts = with_header(&["", "train", "test"][..columns]);
    let mut row = |name: &str, value: &dyn Fn(&Summary) -> String| {
        facts.add_row(std::iter::once(name.to_owned()).chain(summaries.iter().map(|s| value(s))));
    };
    row("examples", &|s| thousands(s.examples));
    row("features", &|s| match s.image {
        Some(shape) => format!("{} ({shape})", thousands(s.features)),
        None => thousands(s.features),
    });
    row("values", &|s| s.values.map_or("none".into(), |v| format!("{} to {}", v.minimum, v.maximum)));
    row("mean", &|s| s.values.map_or("none".into(), |v| format!("{:.2}", v.mean)));
    row("zeros", &|s| s.values.map_or("none".into(), |v| percent(v.zeros)));
    row("duplicates", &|s| thousands(s.duplicates));
    row("digest", &|s| format!("{}…", &s.digest[..16]));
    writeln!(out, "{}\n", facts.trim_fmt())?;

    let mut classes = with_header(&["class", "train", "test"][..columns]);
    for (i, class) in train.classes.iter().enumerate() {
        let counts = summaries.iter().map(|s| thousands(s.classes[i].examples));
        classes.add_row(std::iter::once(class.name.clone()).chain(counts));
    }
    writeln!(out, "{}\n", classes.trim_fmt())?;
    if let Some(across) = across {
        writeln!(out, "test examples that also stand in the training set: {}", thousands(across.len()))?;
        for (train, test) in across.iter().take(10) {
            writeln!(out, "  test {test} = train {train}")?;
        }
        if across.len() > 10 {
            writeln!(out, "  and {} more (--json lists all)", thousands(across.len() - 10))?;
        }
    }
    Ok(())
}

fn check(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    arguments.report.as_deref().map(check_writable).transpose()?;
    let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let collection = arguments.data.open()?;
    let seed = arguments.seed.seed;
    let parts = arguments.validation.split_or_keep_all(&collection.train, seed)?;
    let mut checks = Check { near: arguments.near, ..Check::of(&collection.train, seed) };
    if let Some(settings) = &mut checks.suspects {
        (settings.folds, settings.k) = (arguments.folds, arguments.k);
        if let Some(recipe) = &arguments.recipe {
            settings.recipe = data_check::recipe_that_doubts(recipe, seed)?;
        }
    }
    if arguments.duplicates {
        checks.suspects = None;
    }
    interrupt::watch("stopping")?;
    let mut openings = Openings::new();
    let sealed = collection.test.as_ref().filter(|_| !arguments.train_only);
    let test = sealed.map(|test| test.open(&mut openings, "data check"));
    let Some(found) = checks.run(&collection.train, &parts, test.as_ref())? else {
        return Ok(exit::interrupted());
    };
    let test = test.unwrap_or_else(|| collection.train.subset(&[]));
    let mut run = Run {
        title: format!("Check of {}", collection.name),
        command: command(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        isa: tercet_kernels::Isa::active().name().to_owned(),
        threads: rayon::current_num_threads(),
        seed: Some(seed),
        started,
        data: DataCard::new(&parts.train, parts.validation.len(), test.len(), collection.train.digest()),
        openings,
        check: Some(found),
        ..Run::default()
    };
    run.data.name.clone_from(&collection.name);
    if let Some(path) = &arguments.report {
        report::write(path, &run, &test)?;
        say(format!("report: {}", path.display()));
    }
    if arguments.json {
        output::print(run.to_json()?)?;
    } else if let Some(found) = &run.check {
        data_check::print(found, collection.train.classes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn convert(
    from: &Source,
    to: &Path,
    reading: &Read,
    format: Option<Format>,
    train_only: bool,
) -> anyhow::Result<()> {
    let format = format.map_or_else(|| Format::of(to), Ok)?;
    format.check(to)?;
    let collection = from.open_with(&reading.reading())?;
    let mut openings = Openings::new();
    let test = collection.test.as_ref().filter(|_| !train_only);
    let test = test.map(|test| test.open(&mut openings, "data convert"));
    for path in write(to, format, &collection.train, test.as_ref())? {
        output::print(path.display())?;
    }
    Ok(())
}

/// What a recipe does to pictures, and the seed of it.
fn augmentation(name: &str, seed: Option<u64>) -> anyhow::Result<(Augment, u64)> {
    match recipe(name)? {
        AnyRecipe::Descent(recipe) if !recipe.train.augment.is_none() => {
            Ok((recipe.train.augment, seed.unwrap_or(recipe.seed)))
        }
        _ => Err(exit::usage(format!(
            "the recipe {name} leaves pictures as they are; expected one with [train.augment]"
        ))),
    }
}

fn show(
    data: &Data,
    columns: Option<usize>,
    test: bool,
    augment: Option<(Augment, u64)>,
    out: Option<PathBuf>,
) -> anyhow::Result<()> {
    if let Some(path) = &out {
        check_writable(path)?;
    }
    let collection = data.open()?;
    let mut set: Dataset =
        if test { test_set(&collection)?.open(&mut Openings::new(), "data show") } else { collection.train };
    let columns = columns.unwrap_or(if out.is_some() { 12 } else { 3 });
    if let Some((augment, seed)) = augment {
        // So many beside the original.
        set = variations(&set, augment, columns.saturating_sub(1), seed)?;
    }
    match out {
        Some(path) => {
            let sheet = contact_sheet(&set, columns)?;
            let mut png = std::io::Cursor::new(Vec::new());
            sheet.write_to(&mut png, image::ImageFormat::Png)?;
            tercet::file::replace(&path, png.get_ref())?;
            output::print(path.display())?;
        }
        None => {
            let text = contact_sheet_text(&set, columns, output::width(), output::colours())?;
            std::io::stdout().write_all(text.as_bytes())?;
        }
    }
    Ok(())
}
