//! The convolutional layer: the same small filters at every position of an image.

use rand::Rng;
use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::convolution::{self, Scratch, Shape};

use super::{Gradient, Init};
use crate::image::ImageShape;
use crate::parallel::add;
use crate::{Error, Result};

/// `Y[b, i, j, f] = b[f] + Σ over ky, kx, c of X[b, i·s + ky − p, j·s + kx − p, c] · W[(ky, kx, c), f]`, with stride s
/// and padding p: each filter is applied to the patch of kernel_height × kernel_width pixels at every position. Pixels
/// outside the image count as 0.
///
/// With im2col, every patch is a row of a matrix with columns in the order ky, kx, c, and the layer is a
/// [`Dense`](super::Dense) layer on these rows: `Z = patches · W + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2d {
    /// Input channels.
    pub channels: usize,
    /// Output channels, one per filter.
    pub filters: usize,
    /// Rows of a filter.
    pub kernel_height: usize,
    /// Columns of a filter.
    pub kernel_width: usize,
    /// Step between neighbouring filter positions, in pixels.
    pub stride: usize,
    /// Rows and columns of zeros added on each side of the image.
    pub padding: usize,
    /// W, (kernel_height · kernel_width · channels, filters), row-major.
    pub w: Vec<f32>,
    /// b, (filters).
    pub b: Vec<f32>,
}

impl Conv2d {
    /// kernel_height · kernel_width · channels: the number of inputs of a filter. Saturates at `usize::MAX`.
    pub fn patch(&self) -> usize {
        self.kernel_height.saturating_mul(self.kernel_width).saturating_mul(self.channels)
    }

    /// Draws random weights, and sets the biases to zero.
    pub(super) fn draw(&mut self, init: Init, generator: &mut impl Rng) {
        self.w = vec![0.0; self.patch() * self.filters];
        init.draw(self.patch(), &mut self.w, generator);
        self.b = vec![0.0; self.filters];
    }

    /// Rejects a layer whose arrays have the wrong shapes. `number` is its position in the network, counted from one.
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

    /// The sizes of the layer's arrays, for images of a given size.
    pub(super) fn shape(&self, image: ImageShape) -> Shape {
        let &Conv2d { channels, filters, kernel_height, kernel_width, stride, padding, .. } = self;
        let ImageShape { height, width, .. } = image;
        Shape { height, width, channels, kernel_height, kernel_width, stride, padding, filters }
    }

    /// Y, or the result of the fused epilogue. With a pool, `argmax` receives the index of the maximum of each window;
    /// otherwise it is empty.
    ///
    /// # Shapes
    /// `x` is (B, height, width, channels), `y` is (B, height, width, filters) of the output, or of the pooled output.
    pub(super) fn forward(
        &self,
        shape: &Shape,
        epilogue: Epilogue,
        x: &[f32],
        y: &mut [f32],
        argmax: &mut Vec<u8>,
        buffers: &mut ConvBuffers,
    ) {
        let (isa, images) = (Isa::active(), images_per_task(shape, x.len()));
        let xs = x.par_chunks(images * shape.inputs()).zip(buffers.scratches(shape, x.len(), images));
        let (w, b) = (&self.w, &self.b);
        match epilogue {
            Epilogue::None => xs
                .zip(y.par_chunks_mut(images * shape.outputs()))
                .for_each(|((x, scratch), y)| convolution::forward(isa, shape, x, w, b, y, scratch)),
            Epilogue::Relu => xs
                .zip(y.par_chunks_mut(images * shape.outputs()))
                .for_each(|((x, scratch), y)| convolution::forward_relu(isa, shape, x, w, b, y, scratch)),
            Epilogue::Pooled => {
                argmax.resize(y.len(), 0);
                let pooled = images * shape.pooled();
                let ys = y.par_chunks_mut(pooled).zip(argmax.par_chunks_mut(pooled));
                xs.zip(ys).for_each(|((x, scratch), (y, argmax))| {
                    convolution::forward_pooled(isa, shape, x, w, b, y, argmax, scratch);
                });
            }
        }
    }

