//! The convolutional layer: seven nested loops.

use num_traits::Float;

use crate::image::ImageShape;

/// The parameters of a convolutional layer.
#[derive(Clone, Debug)]
pub struct Conv2d<T> {
    /// Rows of a filter.
    pub kernel_height: usize,
    /// Columns of a filter.
    pub kernel_width: usize,
    /// Step between neighbouring filter positions, in pixels.
    pub stride: usize,
    /// Rows and columns of zeros added on each side of the image.
    pub padding: usize,
    /// W, (kernel_height · kernel_width · channels, filters).
    pub w: Vec<T>,
    /// b, (filters).
    pub b: Vec<T>,
}

impl<T: Float> Conv2d<T> {
    /// The output shape.
    pub fn output(&self, image: ImageShape) -> ImageShape {
        ImageShape {
            height: (image.height + 2 * self.padding - self.kernel_height) / self.stride + 1,
            width: (image.width + 2 * self.padding - self.kernel_width) / self.stride + 1,
            channels: self.b.len(),
        }
    }

    // ANCHOR: forward
    /// Calls `each` with the indices into Y, X and W of every product in the sums. Where the filter reaches beyond the
    /// image, there is no product.
    fn walk(&self, image: ImageShape, examples: usize, mut each: impl FnMut(usize, usize, usize)) {
        let (output, filters) = (self.output(image), self.b.len());
        for b in 0..examples {
            for i in 0..output.height {
                for j in 0..output.width {
                    for ky in 0..self.kernel_height {
                        for kx in 0..self.kernel_width {
                            let (row, column) = (i * self.stride + ky, j * self.stride + kx);
                            let (Some(row), Some(column)) =
                                (row.checked_sub(self.padding), column.checked_sub(self.padding))
                            else {
                                continue;
                            };
                            if row >= image.height || column >= image.width {
                                continue;
                            }
                            for c in 0..image.channels {
                                for f in 0..filters {
                                    let y = ((b * output.height + i) * output.width + j) * filters + f;
                                    let x = ((b * image.height + row) * image.width + column)
                                        * image.channels
                                        + c;
                                    let w =
                                        ((ky * self.kernel_width + kx) * image.channels + c) * filters + f;
                                    each(y, x, w);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// `y[b][i][j][f] = b[f] + Σ x[b][i·s + ky − p][j·s + kx − p][c] · w[(ky, kx, c)][f]`.
    ///
    /// # Shapes
    /// `x` is (B, height, width, channels); returns (B, height, width, filters) of the output.
    pub fn forward(&self, image: ImageShape, x: &[T]) -> Vec<T> {
        let (examples, filters) = (x.len() / image.features(), self.b.len());
        let mut y: Vec<T> =
            (0..examples * self.output(image).features()).map(|at| self.b[at % filters]).collect();
        self.walk(image, examples, |to, from, of| y[to] = y[to] + x[from] * self.w[of]);
        y
    }
    // ANCHOR_END: forward

    /// Every product `x · w` in a sum y contributes `w · dy` to dx and `x · dy` to dw.
    ///
    /// # Shapes
    /// `x` is (B, height, width, channels), `dy` has the shape of y; returns dx, dw and db.
    pub fn backward(&self, image: ImageShape, x: &[T], dy: &[T]) -> (Vec<T>, Vec<T>, Vec<T>) {
        let mut dx = vec![T::zero(); x.len()];
        let mut dw = vec![T::zero(); self.w.len()];
        let mut db = vec![T::zero(); self.b.len()];
        self.walk(image, x.len() / image.features(), |y, x_at, w| {
            dx[x_at] = dx[x_at] + self.w[w] * dy[y];
            dw[w] = dw[w] + x[x_at] * dy[y];
        });
        for (at, &dy) in dy.iter().enumerate() {
            let f = at % self.b.len();
            db[f] = db[f] + dy;
        }
        (dx, dw, db)
    }
}
