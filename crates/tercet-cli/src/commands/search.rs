//! `tercet search`: the nearest rows of a file to those of another, exactly, whether or not the file fits into memory.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tercet::data::{read_features, write_npy_doubles, write_npy_indices};
use tercet::neighbors::{Metric, search_in_pieces};
use tercet::text;

use crate::args::check_writable;
use crate::progress::Stage;
use crate::{exit, interrupt, output};

/// How many bytes of rows are prepared at a time, where nothing is said.
const PIECE: usize = 256 << 20;

/// What `tercet search` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// The rows to choose from: NPY, or IDX
    #[arg(value_name = "ROWS")]
    rows: PathBuf,
    /// The rows whose neighbours are asked for, of the same kind
    #[arg(value_name = "QUERIES")]
    queries: PathBuf,
    /// How many neighbours of each
    #[arg(short, default_value_t = 10, value_name = "K")]
    k: usize,
    /// How distance is measured: l2, l1, l3, cosine or dot
    #[arg(long, default_value_t = Metric::L2)]
    metric: Metric,
    /// Where the places of the neighbours go, (N, k), nearest first
    #[arg(long, short, default_value = "neighbors.npy", value_name = "FILE.npy")]
    out: PathBuf,
    /// Where their distances go, (N, k)
    #[arg(long, value_name = "FILE.npy")]
    distances: Option<PathBuf>,
    /// How many rows are prepared at a time [default: as many as have 256 MiB]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    piece: Option<u32>,
}

/// Searches.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    check_writable(&arguments.out)?;
    arguments.distances.as_deref().map(check_writable).transpose()?;
    if arguments.distances.as_ref() == Some(&arguments.out) {
        return Err(exit::usage("--out and --distances name the same file: name two"));
    }
    let (rows, queries) = (read_features(&arguments.rows)?, read_features(&arguments.queries)?);
    let bytes = rows.width() * if rows.is_pixels() { 1 } else { size_of::<f32>() };
    let piece = arguments.piece.map_or((PIECE / bytes).max(1), |piece| piece as usize);
    interrupt::watch("stopping; nothing is written")?;

    let (n, of) = (queries.len(), rows.len().div_ceil(piece));
    let name = format!("{} queries among {} rows", text::thousands(n), text::thousands(rows.len()));
    let stage = Stage::new(name, n * of);
    let progress = |done, _| {
        stage.at(done);
        interrupt::flow()
    };
    let found = search_in_pieces(&rows, arguments.metric, &queries, arguments.k, piece, &progress)
        .with_context(|| format!("{} in {}", arguments.queries.display(), arguments.rows.display()))?;
    let Some(found) = found else { return Ok(exit::interrupted()) };
    stage.done(&if of > 1 { format!("in {of} pieces") } else { String::new() });

    write_npy_indices(&arguments.out, &found.indices, found.k)?;
    output::print(arguments.out.display())?;
    if let Some(path) = &arguments.distances {
        write_npy_doubles(path, &found.distances, found.k)?;
        output::print(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
