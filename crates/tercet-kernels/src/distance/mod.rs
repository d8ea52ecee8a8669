//! Distances between rows: squared L2, L1, cubed L3, and the dot product that cosine distance is computed from.
//!
//! | | one pair | many queries against many rows |
//! |---|---|---|
//! | rows of u8 | [`l2_squared`], [`l1`], [`l3_cubed`], [`dot`]: exact u64, any D | [`Panels::measure`]: exact u32, D up to [`MAX_WIDTH`], all but L3; [`Panels::within`] |
//! | rows of f32 | [`floats`]: f64, added in one fixed order | |
//!
//! For image bytes each of these is an integer, so the fast kernels are not merely close to the naive ones but equal to
//! them, and equal distances stay equal on every processor. Floating-point addition is not associative, so for f32 rows
//! the order of addition is part of the specification: eight accumulators, whatever the width of the registers. Again
//! every processor gives the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bytes;
pub mod floats;
pub mod naive;
mod panels;
mod portable;
mod queries;
mod rounding;
mod tile;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

pub use bytes::{Line, dot, l1, l2_squared, l2_squared_of_lines, l3_cubed};
pub use panels::{PanelKind, Panels};
pub use queries::Queries;
pub use rounding::round_to_bytes;

/// The largest number of columns for which the squared distance, distance or dot product is sure to fit in a u32.
///
/// One column adds at most 255² = 65,025, and 65,025 · 65,536 = 4,261,478,400 is below 2³² = 4,294,967,296. (The
/// largest width that fits is 66,051; a power of two is easier to remember.)
///
/// Kernels rely on more than the sum being below 2³². Additions and subtractions in 32 bits are exact modulo 2³² in any
/// order, so a term such as −2·a·b may wrap around on the way: as long as the final value lies in 0 ‥ 2³² − 1, it is
/// correct.
pub const MAX_WIDTH: usize = 65_536;

/// The largest width that [`Panels::within`] supports: its sums fit in a signed 32-bit integer.
pub const MAX_WIDTH_WITHIN: usize = 16_384;
