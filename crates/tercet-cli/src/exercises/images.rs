//! Convolution by hand, and the shapes of its layers.

use tercet::Result;
use tercet::image::ImageShape;
use tercet::network::{Activation, Architecture, Init, naive};

use super::Exercise;

const IMAGE: ImageShape = ImageShape::gray(4, 4);

/// Ink in the two left columns, and a little elsewhere.
const PIXELS: [f64; 16] = [1., 1., 0., 0., 1., 1., 0., 0., 1., 1., 0., 2., 1., 1., 0., 2.];

/// Responds to ink on the left and paper on the right.
const KERNEL: [f64; 9] = [1., 0., -1., 2., 0., -2., 1., 0., -1.];

pub const EXERCISES: &[Exercise] = &[
    Exercise {
        name: "convolution",
        chapter: "convolution",
        question: "\
An image of 4 × 4 pixels, a kernel of 3 × 3, a bias of 0.5; stride 1, no
padding:

    1  1  0  0      1  0  -1
    1  1  0  0      2  0  -2
    1  1  0  2      1  0  -1
    1  1  0  2

Give the four outputs, row by row, and then the output after ReLU and 2 × 2 max
pooling.",
        entries: &["y[0,0]", "y[0,1]", "y[1,0]", "y[1,1]", "pooled"],
        tolerance: 0.001,
        answer: || convolved(KERNEL, 0.5),
        mistakes: &[
            (|| convolved(KERNEL, 0.0), "the bias is missing: add 0.5 to each sum"),
            (
                || {
                    let mut flipped = KERNEL;
                    flipped.reverse();
                    convolved(flipped, 0.5)
                },
                "the kernel was flipped, as in the convolution of mathematics; networks do not flip it",
            ),
            (
                || {
                    let transposed = |i: usize| KERNEL[i % 3 * 3 + i / 3];
                    convolved(std::array::from_fn(transposed), 0.5)
                },
                "the kernel was transposed: its first row is multiplied with the first row of the patch",
            ),
        ],
    },
    Exercise {
        name: "shapes",
        chapter: "convolution",
        question: "\
An image of 28 × 28 × 1 passes through the layers conv5-24, pool, conv3-32,
pool, flatten and dense10, with stride 1, no padding, and 2 × 2 pooling. Give
the height after each of the first four layers, the number of values after
flatten, and then the number of parameters of conv5-24, conv3-32 and dense10,
biases included.",
        entries: &[
            "height after conv5-24",
            "height after pool",
            "height after conv3-32",
            "height after pool",
            "values",
            "parameters of conv5-24",
            "parameters of conv3-32",
            "parameters of dense10",
        ],
        tolerance: 1e-9,
        answer: || shapes(0),
        mistakes: &[
            (|| shapes(1), "the biases are missing: one per filter or unit"),
            (|| shapes(2), "a filter of conv3-32 has weights for all 24 input channels: 3 · 3 · 24 weights"),
        ],
    },
];

fn convolved(kernel: [f64; 9], bias: f64) -> Result<Vec<f64>> {
    let conv = naive::Conv2d {
        kernel_height: 3,
        kernel_width: 3,
        stride: 1,
        padding: 0,
        w: kernel.to_vec(),
        b: vec![bias],
    };
    let mut all = conv.forward(IMAGE, &PIXELS);
    let active: Vec<f64> = all.iter().map(|&z| Activation::Relu.value(z)).collect();
    all.extend(naive::max_forward(tercet::network::Pool { size: 2, stride: 2 }, conv.output(IMAGE), &active));
    Ok(all)
}

/// Heights, values and parameters; 1 leaves out the biases, 2 the channels of the second convolution.
fn shapes(mistake: u8) -> Result<Vec<f64>> {
    let line: Architecture = "conv5-24 pool conv3-32 pool flatten dense10".parse()?;
    let image = ImageShape::gray(28, 28);
    let network = line.network(image, 10, Init::He, 0)?;
    let mut all: Vec<f64> = Vec::new();
    for shape in &line.shapes(image)?[..4] {
        if let tercet::network::Shape::Image(image) = shape {
            all.push(image.height as f64);
        }
    }
    all.push(line.shapes(image)?[4].values() as f64);
    for (i, layer) in network.weight_layers().enumerate() {
        let (weights, biases) = (layer.w.len(), layer.b.len());
        all.push(match (mistake, i) {
            (1, _) => weights as f64,
            (2, 1) => (weights / 24 + biases) as f64,
            _ => (weights + biases) as f64,
        });
    }
    Ok(all)
}
