//! `cargo xtask bench neighbors`: exact nearest neighbours, Tercet against its peers on the same work in one run.
//!
//! ```text
//! works    the list of works, with data, queries and targets
//! data     MNIST, Fashion-MNIST, embeddings, and worst cases
//! engines  the peers, each a process; Tercet through its public library
//! check    checks every answer before anything is timed
//! session  times the engines in turns
//! outcome  tables, targets, the record
//! ```
//!
//! `fit` and `search` are timed separately but compared in total, because engines divide the work between them
//! differently. Reading files, and converting arrays to the preferred type of an engine, is not timed.

mod check;
mod data;
mod distance;
mod embeddings;
mod engines;
mod growth;
mod leave_one_out;
mod one_by_one;
mod outcome;
mod session;
mod works;

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use crate::conditions::{Conditions, Options, peer_names};
use crate::show;
use check::Problem;
use data::Supply;
use distance::Measure;
use engines::{ENGINES, Running};
use outcome::Outcome;
use session::{Question, Session};
use works::{Kind, WORKS, Work};

/// Options of `cargo xtask bench neighbors`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Measure only these works
    #[arg(long, value_name = "WORK", num_args = 1.., value_delimiter = ',', value_parser = PossibleValuesParser::new(WORKS.iter().map(|work| work.name)))]
    only: Vec<String>,
    /// Number of timed runs of Tercet, and of peers, at most three times
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The peers to measure against, or none [default: all of them]
    #[arg(long, value_name = "PEER", num_args = 1.., value_delimiter = ',', value_parser = PossibleValuesParser::new(ENGINES.iter().map(|engine| engine.name).chain(["none"])))]
    peers: Vec<String>,
    /// The folder with Fashion-MNIST's four IDX files
    #[arg(long, value_name = "FOLDER", default_value = data::FASHION_MNIST)]
    fashion_mnist: PathBuf,
    #[command(flatten)]
    options: Options,
}

/// Runs the benchmark.
pub fn run(arguments: &Arguments) -> Result<()> {
    let options = &arguments.options;
    if options.list {
        let mut table = show::table(["work", "what"]);
        for work in WORKS {
            table.add_row([work.name, work.about]);
        }
        return show::print(table.trim_fmt());
    }
    let peers = peer_names(&arguments.peers, &ENGINES.map(|engine| engine.name))?;
    let conditions = Conditions::new(options)?;
    let supply = Supply { quick: options.quick, fashion_mnist: arguments.fashion_mnist.clone() };
    let mut session = Session::new(conditions, arguments.runs as usize, supply);
    session.peers = Running::start(&peers, &session.conditions, &options.python)?;
    show::print(session.conditions.heading())?;

    let record = session.conditions.places.benchmarks.join("records/neighbors.csv");
    let wanted =
        |work: &&Work| arguments.only.is_empty() || arguments.only.iter().any(|name| name == work.name);
    for work in WORKS.iter().filter(wanted) {
        show::print(format_args!("\n{}: {}", work.name, work.about))?;
        let Some(outcomes) = measure(&mut session, work)? else { continue };
        for target in work.targets {
            for verdict in outcomes.chunk_by(same_question).filter_map(|same| outcome::judge(*target, same)) {
                show::print(format_args!("target: {verdict}"))?;
            }
        }
        if session.conditions.keeps_a_record {
            outcome::append(&record, &session, work, &outcomes)?;
            show::print(format_args!("added {} rows to benchmarks/records/neighbors.csv", outcomes.len()))?;
        }
    }
    Ok(())
}

fn same_question(a: &Outcome, b: &Outcome) -> bool {
    (a.measure, a.k) == (b.measure, b.k)
}

/// Measures a work and prints its tables; `None` if its data is missing.
fn measure(session: &mut Session, work: &Work) -> Result<Option<Vec<Outcome>>> {
    let Some(problem) = session.open(work.data)? else {
        show::print(format_args!(
            "left out: there is no folder {}. Install Debian's package dataset-fashion-mnist, or name another \
             folder with --fashion-mnist",
            session.supply.fashion_mnist.display()
        ))?;
        return Ok(None);
    };
    match work.kind {
        Kind::Search { measures, ks } => search(session, &problem, measures, ks).map(Some),
        Kind::OneByOne { queries } => {
            let outcomes = one_by_one::measure(session, &problem, queries, 3)?;
            show::print(heading(&problem, problem.rows.len(), Measure::L2, 3))?;
            outcome::print(&outcomes)?;
            Ok(Some(outcomes))
        }
        Kind::LeaveOneOut { k } => {
            let outcomes = leave_one_out::measure(session, &problem, k)?;
            outcome::print(&outcomes)?;
            Ok(Some(outcomes))
        }
        Kind::Growth { rows } => {
            // A quick run has fewer.
            let most = rows.iter().max().copied().unwrap_or(0);
            let share = |&count: &usize| count * problem.rows.len() / most;
            let counts: Vec<usize> = rows.iter().map(share).collect();
            let outcomes = growth::measure(session, &problem, &counts)?;
            if session.conditions.keeps_a_record {
                growth::draw(&session.conditions.places.benchmarks.join("records/growth.svg"), &outcomes)?;
                show::print("drew benchmarks/records/growth.svg")?;
            }
            Ok(Some(outcomes))
        }
    }
}

/// All queries at once.
fn search(
    session: &mut Session,
    problem: &Problem,
    measures: &[Measure],
    ks: &[usize],
) -> Result<Vec<Outcome>> {
    let mut all = Vec::new();
    for &measure in measures {
        for &k in ks {
            let rows = problem.rows.len();
            let outcomes = session.ask(problem, Question { rows, measure, k, peer_queries: usize::MAX })?;
            if outcomes.is_empty() {
                continue;
            }
            show::print(heading(problem, rows, measure, k))?;
            outcome::print(&outcomes)?;
            all.extend(outcomes);
        }
    }
    Ok(all)
}

/// A description of the search on one line.
fn heading(problem: &Problem, rows: usize, measure: Measure, k: usize) -> String {
    format!(
        "{} queries × {} rows × {} {}, {}, k = {k}",
        show::count(problem.queries.len()),
        show::count(rows),
        problem.rows.width(),
        if problem.rows.is_pixels() { "bytes" } else { "floats" },
        measure.name()
    )
}
