//! Sliding windows over images: convolution and pooling.
//!
//! An image is a row of (height · width · channels) numbers, the channels of a pixel adjacent, so that the output needs
//! no flattening before a matrix product.

use super::operation::{Derivative, Flaw, Names};
use super::value::{Shape, Value};

/// The size of the input images, and of the window that slides over them.
///
/// ```
/// use tercet::graph::Window;
/// let digits = Window::square((28, 28, 1), 5, 1, 0);
/// assert_eq!((digits.output_height(), digits.output_width()), (24, 24));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height of an image, in pixels.
    pub height: usize,
    /// Width of an image, in pixels.
    pub width: usize,
    /// Numbers per pixel.
    pub channels: usize,
    /// Height of the window, in pixels.
    pub kernel_height: usize,
    /// Width of the window, in pixels.
    pub kernel_width: usize,
    /// Distance between neighbouring windows, in pixels, vertically and horizontally.
    pub stride: usize,
    /// Zeros added on every side of the image. Pooling has no padding.
    pub padding: usize,
}

impl Window {
    /// A square window over images of (height, width, channels).
    pub fn square(image: (usize, usize, usize), kernel: usize, stride: usize, padding: usize) -> Self {
        let (height, width, channels) = image;
        Window { height, width, channels, kernel_height: kernel, kernel_width: kernel, stride, padding }
    }

    /// Height of the output: `(height + 2 padding − kernel) / stride + 1`, rounded down.
    pub fn output_height(&self) -> usize {
        steps(self.height, self.kernel_height, self.stride, self.padding)
    }

    /// Width of the output.
    pub fn output_width(&self) -> usize {
        steps(self.width, self.kernel_width, self.stride, self.padding)
    }

    /// The number of pixels of a window.
    pub(super) fn places(&self) -> usize {
        self.kernel_height.saturating_mul(self.kernel_width)
    }

    /// The number of values of a window.
    pub(super) fn patch(&self) -> usize {
        self.places().saturating_mul(self.channels)
    }

    /// As the arguments of a function in an expression.
    pub(super) fn in_words(self, pooling: bool) -> String {
        let Window { height, width, channels, kernel_height, kernel_width, stride, padding } = self;
        let mut words = format!(", height={height}, width={width}");
        if channels != 1 {
            words += &format!(", channels={channels}");
        }
        match kernel_height == kernel_width {
            true => words += &format!(", kernel={kernel_height}"),
            false => words += &format!(", kernel_height={kernel_height}, kernel_width={kernel_width}"),
        }
        words += &format!(", stride={stride}");
        if !pooling {
            words += &format!(", padding={padding}");
        }
        words
    }

    /// Rejects sizes of 0, a window larger than the padded image, and images of another size.
    fn check(&self, (_, found): Shape, pooling: bool) -> Result<(), Flaw> {
        let Window { height, width, channels, kernel_height, kernel_width, stride, padding } = *self;
        if [height, width, channels, kernel_height, kernel_width, stride].contains(&0) {
            let at_least = "at least 1 for everything but the padding";
            return Err(Flaw::new(format!("a size of 0 in{}", &self.in_words(false)[1..]), at_least));
        }
        // A convolution may cover padding only, but an empty window has no maximum.
        let fits = |image: usize, kernel: usize| {
            (padding < kernel || !pooling) && kernel <= image.saturating_add(padding.saturating_mul(2))
        };
        if !fits(height, kernel_height) || !fits(width, kernel_width) {
            return Err(Flaw::new(
                format!(
                    "a window of {kernel_height} × {kernel_width} on images of {height} × {width}, padding {padding}"
                ),
                "a window that fits into the padded image",
            ));
        }
        let expected = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(channels));
        if expected != Some(found) {
            return Err(Flaw::new(
                format!("images of {found} numbers"),
                format!("{height} × {width} × {channels}: height, width and channels"),
            ));
        }
        Ok(())
    }

    /// Calls `visit` for each non-padding pixel under each window, with the indices of the output pixel, of the pixel
    /// within the window and of the image pixel.
    fn each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        for oy in 0..self.output_height() {
            for ox in 0..self.output_width() {
                for ky in 0..self.kernel_height {
                    for kx in 0..self.kernel_width {
                        // The position in the image; above or left of it is padding.
                        let (y, x) = (oy * self.stride + ky, ox * self.stride + kx);
                        let (Some(y), Some(x)) = (y.checked_sub(self.padding), x.checked_sub(self.padding))
                        else {
                            continue;
                        };
                        if y < self.height && x < self.width {
                            let output = oy * self.output_width() + ox;
                            visit(output, ky * self.kernel_width + kx, y * self.width + x);
                        }
                    }
                }
            }
        }
    }
}