    /// From `Z = b + patches · W`: `dW = patchesᵀ · dZ`, and db is the sum of the rows of dZ. With a fused ReLU, `dy`
    /// must be 0 where the ReLU was inactive; with a fused pool, `dy` is the gradient with respect to the pooled
    /// output.
    ///
    /// A large batch is split into chunks whose size does not depend on the number of threads, and the chunks'
    /// gradients are added in order.
    ///
    /// # Shapes
    /// As in the forward pass; `dy` has the shape of y.
    #[allow(clippy::too_many_arguments, reason = "a layer has this many arrays")]
    pub(super) fn backward_parameters(
        &self,
        shape: &Shape,
        epilogue: Epilogue,
        x: &[f32],
        dy: &[f32],
        argmax: &[u8],
        gradient: &mut Gradient,
        buffers: &mut ConvBuffers,
    ) {
        let isa = Isa::active();
        let images = x.len() / shape.inputs();
        let large = images.saturating_mul(shape.multiply_adds()) >= WORTH_CHUNKS;
        let chunk = if large { CHUNK.min(images) } else { images };
        let outputs = chunk * if epilogue == Epilogue::Pooled { shape.pooled() } else { shape.outputs() };
        let of_chunk = |n: usize, gradient: &mut Gradient, scratch: &mut Scratch| {
            let Gradient { dw, db } = gradient;
            let x = segment(x, n * chunk * shape.inputs(), chunk * shape.inputs());
            let dy = segment(dy, n * outputs, outputs);
            match epilogue {
                Epilogue::Pooled => {
                    let argmax = segment(argmax, n * outputs, outputs);
                    convolution::backward_weights_pooled(isa, shape, x, dy, argmax, dw, db, scratch);
                }
                Epilogue::None | Epilogue::Relu => {
                    convolution::backward_weights(isa, shape, x, dy, dw, db, scratch);
                }
            }
        };
        let count = images.div_ceil(chunk);
        buffers.scratches(shape, x.len(), chunk);
        let ConvBuffers { scratches, chunks } = buffers;
        let Some((scratch, scratches)) = scratches.split_first_mut() else { return };
        if count == 1 {
            return of_chunk(0, gradient, scratch);
        }
        chunks.resize_with(count - 1, Gradient::default);
        for Gradient { dw, db } in chunks.iter_mut() {
            dw.resize(self.w.len(), 0.0);
            db.resize(self.b.len(), 0.0);
        }
        rayon::join(
            || of_chunk(0, gradient, scratch),
            || {
                chunks.par_iter_mut().zip(scratches).enumerate().for_each(|(n, (gradient, scratch))| {
                    of_chunk(n + 1, gradient, scratch);
                });
            },
        );
        for chunk in chunks {
            add(&mut gradient.dw, &chunk.dw);
            add(&mut gradient.db, &chunk.db);
        }
    }

    /// From `Z = b + patches · W`: `dX` at a pixel is the sum of its entries in `dZ · Wᵀ` over all patches that contain
    /// it.
    ///
    /// # Shapes
    /// As in the forward pass; `dy` has the shape of y, `dx` that of x.
    pub(super) fn backward_input(
        &self,
        shape: &Shape,
        epilogue: Epilogue,
        dy: &[f32],
        argmax: &[u8],
        dx: &mut [f32],
        buffers: &mut ConvBuffers,
    ) {
        let (isa, images, w) = (Isa::active(), images_per_task(shape, dx.len()), &self.w);
        let all = dx.len();
        let dxs = dx.par_chunks_mut(images * shape.inputs()).zip(buffers.scratches(shape, all, images));
        match epilogue {
            Epilogue::None | Epilogue::Relu => dxs
                .zip(dy.par_chunks(images * shape.outputs()))
                .for_each(|((dx, scratch), dy)| convolution::backward_input(isa, shape, dy, w, dx, scratch)),
            Epilogue::Pooled => {
                let pooled = images * shape.pooled();
                dxs.zip(dy.par_chunks(pooled).zip(argmax.par_chunks(pooled))).for_each(
                    |((dx, scratch), (dy, argmax))| {
                        convolution::backward_input_pooled(isa, shape, dy, argmax, w, dx, scratch);
                    },
                );
            }
        }
    }
}

/// The operation fused into a convolution, applied before its output is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Epilogue {
    None,
    Relu,
    /// ReLU and 2 × 2 max pooling; their order does not change the result.
    Pooled,
}

/// Scratch buffers of the passes: one for each thread that works on the batch, and the gradients of its chunks except
/// the first.
#[derive(Clone, Debug, Default)]
pub(super) struct ConvBuffers {
    scratches: Vec<Scratch>,
    chunks: Vec<Gradient>,
}

impl ConvBuffers {
    /// Scratch buffers for all tasks of a batch of `values` values, at `images` images per task.
    fn scratches(&mut self, shape: &Shape, values: usize, images: usize) -> &mut [Scratch] {
        let parts = (values / shape.inputs()).div_ceil(images);
        if self.scratches.len() < parts {
            self.scratches.resize_with(parts, Scratch::new);
        }
        &mut self.scratches[..parts]
    }

    /// Fills the gradients with the same value. The kernels do not depend on the contents of the other buffers.
    pub(super) fn poison(&mut self, value: f32) {
        self.chunks
            .iter_mut()
            .flat_map(|chunk| [&mut chunk.dw, &mut chunk.db])
            .for_each(|array| array.fill(value));
    }
}

/// Below this many multiply-adds, splitting the work between two threads takes longer than doing it in one.
const WORTH_A_THREAD: usize = 1 << 21;

/// From this many multiply-adds on, a batch is split into chunks of images to compute the weight gradients.
const WORTH_CHUNKS: usize = 1 << 24;
const CHUNK: usize = 16;

/// How many images of a batch a thread processes at a time. The choice does not change a bit of the output.
fn images_per_task(shape: &Shape, values: usize) -> usize {
    let images = values / shape.inputs();
    let worth = images.saturating_mul(shape.multiply_adds()) / WORTH_A_THREAD;
    images.div_ceil(rayon::current_num_threads().min(worth).max(1)).max(1)
}

/// Up to `count` numbers starting at `from`, or as many as there are.
fn segment<T>(all: &[T], from: usize, count: usize) -> &[T] {
    &all[from..all.len().min(from + count)]
}
