//! The arithmetic of Tercet: all of its `unsafe` code, and little but arithmetic.
//!
//! Every kernel exists twice. The version in a `naive` module is the specification: plain loops that read like the
//! formula. The other version is the fast one; it takes an [`Isa`] first and otherwise the same arguments. The
//! conformance suite in `tests/` compares each fast kernel, on every instruction set that the processor has, with its
//! naive sibling over awkward sizes.
//!
//! | module | work | for |
//! |---|---|---|
//! | [`distance`] | distances between rows of bytes or floats, one pair or many at once | nearest neighbours |
//! | [`deformable`] | distances that tolerate shifts and warps of an image | nearest neighbours |
//! | [`matmul`] | `C = start + A · B` | dense layers, principal components |
//! | [`convolution`] | convolutions, with fused ReLU and pooling | convolutional layers |
//! | [`batch_norm`] | normalisation of each channel to mean 0 and variance 1, with fused ReLU, and its backward pass | batch norms |
//! | [`pooling`] | the maximum or the mean of each window | pooling layers |
//! | [`sparse`] | matrix products where A has many zeros | the first layer, and those after a ReLU |
//! | [`optimizer`] | the update step of gradient descent | training |
//! | [`warp`] | image warping, and smooth random displacement fields | augmentation |
//! | [`lend`] | memory of another language, read in place | the Python package |
//! | [`mmap`] | memory-mapped files | data larger than memory |
//! | [`allocator`] | alignment of large memory blocks, and when they return to the system | weights aligned to cache lines, training in little memory |
//! | [`dual_ascent`] | one row against a weight matrix, and the dual step of the SVM loss | the exact linear solver |
//!
//! [`lend`] and [`mmap`] let a data set read borrowed memory and files.
//!
//! Kernels are single-threaded and work on slices that belong to the caller. The caller decides how to divide the work;
//! dividing it along rows, and matrix products along columns, never changes a bit of the result.

pub mod allocator;
pub mod batch_norm;
pub mod convolution;
pub mod deformable;
mod dispatch;
pub mod distance;
pub mod dual_ascent;
pub mod isa;
mod lanes;
pub mod lend;
pub mod matmul;
pub mod mmap;
pub mod optimizer;
mod pixels;
pub mod pooling;
mod prefetch;
pub mod sparse;
pub mod warp;

pub use isa::Isa;
pub use prefetch::{prefetch, prefetch_for_later};