fn steps(image: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    image.saturating_add(padding.saturating_mul(2)).saturating_sub(kernel) / stride.max(1) + 1
}

/// x (B, H·W·Cin), w (kh·kw·Cin, Cout) and b (1, Cout) → (B, H′·W′·Cout).
pub(super) fn convolution_shape(window: &Window, operands: &[Shape]) -> Result<Shape, Flaw> {
    window.check(operands[0], false)?;
    let (patch, filters) = operands[1];
    if patch != window.patch() {
        let Window { kernel_height, kernel_width, channels, .. } = window;
        return Err(Flaw::new(
            format!("weights with dimensions {:?}", operands[1]),
            format!("{kernel_height} × {kernel_width} × {channels} rows: the kernel and the channels"),
        ));
    }
    if let Some(&b) = operands.get(2).filter(|&&b| b != (1, filters)) {
        return Err(Flaw::new(
            format!("biases with dimensions {b:?}"),
            format!("(1, {filters}): one for each column of the weights"),
        ));
    }
    outputs(window, operands[0].0, filters)
}

/// x (B, H·W·C) → (B, H′·W′·C).
pub(super) fn pool_shape(window: &Window, x: Shape) -> Result<Shape, Flaw> {
    window.check(x, true)?;
    outputs(window, x.0, window.channels)
}

fn outputs(window: &Window, examples: usize, filters: usize) -> Result<Shape, Flaw> {
    let columns = window.output_height().checked_mul(window.output_width());
    let columns = columns.and_then(|pixels| pixels.checked_mul(filters));
    columns
        .map(|columns| (examples, columns))
        .ok_or_else(|| Flaw::new("more numbers than can be counted", "a smaller image"))
}

/// `z[oy][ox][co] = b[co] + Σ_{ky, kx, ci} x[oy·stride + ky − padding][ox·stride + kx − padding][ci] ·
/// w[ky][kx][ci][co]`
pub(super) fn convolve(window: &Window, x: &Value, w: &Value, b: Option<&Value>) -> Value {
    let (channels, filters) = (window.channels, w.shape().1);
    let pixels = window.output_height() * window.output_width();
    let mut z = Value::filled((x.shape().0, pixels * filters), 0.0);
    let images = x.numbers().chunks_exact(x.shape().1);
    for (x, z) in images.zip(z.numbers_mut().chunks_exact_mut(pixels * filters)) {
        if let Some(b) = b {
            z.chunks_exact_mut(filters).for_each(|z| z.copy_from_slice(b.numbers()));
        }
        window.each(|output, place, pixel| {
            for ci in 0..channels {
                for co in 0..filters {
                    z[output * filters + co] +=
                        x[pixel * channels + ci] * w.numbers()[(place * channels + ci) * filters + co];
                }
            }
        });
    }
    z
}

/// From the formula of [`convolve`]: each product x · w in z gives `dx += dz · w` and `dw += x · dz`, and b contributes
/// to every pixel.
pub(super) fn convolution_derivative(
    window: &Window,
    operand: usize,
    x: &Value,
    w: &Value,
    names: &Names<'_>,
    dz: &Value,
) -> Derivative {
    let (channels, filters) = (window.channels, w.shape().1);
    let gradients = dz.numbers().chunks_exact(dz.shape().1);
    match operand {
        0 => {
            let mut dx = Value::filled(x.shape(), 0.0);
            for (dx, dz) in dx.numbers_mut().chunks_exact_mut(x.shape().1).zip(gradients) {
                window.each(|output, place, pixel| {
                    for ci in 0..channels {
                        for co in 0..filters {
                            dx[pixel * channels + ci] += dz[output * filters + co]
                                * w.numbers()[(place * channels + ci) * filters + co];
                        }
                    }
                });
            }
            let symbol = names.operands[1].to_owned();
            let formula = format!("{{}} spread back through {symbol}");
            Derivative::Product { formula, symbol, value: dx }
        }
        1 => {
            let mut dw = Value::filled(w.shape(), 0.0);
            for (x, dz) in x.numbers().chunks_exact(x.shape().1).zip(gradients) {
                window.each(|output, place, pixel| {
                    for ci in 0..channels {
                        for co in 0..filters {
                            dw.numbers_mut()[(place * channels + ci) * filters + co] +=
                                x[pixel * channels + ci] * dz[output * filters + co];
                        }
                    }
                });
            }
            let symbol = format!("patches of {}", names.operands[0]);
            Derivative::Product { formula: format!("Σ {symbol} · {{}}"), symbol, value: dw }
        }
        _ => {
            let mut db = vec![0.0; filters];
            for dz in dz.numbers().chunks_exact(filters) {
                db.iter_mut().zip(dz).for_each(|(db, dz)| *db += dz);
            }
            Derivative::Product {
                formula: "Σ {} over images and pixels".to_owned(),
                symbol: "1".to_owned(),
                value: Value::row(db),
            }
        }
    }
}

