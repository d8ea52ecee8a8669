//! Every distance kernel on every instruction set of this processor, against its naive sibling.
//!
//! Two checkers do all the work, one for a pair of rows and one for a tile. Both return the first difference instead of
//! asserting, so that the last tests can plant wrong kernels and check that they are caught.

mod interpreted;

use tercet_kernels::Isa;
use tercet_kernels::distance::{
    self, MAX_WIDTH, MAX_WIDTH_WITHIN, PanelKind, Panels, Queries, floats, naive,
};

use interpreted::few;

/// Widths around every boundary of a register, a group or a chunk.
const WIDTHS: [usize; 19] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 784, 4096];

/// These widths; under Miri, three of the shorter ones.
fn short() -> Vec<usize> {
    few(&WIDTHS[..if cfg!(miri) { 17 } else { WIDTHS.len() }], 3)
}

/// Zero, and widths that need more than one chunk, which would take hours under Miri.
fn long() -> Vec<usize> {
    let all = [0, 40_000, MAX_WIDTH, MAX_WIDTH + 1, 2 * MAX_WIDTH + 77];
    all[..if cfg!(miri) { 1 } else { all.len() }].to_vec()
}

/// Reproducible bytes: a simple multiplicative generator is sufficient here.
fn bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Rows of one width that are likely to break something: random, the extremes, 0 and 255 mixed, and unaligned.
fn awkward_rows(count: usize, width: usize, seed: u64) -> Vec<Vec<u8>> {
    let make = |i: usize| match i % 5 {
        0 => bytes(width, seed + i as u64),
        1 => vec![255; width],
        2 => vec![0; width],
        3 => bytes(width, seed + i as u64).iter().map(|b| if b & 1 == 0 { 0 } else { 255 }).collect(),
        _ => (0..width).map(|j| (j * 7 + i) as u8).collect(),
    };
    (0..count).map(make).collect()
}

type Pair = fn(&[u8], &[u8]) -> u64;
type FloatPair = fn(&[f32], &[f32]) -> f64;

/// The first pair for which a kernel differs from its specification, at every alignment of the slices.
fn pair_disagreement(kernel: impl Fn(&[u8], &[u8]) -> u64, naive: Pair, widths: &[usize]) -> Option<String> {
    for &width in widths {
        let rows = awkward_rows(5, width, 3);
        for (i, a) in rows.iter().enumerate() {
            for (j, b) in rows.iter().enumerate() {
                for shift in [0, 1, 3] {
                    let (mut a_at, mut b_at) = (vec![7; shift], vec![9; 2 * shift]);
                    a_at.extend_from_slice(a);
                    b_at.extend_from_slice(b);
                    let (found, expected) = (kernel(&a_at[shift..], &b_at[2 * shift..]), naive(a, b));
                    if found != expected {
                        return Some(format!("D = {width}, rows {i} and {j}: {found} is not {expected}"));
                    }
                }
            }
        }
    }
    None
}

/// The first element of a tile that differs from the specification.
fn tile_disagreement(
    tile: impl Fn(&Panels, &[Vec<u8>], std::ops::Range<usize>) -> Vec<u32>,
    measure: PanelKind,
    (queries, rows, width): (usize, usize, usize),
) -> Option<String> {
    let naive: Pair = match measure {
        PanelKind::L2Squared => naive::l2_squared,
        PanelKind::L1 => naive::l1,
        PanelKind::Dot => naive::dot,
    };
    let queries = awkward_rows(queries, width, 11);
    let rows = awkward_rows(rows, width, 23);
    let panels = Panels::new(measure, width, rows.iter().map(Vec::as_slice));
    // All panels at once, then the last one alone.
    for range in [0..panels.len(), panels.len().saturating_sub(1)..panels.len()] {
        let (first, stride) =
            (range.start * panels.rows_of_a_panel(), range.len() * panels.rows_of_a_panel());
        let found = tile(&panels, &queries, range);
        for (i, query) in queries.iter().enumerate() {
            for (j, row) in rows.iter().enumerate().skip(first) {
                let (found, expected) = (u64::from(found[i * stride + j - first]), naive(query, row));
                if found != expected {
                    return Some(format!("D = {width}, query {i}, row {j}: {found} is not {expected}"));
                }
            }
        }
    }
    None
}

fn fast_tile(isa: Isa) -> impl Fn(&Panels, &[Vec<u8>], std::ops::Range<usize>) -> Vec<u32> {
    move |panels, queries, range| {
        let packed = Queries::new(isa, panels.kind(), panels.width(), queries.iter().map(Vec::as_slice));
        // A poisoned buffer exposes elements that are not written.
        let mut out = vec![0xdead_beef; queries.len() * range.len() * panels.rows_of_a_panel()];
        panels.measure(isa, &packed, range, &mut out);
        out
    }
}

