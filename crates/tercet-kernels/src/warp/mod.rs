//! Image warping: each new pixel is interpolated from four old ones.
//!
//! ```text
//! new(x, y) = old(u, v)    u = xx·x + xy·y + x0 + dx(x, y)
//!                          v = yx·x + yy·y + y0 + dy(x, y)
//! ```
//!
//! An affine map moves all pixels together, and a displacement field (dx, dy) moves each one individually; combined
//! they cost one interpolation, and blur as little as one. Between pixels the old image is interpolated bilinearly,
//! outside it is 0.
//!
//! [`field`] computes smooth displacements from a few random numbers: those of a coarse lattice, interpolated along one
//! axis of the image and then along the other.
//!
//! The bodies are plain Rust in chunks of [`LANES`] pixels, which the compiler vectorises, and the functions at the end
//! compile them for each instruction set. No operations are fused, so all of them give the same bits.

pub mod naive;

use crate::Isa;
use crate::dispatch::for_isa;
use crate::isa::Level;

/// How many adjacent pixels are processed together. Rows of displacements are padded to a multiple of it.
pub const LANES: usize = 16;

/// The padded length of a row of `width` displacements.
pub const fn padded_row(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

/// A byte image with a border of zeros, so that positions outside need no special case.
#[derive(Clone, Debug)]
pub struct Source {
    width: usize,
    height: usize,
    channels: usize,
    /// One column of zeros on the left and two on the right, one row above and two below.
    pixels: Vec<u8>,
}

impl Source {
    /// Room for an image.
    ///
    /// # Panics
    /// If there are more than 2³¹ values.
    pub fn new(width: usize, height: usize, channels: usize) -> Self {
        let values = (width + 3).checked_mul(height + 3).and_then(|n| n.checked_mul(channels));
        let values = values.filter(|&values| i32::try_from(values).is_ok());
        Source { width, height, channels, pixels: vec![0; values.expect("fewer than 2³¹ values")] }
    }

    /// Copies an image.
    ///
    /// # Shapes
    /// `pixels` is (height, width, channels).
    ///
    /// # Panics
    /// If the shape is different.
    pub fn fill(&mut self, pixels: &[u8]) {
        assert_eq!(pixels.len(), self.width * self.height * self.channels, "as many pixels as the image has");
        let (row, stride) = (self.width * self.channels, self.stride());
        for (old, row) in pixels.chunks_exact(row.max(1)).zip(self.pixels[stride..].chunks_exact_mut(stride))
        {
            row[self.channels..][..old.len()].copy_from_slice(old);
        }
    }

    /// The distance between two rows, in bytes.
    fn stride(&self) -> usize {
        (self.width + 3) * self.channels
    }
}

/// The affine map from new pixels to their source positions, without displacements: the module's formula.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the coefficients as the formula names them")]
pub struct Affine {
    pub xx: f32,
    pub xy: f32,
    pub x0: f32,
    pub yx: f32,
    pub yy: f32,
    pub y0: f32,
}

impl Affine {
    /// Maps every pixel to itself.
    pub const IDENTITY: Affine = Affine { xx: 1.0, xy: 0.0, x0: 0.0, yx: 0.0, yy: 1.0, y0: 0.0 };
}

/// The new image, of the size of the old one, rounded to integers.
///
/// # Shapes
/// `out` is (height, width, channels); dx and dy, if given, are (height, [`padded_row`]\(width)).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::warp::{Affine, Source, warp};
///
/// let mut source = Source::new(3, 1, 1);
/// source.fill(&[10, 20, 80]);
/// // Half a pixel to the left: each new pixel lies between an old one and its right neighbour.
/// let half = Affine { x0: 0.5, ..Affine::IDENTITY };
/// let mut out = [0; 3];
/// warp(Isa::active(), &source, half, None, &mut out);
/// assert_eq!(out, [15, 50, 40]);
/// ```
pub fn warp(isa: Isa, source: &Source, map: Affine, displacement: Option<[&[f32]; 2]>, out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2(source: &Source, map: Affine, displacement: Option<[&[f32]; 2]>, out: &mut [u8]) {
        warp_body(source, map, displacement, out);
    }
    check(source, displacement, out);
    match isa.0 {
        // Wider registers were slower: gathering four bytes at a time from anywhere in the image is the bottleneck.
        // SAFETY: an `Isa` of these levels exists only where the processor has AVX2.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 => unsafe { avx2(source, map, displacement, out) },
        _ => warp_body(source, map, displacement, out),
    }
}

fn check(source: &Source, displacement: Option<[&[f32]; 2]>, out: &[u8]) {
    let Source { width, height, channels, .. } = *source;
    assert_eq!(out.len(), width * height * channels, "an output as large as the image");
    for displacements in displacement.iter().flatten() {
        assert_eq!(displacements.len(), height * padded_row(width), "one displacement for each pixel");
    }
}

#[inline(always)]
fn warp_body(source: &Source, map: Affine, displacement: Option<[&[f32]; 2]>, out: &mut [u8]) {
    // With a constant number of channels, two horizontal neighbours are a single load.
    match source.channels {
        1 => rows::<1>(source, map, displacement, out),
        _ => rows::<0>(source, map, displacement, out),
    }
}

/// All rows of an image with `C` channels, or any number of channels if `C` is 0.
#[inline(always)]
fn rows<const C: usize>(source: &Source, map: Affine, displacement: Option<[&[f32]; 2]>, out: &mut [u8]) {
    let channels = if C == 0 { source.channels } else { C };
    let (width, room) = (source.width, padded_row(source.width));
    if out.is_empty() {
        return;
    }
    for (y, out) in out.chunks_exact_mut(width * channels).enumerate() {
        let from = y as f32;
        // Coordinates in the source including its border: a position outside is clamped into the border.
        let start = [map.xy * from + (map.x0 + 1.0), map.yy * from + (map.y0 + 1.0)];
        for (i, out) in out.chunks_mut(LANES * channels).enumerate() {
            let none = &[0.0; LANES];
            let of = |d: &[f32]| -> [f32; LANES] {
                *d[y * room + i * LANES..]
                    .first_chunk()
                    .expect("rows of displacements have room for whole chunks")
            };
            let [dx, dy] = displacement.map_or([*none; 2], |displacement| displacement.map(of));
            chunk::<C>(source, map, start, (i * LANES) as f32, [&dx, &dy], out);
        }
    }
}

/// Up to [`LANES`] adjacent pixels of a row, the first of them at `x`.
#[inline(always)]
fn chunk<const C: usize>(
    source: &Source,
    map: Affine,
    start: [f32; 2],
    x: f32,
    [dx, dy]: [&[f32; LANES]; 2],
    out: &mut [u8],
) {
    let channels = if C == 0 { source.channels } else { C };
    let stride = source.stride();
    let (right, bottom) = ((source.width + 1) as f32, (source.height + 1) as f32);
    let (mut at, mut part_x, mut part_y) = ([0i32; LANES], [0.0f32; LANES], [0.0f32; LANES]);
    for i in 0..LANES {
        let x = x + i as f32;
        let u = (map.xx * x + start[0] + dx[i]).max(0.0).min(right);
        let v = (map.yx * x + start[1] + dy[i]).max(0.0).min(bottom);
        let (column, row) = (u as i32, v as i32);
        (part_x[i], part_y[i]) = (u - column as f32, v - row as f32);
        at[i] = row * stride as i32 + column * channels as i32;
    }
    for channel in 0..channels {
        // The two upper neighbours of each pixel, the left one in the lower byte, and the two lower neighbours.
        let (mut above, mut below) = ([0u32; LANES], [0u32; LANES]);
        for i in 0..LANES {
            let around = &source.pixels[at[i] as usize + channel..][..stride + channels + 1];
            let pair = |at: usize| u32::from(around[at]) | u32::from(around[at + channels]) << 8;
            (above[i], below[i]) = (pair(0), pair(stride));
        }
        let mut new = [0u8; LANES];
        for i in 0..LANES {
            let between = |pair: u32| {
                let (left, right) = ((pair & 255) as i32 as f32, (pair >> 8) as i32 as f32);
                left + part_x[i] * (right - left)
            };
            let (above, below) = (between(above[i]), between(below[i]));
            new[i] = (above + part_y[i] * (below - above) + 0.5) as i32 as u8;
        }
        if C == 1 {
            out.copy_from_slice(&new[..out.len()]);
        } else {
            out.iter_mut().skip(channel).step_by(channels).zip(new).for_each(|(out, new)| *out = new);
        }
    }
}

/// How many lattice points contribute to a pixel, along one axis.
pub const TAPS: usize = 8;

/// How the lattice points are interpolated to the pixels of one axis: pixel i is the weighted sum of the [`TAPS`]
/// points starting at `first[i]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpolation {
    points: usize,
    first: Vec<usize>,
    /// (pixels, TAPS)
    weights: Vec<[f32; TAPS]>,
    /// The same weights by point, (points, padded row), zero where a point does not contribute.
    by_points: Vec<f32>,
    /// For each chunk of a row of pixels, the range of the points that contribute to it (first, end).
    reach: Vec<(usize, usize)>,
}

