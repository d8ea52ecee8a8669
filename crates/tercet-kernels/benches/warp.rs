//! The speed of image warping, on every instruction set of this processor: images like MNIST's and larger ones in
//! colour, each with its smooth displacement field. `cargo bench -p tercet-kernels --bench warp`
//!
//! Each result is checked against the naive sibling before it is timed. Items are images.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tercet_kernels::Isa;
use tercet_kernels::warp::{Affine, Interpolation, Source, TAPS, field, naive, padded_row, warp};

fn main() {
    divan::main();
}

/// Images of one size on an instruction set.
#[derive(Clone, Copy)]
struct Case {
    isa: Isa,
    side: usize,
    channels: usize,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Case { isa, side, channels } = self;
        write!(f, "{} {side} × {side} × {channels}", isa.name())
    }
}

fn cases() -> impl Iterator<Item = Case> {
    Isa::available()
        .into_iter()
        .flat_map(|isa| [(28, 1), (96, 3)].map(|(side, channels)| Case { isa, side, channels }))
}

/// Reproducible pseudo-random numbers from −1 to 1.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Lattice points four pixels apart, as for σ = 4.
fn spread(side: usize) -> Interpolation {
    let weights = numbers(side * TAPS, 1);
    let (weights, _) = weights.as_chunks::<TAPS>();
    Interpolation::new((0..side).map(|i| (i.div_ceil(4), weights[i])))
}

#[divan::bench(args = cases())]
fn bend(bencher: Bencher<'_, '_>, Case { isa, side, channels }: Case) {
    let mut source = Source::new(side, side, channels);
    let values = side * side * channels;
    source.fill(&(0..values).map(|i| (i * 7919 % 256) as u8).collect::<Vec<_>>());
    let map = Affine { xx: 0.9, xy: 0.2, x0: 0.5, yx: -0.2, yy: 0.9, y0: 3.0 };
    let (dx, dy) = (numbers(side * padded_row(side), 2), numbers(side * padded_row(side), 3));
    let (mut new, mut expected) = (vec![0; values], vec![0; values]);
    warp(isa, &source, map, Some([&dx, &dy]), &mut new);
    naive::warp(&source, map, Some([&dx, &dy]), &mut expected);
    assert!(new.iter().zip(&expected).all(|(new, expected)| new.abs_diff(*expected) <= 1));
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        warp(isa, black_box(&source), map, Some([&dx, &dy]), black_box(&mut new));
    });
}

/// Both components.
#[divan::bench(args = cases())]
fn smooth_field(bencher: Bencher<'_, '_>, Case { isa, side, .. }: Case) {
    let spread = spread(side);
    let lattice = numbers(spread.points() * spread.points(), 4);
    let mut between = vec![0.0; spread.points() * padded_row(side)];
    let (mut out, mut expected) = (vec![0.0; side * padded_row(side)], vec![0.0; side * padded_row(side)]);
    field(isa, &lattice, &spread, &spread, &mut between, &mut out);
    naive::field(&lattice, &spread, &spread, &mut expected);
    assert!(out.iter().zip(&expected).all(|(out, expected)| (out - expected).abs() < 1e-4));
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        for _ in 0..2 {
            field(isa, black_box(&lattice), &spread, &spread, &mut between, black_box(&mut out));
        }
    });
}