/// The maximum of each window, per channel, and the pixel where it is: the first if there are several. NaN counts as
/// the largest.
pub(super) fn max_pool(window: &Window, x: &Value) -> (Value, Vec<u32>) {
    let (channels, columns) =
        (window.channels, window.output_height() * window.output_width() * window.channels);
    let mut z = Value::filled((x.shape().0, columns), f64::NEG_INFINITY);
    let mut at = vec![u32::MAX; x.shape().0 * columns];
    let images = x.numbers().chunks_exact(x.shape().1);
    let outputs = z.numbers_mut().chunks_exact_mut(columns).zip(at.chunks_exact_mut(columns));
    for (x, (z, at)) in images.zip(outputs) {
        window.each(|output, _, pixel| {
            for c in 0..channels {
                let (v, o) = (x[pixel * channels + c], output * channels + c);
                if at[o] == u32::MAX || v > z[o] || (v.is_nan() && !z[o].is_nan()) {
                    (z[o], at[o]) = (v, pixel as u32);
                }
            }
        });
    }
    (z, at)
}

/// From the formula of [`max_pool`]: the gradient of a window goes to its maximum.
pub(super) fn max_pool_derivative(window: &Window, x: &Value, dz: &Value) -> Derivative {
    let (_, at) = max_pool(window, x);
    let (channels, columns) = (window.channels, dz.shape().1);
    let mut dx = Value::filled(x.shape(), 0.0);
    for (i, (&pixel, dz)) in at.iter().zip(dz.numbers()).enumerate() {
        let (example, channel) = (i / columns, i % channels);
        dx.numbers_mut()[example * x.shape().1 + pixel as usize * channels + channel] += dz;
    }
    Derivative::Product {
        formula: "{} to the largest of each window".to_owned(),
        symbol: "[largest]".to_owned(),
        value: dx,
    }
}

/// The mean of each window, per channel.
pub(super) fn average_pool(window: &Window, x: &Value) -> Value {
    let (channels, columns) =
        (window.channels, window.output_height() * window.output_width() * window.channels);
    let mut z = Value::filled((x.shape().0, columns), 0.0);
    let images = x.numbers().chunks_exact(x.shape().1);
    for (x, z) in images.zip(z.numbers_mut().chunks_exact_mut(columns)) {
        window.each(|output, _, pixel| {
            for c in 0..channels {
                z[output * channels + c] += x[pixel * channels + c] / window.places() as f64;
            }
        });
    }
    z
}

/// From the formula of [`average_pool`]: each number of a window gets an equal share of its gradient.
pub(super) fn average_pool_derivative(window: &Window, x: &Value, dz: &Value) -> Derivative {
    let channels = window.channels;
    let mut dx = Value::filled(x.shape(), 0.0);
    let gradients = dz.numbers().chunks_exact(dz.shape().1);
    for (dx, dz) in dx.numbers_mut().chunks_exact_mut(x.shape().1).zip(gradients) {
        window.each(|output, _, pixel| {
            for c in 0..channels {
                dx[pixel * channels + c] += dz[output * channels + c] / window.places() as f64;
            }
        });
    }
    let places = window.places();
    Derivative::Product {
        formula: format!("{{}} / {places} to each pixel of a window"),
        symbol: format!("1/{places}"),
        value: dx,
    }
}
