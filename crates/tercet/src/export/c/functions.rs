//! The layers as C functions; each is written only if the network has such a layer.

/// A C function that some layers need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Function {
    Dense,
    Dense8,
    Convolve,
    Convolve8,
    MaxPool,
    AveragePool,
    ScaleAndShift,
    Copy,
    Pixels,
    Relu,
    LeakyRelu,
    Sigmoid,
    Tanh,
    Gelu,
    GeluTanh,
}

impl Function {
    /// Whether it calls functions of `math.h`.
    pub fn is_of_math(self) -> bool {
        matches!(self, Function::Sigmoid | Function::Tanh | Function::Gelu | Function::GeluTanh)
    }

    /// Its source text.
    pub fn text(self) -> &'static str {
        match self {
            Function::Dense => DENSE,
            Function::Dense8 => DENSE_8,
            Function::Convolve => CONVOLVE,
            Function::Convolve8 => CONVOLVE_8,
            Function::MaxPool => MAX_POOL,
            Function::AveragePool => AVERAGE_POOL,
            Function::ScaleAndShift => SCALE_AND_SHIFT,
            Function::Copy => COPY,
            Function::Pixels => PIXELS,
            Function::Relu => RELU,
            Function::LeakyRelu => LEAKY_RELU,
            Function::Sigmoid => SIGMOID,
            Function::Tanh => TANH,
            Function::Gelu => GELU,
            Function::GeluTanh => GELU_TANH,
        }
    }
}

const DENSE: &str = "\
/* y[j] = b[j] + the sum over i of x[i] * w[i][j] */
static void dense(const float *x, size_t inputs, const float *w, const float *b, float *y, size_t outputs)
{
    size_t i, j;
    for (j = 0; j < outputs; j++)
        y[j] = b[j];
    for (i = 0; i < inputs; i++, w += outputs) {
        if (x[i] == 0.0f) /* as most pixels are, and half of what comes out of a ReLU */
            continue;
        for (j = 0; j < outputs; j++)
            y[j] += x[i] * w[j];
    }
}
";

const DENSE_8: &str = "\
/* y[j] = b[j] + scale[j] * the sum over i of x[i] * w[i][j] */
static void dense(const float *x, size_t inputs, const int8_t *w, const float *scale, const float *b, float *y,
                  size_t outputs)
{
    size_t i, j;
    for (j = 0; j < outputs; j++)
        y[j] = 0.0f;
    for (i = 0; i < inputs; i++, w += outputs) {
        if (x[i] == 0.0f) /* as most pixels are, and half of what comes out of a ReLU */
            continue;
        for (j = 0; j < outputs; j++)
            y[j] += x[i] * (float)w[j];
    }
    for (j = 0; j < outputs; j++)
        y[j] = b[j] + scale[j] * y[j];
}
";

const CONVOLVE: &str = "\
struct convolution {
    size_t height, width, channels; /* of the image that goes in */
    size_t kernel_height, kernel_width, stride, padding;
    size_t out_height, out_width, filters;
    const float *w, *b;
};

/* y[i][j][f] = b[f] + the sum over ky, kx, c of x[i * stride + ky - padding][j * stride + kx - padding][c]
 *                     * w[ky][kx][c][f],        where what lies outside of the image counts as 0 */
static void convolve(const struct convolution *l, const float *x, float *y)
{
    size_t i, j, ky, kx, c, f;
    for (i = 0; i < l->out_height; i++)
        for (j = 0; j < l->out_width; j++, y += l->filters) {
            for (f = 0; f < l->filters; f++)
                y[f] = l->b[f];
            for (ky = 0; ky < l->kernel_height; ky++)
                for (kx = 0; kx < l->kernel_width; kx++) {
                    const size_t row = i * l->stride + ky, column = j * l->stride + kx; /* padding included */
                    const float *pixel, *w = l->w + (ky * l->kernel_width + kx) * l->channels * l->filters;
                    if (row < l->padding || row >= l->height + l->padding)
                        continue;
                    if (column < l->padding || column >= l->width + l->padding)
                        continue;
                    pixel = x + ((row - l->padding) * l->width + (column - l->padding)) * l->channels;
                    for (c = 0; c < l->channels; c++, w += l->filters)
                        for (f = 0; f < l->filters; f++)
                            y[f] += pixel[c] * w[f];
                }
        }
}
";

const CONVOLVE_8: &str = "\
struct convolution {
    size_t height, width, channels; /* of the image that goes in */
    size_t kernel_height, kernel_width, stride, padding;
    size_t out_height, out_width, filters;
    const int8_t *w;
    const float *scale, *b;
};

/* y[i][j][f] = b[f] + scale[f] * the sum over ky, kx, c of
 *              x[i * stride + ky - padding][j * stride + kx - padding][c] * w[ky][kx][c][f],
 * where what lies outside of the image counts as 0 */
