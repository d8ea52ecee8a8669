//! The inputs of a batch, as training sees them: read, augmented, and some of them dropped.

use std::ops::Range;

use super::Settings;
use super::pass::Pass;
use crate::Result;
use crate::augment::Augmenter;
use crate::data::Dataset;
use crate::network::{Input, InputDropout, Inputs, Network};

/// Reads the inputs of batches, or of shares of them. The buffers last for the whole training.
pub(super) struct Reader {
    inputs: Inputs,
    augmented: Option<Augmented>,
    dropout: Option<InputDropout>,
}

/// The pictures of a share as augmentation made them.
struct Augmented {
    augmenter: Augmenter,
    pixels: Vec<u8>,
}

impl Reader {
    /// For batches of so many of these examples.
    ///
    /// # Errors
    /// A probability of dropout that is none, and augmentation that makes no sense.
    pub fn new(
        network: &Network,
        examples: &Dataset,
        batch: usize,
        settings: &Settings,
        seed: u64,
    ) -> Result<Self> {
        let dropout = match settings.input_dropout {
            0.0 => None,
            p => Some(InputDropout::new(p, seed)?),
        };
        let augmented = match examples.image_shape().filter(|_| !settings.augment.is_none()) {
            None => None,
            Some(shape) => {
                let augmenter = Augmenter::new(settings.augment, shape, batch, seed)?;
                Some(Augmented { augmenter, pixels: Vec::new() })
            }
        };
        Ok(Reader { inputs: Inputs::new(network), augmented, dropout })
    }

    /// Whether the inputs are read as they are.
    pub fn changes_nothing(settings: &Settings) -> bool {
        settings.input_dropout == 0.0 && settings.augment.is_none()
    }

    /// The inputs at `rows[range]` of a batch, which are share number `share.0` of `share.1`.
    pub fn read(
        &mut self,
        pass: Pass<'_>,
        rows: &[usize],
        range: Range<usize>,
        share: (u64, u64),
    ) -> Input<'_> {
        let Reader { inputs, augmented, dropout } = self;
        let (examples, first, rows) = (pass.examples, range.start, &rows[range]);
        if let Some(augmented) = augmented {
            let pixels = augmented.write(examples, rows, pass.step, first);
            inputs.read_pixels(pixels, examples.width());
        } else {
            inputs.read(examples, rows);
        }
        match dropout {
            Some(dropout) => {
                dropout.seek_share(pass.step as u64, share.0, share.1);
                inputs.drop_some(dropout)
            }
            None => inputs.last(),
        }
    }

    /// What was read last.
    pub fn last(&self) -> Input<'_> {
        self.inputs.last()
    }
}

impl Augmented {
    /// The examples at `rows`, whose first has this place in its batch.
    fn write(&mut self, examples: &Dataset, rows: &[usize], step: usize, first: usize) -> &[u8] {
        let width = examples.width();
        self.pixels.resize(rows.len() * width, 0);
        for ((place, &i), out) in (first..).zip(rows).zip(self.pixels.chunks_exact_mut(width)) {
            let pixels = examples.pixels(i).expect("examples with the shape of an image are pixels");
            self.augmenter.write(pixels, step as u64, place, out);
        }
        &self.pixels
    }
}
