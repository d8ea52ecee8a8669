//! Models for other programs.
//!
//! [`onnx()`] writes any classifier as an ONNX model, which many runtimes and languages read.

mod neighbors;
mod network;
mod onnx;
mod protobuf;

pub use onnx::{Options, onnx};
