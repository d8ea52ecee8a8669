//! `tercet data info|show`: a look at a data set before anything is learned from it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;
use tercet::Dataset;
use tercet::data::{Openings, Summary, contact_sheet, contact_sheet_text, duplicates_across};
use tercet::text::thousands;

use crate::arguments::{Data, check_writable, test_set};
use crate::output;
use crate::table::{percent, with_header};

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
        /// Write a PNG instead
        #[arg(long, value_name = "FILE.png")]
        out: Option<PathBuf>,
    },
}

/// Looks at a data set.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.what {
        What::Info { data, json } => info(&data, json)?,
        What::Show { data, columns, test, out } => show(&data, columns, test, out)?,
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

fn show(data: &Data, columns: Option<usize>, test: bool, out: Option<PathBuf>) -> anyhow::Result<()> {
    if let Some(path) = &out {
        check_writable(path)?;
    }
    let collection = data.open()?;
    let set: Dataset =
        if test { test_set(&collection)?.open(&mut Openings::new(), "data show") } else { collection.train };
    match out {
        Some(path) => {
            let sheet = contact_sheet(&set, columns.unwrap_or(12))?;
            let mut png = std::io::Cursor::new(Vec::new());
            sheet.write_to(&mut png, image::ImageFormat::Png)?;
            tercet::file::replace(&path, png.get_ref())?;
            output::print(path.display())?;
        }
        None => {
            let (columns, width) = (columns.unwrap_or(3), output::width());
            let text = contact_sheet_text(&set, columns, width, output::colours())?;
            std::io::stdout().write_all(text.as_bytes())?;
        }
    }
    Ok(())
}
