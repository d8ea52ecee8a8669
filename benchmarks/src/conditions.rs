//! The options and conditions that all benchmarks share.

use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use tercet_kernels::Isa;
use tercet_record::machine;

use crate::Places;

/// The name of Tercet in tables and records.
pub const TERCET: &str = "tercet";

/// Options of every benchmark.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// List the works without measuring
    #[arg(long)]
    pub list: bool,
    /// Number of threads per engine [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: Option<u32>,
    /// Use a tenth of everything, to test the benchmark; nothing is recorded
    #[arg(long)]
    pub quick: bool,
    /// Do not record the results
    #[arg(long)]
    pub no_record: bool,
    /// The Python that creates the virtual environment of the peers
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub python: String,
}

/// The conditions, which are the same for all works.
#[derive(Debug)]
pub struct Conditions {
    /// The commit that is measured.
    pub commit: String,
    /// The name of the processor.
    pub cpu: String,
    /// The instruction set of Tercet's kernels.
    pub isa: Isa,
    /// The number of threads per engine.
    pub threads: usize,
    /// Whether the results are recorded.
    pub keeps_a_record: bool,
    /// The folders of records and arrays.
    pub places: Places,
}

impl Conditions {
    /// Starts the requested number of threads, and reads the properties of the machine.
    ///
    /// # Errors
    /// A `TERCET_ISA` that this processor does not support: measuring another instruction set would be misleading.
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

    /// The conditions on one line.
    pub fn heading(&self) -> String {
        let Conditions { cpu, threads, isa, commit, .. } = self;
        format!("{cpu}, {threads} threads, instruction set {}, commit {commit}", isa.name())
    }

    /// The first columns of a row of a record: time, subject and machine.
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

    /// Conditions for tests.
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

/// The requested peers: all of them by default, and none for `none`.
///
/// # Errors
/// `none` together with other names.
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

/// The word for a target that was met or missed.
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
