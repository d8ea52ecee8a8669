//! The sizes of a convolution.

/// The maximum number of elements of an array for one example, or of the weights: indices fit in 32 bits with room to
/// spare.
const MOST_NUMBERS: usize = 1 << 30;

/// The dimensions of a convolution: an image of `height` × `width` pixels with `channels` numbers each, `filters`
/// kernels over all channels, a `stride` in pixels between adjacent outputs in both directions, and `padding` zeros
/// around the image on every side.
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
    /// Numbers per pixel: 1 for grey, 3 for colour, otherwise the filters of the previous layer.
    pub channels: usize,
    /// Rows of a kernel.
    pub kernel_height: usize,
    /// Columns of a kernel.
    pub kernel_width: usize,
    /// Distance between adjacent outputs, in pixels.
    pub stride: usize,
    /// Zeros around the image on every side.
    pub padding: usize,
    /// Number of kernels, and so of numbers per output pixel.
    pub filters: usize,
}

/// Why [`Shape::check`] failed.
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

/// The product, saturating at `usize::MAX`.
fn product(factors: &[usize]) -> usize {
    factors.iter().fold(1, |product, &factor| product.saturating_mul(factor))
}

impl Shape {
    /// Checks that the convolution exists and that its arrays are small enough for the kernels to address.
    ///
    /// # Errors
    /// [`UnfitShape`] if a size is 0, the kernel is larger than the padded image, or an array would have more than
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

    /// `⌊(height + 2 · padding − kernel_height) / stride⌋ + 1`, or 0 if the kernel does not fit.
    pub fn output_height(&self) -> usize {
        steps(self.padded_height(), self.kernel_height, self.stride)
    }

    /// `⌊(width + 2 · padding − kernel_width) / stride⌋ + 1`, or 0 if the kernel does not fit.
    pub fn output_width(&self) -> usize {
        steps(self.padded_width(), self.kernel_width, self.stride)
    }

    /// The number of elements of an image: height · width · channels.
    pub fn inputs(&self) -> usize {
        product(&[self.height, self.width, self.channels])
    }

    /// The number of inputs that one output depends on: kernel_height · kernel_width · channels.
    pub fn patch(&self) -> usize {
        product(&[self.kernel_height, self.kernel_width, self.channels])
    }

    /// The number of weights: patch · filters.
    pub fn weights(&self) -> usize {
        product(&[self.patch(), self.filters])
    }

    /// The number of positions at which a kernel is applied: output_height · output_width.
    pub fn positions(&self) -> usize {
        product(&[self.output_height(), self.output_width()])
    }

    /// The number of elements of an output: output_height · output_width · filters.
    pub fn outputs(&self) -> usize {
        product(&[self.positions(), self.filters])
    }

    /// The height after a 2 × 2 pool: half of the output's, rounded down.
    pub fn pooled_height(&self) -> usize {
        self.output_height() / 2
    }

    /// The width after a 2 × 2 pool: half of the output's, rounded down.
    pub fn pooled_width(&self) -> usize {
        self.output_width() / 2
    }

    /// The number of elements of a pooled output: pooled_height · pooled_width · filters.
    pub fn pooled(&self) -> usize {
        product(&[self.pooled_height(), self.pooled_width(), self.filters])
    }

    /// The number of multiply-adds of the forward pass of one example if none is skipped.
    pub fn multiply_adds(&self) -> usize {
        product(&[self.outputs(), self.patch()])
    }

    /// The height of the padded image.
    pub(super) fn padded_height(&self) -> usize {
        self.height.saturating_add(self.padding.saturating_mul(2))
    }

    /// The width of the padded image.
    pub(super) fn padded_width(&self) -> usize {
        self.width.saturating_add(self.padding.saturating_mul(2))
    }
}

/// How many times a window fits when it moves by `stride`.
fn steps(length: usize, window: usize, stride: usize) -> usize {
    if window == 0 || stride == 0 || window > length { 0 } else { (length - window) / stride + 1 }
}
