//! [`Spec`]: a layer without its parameters.

use tercet_kernels::convolution;

use super::{Activation, Shape};
use crate::image::ImageShape;

/// A layer without its parameters: the meaning of one word of an [`Architecture`](super::Architecture), which is also
/// how it prints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spec {
    /// `dense256`: [`Dense`](super::Dense).
    Dense {
        /// H, the number of outputs.
        outputs: usize,
    },
    /// `conv5-24`, `conv3x5-24/2+1`: [`Conv2d`](super::Conv2d).
    Conv2d {
        /// Rows of a filter.
        kernel_height: usize,
        /// Columns of a filter.
        kernel_width: usize,
        /// The number of filters, that is, output channels.
        filters: usize,
        /// Step between neighbouring filter positions, in pixels.
        stride: usize,
        /// Rows and columns of zeros added on each side of the image.
        padding: usize,
    },
    /// `pool`, `pool3`, `pool3/2`: the largest value of each window.
    MaxPool(Pool),
    /// `avgpool`, `avgpool3/2`: the mean of each window.
    AveragePool(Pool),
    /// `relu`, `leaky0.01`, `sigmoid`, `tanh`, `gelu`, `gelu-tanh`: [`Activation`].
    Activation(Activation),
    /// `dropout0.4`: each unit is dropped with this probability in training.
    Dropout {
        /// The dropout probability.
        p: f32,
    },
    /// `batchnorm`: [`BatchNorm`](super::BatchNorm).
    BatchNorm,
    /// `flatten`: turns an image into a feature vector.
    Flatten,
}

/// The windows of a pooling layer. Windows that would reach beyond the right or lower edge are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Rows and columns of a window.
    pub size: usize,
    /// Distance between neighbouring windows, in pixels.
    pub stride: usize,
}

impl Pool {
    /// 2 × 2 pixels, non-overlapping.
    pub const HALVING: Pool = Pool { size: 2, stride: 2 };
}

