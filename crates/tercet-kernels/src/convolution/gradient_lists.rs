//! Lists of the non-zero elements of a gradient.
//!
//! Before a 2 × 2 max pool at most a quarter of the gradient is non-zero, before a ReLU about half. The backward passes
//! process only the non-zero elements. They are grouped in one of two ways: by patch, for the gradient of the input,
//! and by filter, for the gradient of the weights.

use super::{NO_GRADIENT, Shape};
use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::isa::Level;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Aligned, Lanes};
use crate::sparse::floats;

/// The gradient of the outputs of one example, or of some of its rows.
#[derive(Clone, Copy)]
pub(super) struct Gradient<'a> {
    /// (rows, columns, filters)
    pub(super) dy: &'a [f32],
    /// If a pool follows, which of its four patches each element belongs to.
    pub(super) argmax: Option<&'a [u8]>,
}

impl<'a> Gradient<'a> {
    /// A range of it.
    pub(super) fn part(self, range: std::ops::Range<usize>) -> Self {
        Gradient { dy: &self.dy[range.clone()], argmax: self.argmax.map(|argmax| &argmax[range]) }
    }

    /// The size of an example, and of one of its rows.
    pub(super) fn sizes(&self, shape: &Shape) -> (usize, usize) {
        match self.argmax {
            Some(_) => (shape.pooled(), shape.pooled_width() * shape.filters),
            None => (shape.outputs(), shape.output_width() * shape.filters),
        }
    }
}

/// Panics if an argmax is invalid.
pub(super) fn check_argmax(argmax: &[u8]) {
    let bad = |&&argmax: &&u8| (4..NO_GRADIENT).contains(&argmax);
    if argmax.iter().fold(false, |found, argmax| found | bad(&argmax)) {
        let found = argmax.iter().find(bad);
        panic!("argmax {found:?}: expected 0 to 3, or {NO_GRADIENT} for no gradient");
    }
}

/// Lists of the filters that have a gradient at each patch, and their gradients.
#[derive(Clone, Debug, Default)]
pub(super) struct PatchLists {
    /// The start of the list of each patch, followed by the end of the last one.
    pub(super) starts: Vec<u32>,
    pub(super) filters: Vec<u32>,
    pub(super) values: Vec<f32>,
}

