//! Search as the definition says it: every distance, one pair at a time, then sort. The specification of
//! [`NearestNeighbors::search`](super::NearestNeighbors::search) and
//! [`NearestNeighbors::leave_one_out`](super::NearestNeighbors::leave_one_out).

use tercet_kernels::distance::naive::{self, floats};

use super::index::{Contract, features, pixels};
use super::leave_one_out::check_others;
use super::metric::{
    ByteCosine, ByteDot, ByteL1, ByteL2, ByteL3, Float, FloatCubed, FloatSquared, Key, float_cosine,
    float_dot,
};
use super::{Metric, Neighbors};
use crate::Result;
use crate::data::Examples;

/// The k nearest rows of `data` for every query, ordered by (distance, index).
///
/// # Errors
/// No data; k = 0 or k > N; queries of another width, or pixels against features.
pub fn search(data: &Examples, queries: &Examples, metric: Metric, k: usize) -> Result<Neighbors> {
    Contract::of(data, metric)?.check(queries, k)?;
    let bytes = |q, x| (pixels(queries, q), pixels(data, x));
    let values = |q, x| (features(queries, q), features(data, x));
    Ok(match (data.is_pixels(), metric) {
        (true, Metric::L2) => sort_all(data, queries, k, |q, x| {
            let (q, x) = bytes(q, x);
            ByteL2(naive::l2_squared(q, x))
        }),
        (true, Metric::L1) => sort_all(data, queries, k, |q, x| {
            let (q, x) = bytes(q, x);
            ByteL1(naive::l1(q, x))
        }),
        (true, Metric::L3) => sort_all(data, queries, k, |q, x| {
            let (q, x) = bytes(q, x);
            ByteL3(naive::l3_cubed(q, x))
        }),
        (true, Metric::Dot) => sort_all(data, queries, k, |q, x| {
            let (q, x) = bytes(q, x);
            ByteDot::new(naive::dot(q, x))
        }),
        (true, Metric::Cosine) => sort_all(data, queries, k, |q, x| {
            let (q, x) = bytes(q, x);
            ByteCosine { dot: naive::dot(q, x), row: naive::dot(x, x), query: naive::dot(q, q) }
        }),
        (false, Metric::L2) => sort_all(data, queries, k, |q, x| {
            let (q, x) = values(q, x);
            FloatSquared(floats::l2_squared(q, x))
        }),
        (false, Metric::L1) => sort_all(data, queries, k, |q, x| {
            let (q, x) = values(q, x);
            Float(floats::l1(q, x))
        }),
        (false, Metric::L3) => sort_all(data, queries, k, |q, x| {
            let (q, x) = values(q, x);
            FloatCubed(floats::l3_cubed(q, x))
        }),
        (false, Metric::Dot) => sort_all(data, queries, k, |q, x| {
            let (q, x) = values(q, x);
            float_dot(floats::dot(q, x))
        }),
        (false, Metric::Cosine) => sort_all(data, queries, k, |q, x| {
            let (q, x) = values(q, x);
            float_cosine(floats::dot(q, x), floats::dot(x, x), floats::dot(q, q))
        }),
    })
}

/// For every row of `data` its k nearest others, ordered by (distance, index). The specification of
/// [`NearestNeighbors::leave_one_out`](super::NearestNeighbors::leave_one_out).
///
/// # Errors
/// Fewer than two rows; k = 0 or k > N − 1.
pub fn leave_one_out(data: &Examples, metric: Metric, k: usize) -> Result<Neighbors> {
    check_others("k", k, data.len())?;
    let all = search(data, data, metric, data.len())?;
    let mut found = Neighbors { k, indices: Vec::new(), distances: Vec::new() };
    for i in 0..data.len() {
        let (indices, distances) = all.of(i);
        let others = indices.iter().zip(distances).filter(|(index, _)| **index as usize != i);
        for (&index, &distance) in others.take(k) {
            found.indices.push(index);
            found.distances.push(distance);
        }
    }
    Ok(found)
}

fn sort_all<K: Key>(
    data: &Examples,
    queries: &Examples,
    k: usize,
    key: impl Fn(usize, usize) -> K,
) -> Neighbors {
    let mut found = Neighbors { k, indices: Vec::new(), distances: Vec::new() };
    for q in 0..queries.len() {
        let mut all: Vec<(K, usize)> = (0..data.len()).map(|x| (key(q, x), x)).collect();
        all.sort();
        found.indices.extend(all[..k].iter().map(|&(_, x)| x as u32));
        found.distances.extend(all[..k].iter().map(|&(key, _)| key.distance()));
    }
    found
}
