//! Tables on standard output.

use comfy_table::{ContentArrangement, Table};

use crate::output;

/// A table with these column names. Columns are separated by spaces only, which suits both people and
/// programs such as `cut`; on a terminal, cells wrap to its width.
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    with_header(&header)
}

/// A [`table`] of any number of columns.
pub fn with_header(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

/// Prints a table without trailing spaces.
pub fn print(table: &Table) -> anyhow::Result<()> {
    output::print(table.trim_fmt())
}

/// A fraction as a percentage: `97.05 %`.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}