impl PatchLists {
    /// Fills the lists for one example: one list per output or, with a pool, four per pooled output.
    pub(super) fn fill(&mut self, isa: Isa, filters: usize, gradient: Gradient<'_>) {
        // A list is written one register or 64 numbers at a time, so the buffer has room for one such write past the
        // end.
        let buffer = gradient.dy.len() + 64;
        if self.values.len() < buffer {
            self.values.resize(buffer, 0.0);
            self.filters.resize(buffer, 0);
        }
        self.starts.clear();
        self.starts.push(0);
        match gradient.argmax {
            None => self.fill_from_outputs(isa, filters, gradient.dy),
            Some(argmax) => match isa.0 {
                // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL, and POPCNT.
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => unsafe { self.fill_from_pool_avx512(filters, gradient.dy, argmax) },
                _ => self.fill_from_pool(filters, gradient.dy, argmax),
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

    fn fill_from_pool(&mut self, filters: usize, dy: &[f32], argmax: &[u8]) {
        let mut used = 0;
        for (dy, argmax) in dy.chunks_exact(filters).zip(argmax.chunks_exact(filters)) {
            for quarter in 0..4 {
                for (filter, (&dy, &argmax)) in dy.iter().zip(argmax).enumerate() {
                    (self.filters[used], self.values[used]) = (filter as u32, dy);
                    used += usize::from(argmax == quarter);
                }
                self.starts.push(used as u32);
            }
        }
    }

    /// Sixteen filters at a time.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,popcnt")]
    fn fill_from_pool_avx512(&mut self, filters: usize, dy: &[f32], argmax: &[u8]) {
        use std::arch::x86_64::*;
        assert!(dy.len() == argmax.len() && self.values.len() >= dy.len() + 64);
        assert!(self.filters.len() >= dy.len() + 64);
        let counting = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let mut used = 0;
        for (dy, argmax) in dy.chunks_exact(filters).zip(argmax.chunks_exact(filters)) {
            for quarter in 0..4 {
                let mut columns = counting;
                for (dy, argmax) in dy.chunks(16).zip(argmax.chunks(16)) {
                    let lanes = ((1u32 << dy.len()) - 1) as __mmask16;
                    // SAFETY: the masks select as many numbers as there are. Each number goes to at most one of four
                    // lists, so that fewer than `dy.len()` have been written before sixteen more are.
                    unsafe {
                        let quarters = _mm_maskz_loadu_epi8(lanes, argmax.as_ptr().cast());
                        let values = _mm512_maskz_loadu_ps(lanes, dy.as_ptr());
                        let wins = _mm_mask_cmpeq_epi8_mask(lanes, quarters, _mm_set1_epi8(quarter));
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
pub(super) struct FilterLists {
    /// The capacity of each list.
    buffer: usize,
    counts: Vec<u32>,
    patches: Vec<u32>,
    values: Vec<f32>,
}

/// The maximum number of elements written to a list at a time, before it is known how many of them are kept.
const WRITTEN: usize = 16;

impl FilterLists {
    /// Clears the lists and makes room for `buffer` elements per filter.
    pub(super) fn clear(&mut self, filters: usize, buffer: usize) {
        self.buffer = buffer + WRITTEN;
        self.counts.clear();
        self.counts.resize(filters, 0);
        if self.values.len() < filters * self.buffer {
            self.patches.resize(filters * self.buffer, 0);
            self.values.resize(filters * self.buffer, 0.0);
        }
    }

    /// The list of a filter: patches, and the gradient at each.
    pub(super) fn list(&self, filter: usize) -> (&[u32], &[f32]) {
        let list = filter * self.buffer..filter * self.buffer + self.counts[filter] as usize;
        (&self.patches[list.clone()], &self.values[list])
    }

    /// Adds some outputs of the image that begins at `image`: `patches` holds the offset of each output's patch in the
    /// image, or of the four patches of each pooled output. Patches that are all zeros according to `nonzero` are
    /// skipped.
    pub(super) fn add(
        &mut self,
        isa: Isa,
        gradient: Gradient<'_>,
        patches: &[u32],
        image: u32,
        nonzero: Option<&[u8]>,
    ) {
        match isa.0 {
            // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL, and POPCNT.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { self.add_avx512(gradient, patches, image, nonzero) },
            _ => self.add_one_by_one(gradient, patches, image, nonzero),
        }
    }

    fn add_one_by_one(
        &mut self,
        gradient: Gradient<'_>,
        patches: &[u32],
        image: u32,
        nonzero: Option<&[u8]>,
    ) {
        let filters = self.counts.len();
        let is_nonzero = |patch: u32| nonzero.is_none_or(|nonzero| nonzero[patch as usize] != 0);
        match gradient.argmax {
            None => {
                for (dy, &patch) in gradient.dy.chunks_exact(filters).zip(patches) {
                    if is_nonzero(patch) {
                        self.add_output(dy, |filter| (dy[filter] != 0.0, image + patch));
                    }
                }
            }
            Some(argmax) => {
                let argmax = argmax.chunks_exact(filters);
                for ((dy, argmax), patches) in
                    gradient.dy.chunks_exact(filters).zip(argmax).zip(patches.chunks_exact(4))
                {
                    let at: [u32; 4] = std::array::from_fn(|q| image + patches[q]);
                    let live: [bool; 4] = std::array::from_fn(|q| is_nonzero(patches[q]));
                    if live != [false; 4] {
                        self.add_output(dy, |filter| {
                            let quarter = usize::from(argmax[filter] & 3);
                            (argmax[filter] != NO_GRADIENT && live[quarter], at[quarter])
                        });
                    }
                }
            }
        }
    }

    /// Writes every element, and advances only past those to be kept, so that there is no branch to mispredict.
    #[inline(always)]
    fn add_output(&mut self, dy: &[f32], kept_at: impl Fn(usize) -> (bool, u32)) {
        let mut first = 0;
        for (filter, (&dy, count)) in dy.iter().zip(&mut self.counts).enumerate() {
            let (kept, patch) = kept_at(filter);
            let at = first + *count as usize;
            (self.patches[at], self.values[at]) = (patch, dy);
            *count += u32::from(kept);
            first += self.buffer;
        }
    }

    /// Sixteen outputs of sixteen filters at a time: after a transpose, one register holds the gradients of a filter at
    /// sixteen outputs, and the elements to be kept are compressed to its front. The function is long because inlining
    /// of smaller ones with the same target features would not be certain.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,popcnt")]
    fn add_avx512(&mut self, gradient: Gradient<'_>, patches: &[u32], image: u32, nonzero: Option<&[u8]>) {
        use std::arch::x86_64::*;
        const SQUARE: usize = 16 * 16;
        let filters = self.counts.len();
        let quarters = if gradient.argmax.is_some() { 4 } else { 1 };
        let (mut rows, mut values, mut quarter) =
            (Aligned([0.0; SQUARE]), Aligned([0.0; SQUARE]), Aligned([0.0; SQUARE]));
        let groups = gradient.dy.chunks(16 * filters).zip(patches.chunks(16 * quarters));
        for (group, (dy, patches)) in groups.enumerate() {
            // Where the patches of each quarter begin, and bit masks of the outputs at which they are not all zeros.
            let (mut at, mut live) = ([[0u32; 16]; 4], [0 as __mmask16; 4]);
            for (n, patches) in patches.chunks_exact(quarters).enumerate() {
                for (q, &patch) in patches.iter().enumerate() {
                    at[q][n] = image + patch;
                    let is_live = nonzero.is_none_or(|nonzero| nonzero[patch as usize] != 0);
                    live[q] |= __mmask16::from(is_live) << n;
                }
            }
            if live == [0; 4] {
                continue;
            }
            for first in (0..filters).step_by(16) {
                let width = (filters - first).min(16);
                let lanes = ((1u32 << width) - 1) as __mmask16;
                // SAFETY: sixteen rows of sixteen numbers fill the square; `lanes` selects as many numbers of a row as
                // there are; the slices below have the sixteen elements that are written to a list.
                unsafe {
                    for (n, dy) in dy.chunks_exact(filters).enumerate() {
                        let row = _mm512_maskz_loadu_ps(lanes, dy[first..][..width].as_ptr());
                        _mm512_store_ps(rows.0[16 * n..][..16].as_mut_ptr(), row);
                    }
                    __m512::transpose(rows.0.as_ptr(), 16, values.0.as_mut_ptr(), 16);
                    if let Some(argmax) = gradient.argmax {
                        let argmax = &argmax[group * 16 * filters..];
                        for (n, argmax) in argmax.chunks_exact(filters).take(16).enumerate() {
                            let row = _mm_maskz_loadu_epi8(lanes, argmax[first..][..width].as_ptr().cast());
                            let row = _mm512_castsi512_ps(_mm512_cvtepu8_epi32(row));
                            _mm512_store_ps(rows.0[16 * n..][..16].as_mut_ptr(), row);
                        }
                        __m512::transpose(rows.0.as_ptr(), 16, quarter.0.as_mut_ptr(), 16);
                    }
                    for filter in 0..width {
                        let value = _mm512_load_ps(values.0[16 * filter..][..16].as_ptr());
                        let mut patch = _mm512_loadu_epi32(at[0].as_ptr().cast());
                        let mut kept = 0;
                        if gradient.argmax.is_some() {
                            let argmax = _mm512_load_epi32(quarter.0[16 * filter..][..16].as_ptr().cast());
                            for q in 0..4 {
                                let wins = _mm512_mask_cmpeq_epi32_mask(
                                    live[q],
                                    argmax,
                                    _mm512_set1_epi32(q as i32),
                                );
                                patch = _mm512_mask_loadu_epi32(patch, wins, at[q].as_ptr().cast());
                                kept |= wins;
                            }
                        } else {
                            let zero = _mm512_setzero_ps();
                            kept = _mm512_mask_cmp_ps_mask::<_CMP_NEQ_UQ>(live[0], value, zero);
                        }
                        let count = &mut self.counts[first + filter];
                        let to = (first + filter) * self.buffer + *count as usize;
                        let to = to..to + WRITTEN;
                        let (patches, values) = (&mut self.patches[to.clone()], &mut self.values[to]);
                        let patch = _mm512_maskz_compress_epi32(kept, patch);
                        _mm512_storeu_epi32(patches.as_mut_ptr().cast(), patch);
                        _mm512_storeu_ps(values.as_mut_ptr(), _mm512_maskz_compress_ps(kept, value));
                        *count += kept.count_ones();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gradient with zeros, the argmax of a pool, arbitrary patches, and which of them are non-zero.
    #[test]
    fn lists_of_filters_are_the_same_on_every_instruction_set() {
        let random = |i: usize, seed: usize| (i * 7919 + seed * 104_729 + i * i % 31) % 1009;
        let all = [17, 1, 3, 8, 16, 24, 40];
        for &filters in &all[..if cfg!(miri) { 1 } else { all.len() }] {
            for outputs in [0, 1, 15, 16, 17, 33] {
                let count = filters * outputs;
                let number = |i| if random(i, 1) % 3 == 0 { 0.0 } else { random(i, 2) as f32 - 500.0 };
                let dy: Vec<f32> = (0..count).map(number).collect();
                let argmax: Vec<u8> =
                    (0..count).map(|i| [0, 1, 2, 3, NO_GRADIENT][random(i, 3) % 5]).collect();
                let patches: Vec<u32> = (0..4 * outputs).map(|i| random(i, 4) as u32).collect();
                let nonzero: Vec<u8> = (0..1009).map(|i| u8::from(random(i, 5) % 4 > 0)).collect();
                let zero_outputs = vec![0; 1009];
                for (argmax, patches) in [(None, &patches[..outputs]), (Some(&argmax[..]), &patches[..])] {
                    for nonzero in [None, Some(&nonzero[..]), Some(&zero_outputs[..])] {
                        let lists = |isa| {
                            let mut lists = FilterLists::default();
                            lists.clear(filters, 2 * outputs);
                            for image in [0, 5000] {
                                lists.add(isa, Gradient { dy: &dy, argmax }, patches, image, nonzero);
                            }
                            let list = |filter| {
                                let (patches, values) = lists.list(filter);
                                (patches.to_vec(), values.to_vec())
                            };
                            (0..filters).map(list).collect::<Vec<_>>()
                        };
                        let expected = lists(Isa::PORTABLE);
                        for isa in Isa::available() {
                            assert_eq!(lists(isa), expected, "{isa:?}, {filters} filters, {outputs} outputs");
                        }
                        let all: usize = expected.iter().map(|(patches, _)| patches.len()).sum();
                        assert_eq!(
                            all == 0,
                            nonzero.is_some_and(|nonzero| nonzero == zero_outputs) || count == 0
                        );
                    }
                }
            }
        }
    }
}
