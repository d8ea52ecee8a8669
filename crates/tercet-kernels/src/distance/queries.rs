//! [`Queries`]: rows to be compared with all rows of [`Panels`](super::Panels), packed in the order in which they are
//! read.

use super::PanelKind;
use super::panels::Layout;
use crate::Isa;
use crate::isa::Level;

/// Queries, packed for one instruction set and one measure.
///
/// A kernel keeps the accumulators of a block of queries in registers. So queries are packed block by block, within a
/// block group by group, and within a group query by query: the kernel reads memory sequentially. The last block is
/// padded with queries of zeros, whose results are not stored.
#[derive(Clone, Debug)]
pub struct Queries {
    pub(super) isa: Isa,
    pub(super) layout: Layout,
    pub(super) width: usize,
    /// The packed words of all blocks.
    pub(super) words: Vec<u8>,
    /// `Σ q_i²` of each query for squared distances, 0 otherwise.
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
    /// If a row is not `width` long, or if `width` is 0 or above [`MAX_WIDTH`](super::MAX_WIDTH).
    pub fn new<'a>(
        isa: Isa,
        measure: PanelKind,
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
            squares.push(match measure {
                PanelKind::L2Squared => row.iter().map(|&q| u32::from(q) * u32::from(q)).sum(),
                PanelKind::Dot | PanelKind::L1 => 0,
            });
            let words = &mut words[(i / block * depth * block + i % block) * word..];
            match layout {
                Layout::Products => spread::<4>(isa, layout, row, words, block * word),
                Layout::Differences => spread::<8>(isa, layout, row, words, block * word),
            }
        }
        Queries { isa, layout, width, words, squares, count }
    }

    /// The number of queries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no queries.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many queries a kernel processes at once, which is limited by the registers for their accumulators.
    pub(super) const fn block(isa: Isa, _layout: Layout) -> usize {
        match isa.0 {
            Level::Portable => super::portable::QUERIES,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Wasm => super::wasm::QUERIES,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => super::avx2::QUERIES,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => super::avx512::QUERIES,
        }
    }

    /// Bytes used for the columns of one group.
    pub(super) const fn word(isa: Isa, layout: Layout) -> usize {
        match (isa.0, layout) {
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, Layout::Products) => 8,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            (Level::Wasm, Layout::Products) => 8,
            _ => layout.columns(),
        }
    }
}

/// Writes the packed groups of one query, `stride` bytes apart.
fn spread<const COLUMNS: usize>(isa: Isa, layout: Layout, row: &[u8], words: &mut [u8], stride: usize) {
    let (whole, rest) = row.as_chunks::<COLUMNS>();
    let mut words = words.chunks_mut(stride);
    for (columns, words) in whole.iter().zip(&mut words) {
        encode(isa, layout, columns, words);
    }
    if !rest.is_empty()
        && let Some(words) = words.next()
    {
        let mut last = [0; COLUMNS];
        last[..rest.len()].copy_from_slice(rest);
        encode(isa, layout, &last, words);
    }
}

/// Writes one query's columns of a group in the format that the kernel multiplies.
#[inline(always)]
fn encode<const COLUMNS: usize>(isa: Isa, layout: Layout, columns: &[u8; COLUMNS], words: &mut [u8]) {
    match (isa.0, layout) {
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, Layout::Products) => spread_as_i16(columns, words),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        (Level::Wasm, Layout::Products) => spread_as_i16(columns, words),
        // vpdpbusd multiplies u8 by i8. As an i8, q with its highest bit flipped is q − 128; the kernel adds 128 · Σ x
        // back at the end. This is a loop because `map` would flip byte by byte.
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, Layout::Products) => {
            let mut flipped = *columns;
            for q in &mut flipped {
                *q ^= 0x80;
            }
            words[..COLUMNS].copy_from_slice(&flipped);
        }
        _ => words[..COLUMNS].copy_from_slice(columns),
    }
}

/// For instructions that multiply i16: the even columns first, then the odd ones, which is how the kernels split a row.
#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(always)]
fn spread_as_i16<const COLUMNS: usize>(columns: &[u8; COLUMNS], words: &mut [u8]) {
    for (word, column) in words.as_chunks_mut::<2>().0.iter_mut().zip([0, 2, 1, 3]) {
        *word = i16::from(columns[column]).to_le_bytes();
    }
}
