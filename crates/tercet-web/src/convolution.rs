//! Understand, convolution: a convolutional layer with one filter, applied to one picture.

use serde::{Deserialize, Serialize};
use tercet::data::Examples;
use tercet::image::ImageShape;
use tercet::network::{Activation, Conv2d, Layer, Network, Pool, Shape};

use crate::from_base64;

/// A filter and the picture under it.
#[derive(Clone, Debug, Deserialize)]
pub struct Filtering {
    /// The width of the picture.
    pub width: usize,
    /// The height of the picture.
    pub height: usize,
    /// Its pixels, as base64.
    pub pixels: String,
    /// The side of the filter, in pixels.
    pub side: usize,
    /// The weights of the filter, row by row.
    pub kernel: Vec<f32>,
    /// The bias.
    pub bias: f32,
    /// The stride, in pixels.
    pub stride: usize,
    /// The number of rows and columns of zeros around the picture.
    pub padding: usize,
    /// Whether a ReLU follows.
    pub relu: bool,
    /// The side of the pooling windows: 1 for no pooling, 2 for 2 × 2 pixels, 3 for 3 × 3 pixels.
    pub pool: usize,
    /// Whether to pool the mean instead of the maximum.
    pub mean: bool,
}

/// The result of a filter.
#[derive(Debug, Serialize)]
pub struct Filtered {
    /// The output of the filter, after the ReLU.
    pub map: Map,
    /// The output of the pool.
    pub pooled: Option<Map>,
    /// The input: value / 255.
    pub input: Vec<f32>,
}

/// A matrix of values.
#[derive(Debug, Serialize)]
pub struct Map {
    /// The number of columns.
    pub width: usize,
    /// The number of rows.
    pub height: usize,
    /// The values, row by row.
    pub values: Vec<f32>,
}

/// Filters a picture.
///
/// # Errors
/// A filter, stride, padding or pool that does not fit the picture.
pub fn filter(what: &Filtering) -> Result<Filtered, String> {
    let say = |error: tercet::Error| error.to_string();
    let image = ImageShape::gray(what.width, what.height);
    let pixels = from_base64(&what.pixels)?;
    let input = pixels.iter().map(|&v| f32::from(v) / 255.0).collect();
    let picture = Examples::from_pixels(image, pixels).map_err(say)?;
    let mut layers = vec![Layer::Conv2d(Conv2d {
        channels: 1,
        filters: 1,
        kernel_height: what.side,
        kernel_width: what.side,
        stride: what.stride,
        padding: what.padding,
        w: what.kernel.clone(),
        b: vec![what.bias],
    })];
    if what.relu {
        layers.push(Layer::Activation(Activation::Relu));
    }
    let map = output(image, layers.clone(), &picture).map_err(say)?;
    let pool = Pool { size: what.pool, stride: what.pool };
    let pooled = match what.pool {
        0 | 1 => None,
        _ => {
            layers.push(if what.mean { Layer::AveragePool(pool) } else { Layer::MaxPool(pool) });
            Some(output(image, layers, &picture).map_err(say)?)
        }
    };
    Ok(Filtered { map, pooled, input })
}

/// The output of the last layer.
fn output(image: ImageShape, mut layers: Vec<Layer>, picture: &Examples) -> tercet::Result<Map> {
    layers.push(Layer::Flatten);
    let network = Network::with_input(image, layers)?;
    let before_flatten = network.shapes()[network.shapes().len() - 2];
    let (width, height) = match before_flatten {
        Shape::Image(image) => (image.width, image.height),
        Shape::Features(values) => (values, 1),
    };
    Ok(Map { width, height, values: network.scores(picture)?.values().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_the_sum_of_its_products_and_a_pool_the_largest_of_its_window() {
        let pixels: Vec<u8> = (0..36).map(|p| if p % 6 < 3 { 0 } else { 255 }).collect();
        let edge = Filtering {
            width: 6,
            height: 6,
            pixels: crate::base64(&pixels),
            side: 3,
            kernel: vec![-1.0, 0.0, 1.0, -1.0, 0.0, 1.0, -1.0, 0.0, 1.0],
            bias: 0.5,
            stride: 1,
            padding: 0,
            relu: true,
            pool: 2,
            mean: false,
        };
        let filtered = filter(&edge).unwrap();
        assert_eq!((filtered.map.width, filtered.map.height), (4, 4));
        assert_eq!(filtered.map.values[..4], [0.5, 3.5, 3.5, 0.5]);
        assert_eq!(filtered.pooled.unwrap().values, [3.5; 4]);
        let error = filter(&Filtering { kernel: vec![1.0; 4], ..edge }).unwrap_err();
        assert!(error.contains("found 4; expected 9"), "{error}");
    }
}
