//! Tensors in safetensors format, for model files and checkpoints.

use std::borrow::Cow;

use safetensors::tensor::{Dtype, View};

/// The numbers of a tensor of floats as f32: F16 and BF16 are exact, F64 is rounded. `None` for other types.
pub(crate) fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F16 => words(bytes, |word| half::f16::from_le_bytes(word).to_f32()),
        Dtype::BF16 => words(bytes, |word| half::bf16::from_le_bytes(word).to_f32()),
        Dtype::F32 => words(bytes, f32::from_le_bytes),
        Dtype::F64 => words(bytes, |word| f64::from_le_bytes(word) as f32),
        _ => return None,
    })
}

fn words<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|word| decode(*word)).collect()
}

/// A tensor to write: its numbers are converted to little-endian bytes one tensor at a time.
pub(crate) struct Tensor<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values<'a>,
}

/// The numbers of a tensor.
pub(crate) enum Values<'a> {
    U8(&'a [u8]),
    U32(&'a [u32]),
    U64(&'a [u64]),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        match self.values {
            Values::U8(_) => Dtype::U8,
            Values::U32(_) => Dtype::U32,
            Values::U64(_) => Dtype::U64,
            Values::F32(_) => Dtype::F32,
            Values::F64(_) => Dtype::F64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.values {
            Values::U8(values) => values.into(),
            Values::U32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::U64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    fn data_len(&self) -> usize {
        match self.values {
            Values::U8(values) => values.len(),
            Values::U32(values) => values.len() * 4,
            Values::F32(values) => values.len() * 4,
            Values::U64(values) => values.len() * 8,
            Values::F64(values) => values.len() * 8,
        }
    }
}