impl Interpolation {
    /// From the first point of each pixel, and the weights of the points starting there. The number of points is
    /// determined by the largest of them.
    pub fn new(pixels: impl Iterator<Item = (usize, [f32; TAPS])>) -> Self {
        let (first, weights): (Vec<_>, Vec<_>) = pixels.unzip();
        let points = first.iter().max().map_or(0, |first| first + TAPS);
        let room = padded_row(first.len());
        let mut by_points = vec![0.0; points * room];
        for (pixel, (&first, weights)) in first.iter().zip(&weights).enumerate() {
            for (point, &weight) in (first..).zip(weights) {
                by_points[point * room + pixel] = weight;
            }
        }
        let reach = first.chunks(LANES).map(|first| {
            let (low, high) = (first.iter().min(), first.iter().max());
            (low.copied().unwrap_or(0), high.map_or(0, |first| first + TAPS))
        });
        Interpolation { points, reach: reach.collect(), first, weights, by_points }
    }

    /// The number of points.
    pub fn points(&self) -> usize {
        self.points
    }

    /// The number of pixels.
    pub fn pixels(&self) -> usize {
        self.first.len()
    }
}

/// One component of a smooth field: the lattice interpolated along the columns, then along the rows.
///
/// ```text
/// field(x, y) = Σ_j rows(y, j) · Σ_i columns(x, i) · lattice(j, i)
/// ```
///
/// # Shapes
/// `lattice` is (points of `rows`, points of `columns`); `between` is (points of `rows`, [`padded_row`] of the width),
/// with unspecified contents afterwards; `out` is (height, [`padded_row`] of the width), its last columns being
/// padding.
///
/// # Panics
/// If the shapes do not match.
pub fn field(
    isa: Isa,
    lattice: &[f32],
    columns: &Interpolation,
    rows: &Interpolation,
    between: &mut [f32],
    out: &mut [f32],
) {
    let room = padded_row(columns.pixels());
    assert_eq!(lattice.len(), rows.points * columns.points, "one number for each point of the lattice");
    assert_eq!(between.len(), rows.points * room, "room for the lattice's rows");
    assert_eq!(out.len(), rows.pixels() * room, "one number for each pixel");
    for_isa!(
        isa,
        field_body(
            lattice: &[f32],
            columns: &Interpolation,
            rows: &Interpolation,
            between: &mut [f32],
            out: &mut [f32],
        )
    );
}

