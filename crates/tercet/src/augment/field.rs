//! Smooth random displacements of all pixels of a picture.

use rand::Rng;
use tercet_kernels::Isa;
use tercet_kernels::warp::{Interpolation, TAPS, field, padded_row};

use super::Elastic;
use crate::image::ImageShape;
use crate::random::Generator;

/// The variance of the sum of two random bytes, each with variance (256² − 1) / 12.
const VARIANCE_OF_TWO_BYTES: f64 = (256.0 * 256.0 - 1.0) / 6.0;

/// The displacements of one picture, and the buffers for computing them.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// The factor applied to the numbers of the lattice.
    amplitude: f32,
    columns: Interpolation,
    rows: Interpolation,
    /// The random numbers of each component, (points of `rows`, points of `columns`).
    lattices: [Vec<f32>; 2],
    between: Vec<f32>,
    /// Each component at every pixel.
    displacements: [Vec<f32>; 2],
}

impl Field {
    /// For pictures of a given shape.
    pub(super) fn new(Elastic { rms, sigma }: Elastic, shape: ImageShape) -> Self {
        let (columns, rows) = (spread(shape.width, sigma.into()), spread(shape.height, sigma.into()));
        let room = padded_row(shape.width);
        Field {
            amplitude: (f64::from(rms) / 2f64.sqrt() / VARIANCE_OF_TWO_BYTES.sqrt()) as f32,
            lattices: [(); 2].map(|()| vec![0.0; columns.points() * rows.points()]),
            between: vec![0.0; rows.points() * room],
            displacements: [(); 2].map(|()| vec![0.0; shape.height * room]),
            columns,
            rows,
        }
    }

    /// The number of random words that a field uses.
    pub(super) fn words(&self) -> usize {
        self.lattices[0].len()
    }

    /// Draws a new field: the two lower bytes of each word are for dx, the upper two for dy.
    pub(super) fn draw(&mut self, generator: &mut Generator) -> [&[f32]; 2] {
        let Field { amplitude, columns, rows, lattices: [x, y], between, displacements: [dx, dy] } = self;
        let number = |one: u8, two: u8| (i32::from(one) + i32::from(two) - 255) as f32 * *amplitude;
        for (x, y) in x.iter_mut().zip(&mut *y) {
            let [a, b, c, d] = generator.next_u32().to_le_bytes();
            (*x, *y) = (number(a, b), number(c, d));
        }
        let isa = Isa::active();
        field(isa, x, columns, rows, between, dx);
        field(isa, y, columns, rows, between, dy);
        [dx, dy]
    }
}

/// Points σ apart, the first one 4 σ left of the first pixel. Each pixel is interpolated from the eight points within 4
/// σ, weighted by a Gaussian of the distance and normalised so that the squares of the weights sum to 1.
fn spread(pixels: usize, sigma: f64) -> Interpolation {
    Interpolation::new((0..pixels).map(|pixel| {
        // In units of σ, from the first point on.
        let at = pixel as f64 / sigma + 4.0;
        let first = (at - 4.0).ceil() as usize;
        let weight = |tap: usize| {
            let distance = (first + tap) as f64 - at;
            (-distance * distance / 2.0).exp()
        };
        let weights: [f64; TAPS] = std::array::from_fn(weight);
        let norm = weights.iter().map(|w| w * w).sum::<f64>().sqrt();
        (first, weights.map(|w| (w / norm) as f32))
    }))
}
