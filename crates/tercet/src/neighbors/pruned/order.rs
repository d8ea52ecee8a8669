//! A search order that places near rows together, so that a query finds good neighbours early and its neighbours are on
//! few memory pages.

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::distance::{self, PanelKind, Panels, Queries};

use super::plan::spread;
use super::sketch::Codes;

/// Number of groups of rows and queries.
const GROUPS: usize = 256;

/// Number of codes in the sample that determines the groups.
const SAMPLE: usize = 4096;

/// Iterations of Lloyd's algorithm.
const ROUNDS: usize = 4;

/// Codes that are compared with all centres at a time.
const BLOCK: usize = 96;

/// The centres of groups of codes.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    centres: Panels,
}

impl Groups {
    /// A few iterations of Lloyd's algorithm on a sample of the coarse codes.
    pub fn find(isa: Isa, codes: &Codes, bytes: usize) -> Self {
        let codes: Vec<&[u8]> = codes.coarse.chunks_exact(bytes).collect();
        let size = codes.len().min(SAMPLE);
        let sample: Vec<&[u8]> = spread(codes.len(), size, 3).into_iter().map(|i| codes[i]).collect();
        let count = GROUPS.min(size);
        let mut centres: Vec<Vec<u8>> = (0..count).map(|i| sample[i * size / count].to_vec()).collect();
        for _ in 0..ROUNDS {
            let nearest = Groups::of(&centres, bytes).nearest(isa, &sample);
            let mut members: Vec<Vec<&[u8]>> = vec![Vec::new(); count];
            for (&code, &centre) in sample.iter().zip(&nearest) {
                members[usize::from(centre)].push(code);
            }
            centres.par_iter_mut().zip(&members).for_each(|(centre, members)| {
                if !members.is_empty() {
                    *centre = mean(members.iter().copied(), bytes);
                }
            });
        }
        Groups::of(&tour(centres, isa), bytes)
    }

    fn of(centres: &[Vec<u8>], bytes: usize) -> Self {
        Groups { centres: panels(centres.iter().map(Vec::as_slice), bytes) }
    }

    /// The memory used by the centres, in bytes.
    pub fn bytes(&self) -> usize {
        self.centres.bytes()
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        self.centres.rows()
    }

    /// The group of each row.
    pub fn assign(&self, isa: Isa, codes: &Codes) -> Vec<u16> {
        let codes: Vec<&[u8]> = codes.coarse.chunks_exact(self.centres.width()).collect();
        self.nearest(isa, &codes)
    }

    /// The nearest centre of each code; the first one on ties.
    fn nearest(&self, isa: Isa, codes: &[&[u8]]) -> Vec<u16> {
        let centres = &self.centres;
        let mut nearest = vec![0; codes.len()];
        nearest.par_chunks_mut(BLOCK).zip(codes.par_chunks(BLOCK)).for_each(|(nearest, codes)| {
            let packed = Queries::new(isa, PanelKind::L2Squared, centres.width(), codes.iter().copied());
            let columns = centres.len() * centres.rows_of_a_panel();
            let mut tile = vec![0; codes.len() * columns];
            centres.measure(isa, &packed, 0..centres.len(), &mut tile);
            for (nearest, numbers) in nearest.iter_mut().zip(tile.chunks_exact(columns)) {
                *nearest = smallest(&numbers[..centres.rows()]) as u16;
            }
        });
        nearest
    }
}

/// The index of the smallest number; the first one on ties.
fn smallest(numbers: &[u32]) -> usize {
    let (mut least, mut at) = (u32::MAX, 0);
    for (numbers, from) in numbers.chunks(16).zip((0..).step_by(16)) {
        // Branch-free, so that it is vectorised.
        if !numbers.iter().fold(false, |any, &t| any | (t < least)) {
            continue;
        }
        for (i, &t) in (from..).zip(numbers) {
            if t < least {
                (least, at) = (t, i);
            }
        }
    }
    at
}

/// Orders the centres so that each is followed by the nearest of the remaining ones.
fn tour(mut centres: Vec<Vec<u8>>, isa: Isa) -> Vec<Vec<u8>> {
    for i in 1..centres.len() {
        let (done, rest) = centres.split_at_mut(i);
        let far = |centre: &Vec<u8>| distance::l2_squared(isa, centre, &done[i - 1]);
        let nearest = (0..rest.len()).min_by_key(|&r| far(&rest[r])).unwrap_or(0);
        rest.swap(0, nearest);
    }
    centres
}

/// Codes in the layout of the kernels.
pub(super) fn panels<'c>(codes: impl ExactSizeIterator<Item = &'c [u8]>, bytes: usize) -> Panels {
    Panels::new(PanelKind::L2Squared, bytes, codes)
}

/// The mean of some codes, rounded.
fn mean<'c>(codes: impl Iterator<Item = &'c [u8]>, bytes: usize) -> Vec<u8> {
    let (mut sums, mut count) = (vec![0u32; bytes], 0u32);
    for code in codes {
        sums.iter_mut().zip(code).for_each(|(sum, &byte)| *sum += u32::from(byte));
        count += 1;
    }
    sums.into_iter().map(|sum| ((sum + count / 2) / count.max(1)) as u8).collect()
}
