//! The arithmetic of Tercet: all of its `unsafe` code, and little but arithmetic.
//!
//! Every kernel comes twice. The version in a `naive` module is the specification: plain loops that read like the
//! formula. The version beside it is the fast one, which takes an [`Isa`] first and otherwise the same
//! arguments. The conformance suite in `tests/` holds each fast kernel, on every instruction set that the
//! processor has, against its naive sibling over awkward sizes.
//!
//! | module | work | for |
//! |---|---|---|
//! | [`distance`] | distances between rows of bytes or floats, one pair or many at once | nearest neighbours |
//! | [`deformable`] | distances that forgive shifts and warps of an image | nearest neighbours |
//! | [`matmul`] | `C = start + A · B` | dense layers, principal components |
//! | [`convolution`] | convolutions, with ReLU and a pool on the way | convolutional layers |
//! | [`batch_norm`] | channels brought to mean 0 and variance 1, with ReLU, and the way back | batch norms |
//! | [`pooling`] | the largest or the mean of each window | pooling layers |
//! | [`sparse`] | the same where A has many zeros | the first layer, and those behind ReLU |
//! | [`optimizer`] | the step of gradient descent | training |
//! | [`warp`] | pictures bent, and smooth random fields to bend them by | augmentation |
//! | [`lend`] | memory of another language's, read where it lies | the Python package |
//! | [`mmap`] | files as memory | data larger than memory |
//! | [`allocator`] | where large blocks of memory begin, and what becomes of them | weights in whole lines of the cache, trainings that must stay small |
//! | [`dual_ascent`] | one row against a weight matrix, and the dual step of the SVM loss | the exact linear solver |
//!
//! Beside them, [`lend`] and [`mmap`] let a data set read memory that somebody else owns, and files.
//!
//! Kernels are single-threaded and work on slices that belong to the caller. Whoever calls them decides how to
//! cut the work into pieces; cutting along rows, and matrix products along columns, never changes a bit of the result.

pub mod allocator;
pub mod batch_norm;
pub mod convolution;
pub mod deformable;
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
