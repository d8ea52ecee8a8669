//! Models for other programs.
//!
//! [`onnx()`] writes any classifier as an ONNX model, which many runtimes and languages read; [`c()`] writes a network or a linear
//! classifier as C, for machines that run nothing else.

mod c;
mod neighbors;
mod network;
mod onnx;
pub mod protobuf;
mod quantize;

pub use c::{COptions, CSource, c, name_in_c};
pub use onnx::{Options, onnx};
pub use quantize::in_eight_bits;
