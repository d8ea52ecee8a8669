//! The speed of the distances: one pair of rows, and many queries against many rows, on every instruction set of this
//! processor. `cargo bench -p tercet-kernels --bench distance`
//!
//! The sizes are those of the actual workload: images of 28 × 28, and a stripe of rows against a block of queries,
//! which both fit in the second-level cache. Each result is checked against the naive sibling before it is timed.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use tercet_kernels::Isa;
use tercet_kernels::distance::{self, PanelKind, Panels, Queries, floats, naive};

fn main() {
    divan::main();
}

/// Columns of an image.
const WIDTH: usize = 784;
/// Queries per block.
const QUERIES: usize = 96;
/// Rows per stripe.
const ROWS: usize = 256;

/// An instruction set, displayed by its name.
#[derive(Clone, Copy)]
struct Set(Isa);

impl std::fmt::Display for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

fn sets() -> impl Iterator<Item = Set> {
    Isa::available().into_iter().map(Set)
}

/// Reproducible pseudo-random bytes, half of them 0 as in images.
fn bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).map(|byte| if byte & 1 == 0 { 0 } else { byte }).take(count).collect()
}

/// One pair of rows, measured in bytes read per second.
fn pair_of_bytes(
    bencher: Bencher<'_, '_>,
    isa: Isa,
    kernel: fn(Isa, &[u8], &[u8]) -> u64,
    naive: fn(&[u8], &[u8]) -> u64,
) {
    let (a, b) = (bytes(WIDTH, 1), bytes(WIDTH, 2));
    assert_eq!(kernel(isa, &a, &b), naive(&a, &b), "on {}", isa.name());
    bencher.counter(BytesCount::new(2 * WIDTH)).bench(|| kernel(isa, black_box(&a), black_box(&b)));
}

#[divan::bench(args = sets())]
fn pair_l2_squared_u8(bencher: Bencher<'_, '_>, set: Set) {
    pair_of_bytes(bencher, set.0, distance::l2_squared, naive::l2_squared);
}

#[divan::bench(args = sets())]
fn pair_l1_u8(bencher: Bencher<'_, '_>, set: Set) {
    pair_of_bytes(bencher, set.0, distance::l1, naive::l1);
}

#[divan::bench(args = sets())]
fn pair_dot_u8(bencher: Bencher<'_, '_>, set: Set) {
    pair_of_bytes(bencher, set.0, distance::dot, naive::dot);
}

/// The same for floats.
fn pair_of_floats(
    bencher: Bencher<'_, '_>,
    isa: Isa,
    kernel: fn(Isa, &[f32], &[f32]) -> f64,
    naive: fn(&[f32], &[f32]) -> f64,
) {
    let values = |seed| -> Vec<f32> { bytes(WIDTH, seed).iter().map(|&x| f32::from(x) / 255.0).collect() };
    let (a, b) = (values(1), values(2));
    assert_eq!(kernel(isa, &a, &b).to_bits(), naive(&a, &b).to_bits(), "on {}", isa.name());
    bencher
        .counter(BytesCount::new(2 * WIDTH * size_of::<f32>()))
        .bench(|| kernel(isa, black_box(&a), black_box(&b)));
}

#[divan::bench(args = sets())]
fn pair_l2_squared_f32(bencher: Bencher<'_, '_>, set: Set) {
    pair_of_floats(bencher, set.0, floats::l2_squared, naive::floats::l2_squared);
}

#[divan::bench(args = sets())]
fn pair_l1_f32(bencher: Bencher<'_, '_>, set: Set) {
    pair_of_floats(bencher, set.0, floats::l1, naive::floats::l1);
}

#[divan::bench(args = sets())]
fn pair_dot_f32(bencher: Bencher<'_, '_>, set: Set) {
    pair_of_floats(bencher, set.0, floats::dot, naive::floats::dot);
}

