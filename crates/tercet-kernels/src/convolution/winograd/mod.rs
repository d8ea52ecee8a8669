//! 3 × 3 kernels with a quarter of the multiplications: Winograd's minimal filtering, F(4 × 4, 3 × 3).
//!
//! Four adjacent outputs of a kernel of three are `y = Aᵀ [(G g) ⊙ (Bᵀ d)]`, of six inputs d and three weights g: six
//! multiplications instead of twelve. In two dimensions, 4 × 4 outputs of 6 × 6 inputs take 36 instead of 144 (Lavin
//! and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"; the matrices are theirs). The 36 transformed
//! numbers of a tile and of a kernel are called frequencies here. They are multiplied element by element and summed
//! over channels as usual: for each frequency that is one matrix product (tiles, channels) · (channels, filters). The
//! steps:
//!
//! 1. The kernels are transformed once per call and stored in panels, frequency by frequency.
//! 2. The tiles are processed in groups so small that the intermediate results stay in the second-level cache. They are
//!    transformed, sixteen channels per register.
//! 3. For each frequency the product is computed by the tiles of [`tile`](super::tile), as if it were an image with one
//!    pixel per tile.
//! 4. The sums are transformed back, and the bias, ReLU and pool are applied to them in registers: a tile's 4 × 4
//!    outputs are four pooling windows.
//!
//! The transforms are additions and products with small constants, and their rounding errors are larger than those of a
//! direct sum: the error of an output is up to 2·10⁻⁶ of the sum of its absolute products, against up to 2·10⁻⁷ for a
//! direct sum. The conformance tests bound both. Non-finite values spread over a whole tile.
//!
//! One rounding error would matter much more. Where the background is empty, an output is exactly its bias, which is 0
//! in the first training step: exactly at the kink of a ReLU, where a sum of 10⁻⁹ instead would let the gradient
//! through. So outputs whose patches are all zeros are detected, and set to the bias.
//!
//! The gradient of the input is such a convolution itself, with its kernels rotated; that of the weights is the
//! transposed computation, with the same savings.

mod forward;
mod weights;

pub(super) use forward::run;
pub(super) use weights::pass as weights_pass;

use super::Shape;
use crate::lanes::Lanes;

/// 6 · 6.
const FREQUENCIES: usize = 36;

/// Tiles per group. A group of 36 with 32 channels and 64 filters takes half a MiB.
const GROUP: usize = 36;

/// Whether to use this algorithm for a shape: the kernel must be 3 × 3, and there must be enough channels and filters
/// for the cost of the transforms to be small compared with that of the products.
pub(super) fn is_for(shape: &Shape) -> bool {
    let kernel = (shape.kernel_height, shape.kernel_width, shape.stride);
    let (height, width) = (shape.output_height(), shape.output_width());
    let tiles = height.div_ceil(4) * width.div_ceil(4);
    kernel == (3, 3, 1) && shape.channels.min(shape.filters) >= 16 && 2 * 16 * tiles <= 3 * height * width
}

/// `Bᵀ d`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn transform_input<L: Lanes>(d: [L; 6]) -> [L; 6] {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let times = |sum: L, factor: f32, x: L| sum.add_product(L::splat(factor), x);
        let (even, odd) = (times(d[4], -4.0, d[2]), times(d[3], -4.0, d[1]));
        let (near, far) = (d[4].minus(d[2]), d[3].minus(d[1]));
        [
            times(times(d[4], -5.0, d[2]), 4.0, d[0]),
            even.plus(odd),
            even.minus(odd),
            times(near, 2.0, far),
            times(near, -2.0, far),
            times(times(d[5], -5.0, d[3]), 4.0, d[1]),
        ]
    }
}

/// Column `at` of a small matrix.
#[inline(always)]
fn column<L: Copy, const WIDTH: usize, const HEIGHT: usize>(
    rows: &[[L; WIDTH]; HEIGHT],
    at: usize,
) -> [L; HEIGHT] {
    std::array::from_fn(
        #[inline(always)]
        |row| rows[row][at],
    )
}

/// The sizes of the tiles of an output, and of a padded image extended as far as the tiles and registers reach.
#[derive(Clone, Copy)]
struct Tiles {
    /// Tiles per row of tiles, and in total.
    across: usize,
    count: usize,
    /// Columns of the image, numbers per pixel, and numbers of the whole image.
    width: usize,
    channels: usize,
    size: usize,
    /// Numbers per pixel of the sums.
    filters: usize,
}

