//! Cutting a patch into register blocks.
//!
//! The backward passes hold a patch, or as much of it as fits, in registers: `R` of its rows, `V` registers of each.
//! The loops are compiled for a few such sizes; all other sizes are composed of these.

/// A register block: some rows of a patch, and a range of columns of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The first row.
    pub(super) row: usize,
    /// The first column.
    pub(super) column: usize,
    /// Number of rows.
    pub(super) rows: usize,
    /// Registers per row. The last ones may extend beyond the row.
    pub(super) registers: usize,
    /// Columns that belong to the patch.
    pub(super) width: usize,
}

impl Block {
    /// The number of lanes of all registers.
    pub(super) fn size(&self, lanes: usize) -> usize {
        self.rows * self.registers * lanes
    }
}

/// The block sizes that an instruction set has loops for: (rows, register counts in ascending order), rows descending.
pub(super) type Sizes = &'static [(usize, &'static [usize])];

/// For thirty-two registers.
pub(super) const WIDE: Sizes = &[(5, &[1, 3, 5]), (3, &[1, 2, 4, 6]), (1, &[1, 2, 4, 6])];

/// For sixteen registers.
pub(super) const NARROW: Sizes = &[(3, &[1, 2, 4]), (1, &[1, 2, 4])];

/// For any other processor: this path is rarely used, so its code is kept small.
pub(super) const FEW: Sizes = &[(1, &[1, 4])];

/// For rows that fit in a single register of any kind.
pub(super) const SHORT: Sizes = &[(5, &[1]), (3, &[1]), (1, &[1])];

/// Dispatches to the loop compiled for the size of a block, which is one of [`WIDE`], [`NARROW`], [`FEW`] or [`SHORT`].
macro_rules! for_size {
    (wide $block:expr, $body:ident, $lanes:ty, $arguments:tt) => {
        for_size!(@ $block, $body, $lanes, $arguments,
            (5, 1) (5, 3) (5, 5) (3, 1) (3, 2) (3, 4) (3, 6) (1, 1) (1, 2) (1, 4) (1, 6))
    };
    (short $block:expr, $body:ident, $lanes:ty, $arguments:tt) => {
        for_size!(@ $block, $body, $lanes, $arguments, (5, 1) (3, 1) (1, 1))
    };
    (few $block:expr, $body:ident, $lanes:ty, $arguments:tt) => {
        for_size!(@ $block, $body, $lanes, $arguments, (1, 1) (1, 4))
    };
    (narrow $block:expr, $body:ident, $lanes:ty, $arguments:tt) => {
        for_size!(@ $block, $body, $lanes, $arguments, (3, 1) (3, 2) (3, 4) (1, 1) (1, 2) (1, 4))
    };
    (@ $block:expr, $body:ident, $lanes:ty, $arguments:tt, $(($rows:literal, $registers:literal))*) => {
        match ($block.rows, $block.registers) {
            $(($rows, $registers) => $body::<$lanes, $rows, $registers> $arguments,)*
            size => unreachable!("no loop for blocks of {size:?}"),
        }
    };
}
pub(super) use for_size;

/// Lists the blocks of a patch of `rows` rows of `length` numbers. A block has at most `most` registers, unless even a
/// block of a single row needs more.
pub(super) fn cut(
    (rows, length): (usize, usize),
    lanes: usize,
    sizes: Sizes,
    most: usize,
    blocks: &mut Vec<Block>,
) {
    blocks.clear();
    let needed = length.div_ceil(lanes);
    let mut row = 0;
    while row < rows {
        // For the given register counts: the number of blocks that a row is cut into, and the registers of each.
        let pieces = |registers: &[usize]| {
            let widest = registers.last().copied().unwrap_or(1);
            let count = needed.div_ceil(widest);
            let even = needed.div_ceil(count);
            (count, registers.iter().copied().find(|&registers| registers >= even).unwrap_or(widest))
        };
        let fits = |&&(together, registers): &&(usize, &[usize])| {
            together <= rows - row && (together == 1 || together * pieces(registers).1 <= most)
        };
        let (together, registers) =
            sizes.iter().find(fits).map_or((1, &[1][..]), |&(rows, registers)| (rows, registers));
        let (count, registers) = pieces(registers);
        for piece in 0..count {
            let column = piece * registers * lanes;
            if column < length {
                let width = (length - column).min(registers * lanes);
                blocks.push(Block { row, column, rows: together, registers, width });
            }
        }
        row += together;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_cover_each_element_of_a_patch_exactly_once() {
        for (sizes, lanes) in [(WIDE, 16), (NARROW, 8), (FEW, 4), (SHORT, 8)] {
            for rows in 1..12 {
                for length in (1..200).step_by(if cfg!(miri) { 37 } else { 1 }) {
                    let mut blocks = Vec::new();
                    cut((rows, length), lanes, sizes, 12, &mut blocks);
                    let mut covered = vec![0; rows * length];
                    for block in &blocks {
                        assert!(block.width <= block.registers * lanes);
                        let of_size = sizes.iter().find(|&&(rows, _)| rows == block.rows).unwrap();
                        assert!(of_size.1.contains(&block.registers), "{block:?}");
                        for row in block.row..block.row + block.rows {
                            for column in block.column..block.column + block.width {
                                covered[row * length + column] += 1;
                            }
                        }
                    }
                    assert!(covered.iter().all(|&times| times == 1), "({rows}, {length}) {blocks:?}");
                }
            }
        }
    }
}
