//! `cargo xtask bench neighbors`: exact nearest neighbours, Tercet and its peers on the same work in one run.
//!
//! ```text
//! works    the list: data, what is asked, what is aimed at
//! data     MNIST, Fashion-MNIST, embeddings, and data that leaves nothing to save
//! engines  the peers, each a process; Tercet through its public library
//! check    every answer, before anything is timed
//! session  turns: one engine at a time, again and again
//! outcome  tables, targets, the record
//! ```
//!
//! `fit` and `search` are timed apart and judged together, since how an engine shares its work between them is its own
//! affair. Reading files, and turning arrays into the type that an engine likes best, is outside the clock.

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

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;

use crate::python::Python;
use crate::{Places, show};
use check::Problem;
use data::Supply;
use distance::Measure;
use engines::{ENGINES, Running};
use outcome::Outcome;
use session::{Question, Session};
use works::{Kind, WORKS, Work};

/// What `cargo xtask bench neighbors` understands.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Measures these works alone
    #[arg(long, value_name = "WORK", num_args = 1.., value_delimiter = ',', value_parser = PossibleValuesParser::new(WORKS.iter().map(|work| work.name)))]
    only: Vec<String>,
    /// Lists the works and measures nothing
    #[arg(long)]
    list: bool,
    /// How often Tercet is timed; peers are, at most three times
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The peers to measure against, or none [default: all of them]
    #[arg(long, value_name = "PEER", num_args = 1.., value_delimiter = ',', value_parser = PossibleValuesParser::new(ENGINES.iter().map(|engine| engine.name).chain(["none"])))]
    peers: Vec<String>,
    /// How many threads each engine may use [default: as many as the machine has]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// A tenth of all rows and queries, to see whether everything works; adds nothing to the record
    #[arg(long)]
    quick: bool,
    /// Adds nothing to the record
    #[arg(long)]
    no_record: bool,
    /// The folder with Fashion-MNIST's four IDX files
    #[arg(long, value_name = "FOLDER", default_value = data::FASHION_MNIST)]
    fashion_mnist: PathBuf,
    /// The Python that the peers' virtual environment is made with
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: String,
}

/// Measures what was asked for.
pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        let mut table = show::table(["work", "what"]);
        for work in WORKS {
            table.add_row([work.name, work.about]);
        }
        return show::print(table.trim_fmt());
    }
    let peers = peer_names(&arguments.peers)?;
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = arguments.threads {
        pool = pool.num_threads(threads as usize);
    }
    pool.build_global().context("cannot start threads")?;

    let places = Places::of_this_program()?;
    let supply = Supply { quick: arguments.quick, fashion_mnist: arguments.fashion_mnist.clone() };
    let mut session = Session::new(places, rayon::current_num_threads(), arguments.runs as usize, supply)?;
    session.keeps_a_record = !arguments.quick && !arguments.no_record;
    if !peers.is_empty() {
        let places = &session.places;
        let folder = places.scratch.join("python-neighbors");
        let requirements = places.benchmarks.join("peers/neighbors.txt");
        let python = Python::set_up(&folder, &requirements, &arguments.python)?;
        let script = places.benchmarks.join("peers/neighbors.py");
        session.peers = Running::start(&peers, &python, &script, session.threads)?;
    }
    show::print(format_args!(
        "{}, {} threads, instruction set {}, commit {}",
        session.cpu,
        session.threads,
        session.isa.name(),
        session.commit
    ))?;

    let record = session.places.benchmarks.join("records/neighbors.csv");
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
        if session.keeps_a_record {
            outcome::append(&record, &session, work, &outcomes)?;
            show::print(format_args!("added {} rows to benchmarks/records/neighbors.csv", outcomes.len()))?;
        }
    }
    Ok(())
}

/// Those that were asked for; all where none was named.
fn peer_names(asked: &[String]) -> Result<Vec<String>> {
    if asked.iter().any(|name| name == "none") {
        if asked.len() > 1 {
            bail!("--peers names none and others; expected one or the other");
        }
        return Ok(Vec::new());
    }
    if asked.is_empty() {
        return Ok(ENGINES.iter().map(|engine| engine.name.to_owned()).collect());
    }
    Ok(asked.to_vec())
}

fn same_question(a: &Outcome, b: &Outcome) -> bool {
    (a.measure, a.k) == (b.measure, b.k)
}

/// Measures a work and prints its tables; none where its data is not there.
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
            let outcomes = leave_one_out::measure(session, &problem.rows, k)?;
            outcome::print(&outcomes)?;
            Ok(Some(outcomes))
        }
        Kind::Growth { rows } => {
            // A quick run has fewer.
            let most = rows.iter().max().copied().unwrap_or(0);
            let share = |&count: &usize| count * problem.rows.len() / most;
            let counts: Vec<usize> = rows.iter().map(share).collect();
            let outcomes = growth::measure(session, &problem, &counts)?;
            if session.keeps_a_record {
                growth::draw(&session.places.benchmarks.join("records/growth.svg"), &outcomes)?;
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

/// What was searched, in a line.
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
