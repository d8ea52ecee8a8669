//! [`ImageShape`]: width, height and channels.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The shape of an image. Its pixels are stored row by row, the channels of a pixel adjacent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Width, in pixels.
    pub width: usize,
    /// Height, in pixels.
    pub height: usize,
    /// Values per pixel: 1 for grey, 3 for colour.
    pub channels: usize,
}

impl ImageShape {
    /// A grey image.
    pub const fn gray(width: usize, height: usize) -> Self {
        ImageShape { width, height, channels: 1 }
    }

    /// D, the number of features of such an image.
    pub const fn features(self) -> usize {
        self.width * self.height * self.channels
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.width, self.height)?;
        if self.channels != 1 { write!(f, " × {}", self.channels) } else { Ok(()) }
    }
}
