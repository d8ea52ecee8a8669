//! Out-of-core search: the rows need not fit in memory, and are searched chunk by chunk.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::{Metric, NearestNeighbors, Neighbors, Progress};
use crate::data::Examples;
use crate::{Error, Result};

/// The k nearest rows of a data set, as found by [`NearestNeighbors::fit`] and [`search`](NearestNeighbors::search),
/// with no more than `rows` of them prepared at a time. For data in large files, each of which is read once, and for a
/// single search.
///
/// The chunks are searched in order, and the neighbours found in each are merged by (distance, index). If two distances
/// that are rounded roots or quotients are equal, the two rows are compared again. So the result is that of a single
/// search.
///
/// ```
/// use tercet::data::Examples;
/// use tercet::image::ImageShape;
/// use tercet::neighbors::{Metric, search_chunked};
///
/// let set = |pixels: Vec<u8>| Examples::from_pixels(ImageShape::gray(1, 1), pixels);
/// let proceed = |_, _| std::ops::ControlFlow::Continue(());
/// let found = search_chunked(&set(vec![0, 9, 4, 6])?, Metric::L2, &set(vec![5])?, 2, 2, &proceed)?;
/// assert_eq!(found.unwrap().indices, [2, 3]); // both are 1 away
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// Those of fitting and searching; or if `rows` is 0.
pub fn search_chunked(
    base: &Examples,
    metric: Metric,
    queries: &Examples,
    k: usize,
    rows: usize,
    progress: Progress<'_>,
) -> Result<Option<Neighbors>> {
    super::index::check_k(k, base.len())?;
    if rows == 0 {
        return Err(Error::setting("rows per chunk", 0, "at least 1"));
    }
    let chunks = base.len().div_ceil(rows);
    let mut merged: Option<Neighbors> = None;
    for chunk in 0..chunks {
        let from = chunk * rows;
        let rows_of_chunk: Vec<usize> = (from..base.len().min(from + rows)).collect();
        let index = NearestNeighbors::fit(&base.subset(&rows_of_chunk), metric)?;
        let flow = |done, of: usize| -> ControlFlow<()> { progress(chunk * of + done, chunks * of) };
        let Some(mut found) = index.search_with(queries, k.min(rows_of_chunk.len()), &flow)? else {
            return Ok(None);
        };
        drop(index);
        found.indices.iter_mut().for_each(|i| *i += from as u32);
        merged = Some(match merged {
            None => found,
            Some(before) => {
                merge(&before, &found, k, |query, a, b| nearer(base, metric, queries, query, a, b))?
            }
        });
    }
    Ok(merged)
}

/// The k nearest of two lists for each query, or all if there are fewer. The rows of `a` come before those of `b`;
/// `nearer` decides between two rows at the same distance.
fn merge(
    a: &Neighbors,
    b: &Neighbors,
    k: usize,
    nearer: impl Fn(usize, u32, u32) -> Result<Ordering>,
) -> Result<Neighbors> {
    let k = k.min(a.k + b.k);
    let mut all = Neighbors { k, indices: Vec::new(), distances: Vec::new() };
    for query in 0..a.len() {
        let ((rows_a, far_a), (rows_b, far_b)) = (a.of(query), b.of(query));
        let (mut i, mut j) = (0, 0);
        for _ in 0..k {
            let take_a = match (far_a.get(i), far_b.get(j)) {
                (Some(x), Some(y)) => match x.total_cmp(y) {
                    Ordering::Less => true,
                    Ordering::Greater => false,
                    Ordering::Equal => nearer(query, rows_a[i], rows_b[j])?.is_le(),
                },
                (left, _) => left.is_some(),
            };
            let (rows, far, at) = if take_a { (rows_a, far_a, &mut i) } else { (rows_b, far_b, &mut j) };
            all.indices.push(rows[*at]);
            all.distances.push(far[*at]);
            *at += 1;
        }
    }
    Ok(all)
}

/// Which of two rows at the same rounded distance is nearer; on ties, the first one.
fn nearer(
    base: &Examples,
    metric: Metric,
    queries: &Examples,
    query: usize,
    a: u32,
    b: u32,
) -> Result<Ordering> {
    let (a, b) = (a as usize, b as usize);
    if !metric.is_rounded(base.is_pixels()) || base.row(a) == base.row(b) {
        return Ok(a.cmp(&b));
    }
    let two = NearestNeighbors::fit(&base.subset(&[a.min(b), a.max(b)]), metric)?;
    let found = two.search(&queries.subset(&[query]), 1)?;
    let nearest = if found.indices[0] == 0 { a.min(b) } else { a.max(b) };
    Ok(if nearest == a { Ordering::Less } else { Ordering::Greater })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::image::ImageShape;
    use crate::random::{Stream, generator};
    use rand::RngExt;

    fn proceed(_: usize, _: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn pixels(count: usize, seed: u64) -> Dataset {
        let mut rng = generator(seed, Stream::Weights);
        // Few distinct values, so that there are many ties.
        let values = (0..count * 6).map(|_| rng.random_range(0..4u8)).collect();
        Dataset::from_pixels("p", ImageShape::gray(3, 2), values, vec![0; count], vec!["all".into()]).unwrap()
    }

    fn features(count: usize, seed: u64) -> Dataset {
        let mut rng = generator(seed, Stream::Weights);
        let values = (0..count * 5).map(|_| f32::from(rng.random_range(-3..4i8)) / 3.0).collect();
        Dataset::from_features("f", 5, values, vec![0; count], vec!["all".into()]).unwrap()
    }

    #[test]
    fn chunks_find_the_same_as_one_search_including_ties() {
        for (base, queries) in [(pixels(300, 1), pixels(20, 2)), (features(300, 3), features(20, 4))] {
            for metric in [Metric::L1, Metric::L2, Metric::L3, Metric::Cosine, Metric::Dot] {
                let whole = NearestNeighbors::fit(&base, metric).unwrap();
                for (k, rows) in [(1, 7), (9, 64), (9, 5), (300, 100), (40, 300), (3, 1000)] {
                    let expected = whole.search(&queries, k).unwrap();
                    let found = search_chunked(&base, metric, &queries, k, rows, &proceed).unwrap();
                    assert_eq!(found, Some(expected), "{metric:?}, {k} of chunks of {rows}");
                }
            }
        }
    }

    #[test]
    fn progress_is_reported_and_may_stop_the_search() {
        let (base, queries) = (pixels(100, 1), pixels(10, 2));
        let last = std::sync::Mutex::new((0, 0));
        let watch = |done, of| {
            *last.lock().unwrap() = (done, of);
            if done > 25 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert_eq!(search_chunked(&base, Metric::L2, &queries, 3, 20, &watch).unwrap(), None);
        assert_eq!(*last.lock().unwrap(), (30, 50));
        assert!(search_chunked(&base, Metric::L2, &queries, 3, 0, &proceed).is_err());
        assert!(search_chunked(&base, Metric::L2, &queries, 101, 20, &proceed).is_err());
    }
}
