//! [`Reranker`]: reranks the candidates of a plain search by a deformable distance.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use rayon::prelude::*;
use tercet_kernels::deformable::{Field, Plane, Warp, Workspace, edges, shifted, warped};

use super::super::index::pixels;
use super::super::metric::{ByteL2, Key, Measure, for_metric};
use super::super::top_k::TopK;
use super::super::{Metric, NearestNeighbors, Neighbors, Progress};
use super::{Deformable, Deformation};
use crate::Result;
use crate::data::Examples;
use crate::image::ImageShape;

/// Queries per chunk, which limits the memory for their candidates.
const CHUNK: usize = 512;

/// The stored images, prepared for a deformable distance.
#[derive(Clone, Debug)]
pub(in super::super) struct Reranker {
    settings: Deformable,
    images: Examples,
    shape: ImageShape,
    /// The edges of every image, (N, height, width, 2), if pixels are warped.
    edges: Arc<Vec<i8>>,
}

/// Whether the distance is the same. (The images are those of the index.)
impl PartialEq for Reranker {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Reranker {
    /// # Errors
    /// Those of [`Deformable::check`].
    pub fn new(settings: Deformable, images: Examples, metric: Metric) -> Result<Self> {
        settings.check(&images, metric)?;
        // `check` has ensured that there is a shape.
        let shape = images.image_shape().unwrap_or(ImageShape::gray(images.width(), 1));
        let mut all = Vec::new();
        if let Deformation::Warps { edges: strength, .. } = settings.deformation {
            all = vec![0; 2 * images.len() * images.width()];
            all.par_chunks_mut(2 * images.width()).enumerate().for_each(|(i, out)| {
                edges(pixels(&images, i), shape.width, strength.strength(), out);
            });
        }
        Ok(Reranker { settings, images, shape, edges: Arc::new(all) })
    }

    pub fn settings(&self) -> Deformable {
        self.settings
    }

    /// The pixels of a stored image.
    pub fn image(&self, i: usize) -> &[u8] {
        pixels(&self.images, i)
    }

    /// The number of candidates when searching for k of `most` rows.
    pub fn candidates(&self, k: usize, most: usize) -> usize {
        self.settings.candidates.max(k).min(most)
    }

    /// The k nearest of every query's candidates. `None` if `progress` stopped it.
    ///
    /// # Errors
    /// Those of the search for candidates.
    pub fn search(
        &self,
        index: &NearestNeighbors,
        queries: &Examples,
        k: usize,
        progress: Progress<'_>,
    ) -> Result<Option<Neighbors>> {
        index.check(queries, k)?;
        let (n, candidates) = (queries.len(), self.candidates(k, index.len()));
        let mut found = Neighbors { k, indices: Vec::new(), distances: Vec::new() };
        for first in (0..n).step_by(CHUNK) {
            let rows: Vec<usize> = (first..n.min(first + CHUNK)).collect();
            let chunk = queries.subset(&rows);
            let Some(near) = index.search_with(&chunk, candidates, &|_, _| progress(first, n))? else {
                return Ok(None);
            };
            let so_far = |done, _| progress(first + done, n);
            let Some(reranked) = self.rerank(index, &near, |i| pixels(&chunk, i), k, &so_far) else {
                return Ok(None);
            };
            found.indices.extend(reranked.indices);
            found.distances.extend(reranked.distances);
        }
        Ok(Some(found))
    }

    /// For each query, the k nearest of its candidates by the deformable distance.
    ///
    /// `progress` is called with the number of finished queries. If it returns `Break`, the result is `None`.
    pub fn rerank<'q>(
        &self,
        index: &NearestNeighbors,
        candidates: &Neighbors,
        query: impl Fn(usize) -> &'q [u8] + Sync,
        k: usize,
        progress: Progress<'_>,
    ) -> Option<Neighbors> {
        let isa = index.isa;
        match self.settings.deformation {
            Deformation::Warps { reach, context, edges: strength } => {
                let warp = Warp { reach, context };
                let field = || Field::new(self.shape.width, self.shape.height, warp);
                let begin = || (field(), field(), Workspace::new(warp), vec![0; 2 * self.images.width()]);
                each(candidates, k, progress, begin, |(q, x, workspace, edges_of_query), i, rows, best| {
                    edges(query(i), self.shape.width, strength.strength(), edges_of_query);
                    q.set(edges_of_query);
                    for &row in rows {
                        x.set(&self.edges[row as usize * edges_of_query.len()..][..edges_of_query.len()]);
                        let threshold = best.threshold().map_or(u64::MAX, |ByteL2(threshold)| threshold);
                        if let Some(sum) = warped(isa, q, x, threshold, workspace) {
                            best.offer(ByteL2(sum), row);
                        }
                    }
                })
            }
            Deformation::Shifts(by) => {
                let plane = || Plane::new(self.shape.width, self.shape.height, by);
                let begin = || (plane(), plane());
                for_metric!(index.metric(), M => {
                    let sum = M::SHIFTED.expect("other metrics are rejected by the settings");
                    each(candidates, k, progress, begin, |(q, x), i, rows, best| {
                        q.set(query(i));
                        for &row in rows {
                            x.set(pixels(&self.images, row as usize));
                            best.offer(M::shifted_key(shifted(isa, sum, q, x)), row);
                        }
                    })
                })
            }
        }
    }
}

/// Calls `rerank` with each query's candidates, on all threads, and collects the nearest.
fn each<W, K: Key>(
    candidates: &Neighbors,
    k: usize,
    progress: Progress<'_>,
    begin: impl Fn() -> W + Sync + Send,
    rerank: impl Fn(&mut W, usize, &[u32], &mut TopK<K>) + Sync + Send,
) -> Option<Neighbors> {
    let n = candidates.len();
    let mut found = Neighbors { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
    let (done, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let outputs = found.indices.par_chunks_exact_mut(k).zip(found.distances.par_chunks_exact_mut(k));
    let end = outputs.enumerate().try_for_each_init(begin, |workspace, (i, (indices, distances))| {
        if stopped.load(Relaxed) {
            return ControlFlow::Break(());
        }
        let mut best = TopK::new(k);
        rerank(workspace, i, candidates.of(i).0, &mut best);
        best.write(indices, distances);
        let answer = progress(done.fetch_add(1, Relaxed) + 1, n);
        if answer.is_break() {
            stopped.store(true, Relaxed);
        }
        answer
    });
    end.is_continue().then_some(found)
}