impl Spec {
    /// If the layer's sizes are invalid for any input, what they should be.
    pub(super) fn expected_parameters(self) -> Option<&'static str> {
        match self {
            Spec::Dense { outputs: 0 } => Some("at least 1 unit"),
            Spec::Conv2d { kernel_height: 0, .. } | Spec::Conv2d { kernel_width: 0, .. } => {
                Some("filters of at least 1 × 1 pixels")
            }
            Spec::Conv2d { filters: 0, .. } => Some("at least 1 filter"),
            Spec::Conv2d { stride: 0, .. } => Some("a stride of at least 1"),
            Spec::MaxPool(pool) | Spec::AveragePool(pool) => match pool {
                // The argmax of a window is stored in one byte.
                Pool { size: 0 | 16.., .. } => Some("windows of 1 × 1 to 15 × 15 pixels"),
                Pool { stride: 0, .. } => Some("a stride of at least 1"),
                _ => None,
            },
            Spec::Activation(activation) => activation.expected_parameters(),
            Spec::Dropout { p } if !(0.0..1.0).contains(&p) => {
                Some("a probability of at least 0 and below 1, such as dropout0.5")
            }
            _ => None,
        }
    }

    /// The output shape; or, as an error, what should replace `input`.
    pub(super) fn output(self, input: Shape) -> Result<Shape, String> {
        let windows = |image: ImageShape, height: usize, width: usize, stride: usize, padding: usize| {
            let around = padding.saturating_mul(2);
            let (rows, columns) = (image.height.saturating_add(around), image.width.saturating_add(around));
            if rows < height || columns < width {
                let or = if padding > 0 { "with its padding " } else { "" };
                return Err(format!("an image {or}of at least {height} × {width} pixels"));
            }
            Ok(ImageShape {
                height: (rows - height) / stride + 1,
                width: (columns - width) / stride + 1,
                ..image
            })
        };
        match (self, input) {
            (Spec::Dense { outputs }, Shape::Features(_)) => Ok(Shape::Features(outputs)),
            (Spec::Dense { .. }, Shape::Image(_)) => {
                Err("a list of features, not an image: put flatten before it".to_owned())
            }
            (Spec::Conv2d { kernel_height, kernel_width, filters, stride, padding }, Shape::Image(image)) => {
                let output = windows(image, kernel_height, kernel_width, stride, padding)?;
                let ImageShape { height, width, channels } = image;
                let arrays = convolution::Shape {
                    height,
                    width,
                    channels,
                    kernel_height,
                    kernel_width,
                    stride,
                    padding,
                    filters,
                };
                match arrays.check() {
                    Ok(()) => Ok(Shape::Image(ImageShape { channels: filters, ..output })),
                    Err(_) => Err("sizes whose arrays have at most 2³⁰ numbers for an example".to_owned()),
                }
            }
            (Spec::MaxPool(pool) | Spec::AveragePool(pool), Shape::Image(image)) => {
                windows(image, pool.size, pool.size, pool.stride, 0).map(Shape::Image)
            }
            (Spec::Conv2d { .. } | Spec::MaxPool(_) | Spec::AveragePool(_), Shape::Features(_)) => {
                Err("an image, height × width × channels, not a list of features".to_owned())
            }
            (Spec::Flatten, input) => Ok(input.flat()),
            (Spec::Activation(_) | Spec::Dropout { .. } | Spec::BatchNorm, input) => Ok(input),
        }
    }

    /// The number of trainable parameters; `None` on overflow.
    pub(super) fn parameters(self, input: Shape) -> Option<usize> {
        match self {
            Spec::Dense { outputs } => input.values().checked_mul(outputs)?.checked_add(outputs),
            Spec::Conv2d { kernel_height, kernel_width, filters, .. } => kernel_height
                .checked_mul(kernel_width)?
                .checked_mul(input.channels())?
                .checked_mul(filters)?
                .checked_add(filters),
            Spec::BatchNorm => input.channels().checked_mul(2),
            _ => Some(0),
        }
    }

    /// The number of multiply-adds by weights in the forward pass of one example.
    pub(super) fn multiply_adds(self, input: Shape) -> usize {
        match (self, self.output(input)) {
            (Spec::Dense { outputs }, _) => input.values().saturating_mul(outputs),
            (Spec::Conv2d { kernel_height, kernel_width, .. }, Ok(output)) => {
                let of_each = kernel_height.saturating_mul(kernel_width).saturating_mul(input.channels());
                output.values().saturating_mul(of_each)
            }
            _ => 0,
        }
    }

    /// Whether the layer is an element-wise function without parameters.
    pub(super) fn is_activation(self) -> bool {
        matches!(self, Spec::Activation(_))
    }

    /// Whether the layer applies only to images.
    fn is_of_images(self) -> bool {
        matches!(self, Spec::Conv2d { .. } | Spec::MaxPool(_) | Spec::AveragePool(_) | Spec::Flatten)
    }
}

/// The shape in which an input enters these layers. If a dense layer comes before any image layer, nothing uses the
/// positions of the pixels, and the image is flattened.
pub(crate) fn input_shape(layers: impl IntoIterator<Item = Spec>, input: Shape) -> Shape {
    let decides = |spec: &Spec| matches!(spec, Spec::Dense { .. }) || spec.is_of_images();
    match layers.into_iter().find(decides) {
        Some(spec) if spec.is_of_images() => input,
        _ => input.flat(),
    }
}

impl std::fmt::Display for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pool = |f: &mut std::fmt::Formatter<'_>, name, Pool { size, stride }| match (size, stride) {
            (2, 2) => write!(f, "{name}"),
            _ if size == stride => write!(f, "{name}{size}"),
            _ => write!(f, "{name}{size}/{stride}"),
        };
        match *self {
            Spec::Dense { outputs } => write!(f, "dense{outputs}"),
            Spec::Conv2d { kernel_height, kernel_width, filters, stride, padding } => {
                write!(f, "conv{kernel_height}")?;
                if kernel_width != kernel_height {
                    write!(f, "x{kernel_width}")?;
                }
                write!(f, "-{filters}")?;
                if stride != 1 {
                    write!(f, "/{stride}")?;
                }
                if padding != 0 { write!(f, "+{padding}") } else { Ok(()) }
            }
            Spec::MaxPool(windows) => pool(f, "pool", windows),
            Spec::AveragePool(windows) => pool(f, "avgpool", windows),
            Spec::Activation(activation) => write!(f, "{activation}"),
            Spec::Dropout { p } => write!(f, "dropout{p}"),
            Spec::BatchNorm => write!(f, "batchnorm"),
            Spec::Flatten => write!(f, "flatten"),
        }
    }
}
