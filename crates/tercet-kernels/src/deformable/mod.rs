//! Distances between grey images that tolerate small deformations: shifts of the whole image, and warps of each pixel.
//!
//! | | formula | |
//! |---|---|---|
//! | [`shifted`] | `min_s Σ_p \|q(p) − x(p + s)\|^e` | the minimum over all shifts s of up to a few pixels, on bytes |
//! | [`warped`] | `Σ_p min_s Σ_c ‖E_q(p + c) − E_x(p + c + s)‖²` | each pixel p has its own best shift s, which minimises the distance of its context, on [`edges`] |
//!
//! Pixels p, shifts s and context offsets c are pairs (row, column). Beyond its border an image is infinite blank
//! paper: its pixels are 0, and so are its edges. All numbers are integers, so the fast kernels equal the naive ones.
//!
//! Source of the second, the image distortion model: D. Keysers, T. Deselaers, C. Gollan and H. Ney, "Deformation
//! models for image recognition", IEEE Transactions on Pattern Analysis and Machine Intelligence 29 (2007), section
//! 3.2.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod edges;
mod field;
pub mod naive;
mod portable;
mod shifted;
mod warped;

pub use edges::{Strength, edges};
pub use field::Field;
pub use shifted::{Plane, shifted};
pub use warped::{Workspace, warped};

/// The widest context of a pixel, in pixels to each side.
pub const MOST_CONTEXT: usize = 3;

/// The largest shift of an image or warp of a pixel.
pub const MOST_SHIFT: usize = 8;

/// How far a pixel may be displaced, and how much context around it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warp {
    /// The largest displacement of a pixel, up, down and to each side, at most [`MOST_SHIFT`].
    pub reach: usize,
    /// The pixels to each side whose edges are compared with those of the pixel itself, at most [`MOST_CONTEXT`]: 1 is
    /// a context of 3 × 3.
    pub context: usize,
}

impl Warp {
    /// How far beyond its border an image is read.
    fn margin(self) -> usize {
        assert!(self.reach <= MOST_SHIFT && self.context <= MOST_CONTEXT, "a warp of {self:?}");
        self.reach + self.context
    }
}
