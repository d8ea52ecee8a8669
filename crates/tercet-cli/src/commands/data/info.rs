//! `tercet data info`: counts per class, value range, digest and duplicates.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;
use tercet::data::{Openings, Summary, duplicates_across};
use tercet::text::thousands;

use crate::args::data::InfoArgs;
use crate::loading;
use crate::table::{percent, with_header};

/// How many duplicates are listed.
const LISTED: usize = 10;

/// Prints a summary of a data set.
pub fn run(args: &InfoArgs) -> anyhow::Result<ExitCode> {
    let collection = loading::open(&args.data.args())?;
    let mut openings = Openings::new();
    let test = collection.test.as_ref().map(|test| test.open(&mut openings, "data info"));
    let across = test.as_ref().map(|test| duplicates_across(&collection.train, test));
    let train = Summary::of(&collection.train);
    let test = test.as_ref().map(Summary::of);

    let mut out = std::io::stdout().lock();
    if args.json {
        let info = json!({
            "name": collection.name,
            "train": train,
            "validation": collection.train.validation_len(),
            "test": test,
            "duplicates_across": across,
            "openings": openings,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&info)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{}\n", collection.name)?;
    if collection.train.validation_len() > 0 {
        let count = thousands(collection.train.validation_len());
        writeln!(out, "{count} of the training examples are the validation set of the data\n")?;
    }
    let summaries: Vec<&Summary> = std::iter::once(&train).chain(&test).collect();
    print_facts(&mut out, &summaries)?;
    print_classes(&mut out, &summaries)?;
    across.map_or(Ok(()), |across| print_duplicates(&mut out, &across))?;
    Ok(ExitCode::SUCCESS)
}

fn print_facts(out: &mut impl Write, summaries: &[&Summary]) -> anyhow::Result<()> {
    let mut facts = with_header(&["", "train", "test"][..1 + summaries.len()]);
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
    Ok(writeln!(out, "{}\n", facts.trim_fmt())?)
}

fn print_classes(out: &mut impl Write, summaries: &[&Summary]) -> anyhow::Result<()> {
    let mut classes = with_header(&["class", "train", "test"][..1 + summaries.len()]);
    for (i, class) in summaries[0].classes.iter().enumerate() {
        let counts = summaries.iter().map(|s| thousands(s.classes[i].examples));
        classes.add_row(std::iter::once(class.name.clone()).chain(counts));
    }
    Ok(writeln!(out, "{}\n", classes.trim_fmt())?)
}

fn print_duplicates(out: &mut impl Write, across: &[(usize, usize)]) -> anyhow::Result<()> {
    writeln!(out, "test examples that are also in the training set: {}", thousands(across.len()))?;
    for (train, test) in across.iter().take(LISTED) {
        writeln!(out, "  test {test} = train {train}")?;
    }
    if across.len() > LISTED {
        writeln!(out, "  and {} more (--json lists all)", thousands(across.len() - LISTED))?;
    }
    Ok(())
}