#[test]
fn one_pair_of_bytes() {
    type Fast = fn(Isa, &[u8], &[u8]) -> u64;
    let kernels: [(Fast, Pair); 4] = [
        (distance::l2_squared, naive::l2_squared),
        (distance::l1, naive::l1),
        (distance::l3_cubed, naive::l3_cubed),
        (distance::dot, naive::dot),
    ];
    for isa in Isa::available() {
        for (which, (fast, naive)) in kernels.into_iter().enumerate() {
            // The last widths need more than one chunk, where a 32-bit sum would wrap around.
            let widths = [&short()[..], &long()].concat();
            let wrong = pair_disagreement(|a, b| fast(isa, a, b), naive, &widths);
            assert_eq!(wrong, None, "kernel {which} on {}", isa.name());
        }
    }
}

#[test]
fn tiles_of_bytes() {
    for isa in Isa::available() {
        for measure in [PanelKind::L2Squared, PanelKind::L1, PanelKind::Dot] {
            for width in short() {
                for (queries, rows) in few(&[(1, 1), (3, 15), (12, 32), (13, 33), (25, 70)], 3) {
                    let wrong = tile_disagreement(fast_tile(isa), measure, (queries, rows, width));
                    assert_eq!(wrong, None, "{measure:?} on {}", isa.name());
                }
            }
            for width in if cfg!(miri) { vec![] } else { vec![40_000, MAX_WIDTH] } {
                let wrong = tile_disagreement(fast_tile(isa), measure, (5, 5, width));
                assert_eq!(wrong, None, "{measure:?} on {}", isa.name());
            }
        }
    }
}

#[test]
fn no_queries_and_no_rows_make_an_empty_tile() {
    for isa in Isa::available() {
        let rows = awkward_rows(3, 5, 1);
        let none = || std::iter::empty::<&[u8]>();
        let panels = Panels::new(PanelKind::L1, 5, rows.iter().map(Vec::as_slice));
        panels.measure(isa, &Queries::new(isa, PanelKind::L1, 5, none()), 0..1, &mut []);
        let panels = Panels::new(PanelKind::L1, 5, none());
        panels.measure(
            isa,
            &Queries::new(isa, PanelKind::L1, 5, rows.iter().map(Vec::as_slice)),
            0..0,
            &mut [],
        );
    }
}

#[test]
fn rows_are_read_back_from_panels() {
    for measure in [PanelKind::L2Squared, PanelKind::L1] {
        for width in WIDTHS {
            let rows = awkward_rows(35, width, 5);
            let panels = Panels::new(measure, width, rows.iter().map(Vec::as_slice));
            for (i, row) in rows.iter().enumerate() {
                let mut read = vec![1; width];
                panels.copy_row(i, &mut read);
                assert_eq!(&read, row);
            }
        }
    }
}

#[test]
fn one_pair_of_floats_has_the_same_bits_everywhere() {
    type Fast = fn(Isa, &[f32], &[f32]) -> f64;
    let kernels: [(Fast, FloatPair); 3] = [
        (floats::l2_squared, naive::floats::l2_squared),
        (floats::l1, naive::floats::l1),
        (floats::dot, naive::floats::dot),
    ];
    for isa in Isa::available() {
        for (which, (fast, naive)) in kernels.into_iter().enumerate() {
            for width in [&[0], &short()[..]].concat() {
                // Magnitudes from 1e-12 to 1e12, so that a different order of addition shows in the last bits.
                let row = |seed| -> Vec<f32> {
                    let spread = bytes(2 * width, seed);
                    let value = |b: &[u8]| (f32::from(b[0]) - 128.0) * 10f32.powi(i32::from(b[1] % 25) - 12);
                    spread.chunks(2).map(value).collect()
                };
                let (a, b) = (row(1), row(2));
                let (found, expected) = (fast(isa, &a, &b), naive(&a, &b));
                assert_eq!(
                    found.to_bits(),
                    expected.to_bits(),
                    "kernel {which} on {}, D = {width}: {found} is not {expected}",
                    isa.name()
                );
            }
        }
    }
}

