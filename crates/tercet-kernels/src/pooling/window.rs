//! The dimensions of a pool.

/// The largest side of a window: an argmax is stored in a byte.
const LARGEST: usize = 15;

/// Square windows of `size` × `size` pixels over an image, `stride` pixels apart in both directions. Pixels left over
/// at the right and at the bottom belong to no window.
///
/// ```
/// use tercet_kernels::pooling::Window;
///
/// let halves = Window { height: 24, width: 25, channels: 8, size: 2, stride: 2 };
/// halves.check().unwrap();
/// assert_eq!((halves.output_height(), halves.output_width()), (12, 12));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Numbers per pixel.
    pub channels: usize,
    /// The side of a window, in pixels: 1 to 15.
    pub size: usize,
    /// The distance between adjacent windows, in pixels.
    pub stride: usize,
}

/// Why [`Window::check`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnfitWindow(pub Window);

impl std::fmt::Display for UnfitWindow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Window { height, width, channels, size, stride } = self.0;
        write!(
            f,
            "a pool of {size} × {size} pixels with stride {stride} does not fit an image of {height} × {width} with \
             {channels} channels: the window must have a side of 1 to {LARGEST} pixels and lie inside the image, \
             stride and channels must be at least 1, and the image must have at most 2³⁰ numbers"
        )
    }
}

impl std::error::Error for UnfitWindow {}

impl Window {
    /// Checks that the pool exists.
    ///
    /// # Errors
    /// [`UnfitWindow`] if the window is larger than the image or 15 pixels, a size is 0, or the image has more than 2³⁰
    /// numbers.
    pub fn check(&self) -> Result<(), UnfitWindow> {
        let fits = (1..=LARGEST.min(self.height).min(self.width)).contains(&self.size)
            && self.stride > 0
            && (1..=1 << 30).contains(&self.inputs());
        if fits { Ok(()) } else { Err(UnfitWindow(*self)) }
    }

    /// `⌊(height − size) / stride⌋ + 1`, or 0 if the window does not fit.
    pub fn output_height(&self) -> usize {
        self.steps(self.height)
    }

    /// `⌊(width − size) / stride⌋ + 1`, or 0 if the window does not fit.
    pub fn output_width(&self) -> usize {
        self.steps(self.width)
    }

    fn steps(&self, length: usize) -> usize {
        if self.stride == 0 || self.size > length { 0 } else { (length - self.size) / self.stride + 1 }
    }

    /// The number of elements of an image.
    pub fn inputs(&self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(self.channels)
    }

    /// The number of elements of a pooled image.
    pub fn outputs(&self) -> usize {
        self.output_height().saturating_mul(self.output_width()).saturating_mul(self.channels)
    }

    /// The index of the first channel of the pixel (ky, kx) of the window (oy, ox).
    #[inline(always)]
    pub(super) fn pixel(&self, (oy, ox): (usize, usize), (ky, kx): (usize, usize)) -> usize {
        ((oy * self.stride + ky) * self.width + ox * self.stride + kx) * self.channels
    }
}