#[inline(always)]
fn field_body(
    lattice: &[f32],
    columns: &Interpolation,
    rows: &Interpolation,
    between: &mut [f32],
    out: &mut [f32],
) {
    let room = padded_row(columns.pixels());
    if room == 0 {
        return;
    }
    for (lattice, between) in lattice.chunks_exact(columns.points).zip(between.chunks_exact_mut(room)) {
        for (i, (between, &(low, high))) in
            between.as_chunks_mut::<LANES>().0.iter_mut().zip(&columns.reach).enumerate()
        {
            *between = weighted_sum(&lattice[low..high], &columns.by_points[low * room + i * LANES..], room);
        }
    }
    for ((out, &first), weights) in out.chunks_exact_mut(room).zip(&rows.first).zip(&rows.weights) {
        for (i, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *out = weighted_sum(weights, &between[first * room + i * LANES..], room);
        }
    }
}

/// The weighted sum of the first chunks of rows that are `stride` apart.
#[inline(always)]
fn weighted_sum(weights: &[f32], rows: &[f32], stride: usize) -> [f32; LANES] {
    let mut sum = [0.0; LANES];
    for (k, &weight) in weights.iter().enumerate() {
        let row: &[f32; LANES] = rows[k * stride..].first_chunk().expect("rows are whole chunks");
        for i in 0..LANES {
            sum[i] += weight * row[i];
        }
    }
    sum
}
