//! [`Augmenter`]: applies augmentation to pictures one by one.

use rand::Rng;
use tercet_kernels::Isa;
use tercet_kernels::warp::{Affine, Source, warp};

use super::Augment;
use super::field::Field;
use crate::Result;
use crate::image::ImageShape;
use crate::random::{Generator, Stream, generator};

/// The number of random words before the lattice of a picture, one whole block of the generator. Seven of them are
/// used.
const WORDS_BEFORE_LATTICE: usize = 16;

/// Augments pictures of one shape. Does not allocate after construction.
///
/// ```
/// use tercet::augment::{Augment, Augmenter};
/// use tercet::image::ImageShape;
///
/// let shape = ImageShape::gray(8, 8);
/// let mut picture = [0; 64];
/// picture[27] = 255;
/// let augment = Augment { shift: 2.0, ..Augment::default() };
/// let mut augmenter = Augmenter::new(augment, shape, 20, 7)?;
///
/// let (mut once, mut again, mut another) = ([0; 64], [0; 64], [0; 64]);
/// augmenter.write(&picture, 5, 3, &mut once);
/// augmenter.write(&picture, 5, 4, &mut another);
/// augmenter.write(&picture, 5, 3, &mut again);
/// assert_eq!(once, again);
/// assert_ne!(once, another);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Augmenter {
    augment: Augment,
    shape: ImageShape,
    /// B.
    batch: u128,
    /// W, the number of words reserved for a picture.
    words: u128,
    generator: Generator,
    source: Source,
    field: Option<Field>,
}

impl Augmenter {
    /// For pictures of a given shape, in batches of at most `batch`.
    ///
    /// # Errors
    /// Invalid settings.
    pub fn new(augment: Augment, shape: ImageShape, batch: usize, seed: u64) -> Result<Self> {
        augment.validate()?;
        let field = augment.elastic.map(|elastic| Field::new(elastic, shape));
        let words = WORDS_BEFORE_LATTICE + field.as_ref().map_or(0, Field::words);
        Ok(Augmenter {
            augment,
            shape,
            batch: batch as u128,
            words: words.next_multiple_of(16) as u128,
            generator: generator(seed, Stream::Augment),
            source: Source::new(shape.width, shape.height, shape.channels),
            field,
        })
    }

    /// Writes the augmented picture for a position in the batch of a step, both counted from 0.
    ///
    /// # Shapes
    /// `pixels` and `out` are (height, width, channels).
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn write(&mut self, pixels: &[u8], step: u64, place: usize, out: &mut [u8]) {
        let start = (u128::from(step) * self.batch + place as u128) * self.words;
        self.generator.set_word_pos(start);
        let map = self.draw_affine();
        let displacement = self.field.as_mut().map(|field| {
            self.generator.set_word_pos(start + WORDS_BEFORE_LATTICE as u128);
            field.draw(&mut self.generator)
        });
        self.source.fill(pixels);
        warp(Isa::active(), &self.source, map, displacement, out);
    }

    /// c + M (R S H)⁻¹ (q − c − t), as a map of q.
    fn draw_affine(&mut self) -> Affine {
        let Augment { shift, rotate, scale, shear, mirror, elastic: _ } = self.augment;
        // Uniform in ±most, symmetric about 0.
        let mut uniform = |most: f32| {
            let word = f64::from(self.generator.next_u32());
            f64::from(most) * ((word + 0.5) / 2f64.powi(31) - 1.0)
        };
        let (shift_x, shift_y) = (uniform(shift), uniform(shift));
        let (sin, cos) = uniform(rotate).to_radians().sin_cos();
        let (scale_x, scale_y) = (1.0 + uniform(scale), 1.0 + uniform(scale));
        let slant = uniform(shear);
        let sign = if uniform(1.0) < 0.0 && mirror { -1.0 } else { 1.0 };
        let [xx, xy] =
            [cos / scale_x + slant * sin / scale_y, sin / scale_x - slant * cos / scale_y].map(|x| sign * x);
        let [yx, yy] = [-sin / scale_y, cos / scale_y];
        let centre = |side: usize| (side as f64 - 1.0) / 2.0;
        let (c_x, c_y) = (centre(self.shape.width), centre(self.shape.height));
        let (q_x, q_y) = (c_x + shift_x, c_y + shift_y);
        let (x0, y0) = (c_x - xx * q_x - xy * q_y, c_y - yx * q_x - yy * q_y);
        let [xx, xy, x0, yx, yy, y0] = [xx, xy, x0, yx, yy, y0].map(|number| number as f32);
        Affine { xx, xy, x0, yx, yy, y0 }
    }
}
