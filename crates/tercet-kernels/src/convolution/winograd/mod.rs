//! Kernels of 3 × 3 with a quarter of the multiplications: Winograd's minimal filtering, F(4 × 4, 3 × 3).
//!
//! Four neighbouring outputs of a kernel of three are `y = Aᵀ [(G g) ⊙ (Bᵀ d)]`, of six inputs d and three weights g: six
//! multiplications instead of twelve. In both directions at once, 4 × 4 outputs of 6 × 6 inputs take 36 instead of 144
//! (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"; the matrices are theirs). What is
//! multiplied are 36 numbers each of a tile and of a kernel, called frequencies here, and over channels it is a sum as
//! ever: for each frequency one matrix product (tiles, channels) · (channels, filters). The plan, from the outside in:
//!
//! 1. The kernels are transformed once a call and laid down in panels, frequency by frequency.
//! 2. The tiles are taken a group at a time, so few that what is between stays in the second-level cache. They are
//!    transformed, sixteen channels in a register.
//! 3. For each frequency its product, by the tiles of [`tile`](super::tile), which see an image with a pixel a tile.
//! 4. The sums are transformed back, and the bias, ReLU and a pool are done on them in registers: a tile's 4 × 4 outputs
//!    are four pools.
//!
//! The transforms are additions and products with small constants, whose rounding is felt more than that of a direct sum:
//! an output is off by up to 2·10⁻⁶ of the sum of the absolute products that it is made of, where a direct sum is by up to
//! 2·10⁻⁷. The conformance tests bound both. What is not finite spreads over a whole tile.
//!
//! One rounding would be felt much more. The patches of an empty background give the bias and nothing else, which is 0 in
//! the first step of a training: exactly at a ReLU's corner, where a sum of 10⁻⁹ instead would let the gradient through. So
//! the outputs whose patches have nothing but zeros are known, and are the bias.
//!
//! The gradient of the input is such a convolution itself, with its kernels turned around; that of the weights is the same
//! thing read backwards, with the same savings.

mod forward;
mod weights;

pub(super) use forward::run;
pub(super) use weights::pass as weights_pass;

use super::Shape;
use crate::lanes::Lanes;

/// 6 · 6.
const FREQUENCIES: usize = 36;

/// How many tiles a group has. A group of 36, 32 channels and 64 filters takes half a MiB.
const GROUP: usize = 36;

/// Whether this is the way for a shape: it must be 3 × 3 and have so many channels and filters that the transforms are
/// little beside the products.
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

/// Sizes of the tiles of an output, and of an image with its padding and as much beyond as the tiles and registers reach.
#[derive(Clone, Copy)]
struct Tiles {
    /// Tiles of an output from left to right, and of all rows.
    across: usize,
    count: usize,
    /// Columns, numbers of a pixel and of the image.
    width: usize,
    channels: usize,
    size: usize,
    /// Numbers of a pixel of the sums.
    filters: usize,
}

impl Tiles {
    /// Those of a shape, or of as much of its output as a pool reads, for registers of so many lanes and so many filters.
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

    /// Copies an image into the middle of zeros.
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

    /// For each pixel of an image that was laid down whether it has anything but zeros.
    #[inline(always)]
    fn find_nonzero(&self, image: &[f32], nonzero: &mut Vec<u8>) {
        nonzero.clear();
        nonzero.resize(self.size / self.channels, 0);
        for (nonzero, pixel) in nonzero.iter_mut().zip(image.chunks_exact(self.channels)) {
            let mut bits = 0;
            for x in pixel {
                bits |= x.to_bits();
            }
            // Shifted out: the sign, since −0 is a zero.
            *nonzero = u8::from(bits << 1 != 0);
        }
    }

    /// The outputs of a tile whose patches have nothing but zeros: bit 4 y + x.
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
