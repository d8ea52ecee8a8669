//! [`Panels`]: the rows of a data set, laid out so that one register holds a piece of many rows.
//!
//! A dot product of two rows that lie as they are ends with a horizontal sum over a register, which costs as much
//! as a good part of the product itself. So rows are interleaved: a *panel* is 32 rows, cut into *groups* of 4
//! columns, and a group is one stretch of 128 bytes:
//!
//! ```text
//! group 0                                      group 1
//! row 0: x0 x1 x2 x3 │ row 1: x0 x1 x2 x3 │ …   row 0: x4 x5 x6 x7 │ row 1: x4 x5 x6 x7 │ …
//! ```
//!
//! Each 32-bit lane belongs to one row, and a query enters as four of its columns copied into every lane. An
//! instruction that multiplies bytes and adds them up four by four (vpdpbusd) then advances 16 distances at once,
//! each in its own lane, from the first column to the last. Absolute differences are added up eight by eight
//! (vpsadbw), so for L1 a panel is 16 rows and a group 8 columns: again 128 bytes.
//!
//! Missing rows of the last panel and missing columns of the last group are zero. Nothing else is changed, so
//! the layout needs no more memory than the rows did, and any row can be read back.

/// What lies between a query and a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PanelKind {
    /// `Σ (q_i − x_i)²`.
    L2Squared,
    /// `Σ |q_i − x_i|`.
    L1,
    /// `Σ q_i · x_i`.
    Dot,
}

/// How rows are interleaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// For sums of products: 32 rows, 4 columns a group.
    Products,
    /// For sums of differences: 16 rows, 8 columns a group.
    Differences,
}

impl Layout {
    pub(super) const fn of(measure: PanelKind) -> Self {
        match measure {
            PanelKind::L2Squared | PanelKind::Dot => Layout::Products,
            PanelKind::L1 => Layout::Differences,
        }
    }

    /// Rows of a panel.
    pub(super) const fn rows(self) -> usize {
        match self {
            Layout::Products => 32,
            Layout::Differences => 16,
        }
    }

    /// Columns of a group.
    pub(super) const fn columns(self) -> usize {
        match self {
            Layout::Products => 4,
            Layout::Differences => 8,
        }
    }
}

/// A few columns of all rows of a panel; aligned, so that no register is loaded across two lines of the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Group(pub(super) [u8; 128]);

/// Rows of bytes, interleaved for [`measure`](Panels::measure).
#[derive(Clone, Debug, PartialEq)]
pub struct Panels {
    measure: PanelKind,
    rows: usize,
    width: usize,
    /// Panel by panel, each with `depth` groups.
    pub(super) groups: Vec<Group>,
    /// `Σ x_i` of each row, padding included; for products alone.
    pub(super) sums: Vec<u32>,
    /// `Σ x_i²` of each row, padding included; for products alone.
    pub(super) squares: Vec<u32>,
}

impl Panels {
    /// Interleaves rows.
    ///
    /// # Shapes
    /// `rows` are N slices of `width` bytes.
    ///
    /// # Panics
    /// Where a row is not `width` long, and where `width` is 0 or above [`MAX_WIDTH`](super::MAX_WIDTH).
    pub fn new<'a>(measure: PanelKind, width: usize, rows: impl ExactSizeIterator<Item = &'a [u8]>) -> Self {
        assert!((1..=super::MAX_WIDTH).contains(&width), "a width of {width}");
        let layout = Layout::of(measure);
        let panels = rows.len().div_ceil(layout.rows());
        let depth = width.div_ceil(layout.columns());
        let padded = if layout == Layout::Products { panels * layout.rows() } else { 0 };
        let mut this = Panels {
            measure,
            rows: rows.len(),
            width,
            groups: vec![Group([0; 128]); panels * depth],
            sums: vec![0; padded],
            squares: vec![0; padded],
        };
        for (i, row) in rows.enumerate() {
            assert_eq!(row.len(), width, "the width of row {i}");
            let place = i % layout.rows();
            let groups = &mut this.groups[i / layout.rows() * depth..][..depth];
            match layout {
                Layout::Products => {
                    interleave::<4>(row, groups, place);
                    this.sums[i] = row.iter().map(|&x| u32::from(x)).sum();
                    this.squares[i] = row.iter().map(|&x| u32::from(x) * u32::from(x)).sum();
                }
                Layout::Differences => interleave::<8>(row, groups, place),
            }
        }
        this
    }

    /// What these panels were laid out to measure.
    pub fn kind(&self) -> PanelKind {
        self.measure
    }

    /// N, the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// D, the number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of panels.
    pub fn len(&self) -> usize {
        self.rows.div_ceil(self.rows_of_a_panel())
    }

    /// Whether there is no panel, because there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// How many rows a panel holds; the last one is filled up with rows of zeros.
    pub fn rows_of_a_panel(&self) -> usize {
        Layout::of(self.measure).rows()
    }

    /// `Σ x_i²` of row `i`.
    ///
    /// # Panics
    /// Where the panels measure L1, for which it is not kept.
    pub fn square(&self, i: usize) -> u32 {
        self.squares[i]
    }

    /// Reads row `i` back.
    ///
    /// # Shapes
    /// `row` is (D).
    pub fn copy_row(&self, i: usize, row: &mut [u8]) {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        assert_eq!(row.len(), self.width, "the width of a row");
        let layout = Layout::of(self.measure);
        let groups = &self.groups[i / layout.rows() * self.depth()..];
        let from = i % layout.rows() * layout.columns();
        for (columns, group) in row.chunks_mut(layout.columns()).zip(groups) {
            columns.copy_from_slice(&group.0[from..][..columns.len()]);
        }
    }

    /// Bytes of memory that the panels hold.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.groups) + size_of_val(&*self.sums) + size_of_val(&*self.squares)
    }

    /// Groups of a panel.
    pub(super) fn depth(&self) -> usize {
        self.width.div_ceil(Layout::of(self.measure).columns())
    }
}

/// Writes a row into its place in every group of a panel.
fn interleave<const COLUMNS: usize>(row: &[u8], groups: &mut [Group], place: usize) {
    let from = place * COLUMNS;
    let (whole, rest) = row.as_chunks::<COLUMNS>();
    for (columns, group) in whole.iter().zip(groups.iter_mut()) {
        group.0[from..][..COLUMNS].copy_from_slice(columns);
    }
    if !rest.is_empty() {
        groups[whole.len()].0[from..][..rest.len()].copy_from_slice(rest);
    }
}