/// Queries and rows, with their distances by the naive sibling, (queries, rows).
struct Block {
    queries: Queries,
    panels: Panels,
    expected: Vec<u32>,
}

impl Block {
    fn new(isa: Isa, measure: PanelKind) -> Self {
        let (queries, rows) = (bytes(QUERIES * WIDTH, 3), bytes(ROWS * WIDTH, 4));
        let naive = match measure {
            PanelKind::L2Squared => naive::l2_squared,
            PanelKind::L1 => naive::l1,
            _ => naive::dot,
        };
        let pairs =
            queries.chunks_exact(WIDTH).flat_map(|q| rows.chunks_exact(WIDTH).map(move |x| naive(q, x)));
        Block {
            expected: pairs.map(|number| u32::try_from(number).expect("below 2³² at this width")).collect(),
            queries: Queries::new(isa, measure, WIDTH, queries.chunks_exact(WIDTH)),
            panels: Panels::new(measure, WIDTH, rows.chunks_exact(WIDTH)),
        }
    }
}

/// Pairs of a query and a row per second.
fn tile(bencher: Bencher<'_, '_>, isa: Isa, measure: PanelKind) {
    let Block { queries, panels, expected } = Block::new(isa, measure);
    let mut out = vec![0; QUERIES * ROWS];
    panels.measure(isa, &queries, 0..panels.len(), &mut out);
    assert_eq!(out, expected, "{measure:?} on {}", isa.name());
    bencher
        .counter(ItemsCount::new(QUERIES * ROWS))
        .bench_local(|| panels.measure(isa, black_box(&queries), 0..panels.len(), black_box(&mut out)));
}

#[divan::bench(args = sets())]
fn tile_l2_squared(bencher: Bencher<'_, '_>, set: Set) {
    tile(bencher, set.0, PanelKind::L2Squared);
}

#[divan::bench(args = sets())]
fn tile_l1(bencher: Bencher<'_, '_>, set: Set) {
    tile(bencher, set.0, PanelKind::L1);
}

#[divan::bench(args = sets())]
fn tile_dot(bencher: Bencher<'_, '_>, set: Set) {
    tile(bencher, set.0, PanelKind::Dot);
}

/// Comparing in registers instead of writing the distances; one row in a hundred lies within.
#[divan::bench(args = sets())]
fn tile_within(bencher: Bencher<'_, '_>, Set(isa): Set) {
    let Block { queries, panels, expected } = Block::new(isa, PanelKind::L2Squared);
    let mut sorted = expected.clone();
    let largest = vec![*sorted.select_nth_unstable(QUERIES * ROWS / 100).1; QUERIES];
    let mut masks = vec![0; QUERIES * panels.len()];
    panels.within(isa, &queries, 0..panels.len(), &largest, &mut masks);
    for (mask, numbers) in masks.iter().zip(expected.chunks_exact(32)) {
        let bits = numbers.iter().rev().fold(0, |bits, &number| bits << 1 | u32::from(number <= largest[0]));
        assert_eq!(*mask, bits, "on {}", isa.name());
    }
    bencher.counter(ItemsCount::new(QUERIES * ROWS)).bench_local(|| {
        panels.within(isa, black_box(&queries), 0..panels.len(), &largest, black_box(&mut masks));
    });
}

/// Interleaving rows, which is the cost of fitting, in bytes per second.
#[divan::bench]
fn interleave(bencher: Bencher<'_, '_>) {
    let rows = bytes(ROWS * WIDTH, 4);
    let panels = || Panels::new(PanelKind::L2Squared, WIDTH, black_box(&rows).chunks_exact(WIDTH));
    let (laid_out, mut row) = (panels(), vec![0; WIDTH]);
    for (i, expected) in rows.chunks_exact(WIDTH).enumerate() {
        laid_out.copy_row(i, &mut row);
        assert_eq!(row, expected, "row {i}");
    }
    bencher.counter(BytesCount::new(rows.len())).bench(panels);
}