#[test]
fn planted_wrong_pairs_are_caught() {
    let planted: [(&str, Pair); 4] = [
        ("forgets the last column", |a, b| naive::l2_squared(&a[1..], &b[1..])),
        ("subtracts in u8", |a, b| a.iter().zip(b).map(|(a, b)| u64::from(a.wrapping_sub(*b)).pow(2)).sum()),
        ("reads bytes as signed", |a, b| {
            a.iter().zip(b).map(|(&a, &b)| (i64::from(a as i8) - i64::from(b as i8)).pow(2) as u64).sum()
        }),
        ("sums in 32 bits", |a, b| u64::from(naive::l2_squared(a, b) as u32)),
    ];
    for (mistake, kernel) in planted {
        let widths = [&WIDTHS[..], &[2 * MAX_WIDTH]].concat();
        assert!(pair_disagreement(kernel, naive::l2_squared, &widths).is_some(), "a kernel that {mistake}");
    }
}

#[test]
fn planted_wrong_tiles_are_caught() {
    type Tile = fn(&Panels, &[Vec<u8>], std::ops::Range<usize>) -> Vec<u32>;
    let planted: [(&str, Tile); 3] = [
        ("writes one row too far", |panels, queries, range| {
            let mut out = fast_tile(Isa::PORTABLE)(panels, queries, range);
            out.rotate_right(1);
            out
        }),
        ("takes the first panel for every panel", |panels, queries, range| {
            fast_tile(Isa::PORTABLE)(panels, queries, 0..range.len())
        }),
        ("forgets the last query", |panels, queries, range| {
            let mut out = fast_tile(Isa::PORTABLE)(panels, &queries[1..], range.clone());
            out.resize(queries.len() * range.len() * panels.rows_of_a_panel(), 0);
            out
        }),
    ];
    for (mistake, tile) in planted {
        let caught = tile_disagreement(tile, PanelKind::L2Squared, (13, 70, 17));
        assert!(caught.is_some(), "a kernel that {mistake}");
    }
}

/// The first mask that differs from the specification.
fn mask_disagreement(
    within: impl Fn(&Panels, &Queries, std::ops::Range<usize>, &[u32], &mut [u32]),
    isa: Isa,
    (queries, rows, width): (usize, usize, usize),
) -> Option<String> {
    let queries = awkward_rows(queries, width, 5);
    let rows = awkward_rows(rows, width, 17);
    let panels = Panels::new(PanelKind::L2Squared, width, rows.iter().map(Vec::as_slice));
    let packed = Queries::new(isa, PanelKind::L2Squared, width, queries.iter().map(Vec::as_slice));
    // The exact distance of some row, a little less, and both extremes.
    let largest: Vec<u32> = (0..queries.len())
        .map(|q| match (q % 5, naive::l2_squared(&queries[q], &rows[(q + 1) % rows.len()]) as u32) {
            (0, number) => number,
            (1, number) => number.saturating_sub(1),
            (2, number) => number.saturating_sub(2),
            (3, _) => u32::MAX,
            _ => 0,
        })
        .collect();
    for range in [0..panels.len(), 0..1, panels.len() - 1..panels.len(), 0..0] {
        let mut masks = vec![0x5a5a_5a5a; queries.len() * range.len()];
        within(&panels, &packed, range.clone(), &largest, &mut masks);
        for (q, query) in queries.iter().enumerate() {
            for (p, panel) in range.clone().enumerate() {
                for r in 0..32.min(rows.len() - panel * 32) {
                    let number = naive::l2_squared(query, &rows[panel * 32 + r]);
                    let largest = u64::from(largest[q]);
                    let set = masks[q * range.len() + p] >> r & 1 == 1;
                    // One more than the threshold may pass or not.
                    if number != largest + 1 && set != (number <= largest) {
                        return Some(format!("{isa:?}, D = {width}, query {q}, row {}", panel * 32 + r));
                    }
                }
            }
        }
    }
    None
}

#[test]
fn masks_mark_the_rows_that_are_within() {
    for isa in Isa::available() {
        for shape in few(
            &[(1, 1, 1), (5, 32, 3), (13, 33, 48), (25, 100, 127), (3, 70, 784), (7, 40, MAX_WIDTH_WITHIN)],
            3,
        ) {
            let within = |panels: &Panels, queries: &Queries, range, largest: &[u32], masks: &mut [u32]| {
                panels.within(isa, queries, range, largest, masks);
            };
            assert_eq!(mask_disagreement(within, isa, shape), None);
        }
    }
}

#[test]
fn the_checker_catches_masks_that_are_too_strict_or_too_generous() {
    let isa = Isa::active();
    let planted: [fn(u32) -> u32; 2] = [|l| l.saturating_sub(2), |l| l.saturating_add(2)];
    for change in planted {
        let within = |panels: &Panels, queries: &Queries, range, largest: &[u32], masks: &mut [u32]| {
            let changed: Vec<u32> = largest.iter().map(|&l| change(l)).collect();
            panels.within(isa, queries, range, &changed, masks);
        };
        assert!(mask_disagreement(within, isa, (13, 33, 48)).is_some());
    }
}
