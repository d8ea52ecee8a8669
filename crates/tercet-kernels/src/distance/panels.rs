//! [`Panels`]: the rows of a data set, interleaved so that one register holds a few columns of many rows.
//!
//! With rows stored one after the other, a dot product ends with a horizontal sum over a register, which costs a good
//! part of what the product itself does. So rows are interleaved: a *panel* is 32 rows, cut into *groups* of 4 columns,
//! and a group is 128 contiguous bytes:
//!
//! ```text
//! group 0                                      group 1
//! row 0: x0 x1 x2 x3 │ row 1: x0 x1 x2 x3 │ …   row 0: x4 x5 x6 x7 │ row 1: x4 x5 x6 x7 │ …
//! ```
//!
//! Each 32-bit lane belongs to one row, and four columns of a query are broadcast to every lane. An instruction that
//! multiplies bytes and adds the products in groups of four (vpdpbusd) then advances 16 distances at once, each in its
//! own lane, from the first column to the last. Absolute differences are added in groups of eight (vpsadbw), so for L1
//! a panel is 16 rows and a group is 8 columns: again 128 bytes.
//!
//! Missing rows of the last panel and missing columns of the last group are zero. Otherwise the values are only
//! reordered, so the layout needs no more memory than the rows did, and any row can be read back.

/// What the panels compute for a query and a row.
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
    /// For sums of products: 32 rows, 4 columns per group.
    Products,
    /// For sums of absolute differences: 16 rows, 8 columns per group.
    Differences,
}

impl Layout {
    pub(super) const fn of(measure: PanelKind) -> Self {
        match measure {
            PanelKind::L2Squared | PanelKind::Dot => Layout::Products,
            PanelKind::L1 => Layout::Differences,
        }
    }

    /// Rows per panel.
    pub(super) const fn rows(self) -> usize {
        match self {
            Layout::Products => 32,
            Layout::Differences => 16,
        }
    }

    /// Columns per group.
    pub(super) const fn columns(self) -> usize {
        match self {
            Layout::Products => 4,
            Layout::Differences => 8,
        }
    }
}

/// A few columns of all rows of a panel, aligned so that no register load crosses a cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Group(pub(super) [u8; 128]);

/// Rows of bytes, interleaved for [`measure`](Panels::measure).
#[derive(Clone, Debug, PartialEq)]
pub struct Panels {
    measure: PanelKind,
    rows: usize,
    width: usize,
    /// The groups of all panels, panel after panel; each panel has `depth` groups.
    pub(super) groups: Vec<Group>,
    /// `Σ x_i` of each row, including padding; only for products.
    pub(super) sums: Vec<u32>,
    /// `Σ x_i²` of each row, including padding; only for products.
    pub(super) squares: Vec<u32>,
}

impl Panels {
    /// Interleaves rows.
    ///
    /// # Shapes
    /// `rows` are N slices of `width` bytes.
    ///
    /// # Panics
    /// If a row is not `width` long, or if `width` is 0 or above [`MAX_WIDTH`](super::MAX_WIDTH).
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

    /// What these panels were laid out to compute.
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

    /// Whether there are no panels, that is, no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Rows per panel; the last panel is padded with rows of zeros.
    pub fn rows_of_a_panel(&self) -> usize {
        Layout::of(self.measure).rows()
    }

    /// `Σ x_i²` of row `i`.
    ///
    /// # Panics
    /// If the panels measure L1, for which no squares are stored.
    pub fn square(&self, i: usize) -> u32 {
        self.squares[i]
    }

    /// Copies row `i` out of the panels.
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

    /// The memory used by the panels, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.groups) + size_of_val(&*self.sums) + size_of_val(&*self.squares)
    }

    /// Groups per panel.
    pub(super) fn depth(&self) -> usize {
        self.width.div_ceil(Layout::of(self.measure).columns())
    }
}

/// Writes a row into its slot in every group of a panel.
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
