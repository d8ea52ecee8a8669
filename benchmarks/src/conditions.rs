//! What a benchmark is asked for and measured under: the same for all of them.

use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use tercet_kernels::Isa;
use tercet_record::machine;

use crate::Places;

/// The name under which Tercet stands beside its peers.
pub const TERCET: &str = "tercet";

/// What every benchmark understands.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Lists the works and measures nothing
    #[arg(long)]
    pub list: bool,
    /// How many threads each engine may use [default: as many as the machine has]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: Option<u32>,
    /// A tenth of everything, to see whether it works; adds nothing to the record
    #[arg(long)]
    pub quick: bool,
    /// Adds nothing to the record
    #[arg(long)]
    pub no_record: bool,
    /// The Python that the peers' virtual environment is made with
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub python: String,
}

/// What stays the same from work to work.
#[derive(Debug)]
pub struct Conditions {
    /// What is measured.
    pub commit: String,
    /// On what.
    pub cpu: String,
    /// The instruction set of Tercet's kernels.
    pub isa: Isa,
    /// How many threads each engine may use.
    pub threads: usize,
    /// Whether what comes out is kept.
    pub keeps_a_record: bool,
    /// Where records and arrays lie.
    pub places: Places,
}

impl Conditions {
    /// Starts as many threads as were asked for, and looks at the machine.
    ///
    /// # Errors
    /// `TERCET_ISA` naming an instruction set that this processor lacks: measuring another would mislead.
    pub fn new(options: &Options) -> Result<Self> {
        let mut pool = rayon::ThreadPoolBuilder::new();
        if let Some(threads) = options.threads {
            pool = pool.num_threads(threads as usize);
        }
        pool.build_global().context("cannot start threads")?;
        if let Ok(name) = std::env::var("TERCET_ISA") {
            Isa::named(&name).context("the environment variable TERCET_ISA")?;
        }
        let places = Places::of_this_program()?;
        Ok(Conditions {
            commit: machine::commit(&places.benchmarks),
            cpu: machine::cpu(),
            isa: Isa::active(),
            threads: rayon::current_num_threads(),
            keeps_a_record: !options.quick && !options.no_record,
            places,
        })
    }

    /// In a line.
    pub fn heading(&self) -> String {
        let Conditions { cpu, threads, isa, commit, .. } = self;
        format!("{cpu}, {threads} threads, instruction set {}, commit {commit}", isa.name())
    }

    /// The first columns of a row of a record: when, what, on what.
    pub fn columns(&self, work: &str, engine: &str, version: &str) -> Vec<(String, String)> {
        let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let isa = if engine == TERCET { self.isa.name() } else { "" };
        let columns = [
            ("date", date.as_str()),
            ("commit", &self.commit),
            ("cpu", &self.cpu),
            ("isa", isa),
            ("threads", &self.threads.to_string()),
            ("work", work),
            ("engine", engine),
            ("version", version),
        ];
        columns.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// Those of no machine.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        let places = Places { benchmarks: "".into(), scratch: "".into() };
        Conditions {
            commit: "abc".to_owned(),
            cpu: "a cpu".to_owned(),
            isa: Isa::PORTABLE,
            threads: 2,
            keeps_a_record: false,
            places,
        }
    }
}

/// The peers that were asked for; all where none was named, and none where `none` was.
///
/// # Errors
/// `none` beside others.
pub fn peer_names(asked: &[String], all: &[&str]) -> Result<Vec<String>> {
    if asked.iter().any(|name| name == "none") {
        if asked.len() > 1 {
            bail!("--peers names none and others; expected one or the other");
        }
        return Ok(Vec::new());
    }
    if asked.is_empty() {
        return Ok(all.iter().map(|&name| name.to_owned()).collect());
    }
    Ok(asked.to_vec())
}

/// How a target that was met or missed is called.
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_all_some_or_none() {
        let names = |asked: &[&str]| {
            let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
            peer_names(&asked, &["a", "b"])
        };
        assert_eq!(names(&[]).unwrap(), ["a", "b"]);
        assert_eq!(names(&["b"]).unwrap(), ["b"]);
        assert_eq!(names(&["none"]).unwrap(), [""; 0]);
        assert!(names(&["none", "a"]).unwrap_err().to_string().contains("one or the other"));
    }

    #[test]
    fn the_instruction_set_is_tercets_alone() {
        let conditions = Conditions::for_tests();
        let isa = |engine: &str| conditions.columns("a work", engine, "1")[3].clone();
        assert_eq!(isa(TERCET), ("isa".to_owned(), "portable".to_owned()));
        assert_eq!(isa("torch").1, "");
    }
}