impl Tiles {
    /// The tiles of a shape, or of the part of its output that a pool reads, for registers of `lanes` lanes and
    /// `filters` filters.
    fn new(shape: &Shape, is_pooled: bool, lanes: usize, filters: usize) -> Self {
        let (height, width) = match is_pooled {
            true => (2 * shape.pooled_height(), 2 * shape.pooled_width()),
            false => (shape.output_height(), shape.output_width()),
        };
        let (down, across) = (height.div_ceil(4), width.div_ceil(4));
        let (width, channels) = (4 * across + 2, shape.channels.next_multiple_of(lanes));
        Tiles {
            across,
            count: down * across,
            width,
            channels,
            size: (4 * down + 2) * width * channels,
            filters,
        }
    }

    /// Copies an image, padded with zeros.
    fn copy_image(&self, shape: &Shape, x: &[f32], image: &mut [f32]) {
        let row = self.width * self.channels;
        image.fill(0.0);
        let rows = image.chunks_exact_mut(row).skip(shape.padding);
        for (x, image) in x.chunks_exact(shape.width * shape.channels).zip(rows) {
            let pixels = image.chunks_exact_mut(self.channels).skip(shape.padding);
            if self.channels == shape.channels {
                let image = &mut image[shape.padding * self.channels..];
                let count = x.len().min(image.len());
                image[..count].copy_from_slice(&x[..count]);
            } else {
                let both = x.chunks_exact(shape.channels).zip(pixels);
                both.for_each(|(x, image)| image[..x.len()].copy_from_slice(x));
            }
        }
    }

    /// For each pixel of a copied image, whether it is not all zeros.
    #[inline(always)]
    fn find_nonzero(&self, image: &[f32], nonzero: &mut Vec<u8>) {
        nonzero.clear();
        nonzero.resize(self.size / self.channels, 0);
        for (nonzero, pixel) in nonzero.iter_mut().zip(image.chunks_exact(self.channels)) {
            let mut bits = 0;
            for x in pixel {
                bits |= x.to_bits();
            }
            // The shift drops the sign, because −0 is a zero.
            *nonzero = u8::from(bits << 1 != 0);
        }
    }

    /// The outputs of a tile whose patches are all zeros: bit 4 y + x.
    #[inline(always)]
    fn zero_outputs(&self, tile: usize, nonzero: &[u8]) -> u16 {
        let across = self.width;
        let first = tile / self.across * 4 * across + tile % self.across * 4;
        let mut rows = [0; 6];
        for (y, row) in rows.iter_mut().enumerate() {
            for (x, &nonzero) in nonzero[first + y * across..][..6].iter().enumerate() {
                *row |= u16::from(nonzero) << x;
            }
            *row |= *row >> 1 | *row >> 2;
        }
        let mut zero_outputs = 0;
        for y in 0..4 {
            zero_outputs |= (!(rows[y] | rows[y + 1] | rows[y + 2]) & 15) << (4 * y);
        }
        zero_outputs
    }
}

/// Transforms one tile of an image: its numbers of frequency f begin at `to[f * plane]`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn transform_tile<L: Lanes>(tiles: &Tiles, image: &[f32], tile: usize, to: &mut [f32], plane: usize) {
    let row = tiles.width * tiles.channels;
    let first = tile / tiles.across * 4 * row + tile % tiles.across * 4 * tiles.channels;
    assert!(first + 5 * row + 6 * tiles.channels <= image.len());
    assert!(
        tiles.channels.is_multiple_of(L::LANES) && (FREQUENCIES - 1) * plane + tiles.channels <= to.len()
    );
    for channel in (0..tiles.channels).step_by(L::LANES) {
        // SAFETY: the caller promises the instructions; the assertions bound what is read and written.
        unsafe {
            let image = image.as_ptr().add(first + channel);
            let mut columns = [[L::splat(0.0); 6]; 6];
            for (x, column) in columns.iter_mut().enumerate() {
                let d = std::array::from_fn(|y| L::load(image.add(y * row + x * tiles.channels)));
                *column = transform_input(d);
            }
            for y in 0..6 {
                for (x, v) in transform_input(column(&columns, y)).into_iter().enumerate() {
                    v.store(to.as_mut_ptr().add((y * 6 + x) * plane + channel));
                }
            }
        }
    }
}
