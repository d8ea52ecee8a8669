//! The sizes of a convolution.

/// The most numbers that an array of one example, or the weights, may have: places in them fit in 32 bits with room.
const MOST_NUMBERS: usize = 1 << 30;

/// What goes into a convolution of one example and how it is cut: an image of `height` × `width` pixels with
/// `channels` numbers each, `filters` kernels over all channels, a step of `stride` pixels between neighbouring outputs
/// in both directions, and `padding` zeros around the image on every side.
///
/// An image has (height, width, channels) numbers, the weights are (kernel_height · kernel_width · channels, filters)
/// with their rows in the order (ky, kx, channel), and an output has (output_height, output_width, filters) numbers.
///
/// ```
/// use tercet_kernels::convolution::Shape;
///
/// let digits = Shape {
///     height: 28,
///     width: 28,
///     channels: 1,
///     kernel_height: 5,
///     kernel_width: 5,
///     stride: 1,
///     padding: 0,
///     filters: 8,
/// };
/// digits.check().unwrap();
/// assert_eq!((digits.output_height(), digits.output_width()), (24, 24));
/// assert_eq!((digits.pooled_height(), digits.pooled_width()), (12, 12));
/// assert_eq!((digits.patch(), digits.weights(), digits.outputs()), (25, 200, 4608));
///
/// let too_small = Shape { height: 4, ..digits };
/// let error = too_small.check().unwrap_err().to_string();
/// assert!(error.contains("kernel of 5 × 5") && error.contains("4 × 28"), "{error}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Numbers of a pixel: 1 for grey, 3 for colour, the filters of the layer before it otherwise.
    pub channels: usize,
    /// Rows of a kernel.
    pub kernel_height: usize,
    /// Columns of a kernel.
    pub kernel_width: usize,
    /// How many pixels neighbouring outputs lie apart.
    pub stride: usize,
    /// How many zeros stand around the image on every side.
    pub padding: usize,
    /// Kernels, and so numbers of an output's pixel.
    pub filters: usize,
}

/// Why [`Shape::check`] rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnfitShape {
    /// A size that must be at least 1 is 0.
    Zero(Shape),
    /// The kernel is larger than the padded image.
    Kernel(Shape),
    /// An array would have more than 2³⁰ numbers for one example.
    Huge(Shape),
}

impl std::fmt::Display for UnfitShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            UnfitShape::Zero(shape) => write!(
                f,
                "{shape:?} has a size of 0: only the padding may be 0, everything else must be at least 1"
            ),
            UnfitShape::Kernel(shape) => write!(
                f,
                "a kernel of {} × {} does not fit into an image of {} × {} with a padding of {}: it needs a smaller \
                 kernel or more padding",
                shape.kernel_height, shape.kernel_width, shape.height, shape.width, shape.padding
            ),
            UnfitShape::Huge(shape) => write!(
                f,
                "{shape:?} needs arrays of more than {MOST_NUMBERS} numbers for one example: make it smaller"
            ),
        }
    }
}

impl std::error::Error for UnfitShape {}

/// The product, `usize::MAX` where it is more.
fn product(factors: &[usize]) -> usize {
    factors.iter().fold(1, |product, &factor| product.saturating_mul(factor))
}

impl Shape {
    /// Whether there is such a convolution, and its arrays are of a size that the kernels can address.
    ///
    /// # Errors
    /// [`UnfitShape`] where a size is 0, the kernel is larger than the padded image, or an array would have more than
    /// 2³⁰ numbers for one example.
    pub fn check(&self) -> Result<(), UnfitShape> {
        let sizes = [self.height, self.width, self.channels, self.stride, self.filters];
        if sizes.contains(&0) || self.kernel_height == 0 || self.kernel_width == 0 {
            return Err(UnfitShape::Zero(*self));
        }
        if self.output_height() == 0 || self.output_width() == 0 {
            return Err(UnfitShape::Kernel(*self));
        }
        let padded = product(&[self.padded_height(), self.padded_width(), self.channels]);
        let arrays = [padded, self.outputs(), self.weights(), self.stride];
        if arrays.into_iter().any(|numbers| numbers > MOST_NUMBERS) {
            return Err(UnfitShape::Huge(*self));
        }
        Ok(())
    }

    /// `⌊(height + 2 · padding − kernel_height) / stride⌋ + 1`, and 0 where the kernel does not fit.
    pub fn output_height(&self) -> usize {
        steps(self.padded_height(), self.kernel_height, self.stride)
    }

    /// `⌊(width + 2 · padding − kernel_width) / stride⌋ + 1`, and 0 where the kernel does not fit.
    pub fn output_width(&self) -> usize {
        steps(self.padded_width(), self.kernel_width, self.stride)
    }

    /// How many numbers an image has: height · width · channels.
    pub fn inputs(&self) -> usize {
        product(&[self.height, self.width, self.channels])
    }

    /// How many numbers one output is made of: kernel_height · kernel_width · channels.
    pub fn patch(&self) -> usize {
        product(&[self.kernel_height, self.kernel_width, self.channels])
    }

    /// How many weights there are: patch · filters.
    pub fn weights(&self) -> usize {
        product(&[self.patch(), self.filters])
    }

    /// At how many places of an image a kernel is laid: output_height · output_width.
    pub fn positions(&self) -> usize {
        product(&[self.output_height(), self.output_width()])
    }

    /// How many numbers an output has: output_height · output_width · filters.
    pub fn outputs(&self) -> usize {
        product(&[self.positions(), self.filters])
    }

    /// The rows that a 2 × 2 pool leaves: half of the output's, rounded down.
    pub fn pooled_height(&self) -> usize {
        self.output_height() / 2
    }

    /// The columns that a 2 × 2 pool leaves: half of the output's, rounded down.
    pub fn pooled_width(&self) -> usize {
        self.output_width() / 2
    }

    /// How many numbers a pooled output has: pooled_height · pooled_width · filters.
    pub fn pooled(&self) -> usize {
        product(&[self.pooled_height(), self.pooled_width(), self.filters])
    }

    /// How many multiply-adds the forward pass of one example takes when nothing is left out.
    pub fn multiply_adds(&self) -> usize {
        product(&[self.outputs(), self.patch()])
    }

    /// The rows of the image with its padding.
    pub(super) fn padded_height(&self) -> usize {
        self.height.saturating_add(self.padding.saturating_mul(2))
    }

    /// The columns of the image with its padding.
    pub(super) fn padded_width(&self) -> usize {
        self.width.saturating_add(self.padding.saturating_mul(2))
    }
}

/// How often a window fits when it moves by `stride`.
fn steps(length: usize, window: usize, stride: usize) -> usize {
    if window == 0 || stride == 0 || window > length { 0 } else { (length - window) / stride + 1 }
}
