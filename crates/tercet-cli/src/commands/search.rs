//! `tercet search`: exact nearest neighbours of the rows of one file among those of another, which may be
//! larger than memory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use tercet::data::{read_features, write_npy_doubles, write_npy_indices};
use tercet::neighbors::search_chunked;
use tercet::text;

use crate::args::search::SearchArgs;
use crate::output_files::{check_writable, register_input};
use crate::progress::Stage;
use crate::{exit, interrupt, output};

/// The default for the size of a chunk, in bytes.
const CHUNK_BYTES: usize = 256 << 20;

/// Searches.
pub fn run(args: SearchArgs) -> anyhow::Result<ExitCode> {
    check_writable(&args.out)?;
    args.distances.as_deref().map(check_writable).transpose()?;
    if args.distances.as_ref() == Some(&args.out) {
        return Err(exit::usage("--out and --distances are the same file: change one of them"));
    }
    register_input(&args.rows)?;
    register_input(&args.queries)?;
    let (rows, queries) = (read_features(&args.rows)?, read_features(&args.queries)?);
    let bytes = rows.width() * if rows.is_pixels() { 1 } else { size_of::<f32>() };
    let chunk = args.chunk.map_or((CHUNK_BYTES / bytes).max(1), |rows| rows as usize);
    interrupt::watch("stopping; nothing is written")?;

    let (n, chunks) = (queries.len(), rows.len().div_ceil(chunk));
    if chunks > 1 {
        // The blocks of a chunk are freed before those of the next are allocated. The results between them would keep
        // the heap from being reused, and it would grow with each chunk.
        tercet_kernels::allocator::return_large_blocks();
    }
    let name = format!("{} queries among {} rows", text::thousands(n), text::thousands(rows.len()));
    let stage = Stage::new(name, n * chunks);
    let progress = |done, _| {
        stage.at(done);
        interrupt::flow()
    };
    let found = search_chunked(&rows, args.metric, &queries, args.k, chunk, &progress)
        .with_context(|| format!("{} in {}", args.queries.display(), args.rows.display()))?;
    let Some(found) = found else { return Ok(exit::interrupted()) };
    stage.done(&if chunks > 1 { format!("in {chunks} chunks") } else { String::new() });

    write_npy_indices(&args.out, &found.indices, found.k)?;
    if let Some(path) = &args.distances {
        write_npy_doubles(path, &found.distances, found.k)?;
    }
    let written: Vec<&Path> =
        [Some(&args.out), args.distances.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect();
    let counts = json!({ "queries": n, "rows": rows.len(), "k": found.k, "metric": args.metric.to_string() });
    output::print_files(args.json, &written, counts)?;
    Ok(ExitCode::SUCCESS)
}
