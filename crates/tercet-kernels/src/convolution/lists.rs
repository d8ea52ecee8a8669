//! The numbers of a gradient that are not zero, in lists.
//!
//! Behind a 2 × 2 maximum at most a quarter of a gradient is not zero, behind a ReLU about half. The backward passes go
//! through what is left. There are two ways to sort it: by patch, for the gradient of the input, and by filter, for that
//! of the weights.

use super::{NO_GRADIENT, Shape};
use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::isa::Level;
use crate::sparse::floats;

/// The gradient of the outputs of one example, or of some of its rows.
#[derive(Clone, Copy)]
pub(super) struct Gradient<'a> {
    /// (rows, columns, filters)
    pub(super) dy: &'a [f32],
    /// Behind a pool, which of four patches each belongs to.
    pub(super) place: Option<&'a [u8]>,
}

impl<'a> Gradient<'a> {
    /// A part of it.
    pub(super) fn part(self, range: std::ops::Range<usize>) -> Self {
        Gradient { dy: &self.dy[range.clone()], place: self.place.map(|place| &place[range]) }
    }

    /// How many numbers an example has, and how many of them are a row.
    pub(super) fn sizes(&self, shape: &Shape) -> (usize, usize) {
        match self.place {
            Some(_) => (shape.pooled(), shape.pooled_width() * shape.filters),
            None => (shape.outputs(), shape.output_width() * shape.filters),
        }
    }
}

/// Panics where a place is none.
pub(super) fn check_places(place: &[u8]) {
    let bad = |&&place: &&u8| (4..NO_GRADIENT).contains(&place);
    if place.iter().fold(false, |found, place| found | bad(&place)) {
        let found = place.iter().find(bad);
        panic!("place {found:?}: expected 0 to 3, or {NO_GRADIENT} for no gradient");
    }
}

/// Lists of the filters that have a gradient at each patch, and their gradients.
#[derive(Clone, Debug, Default)]
pub(super) struct ByPatch {
    /// Where the list of each patch begins, and the last one ends.
    pub(super) starts: Vec<u32>,
    pub(super) filters: Vec<u32>,
    pub(super) values: Vec<f32>,
}

impl ByPatch {
    /// The lists of one example: of each output, or of the four outputs of each pooled one.
    pub(super) fn fill(&mut self, isa: Isa, filters: usize, gradient: Gradient<'_>) {
        // A list is written a register at a time, or 64 numbers: room for one more than there can be.
        let room = gradient.dy.len() + 64;
        if self.values.len() < room {
            self.values.resize(room, 0.0);
            self.filters.resize(room, 0);
        }
        self.starts.clear();
        self.starts.push(0);
        match gradient.place {
            None => self.fill_from_outputs(isa, filters, gradient.dy),
            Some(place) => match isa.0 {
                // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL, and POPCNT.
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => unsafe { self.fill_from_pool_avx512(filters, gradient.dy, place) },
                _ => self.fill_from_pool(filters, gradient.dy, place),
            },
        }
    }

    fn fill_from_outputs(&mut self, isa: Isa, filters: usize, dy: &[f32]) {
        let mut used = 0;
        for dy in dy.chunks_exact(filters) {
            for (part, dy) in dy.chunks(64).enumerate() {
                let to = used..used + 64;
                used +=
                    floats(isa, dy, 64 * part as u32, &mut self.filters[to.clone()], &mut self.values[to]);
            }
            self.starts.push(used as u32);
        }
    }

    fn fill_from_pool(&mut self, filters: usize, dy: &[f32], place: &[u8]) {
        let mut used = 0;
        for (dy, place) in dy.chunks_exact(filters).zip(place.chunks_exact(filters)) {
            for quarter in 0..4 {
                for (filter, (&dy, &place)) in dy.iter().zip(place).enumerate() {
                    (self.filters[used], self.values[used]) = (filter as u32, dy);
                    used += usize::from(place == quarter);
                }
                self.starts.push(used as u32);
            }
        }
    }

