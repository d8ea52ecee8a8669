//! The shape of an example at some point of a network: a feature vector or an image.

use crate::data::Examples;
use crate::image::ImageShape;

/// The shape of an example between two layers of a network.
///
/// ```
/// use tercet::image::ImageShape;
/// use tercet::network::Shape;
///
/// let digit = Shape::from(ImageShape::gray(28, 28));
/// assert_eq!((digit.to_string(), digit.values()), ("28 × 28 × 1".to_owned(), 784));
/// assert_eq!(digit.flat(), Shape::Features(784));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A vector of this many features.
    Features(usize),
    /// An image, (height, width, channels): row by row, the channels of a pixel adjacent.
    Image(ImageShape),
}

impl Shape {
    /// The shape of an example of a data set.
    pub fn of(data: &Examples) -> Self {
        data.feature_shape().map_or(Shape::Features(data.width()), Shape::Image)
    }

    /// The number of values of an example. Saturates at `usize::MAX`.
    pub fn values(self) -> usize {
        match self {
            Shape::Features(count) => count,
            Shape::Image(ImageShape { width, height, channels }) => {
                width.saturating_mul(height).saturating_mul(channels)
            }
        }
    }

    /// The number of channels: those of an image, or every feature of a vector.
    pub fn channels(self) -> usize {
        match self {
            Shape::Features(count) => count,
            Shape::Image(image) => image.channels,
        }
    }

    /// The flattened shape.
    pub fn flat(self) -> Self {
        Shape::Features(self.values())
    }
}

impl From<usize> for Shape {
    fn from(features: usize) -> Self {
        Shape::Features(features)
    }
}

impl From<ImageShape> for Shape {
    fn from(image: ImageShape) -> Self {
        Shape::Image(image)
    }
}

impl std::fmt::Display for Shape {
    /// `784`, or height × width × channels: `28 × 28 × 1`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shape::Features(count) => write!(f, "{count}"),
            Shape::Image(ImageShape { width, height, channels }) => {
                write!(f, "{height} × {width} × {channels}")
            }
        }
    }
}
