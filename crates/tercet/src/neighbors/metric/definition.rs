//! [`Definition`]: a metric that is computed by its definition, in f64.

use super::key::{Float, Key};
use super::{Measure, MeasureOf};

/// A metric without kernels and codes: rows are converted to f64 and compared pair by pair. A metric with parameters is
/// a value that holds them.
pub(in crate::neighbors) trait Definition: Send + Sync {
    /// The distance between two rows of equal length.
    fn distance(&self, q: &[f64], x: &[f64]) -> f64;
}

/// A measure of rows of f64 as a definition.
pub(in crate::neighbors) struct Exact<M>(std::marker::PhantomData<fn() -> M>);

impl<M> Exact<M> {
    pub const fn new() -> Self {
        Exact(std::marker::PhantomData)
    }
}

impl<M: Measure> Definition for Exact<M> {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        <M as MeasureOf<f64>>::naive(q, x).distance()
    }
}

/// Stands for the metrics that have only a definition where a [`Measure`] is needed, so that no search is compiled for
/// each of them. It says that they have no kernels.
pub(in crate::neighbors) struct OnlyDefined;

impl<T> MeasureOf<T> for OnlyDefined {
    type Key = Float;
    const IS_ROUNDED: bool = false;

    fn naive(_: &[T], _: &[T]) -> Float {
        unreachable!("rows that are compared by a definition")
    }
}

impl Measure for OnlyDefined {
    const NAME: &'static str = "";
}

impl Definition for &'static dyn Definition {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        (**self).distance(q, x)
    }
}