static void convolve(const struct convolution *l, const float *x, float *y)
{
    size_t i, j, ky, kx, c, f;
    for (i = 0; i < l->out_height; i++)
        for (j = 0; j < l->out_width; j++, y += l->filters) {
            for (f = 0; f < l->filters; f++)
                y[f] = 0.0f;
            for (ky = 0; ky < l->kernel_height; ky++)
                for (kx = 0; kx < l->kernel_width; kx++) {
                    const size_t row = i * l->stride + ky, column = j * l->stride + kx; /* padding included */
                    const int8_t *w = l->w + (ky * l->kernel_width + kx) * l->channels * l->filters;
                    const float *pixel;
                    if (row < l->padding || row >= l->height + l->padding)
                        continue;
                    if (column < l->padding || column >= l->width + l->padding)
                        continue;
                    pixel = x + ((row - l->padding) * l->width + (column - l->padding)) * l->channels;
                    for (c = 0; c < l->channels; c++, w += l->filters)
                        for (f = 0; f < l->filters; f++)
                            y[f] += pixel[c] * (float)w[f];
                }
            for (f = 0; f < l->filters; f++)
                y[f] = l->b[f] + l->scale[f] * y[f];
        }
}
";

const MAX_POOL: &str = "\
/* The largest value of each window of size * size pixels, channel by channel. */
static void max_pool(const float *x, size_t width, size_t channels, size_t size, size_t stride, float *y,
                     size_t out_height, size_t out_width)
{
    size_t i, j, ky, kx, c;
    for (i = 0; i < out_height; i++)
        for (j = 0; j < out_width; j++)
            for (c = 0; c < channels; c++) {
                const float *window = x + (i * stride * width + j * stride) * channels + c;
                float most = *window;
                for (ky = 0; ky < size; ky++)
                    for (kx = 0; kx < size; kx++) {
                        const float value = window[(ky * width + kx) * channels];
                        if (value > most)
                            most = value;
                    }
                *y++ = most;
            }
}
";

const AVERAGE_POOL: &str = "\
/* The mean of each window of size * size pixels, channel by channel. */
static void average_pool(const float *x, size_t width, size_t channels, size_t size, size_t stride, float *y,
                         size_t out_height, size_t out_width)
{
    size_t i, j, ky, kx, c;
    for (i = 0; i < out_height; i++)
        for (j = 0; j < out_width; j++)
            for (c = 0; c < channels; c++) {
                const float *window = x + (i * stride * width + j * stride) * channels + c;
                float sum = 0.0f;
                for (ky = 0; ky < size; ky++)
                    for (kx = 0; kx < size; kx++)
                        sum += window[(ky * width + kx) * channels];
                *y++ = sum / (float)(size * size);
            }
}
";

const SCALE_AND_SHIFT: &str = "\
/* Batch norm after training: y = scale * x + shift, channel by channel. x and y may be the same. */
static void scale_and_shift(const float *x, size_t places, size_t channels, const float *scale, const float *shift,
                            float *y)
{
    size_t i, c;
    for (i = 0; i < places; i++, x += channels, y += channels)
        for (c = 0; c < channels; c++)
            y[c] = scale[c] * x[c] + shift[c];
}
";

const COPY: &str = "\
static void copy(const float *x, size_t count, float *y)
{
    size_t i;
    for (i = 0; i < count; i++)
        y[i] = x[i];
}
";

const PIXELS: &str = "\
/* Pixels enter the network as value / 255. */
static void from_pixels(const uint8_t *pixels, size_t count, float *y)
{
    size_t i;
    for (i = 0; i < count; i++)
        y[i] = (float)pixels[i] / 255.0f;
}
";

const RELU: &str = "\
static void relu(float *z, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (z[i] < 0.0f)
            z[i] = 0.0f;
}
";

const LEAKY_RELU: &str = "\
static void leaky_relu(float *z, size_t count, float slope)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (z[i] < 0.0f)
            z[i] *= slope;
}
";

const SIGMOID: &str = "\
static void sigmoid(float *z, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        z[i] = 1.0f / (1.0f + expf(-z[i]));
}
";

const TANH: &str = "\
static void hyperbolic_tangent(float *z, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        z[i] = tanhf(z[i]);
}
";

const GELU: &str = "\
/* z times the standard normal distribution function of z: z / 2 * erfc(-z / sqrt(2)) */
static void gelu(float *z, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        z[i] *= 0.5f * erfcf(-0.70710678f * z[i]);
}
";

const GELU_TANH: &str = "\
/* The form with tanh: z / 2 * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 * z^3))) */
static void gelu_tanh(float *z, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        const float v = z[i];
        z[i] = 0.5f * v * (1.0f + tanhf(0.7978846f * (v + 0.044715f * v * v * v)));
    }
}
";
