//! Pooling, window by window.

use num_traits::Float;

use crate::image::ImageShape;
use crate::network::Pool;

/// The output shape.
pub(super) fn output(pool: Pool, image: ImageShape) -> ImageShape {
    let along = |size: usize| (size - pool.size) / pool.stride + 1;
    ImageShape { height: along(image.height), width: along(image.width), ..image }
}

/// Calls `each` for every output with its index in Y and the indices in X of its window, row by row.
fn walk(pool: Pool, image: ImageShape, values: usize, mut each: impl FnMut(usize, &[usize])) {
    let output = output(pool, image);
    for b in 0..values / image.features() {
        for (i, j) in (0..output.height).flat_map(|i| (0..output.width).map(move |j| (i, j))) {
            for c in 0..image.channels {
                let window: Vec<usize> = (0..pool.size * pool.size)
                    .map(|k| (i * pool.stride + k / pool.size, j * pool.stride + k % pool.size))
                    .map(|(y, x)| ((b * image.height + y) * image.width + x) * image.channels + c)
                    .collect();
                each(((b * output.height + i) * output.width + j) * image.channels + c, &window);
            }
        }
    }
}

/// The index of the first maximum of a window.
fn largest<T: Float>(x: &[T], window: &[usize]) -> usize {
    window.iter().copied().fold(window[0], |best, at| if x[at] > x[best] { at } else { best })
}

/// The largest value of each window.
///
/// # Shapes
/// `x` is (B, height, width, channels); returns the same with the height and width of the output.
pub fn max_forward<T: Float>(pool: Pool, image: ImageShape, x: &[T]) -> Vec<T> {
    let mut y = Vec::new();
    walk(pool, image, x.len(), |_, window| y.push(x[largest(x, window)]));
    y
}

/// dy goes to the first maximum of each window.
///
/// # Shapes
/// `x` as in the forward pass, `dy` has the shape of y; returns dx.
pub fn max_backward<T: Float>(pool: Pool, image: ImageShape, x: &[T], dy: &[T]) -> Vec<T> {
    let mut dx = vec![T::zero(); x.len()];
    walk(pool, image, x.len(), |to, window| {
        let at = largest(x, window);
        dx[at] = dx[at] + dy[to];
    });
    dx
}

/// The mean of each window.
///
/// # Shapes
/// `x` is (B, height, width, channels); returns the same with the height and width of the output.
pub fn average_forward<T: Float>(pool: Pool, image: ImageShape, x: &[T]) -> Vec<T> {
    let mut y = Vec::new();
    walk(pool, image, x.len(), |_, window| {
        let count = T::from(window.len()).expect("a count is a number");
        y.push(window.iter().fold(T::zero(), |sum, &at| sum + x[at]) / count);
    });
    y
}

/// Each value of a window gets an equal fraction of dy.
///
/// # Shapes
/// `dy` has the shape of y, and `values` is the length of x; returns dx.
pub fn average_backward<T: Float>(pool: Pool, image: ImageShape, values: usize, dy: &[T]) -> Vec<T> {
    let mut dx = vec![T::zero(); values];
    walk(pool, image, values, |to, window| {
        let count = T::from(window.len()).expect("a count is a number");
        window.iter().for_each(|&at| dx[at] = dx[at] + dy[to] / count);
    });
    dx
}
