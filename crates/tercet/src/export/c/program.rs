//! Translates the layers to function calls, with their arrays.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::super::quantize::{Quantized, quantize};
use super::functions::Function;
use super::text::{array, float};
use crate::image::ImageShape;
use crate::network::{Activation, Conv2d, Layer, Network, Pool, Shape};

/// Where the values of an example are stored between two layers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// The argument, which is read-only.
    Input,
    /// One of two alternating static buffers.
    Buffer(usize),
    /// The caller's array for the scores.
    Scores,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Input => "x",
            Place::Buffer(0) => "buffer_a",
            Place::Buffer(_) => "buffer_b",
            Place::Scores => "scores",
        }
    }
}

/// A network during its translation to C.
pub(super) struct Program {
    functions: BTreeSet<Function>,
    constants: String,
    constant_bytes: usize,
    steps: Vec<String>,
    buffers: [usize; 2],
    place: Place,
    int8: bool,
    /// The number of weight matrices, and of scales and shifts, so far.
    matrices: usize,
    norms: usize,
}

/// The type and the name of the input.
pub(super) fn input(pixels: bool) -> (&'static str, &'static str) {
    if pixels { ("uint8_t", "pixels") } else { ("float", "x") }
}

/// Whether a layer works in place or does nothing.
fn is_in_place(layer: &Layer) -> bool {
    !matches!(layer, Layer::Dense(_) | Layer::Conv2d(_) | Layer::MaxPool(_) | Layer::AveragePool(_))
}

impl Program {
    /// The calls for a network, without layers that only training needs.
    pub fn of(network: &Network, int8: bool, pixels: bool) -> Self {
        let mut program = Program {
            functions: BTreeSet::new(),
            constants: String::new(),
            constant_bytes: 0,
            steps: Vec::new(),
            buffers: [0; 2],
            place: Place::Input,
            int8,
            matrices: 0,
            norms: 0,
        };
        if pixels {
            program.copy_in(Function::Pixels, "from_pixels(pixels", network.inputs());
        }
        let mut shape = network.input();
        for (number, (layer, &after)) in network.layers().iter().zip(network.shapes()).enumerate() {
            let last = network.layers()[number + 1..].iter().all(is_in_place);
            program.layer(layer, shape, after, last);
            shape = after;
        }
        program
    }

    /// Adds a layer. `last` means that the layers after it, if any, work in place.
    fn layer(&mut self, layer: &Layer, before: Shape, after: Shape, last: bool) {
        let (from, count) = (self.place.name(), before.values());
        let to = match last {
            true => Place::Scores,
            false => Place::Buffer(if self.place == Place::Buffer(0) { 1 } else { 0 }),
        };
        let y = to.name();
        let call = match layer {
            Layer::Dense(dense) => {
                let arrays = self.weights(&dense.w, &dense.b, dense.outputs);
                self.needs(if self.int8 { Function::Dense8 } else { Function::Dense });
                format!("dense({from}, {}, {arrays}, {y}, {});", dense.inputs, dense.outputs)
            }
            Layer::Conv2d(conv) => {
                let name = self.convolution(conv, before, after);
                self.needs(if self.int8 { Function::Convolve8 } else { Function::Convolve });
                format!("convolve(&{name}, {from}, {y});")
            }
            Layer::MaxPool(pool) => {
                self.needs(Function::MaxPool);
                pooled("max_pool", from, *pool, before, y, after)
            }
            Layer::AveragePool(pool) => {
                self.needs(Function::AveragePool);
                pooled("average_pool", from, *pool, before, y, after)
            }
            Layer::Flatten | Layer::Dropout { .. } => return,
            Layer::BatchNorm(norm) => return self.norm(norm, count),
            Layer::Activation(activation) => return self.activation(*activation, count),
        };
        self.go_to(to, after.values());
        self.step(&call, &format!("{}: {after}", layer.spec()));
    }

    fn needs(&mut self, function: Function) {
        self.functions.insert(function);
    }

    fn step(&mut self, call: &str, what: &str) {
        self.steps.push(format!("    {call} /* {} */\n", super::text::comment(what)));
    }

    fn go_to(&mut self, place: Place, values: usize) {
        if let Place::Buffer(n) = place {
            self.buffers[n] = self.buffers[n].max(values);
        }
        self.place = place;
    }

    /// Copies the input to a buffer where it can be modified.
    fn copy_in(&mut self, function: Function, call: &str, count: usize) {
        self.needs(function);
        self.go_to(Place::Buffer(0), count);
        self.steps.push(format!("    {call}, {count}, {});\n", self.place.name()));
    }

    fn activation(&mut self, activation: Activation, count: usize) {
        let (function, name, slope) = match activation {
            Activation::Relu => (Function::Relu, "relu", None),
            Activation::LeakyRelu { slope } => (Function::LeakyRelu, "leaky_relu", Some(slope)),
            Activation::Sigmoid => (Function::Sigmoid, "sigmoid", None),
            Activation::Tanh => (Function::Tanh, "hyperbolic_tangent", None),
            Activation::Gelu => (Function::Gelu, "gelu", None),
            Activation::GeluTanh => (Function::GeluTanh, "gelu_tanh", None),
        };
        let slope = slope.map_or(String::new(), |slope| format!(", {}", float(slope)));
        if self.place == Place::Input {
            self.copy_in(Function::Copy, "copy(x", count);
        }
        self.needs(function);
        self.step(&format!("{name}({}, {count}{slope});", self.place.name()), &activation.to_string());
    }

