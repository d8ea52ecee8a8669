//! `tercet search`: the nearest rows of a file to those of another, exactly, whether or not the file fits into memory.

use std::process::ExitCode;

use anyhow::Context;
use tercet::data::{read_features, write_npy_doubles, write_npy_indices};
use tercet::neighbors::search_in_pieces;
use tercet::text;

use crate::args::search::SearchArgs;
use crate::output_files::check_writable;
use crate::progress::Stage;
use crate::{exit, interrupt, output};

/// How many bytes of rows are prepared at a time, where nothing is said.
const PIECE: usize = 256 << 20;

/// Searches.
pub fn run(args: SearchArgs) -> anyhow::Result<ExitCode> {
    check_writable(&args.out)?;
    args.distances.as_deref().map(check_writable).transpose()?;
    if args.distances.as_ref() == Some(&args.out) {
        return Err(exit::usage("--out and --distances name the same file: name two"));
    }
    let (rows, queries) = (read_features(&args.rows)?, read_features(&args.queries)?);
    let bytes = rows.width() * if rows.is_pixels() { 1 } else { size_of::<f32>() };
    let piece = args.piece.map_or((PIECE / bytes).max(1), |piece| piece as usize);
    interrupt::watch("stopping; nothing is written")?;

    let (n, of) = (queries.len(), rows.len().div_ceil(piece));
    let name = format!("{} queries among {} rows", text::thousands(n), text::thousands(rows.len()));
    let stage = Stage::new(name, n * of);
    let progress = |done, _| {
        stage.at(done);
        interrupt::flow()
    };
    let found = search_in_pieces(&rows, args.metric, &queries, args.k, piece, &progress)
        .with_context(|| format!("{} in {}", args.queries.display(), args.rows.display()))?;
    let Some(found) = found else { return Ok(exit::interrupted()) };
    stage.done(&if of > 1 { format!("in {of} pieces") } else { String::new() });

    write_npy_indices(&args.out, &found.indices, found.k)?;
    output::print(args.out.display())?;
    if let Some(path) = &args.distances {
        write_npy_doubles(path, &found.distances, found.k)?;
        output::print(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
