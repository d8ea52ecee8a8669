//! [`Queries`]: some rows to be compared with all rows of [`Panels`](super::Panels), packed in the order they are read.

use super::Measure;
use super::panels::Layout;
use crate::Isa;
use crate::isa::Level;

/// Queries, packed for one instruction set and one measure.
///
/// A kernel keeps the running sums of a block of queries in registers, so queries are packed block by block, in a
/// block group by group, and in a group query by query: the kernel reads straight through. The last block is
/// filled up with queries of zeros, whose results are not stored.
#[derive(Clone, Debug)]
pub struct Queries {
    pub(super) isa: Isa,
    pub(super) layout: Layout,
    pub(super) width: usize,
    /// The words of all blocks.
    pub(super) words: Vec<u8>,
    /// `Σ q_i²` of each query; for products alone.
    pub(super) squares: Vec<u32>,
    count: usize,
}

impl Queries {
    /// Packs queries.
    ///
    /// # Shapes
    /// `rows` are slices of `width` bytes.
    ///
    /// # Panics
    /// Where a row is not `width` long, and where `width` is 0 or above [`MAX_WIDTH`](super::MAX_WIDTH).
    pub fn new<'a>(
        isa: Isa,
        measure: Measure,
        width: usize,
        rows: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Self {
        assert!((1..=super::MAX_WIDTH).contains(&width), "a width of {width}");
        let layout = Layout::of(measure);
        let (block, word) = (Self::block(isa, layout), Self::word(isa, layout));
        let depth = width.div_ceil(layout.columns());
        let count = rows.len();
        let mut words = vec![0; count.div_ceil(block) * block * depth * word];
        let mut squares = Vec::with_capacity(count);
        for (i, row) in rows.enumerate() {
            assert_eq!(row.len(), width, "the width of query {i}");
            squares.push(match layout {
                Layout::Products => row.iter().map(|&q| u32::from(q) * u32::from(q)).sum(),
                Layout::Differences => 0,
            });
            for (group, columns) in row.chunks(layout.columns()).enumerate() {
                let at = (i / block * depth + group) * block + i % block;
                encode(isa, layout, columns, &mut words[at * word..][..word]);
            }
        }
        Queries { isa, layout, width, words, squares, count }
    }

    /// The number of queries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no query.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many queries a kernel takes at once: as many as its registers hold running sums for.
    pub(super) const fn block(isa: Isa, _layout: Layout) -> usize {
        match isa.0 {
            Level::Portable => super::portable::QUERIES,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => super::avx2::QUERIES,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => super::avx512::QUERIES,
        }
    }

    /// Bytes that the columns of one group take.
    pub(super) const fn word(isa: Isa, layout: Layout) -> usize {
        match (isa.0, layout) {
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, Layout::Products) => 8,
            _ => layout.columns(),
        }
    }
}

/// Writes a group's columns of one query as the kernel wants to multiply with them.
fn encode(isa: Isa, layout: Layout, columns: &[u8], word: &mut [u8]) {
    match (isa.0, layout) {
        // vpmaddwd multiplies i16: the even columns first, then the odd ones, as the kernel takes a row apart.
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, Layout::Products) => {
            let mut four = [0; 4];
            four[..columns.len()].copy_from_slice(columns);
            for (word, q) in word.chunks_exact_mut(2).zip([four[0], four[2], four[1], four[3]]) {
                word.copy_from_slice(&i16::from(q).to_le_bytes());
            }
        }
        // vpdpbusd multiplies u8 with i8. As i8, q with its highest bit flipped is q − 128; the kernel adds
        // 128 · Σ x again in the end.
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, Layout::Products) => {
            for (word, &q) in word.iter_mut().zip(columns) {
                *word = q ^ 0x80;
            }
        }
        _ => word[..columns.len()].copy_from_slice(columns),
    }
}
