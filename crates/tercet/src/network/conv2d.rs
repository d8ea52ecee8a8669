//! The convolutional layer: the same small filters at every place of an image.

use rand::Rng;

use super::{Gradient, Init};
use crate::data::ImageShape;
use crate::{Error, Result};

/// `Y[b, i, j, f] = b[f] + Σ over ky, kx, c of X[b, i·s + ky − p, j·s + kx − p, c] · W[(ky, kx, c), f]`, with stride s and
/// padding p: each filter looks at a patch of kernel_height × kernel_width pixels, everywhere. What lies outside of the
/// image counts as 0.
///
/// Unfolded, every patch is a row of a matrix with columns in the order ky, kx, c, and the layer is a
/// [`Dense`](super::Dense) one on these rows: `Z = patches · W + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2d {
    /// The channels that go in.
    pub channels: usize,
    /// The channels that come out, one for each filter.
    pub filters: usize,
    /// Rows of a filter.
    pub kernel_height: usize,
    /// Columns of a filter.
    pub kernel_width: usize,
    /// By how many pixels a filter moves on.
    pub stride: usize,
    /// How many rows and columns of zeros surround the image on each side.
    pub padding: usize,
    /// W, (kernel_height · kernel_width · channels, filters), row-major.
    pub w: Vec<f32>,
    /// b, (filters).
    pub b: Vec<f32>,
}

impl Conv2d {
    /// kernel_height · kernel_width · channels: the numbers that a filter looks at. Too many to count are as many as can
    /// be.
    pub fn patch(&self) -> usize {
        self.kernel_height.saturating_mul(self.kernel_width).saturating_mul(self.channels)
    }

    /// Draws weights, and sets the biases to zero.
    pub(super) fn draw(&mut self, init: Init, generator: &mut impl Rng) {
        self.w = vec![0.0; self.patch() * self.filters];
        init.draw(self.patch(), &mut self.w, generator);
        self.b = vec![0.0; self.filters];
    }

    /// Refuses a layer whose arrays do not have their shapes. `number` is its place, counted from one.
    pub(super) fn validate(&self, number: usize) -> Result<()> {
        if self.channels == 0 {
            return Err(Error::mismatch(format!("channels of layer {number}"), 0, "at least 1"));
        }
        if Some(self.w.len()) != self.patch().checked_mul(self.filters) {
            let what = format!("weights of layer {number}");
            let expected = format!("{} × {}", self.patch(), self.filters);
            return Err(Error::mismatch(what, self.w.len(), expected));
        }
        if self.b.len() != self.filters {
            return Err(Error::mismatch(format!("biases of layer {number}"), self.b.len(), self.filters));
        }
        Ok(())
    }

    /// Calls `each` for every number of every patch that lies in its image: with the patch, the place in the patch, and
    /// the number's place in X.
    fn walk(
        &self,
        image: ImageShape,
        output: ImageShape,
        images: usize,
        mut each: impl FnMut(usize, usize, usize),
    ) {
        let inside = |at: usize, k: usize, size: usize| {
            (at * self.stride + k).checked_sub(self.padding).filter(|&at| at < size)
        };
        for b in 0..images {
            for (i, j) in (0..output.height).flat_map(|i| (0..output.width).map(move |j| (i, j))) {
                let patch = (b * output.height + i) * output.width + j;
                for (ky, kx) in
                    (0..self.kernel_height).flat_map(|ky| (0..self.kernel_width).map(move |kx| (ky, kx)))
                {
                    let (Some(y), Some(x)) = (inside(i, ky, image.height), inside(j, kx, image.width)) else {
                        continue;
                    };
                    for c in 0..self.channels {
                        let p = (ky * self.kernel_width + kx) * self.channels + c;
                        each(patch, p, ((b * image.height + y) * image.width + x) * self.channels + c);
                    }
                }
            }
        }
    }

    /// Y.
    ///
    /// # Shapes
    /// `x` is (B, height, width, channels), `z` is (B, height, width, filters) of the output.
    pub(super) fn forward(&self, image: ImageShape, output: ImageShape, x: &[f32], z: &mut [f32]) {
        let filters = self.filters;
        z.chunks_exact_mut(filters).for_each(|z| z.copy_from_slice(&self.b));
        self.walk(image, output, x.len() / image.features(), |patch, p, at| {
            let w = &self.w[p * filters..][..filters];
            z[patch * filters..][..filters].iter_mut().zip(w).for_each(|(z, w)| *z += x[at] * w);
        });
    }

    /// From `Z = b + patches · W`: `dW = patchesᵀ · dZ`, and db is the sum of the rows of dZ.
    ///
    /// # Shapes
    /// As in the forward pass; `dz` is as z.
    pub(super) fn backward_parameters(
        &self,
        image: ImageShape,
        output: ImageShape,
        x: &[f32],
        dz: &[f32],
        gradient: &mut Gradient,
    ) {
        let (filters, Gradient { dw, db }) = (self.filters, gradient);
        dw.fill(0.0);
        self.walk(image, output, x.len() / image.features(), |patch, p, at| {
            let dz = &dz[patch * filters..][..filters];
            dw[p * filters..][..filters].iter_mut().zip(dz).for_each(|(dw, dz)| *dw += x[at] * dz);
        });
        db.fill(0.0);
        for dz in dz.chunks_exact(filters) {
            db.iter_mut().zip(dz).for_each(|(db, dz)| *db += dz);
        }
    }

    /// From `Z = b + patches · W`: `dX` is the sum, at every pixel, over `dZ · Wᵀ` of all patches that it is in.
    ///
    /// # Shapes
    /// As in the forward pass; `dz` is as z, `dx` as x.
    pub(super) fn backward_input(&self, image: ImageShape, output: ImageShape, dz: &[f32], dx: &mut [f32]) {
        let filters = self.filters;
        dx.fill(0.0);
        self.walk(image, output, dx.len() / image.features(), |patch, p, at| {
            let (dz, w) = (&dz[patch * filters..][..filters], &self.w[p * filters..][..filters]);
            dx[at] += dz.iter().zip(w).map(|(dz, w)| dz * w).sum::<f32>();
        });
    }
}