    /// A batch norm that could not be folded into the weights of a preceding layer.
    fn norm(&mut self, norm: &crate::network::BatchNorm, count: usize) {
        self.norms += 1;
        let (n, channels) = (self.norms, norm.channels());
        let each: Vec<(f64, f64)> = (0..channels).map(|channel| norm.scale_and_shift(channel)).collect();
        let (scales, shifts): (Vec<f32>, Vec<f32>) =
            each.iter().map(|&(scale, shift)| (scale as f32, shift as f32)).unzip();
        self.floats(&format!("norm_scale{n}"), &scales);
        self.floats(&format!("norm_shift{n}"), &shifts);
        self.constants.push('\n');
        let from = self.place.name();
        if self.place == Place::Input {
            self.go_to(Place::Buffer(0), count);
        }
        let (places, to) = (count / channels, self.place.name());
        self.needs(Function::ScaleAndShift);
        let call =
            format!("scale_and_shift({from}, {places}, {channels}, norm_scale{n}, norm_shift{n}, {to});");
        self.step(&call, "batchnorm");
    }

    fn floats(&mut self, name: &str, values: &[f32]) {
        self.constant_bytes += 4 * values.len();
        array(&mut self.constants, "float", name, values.len(), values.iter().map(|&value| float(value)));
    }

    /// Writes the arrays of a layer, and returns their names as arguments.
    fn weights(&mut self, w: &[f32], b: &[f32], outputs: usize) -> String {
        self.matrices += 1;
        let n = self.matrices;
        let _ = writeln!(
            self.constants,
            "/* [{}][{outputs}], and a number for each of {outputs} */",
            w.len() / outputs
        );
        let names = if self.int8 {
            let Quantized { q, scales } = quantize(w, outputs);
            self.constant_bytes += q.len();
            array(&mut self.constants, "int8_t", &format!("w{n}"), q.len(), q.iter().map(i8::to_string));
            self.floats(&format!("scale{n}"), &scales);
            format!("w{n}, scale{n}, b{n}")
        } else {
            self.floats(&format!("w{n}"), w);
            format!("w{n}, b{n}")
        };
        self.floats(&format!("b{n}"), b);
        self.constants.push('\n');
        names
    }

    /// Writes a convolution with its sizes, and returns its name.
    fn convolution(&mut self, conv: &Conv2d, before: Shape, after: Shape) -> String {
        self.weights(&conv.w, &conv.b, conv.filters);
        let n = self.matrices;
        let (image, output) = (of_image(before), of_image(after));
        let scale = if self.int8 { format!(" .scale = scale{n},") } else { String::new() };
        let _ = write!(
            self.constants,
            "static const struct convolution convolution{n} = {{\n    \
             .height = {}, .width = {}, .channels = {},\n    \
             .kernel_height = {}, .kernel_width = {}, .stride = {}, .padding = {},\n    \
             .out_height = {}, .out_width = {}, .filters = {},\n    .w = w{n},{scale} .b = b{n},\n}};\n\n",
            image.height,
            image.width,
            image.channels,
            conv.kernel_height,
            conv.kernel_width,
            conv.stride,
            conv.padding,
            output.height,
            output.width,
            output.channels,
        );
        format!("convolution{n}")
    }

    /// The functions that are used, in a fixed order.
    pub fn functions(&self) -> impl Iterator<Item = Function> {
        self.functions.iter().copied()
    }

    /// The headers of the standard library that are needed.
    pub fn headers(&self) -> Vec<&'static str> {
        let mut headers = Vec::new();
        if self.functions.iter().any(|function| function.is_of_math()) {
            headers.push("math.h");
        }
        headers.push("stddef.h");
        if self.int8 || self.functions.contains(&Function::Pixels) {
            headers.push("stdint.h");
        }
        headers
    }

    /// The arrays of weights.
    pub fn constants(&self) -> &str {
        &self.constants
    }

    /// The buffers and the function calls.
    pub fn body(&self) -> String {
        let mut body = String::new();
        for (n, &count) in self.buffers.iter().enumerate() {
            if count > 0 {
                let _ = writeln!(body, "    static float {}[{count}];", Place::Buffer(n).name());
            }
        }
        body.extend(self.steps.iter().map(String::as_str));
        body
    }

    /// The size of the constants in bytes.
    pub fn constant_bytes(&self) -> usize {
        self.constant_bytes
    }

    /// The size of the buffers in bytes.
    pub fn buffer_bytes(&self) -> usize {
        4 * self.buffers.iter().sum::<usize>()
    }
}

fn pooled(name: &str, from: &str, pool: Pool, before: Shape, y: &str, after: Shape) -> String {
    let (image, output) = (of_image(before), of_image(after));
    format!(
        "{name}({from}, {}, {}, {}, {}, {y}, {}, {});",
        image.width, image.channels, pool.size, pool.stride, output.height, output.width
    )
}

/// The input or output shape of an image layer.
fn of_image(shape: Shape) -> ImageShape {
    match shape {
        Shape::Image(image) => image,
        Shape::Features(count) => ImageShape { width: count, height: 1, channels: 1 },
    }
}
