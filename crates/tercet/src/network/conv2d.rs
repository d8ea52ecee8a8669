//! The convolutional layer: the same small filters at every place of an image.

use rand::Rng;
use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::convolution::{self, Scratch, Shape};

use super::{Gradient, Init};
use crate::image::ImageShape;
use crate::parallel::add;
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

    /// Rejects a layer whose arrays do not have their shapes. `number` is its place, counted from one.
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

    /// The sizes of the layer's arrays, for images of a size.
    pub(super) fn shape(&self, image: ImageShape) -> Shape {
        let &Conv2d { channels, filters, kernel_height, kernel_width, stride, padding, .. } = self;
        let ImageShape { height, width, .. } = image;
        Shape { height, width, channels, kernel_height, kernel_width, stride, padding, filters }
    }

    /// Y, or what follows it at once. `argmax` are those of the largest values where there is a pool, else they are empty.
    ///
    /// # Shapes
    /// `x` is (B, height, width, channels), `y` is (B, height, width, filters) of the output, or of the pooled one.
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

    /// From `Z = b + patches · W`: `dW = patchesᵀ · dZ`, and db is the sum of the rows of dZ. Behind a ReLU, `dy` must be 0
    /// where that was; behind a pool it is the gradient of what came out there.
    ///
    /// A large batch is cut into pieces of the same size for any number of threads, whose gradients are added in their
    /// order.
    ///
    /// # Shapes
    /// As in the forward pass; `dy` is as y.
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

    /// From `Z = b + patches · W`: `dX` is the sum, at every pixel, over `dZ · Wᵀ` of all patches that it is in.
    ///
    /// # Shapes
    /// As in the forward pass; `dy` is as y, `dx` as x.
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

/// What follows a convolution at once, before its output is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Epilogue {
    None,
    Relu,
    /// ReLU and the largest of each 2 × 2 pixels, in whichever order: they give the same.
    Pooled,
}

/// Room for what the passes write down on their way: something for each thread that works at the batch, and the gradients
/// of its pieces but the first.
#[derive(Clone, Debug, Default)]
pub(super) struct ConvBuffers {
    scratches: Vec<Scratch>,
    chunks: Vec<Gradient>,
}

impl ConvBuffers {
    /// Room for all parts of a batch of so many values, which has so many images in each.
    fn scratches(&mut self, shape: &Shape, values: usize, images: usize) -> &mut [Scratch] {
        let parts = (values / shape.inputs()).div_ceil(images);
        if self.scratches.len() < parts {
            self.scratches.resize_with(parts, Scratch::new);
        }
        &mut self.scratches[..parts]
    }

    /// Fills the gradients with the same value. What is in the other room does not matter by the word of the kernels.
    pub(super) fn poison(&mut self, value: f32) {
        self.chunks
            .iter_mut()
            .flat_map(|chunk| [&mut chunk.dw, &mut chunk.db])
            .for_each(|array| array.fill(value));
    }
}

/// Below this many multiply-adds, handing half of them to another thread takes longer than doing them.
const WORTH_A_THREAD: usize = 1 << 21;

/// From this many on a batch is cut into pieces for the gradients of the weights, of so many images.
const WORTH_CHUNKS: usize = 1 << 24;
const CHUNK: usize = 16;

/// How many images of a batch a thread takes at a time: which ones it takes changes no bit of an output.
fn images_per_task(shape: &Shape, values: usize) -> usize {
    let images = values / shape.inputs();
    let worth = images.saturating_mul(shape.multiply_adds()) / WORTH_A_THREAD;
    images.div_ceil(rayon::current_num_threads().min(worth).max(1)).max(1)
}

/// The numbers from a place on, so many of them or as many as there are.
fn segment<T>(all: &[T], from: usize, count: usize) -> &[T] {
    &all[from..all.len().min(from + count)]
}
