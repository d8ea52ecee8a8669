//! `cargo xtask bench training` and `cargo xtask bench convolution`: linear classifiers and networks, Tercet against its
//! peers on the same work in one run. Each of the two is a suite of works.
//!
//! ```text
//! works       the lists of works, with settings and targets
//! data        MNIST, and features without zeros
//! network     Tercet through its public library, and the files for peers
//! session     the peers, and the data that they have loaded
//! check       the same losses from the same weights on the same batches, before anything is timed
//! descent     training by gradient descent
//! by_name     training a recipe to an accuracy
//! exact       linear classifiers to a duality gap
//! prediction  all at once, one by one
//! memory      peak memory of a process
//! outcome     tables, targets, the record
//! ```

mod by_name;
mod check;
mod data;
mod descent;
mod exact;
mod memory;
mod network;
mod outcome;
mod prediction;
mod session;
mod works;

use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;

use crate::conditions::{Conditions, Options, peer_names};
use crate::peer::Peer;
use crate::show;
use outcome::Outcome;
use session::Session;
pub use works::{CONVOLUTION, Suite, TRAINING};
use works::{Kind, Work};

/// All peers.
const ENGINES: [&str; 4] = ["torch", "jax", "numpy", "liblinear"];

/// Options of both suites.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Measure only these works; --list shows their names
    #[arg(long, value_name = "WORK", num_args = 1.., value_delimiter = ',')]
    only: Vec<String>,
    /// Number of timed runs of each engine
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The peers to measure against, or none [default: all of them]
    #[arg(long, value_name = "PEER", num_args = 1.., value_delimiter = ',', value_parser = PossibleValuesParser::new(ENGINES.into_iter().chain(["none"])))]
    peers: Vec<String>,
    /// Train like this work and report the peak memory, for internal use
    #[arg(long, value_name = "WORK", hide = true)]
    memory_of: Option<String>,
    #[command(flatten)]
    options: Options,
}

impl Arguments {
    fn wants(&self, work: &Work) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == work.name)
    }
}

/// Runs the suite.
pub fn run(suite: &Suite, arguments: &Arguments) -> Result<()> {
    let (options, works) = (&arguments.options, suite.works);
    for name in arguments.only.iter().chain(&arguments.memory_of) {
        if works.iter().all(|work| work.name != name) {
            let names: Vec<&str> = works.iter().map(|work| work.name).collect();
            bail!("found the work {name}; expected one of: {}", names.join(", "));
        }
    }
    if options.list {
        let mut table = show::table(["work", "what"]);
        for work in works {
            table.add_row([work.name, work.about]);
        }
        return show::print(table.trim_fmt());
    }
    let mut peers = peer_names(&arguments.peers, &ENGINES)?;
    let conditions = Conditions::new(options)?;
    if let Some(name) = &arguments.memory_of {
        let work = works.iter().find(|work| work.name == name);
        let Some(Kind::Memory(recipe)) = work.map(|work| work.kind) else {
            bail!("{name} measures no memory")
        };
        return show::print(memory::train_and_tell(&recipe, options.quick)?);
    }
    // Peers that no selected work uses are not started.
    peers.retain(|peer| works.iter().any(|work| arguments.wants(work) && work.peers.contains(&&**peer)));
    let peers = Peer::start_all("training", &peers, &conditions, &options.python)?;
    let mut session = Session::new(conditions, arguments.runs as usize, options.quick, peers);
    show::print(session.conditions.heading())?;

    let record = session.conditions.places.benchmarks.join(format!("records/{}.csv", suite.name));
    for work in works.iter().filter(|work| arguments.wants(work)) {
        show::print(format_args!("\n{}: {}", work.name, work.about))?;
        let outcomes = measure(&mut session, work)?;
        if outcomes.is_empty() {
            show::print("left out: only Linux tells how much memory a process held")?;
            continue;
        }
        outcome::print(&outcomes)?;
        for verdict in work.targets.iter().filter_map(|target| outcome::judge(*target, &outcomes)) {
            show::print(format_args!("target: {verdict}"))?;
        }
        if session.conditions.keeps_a_record {
            outcome::append(&record, &session, work, &outcomes)?;
            show::print(format_args!(
                "added {} rows to benchmarks/records/{}.csv",
                outcomes.len(),
                suite.name
            ))?;
        }
    }
    Ok(())
}

/// Measures a work: Tercet first, then its peers. Empty if the system does not report what is measured.
fn measure(session: &mut Session, work: &Work) -> Result<Vec<Outcome>> {
    match work.kind {
        Kind::Training(recipe) => descent::measure(session, work, &recipe),
        Kind::Exact { reg, cost } => exact::measure(session, work, reg, cost),
        Kind::Prediction(recipe) => prediction::measure(session, work, &recipe),
        Kind::OneByOne(recipe) => prediction::measure_one_by_one(session, work, &recipe),
        Kind::ByName(name) => by_name::measure(session, work, name),
        Kind::Memory(_) => Ok(memory::measure(session, work)?.into_iter().collect()),
    }
}