    /// Sixteen filters at a time.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,popcnt")]
    fn fill_from_pool_avx512(&mut self, filters: usize, dy: &[f32], place: &[u8]) {
        use std::arch::x86_64::*;
        assert!(dy.len() == place.len() && self.values.len() >= dy.len() + 64);
        assert!(self.filters.len() >= dy.len() + 64);
        let counting = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let mut used = 0;
        for (dy, place) in dy.chunks_exact(filters).zip(place.chunks_exact(filters)) {
            for quarter in 0..4 {
                let mut columns = counting;
                for (dy, place) in dy.chunks(16).zip(place.chunks(16)) {
                    let lanes = ((1u32 << dy.len()) - 1) as __mmask16;
                    // SAFETY: the masks let through as many numbers as there are. Each number goes to one of four lists
                    // at most, so that fewer than `dy.len()` are there before sixteen more are written.
                    unsafe {
                        let places = _mm_maskz_loadu_epi8(lanes, place.as_ptr().cast());
                        let values = _mm512_maskz_loadu_ps(lanes, dy.as_ptr());
                        let wins = _mm_mask_cmpeq_epi8_mask(lanes, places, _mm_set1_epi8(quarter));
                        let to = (self.filters.as_mut_ptr().add(used), self.values.as_mut_ptr().add(used));
                        _mm512_storeu_epi32(to.0.cast(), _mm512_maskz_compress_epi32(wins, columns));
                        _mm512_storeu_ps(to.1, _mm512_maskz_compress_ps(wins, values));
                        used += wins.count_ones() as usize;
                    }
                    columns = _mm512_add_epi32(columns, _mm512_set1_epi32(16));
                }
                self.starts.push(used as u32);
            }
        }
    }
}

/// Lists of the patches at which each filter has a gradient, and the gradients.
#[derive(Clone, Debug, Default)]
pub(super) struct ByFilter {
    /// How much room each list has.
    room: usize,
    counts: Vec<u32>,
    entries: Vec<(u32, f32)>,
}

impl ByFilter {
    /// Forgets what is there, and makes room for `room` numbers of each of so many filters.
    pub(super) fn clear(&mut self, filters: usize, room: usize) {
        // Each number is written before it is known whether it is wanted.
        self.room = room + 1;
        self.counts.clear();
        self.counts.resize(filters, 0);
        if self.entries.len() < filters * self.room {
            self.entries.resize(filters * self.room, (0, 0.0));
        }
    }

    /// The list of a filter.
    pub(super) fn list(&self, filter: usize) -> &[(u32, f32)] {
        &self.entries[filter * self.room..][..self.counts[filter] as usize]
    }

    /// Adds some outputs of an image that begins at `image`: `patches` says where in it the patch of each begins, or the
    /// four of a pooled one. Patches of which `alive` says that they have nothing but zeros are left out.
    pub(super) fn add(&mut self, gradient: Gradient<'_>, patches: &[u32], image: u32, alive: Option<&[u8]>) {
        let filters = self.counts.len();
        let is_alive = |patch: u32| alive.is_none_or(|alive| alive[patch as usize] != 0);
        match gradient.place {
            None => {
                for (dy, &patch) in gradient.dy.chunks_exact(filters).zip(patches) {
                    if is_alive(patch) {
                        self.add_pixel(dy, |filter| (dy[filter] != 0.0, image + patch));
                    }
                }
            }
            Some(place) => {
                let places = place.chunks_exact(filters);
                for ((dy, place), patches) in
                    gradient.dy.chunks_exact(filters).zip(places).zip(patches.chunks_exact(4))
                {
                    let at: [u32; 4] = std::array::from_fn(|q| image + patches[q]);
                    let lives: [bool; 4] = std::array::from_fn(|q| is_alive(patches[q]));
                    let quarter = |filter: usize| usize::from(place[filter] & 3);
                    if lives == [true; 4] {
                        self.add_pixel(dy, |filter| (place[filter] != NO_GRADIENT, at[quarter(filter)]));
                    } else if lives != [false; 4] {
                        self.add_pixel(dy, |filter| {
                            let wins = place[filter] != NO_GRADIENT && lives[quarter(filter)];
                            (wins, at[quarter(filter)])
                        });
                    }
                }
            }
        }
    }

    /// Writes every number, and moves on where it is wanted: there is no branch to guess.
    #[inline(always)]
    fn add_pixel(&mut self, dy: &[f32], wanted_at: impl Fn(usize) -> (bool, u32)) {
        let mut first = 0;
        for (filter, (&dy, count)) in dy.iter().zip(&mut self.counts).enumerate() {
            let (wanted, patch) = wanted_at(filter);
            self.entries[first + *count as usize] = (patch, dy);
            *count += u32::from(wanted);
            first += self.room;
        }
    }
}
