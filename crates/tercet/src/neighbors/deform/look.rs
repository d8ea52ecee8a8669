//! [`Deformed`]: the remembered images made ready for a closer look, and the look itself.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use rayon::prelude::*;
use tercet_kernels::deformable::{Field, Plane, Warp, Workspace, edges, shifted, warped};
use tercet_kernels::distance::{l1, l2_squared, l3_cubed};

use super::super::best::Best;
use super::super::index::pixels;
use super::super::metric::{ByteL1, ByteL2, ByteL3, Key};
use super::super::{Metric, NearestNeighbors, Neighbors, Progress};
use super::{Deformable, Deformation};
use crate::Result;
use crate::data::Examples;
use crate::image::ImageShape;

/// Queries whose candidates are held at a time.
const CHUNK: usize = 512;

/// The remembered images, ready to be compared by a deformable distance.
#[derive(Clone, Debug)]
pub(in super::super) struct Deformed {
    settings: Deformable,
    images: Examples,
    shape: ImageShape,
    /// The edges of every image, (N, height, width, 2), where pixels are warped.
    edges: Arc<Vec<i8>>,
}

/// Whether the same distance is taken. (The same images are, where the rows are the same.)
impl PartialEq for Deformed {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Deformed {
    /// # Errors
    /// Those of [`Deformable::check`].
    pub fn new(settings: Deformable, images: Examples, metric: Metric) -> Result<Self> {
        settings.check(&images, metric)?;
        // That it is there was checked just now.
        let shape = images.image_shape().unwrap_or(ImageShape::gray(images.width(), 1));
        let mut all = Vec::new();
        if let Deformation::Warps { edges: strength, .. } = settings.deformation {
            all = vec![0; 2 * images.len() * images.width()];
            all.par_chunks_mut(2 * images.width()).enumerate().for_each(|(i, out)| {
                edges(pixels(&images, i), shape.width, strength.strength(), out);
            });
        }
        Ok(Deformed { settings, images, shape, edges: Arc::new(all) })
    }

    pub fn settings(&self) -> Deformable {
        self.settings
    }

    /// The pixels of a remembered image.
    pub fn image(&self, i: usize) -> &[u8] {
        pixels(&self.images, i)
    }

    /// How many rows are looked at to find k of `most`.
    pub fn candidates(&self, k: usize, most: usize) -> usize {
        self.settings.candidates.max(k).min(most)
    }

    /// The k nearest of every query's candidates. `None` where `progress` ended it.
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
            let Some(part) = self.look(index, &near, |i| pixels(&chunk, i), k, &so_far) else {
                return Ok(None);
            };
            found.indices.extend(part.indices);
            found.distances.extend(part.distances);
        }
        Ok(Some(found))
    }

    /// For each query the k of its candidates that are nearest once deformed.
    ///
    /// `progress` is told how many queries are done, and may end the look: then there is `None`.
    pub fn look<'q>(
        &self,
        index: &NearestNeighbors,
        candidates: &Neighbors,
        query: impl Fn(usize) -> &'q [u8] + Sync,
        k: usize,
        progress: Progress<'_>,
    ) -> Option<Neighbors> {
        let isa = index.isa;
        match (self.settings.deformation, index.metric()) {
            (Deformation::Warps { reach, context, edges: strength }, _) => {
                let warp = Warp { reach, context };
                let field = || Field::new(self.shape.width, self.shape.height, warp);
                let begin = || (field(), field(), Workspace::new(warp), vec![0; 2 * self.images.width()]);
                each(candidates, k, progress, begin, |(q, x, workspace, edges_of_query), i, rows, best| {
                    edges(query(i), self.shape.width, strength.strength(), edges_of_query);
                    q.set(edges_of_query);
                    for &row in rows {
                        x.set(&self.edges[row as usize * edges_of_query.len()..][..edges_of_query.len()]);
                        let bar = best.bar().map_or(u64::MAX, |ByteL2(bar)| bar);
                        if let Some(sum) = warped(isa, q, x, bar, workspace) {
                            best.offer(ByteL2(sum), row);
                        }
                    }
                })
            }
            (Deformation::Shifts(by), metric) => {
                let plane = || Plane::new(self.shape.width, self.shape.height, by);
                let begin = || (plane(), plane());
                // The numbers of a metric's pair, and what is told of their best.
                macro_rules! look {
                    ($pair:ident, $key:ident) => {
                        each(candidates, k, progress, begin, |(q, x), i, rows, best| {
                            q.set(query(i));
                            for &row in rows {
                                x.set(pixels(&self.images, row as usize));
                                best.offer($key(shifted(isa, $pair, q, x)), row);
                            }
                        })
                    };
                }
                match metric {
                    Metric::L1 => look!(l1, ByteL1),
                    Metric::L3 => look!(l3_cubed, ByteL3),
                    // Others were refused.
                    Metric::L2 | Metric::Cosine | Metric::Dot => look!(l2_squared, ByteL2),
                }
            }
        }
    }
}

/// Gives each query's candidates to `look`, on all threads, and gathers the best.
fn each<W, K: Key>(
    candidates: &Neighbors,
    k: usize,
    progress: Progress<'_>,
    begin: impl Fn() -> W + Sync + Send,
    look: impl Fn(&mut W, usize, &[u32], &mut Best<K>) + Sync + Send,
) -> Option<Neighbors> {
    let n = candidates.len();
    let mut found = Neighbors { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
    let (done, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let outputs = found.indices.par_chunks_exact_mut(k).zip(found.distances.par_chunks_exact_mut(k));
    let end = outputs.enumerate().try_for_each_init(begin, |workspace, (i, (indices, distances))| {
        if stopped.load(Relaxed) {
            return ControlFlow::Break(());
        }
        let mut best = Best::new(k);
        look(workspace, i, candidates.of(i).0, &mut best);
        best.write(indices, distances);
        let answer = progress(done.fetch_add(1, Relaxed) + 1, n);
        if answer.is_break() {
            stopped.store(true, Relaxed);
        }
        answer
    });
    end.is_continue().then_some(found)
}
