//! Search by definition: compute every distance, one pair at a time, then sort. The specification of
//! [`NearestNeighbors::search`](super::NearestNeighbors::search) and
//! [`NearestNeighbors::leave_one_out`](super::NearestNeighbors::leave_one_out).

use super::index::{Contract, features, pixels, searchable};
use super::leave_one_out::check_others;
use super::metric::{Float, Key, MeasureOf, for_metric};
use super::{Metric, Neighbors};
use crate::Result;
use crate::data::Examples;

/// The k nearest rows of `data` for every query, ordered by (distance, index).
///
/// # Errors
/// If there is no data; if k = 0 or k > N; if the queries have another width, or are pixels and the data is not, or
/// vice versa.
pub fn search(data: &Examples, queries: &Examples, metric: Metric, k: usize) -> Result<Neighbors> {
    Contract::of(data, metric)?.check(queries, k)?;
    let (data, queries) = (&searchable(data)?, &searchable(queries)?);
    let row = |examples: &Examples, i: usize| {
        let mut row = vec![0.0; examples.width()];
        examples.row(i).write_f64(&mut row);
        row
    };
    if let Some(definition) = metric.definition() {
        return Ok(sort_all(data, queries, k, |q, x| {
            Float(definition.distance(&row(queries, q), &row(data, x)))
        }));
    }
    if data.dtype() == "float64" || queries.dtype() == "float64" {
        return Ok(for_metric!(metric, M => sort_all(data, queries, k, |q, x| {
            <M as MeasureOf<f64>>::naive(&row(queries, q), &row(data, x))
        })));
    }
    Ok(for_metric!(metric, M => match data.is_pixels() {
        true => sort_all(data, queries, k, |q, x| {
            <M as MeasureOf<u8>>::naive(pixels(queries, q), pixels(data, x))
        }),
        false => sort_all(data, queries, k, |q, x| {
            <M as MeasureOf<f32>>::naive(features(queries, q), features(data, x))
        }),
    }))
}

/// The k nearest others of every row of `data`, ordered by (distance, index). The specification of
/// [`NearestNeighbors::leave_one_out`](super::NearestNeighbors::leave_one_out).
///
/// # Errors
/// If there are fewer than two rows, or if k = 0 or k > N − 1.
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
