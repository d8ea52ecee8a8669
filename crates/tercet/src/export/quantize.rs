//! 8-bit weights: integers from −127 to 127, and one scale per output channel.

use crate::network::{Layer, Network};
use crate::{Error, Result};

/// The largest integer of a weight. −128 stays unused, so that a weight and its negative are equally exact.
const MOST: f32 = 127.0;

/// An 8-bit weight matrix: `w[i, j] ≈ scale[j] · q[i, j]`.
pub(super) struct Quantized {
    /// q, (inputs, outputs), row-major.
    pub q: Vec<i8>,
    /// The scale of each output channel, (outputs).
    pub scales: Vec<f32>,
}

/// Rounds a weight matrix to 8 bits:
///
/// ```text
/// scale[j] = max over i of |w[i, j]| / 127        q[i, j] = round(w[i, j] / scale[j])
/// ```
///
/// so that no weight changes by more than half the scale of its channel.
///
/// # Shapes
/// `w` is (inputs, outputs).
pub(super) fn quantize(w: &[f32], outputs: usize) -> Quantized {
    let mut scales = vec![0.0f32; outputs];
    for row in w.chunks_exact(outputs) {
        scales.iter_mut().zip(row).for_each(|(scale, w)| *scale = scale.max(w.abs()));
    }
    scales.iter_mut().for_each(|scale| *scale /= MOST);
    let whole = |(w, scale): (&f32, &f32)| match *scale > 0.0 {
        true => (w / scale).round().clamp(-MOST, MOST) as i8,
        false => 0,
    };
    let q = w.chunks_exact(outputs).flat_map(|row| row.iter().zip(&scales).map(whole)).collect();
    Quantized { q, scales }
}

/// The network with its weights rounded to 8 bits: code written by [`c()`](super::c()) with
/// [`COptions::int8`](super::COptions::int8) gives the scores of this network, up to rounding. Batch norms are folded
/// first; biases are unchanged.
///
/// ```
/// use tercet::export::quantize_int8;
/// use tercet::network::{Dense, Layer, Network};
///
/// let w = vec![1.0, 0.25, -0.503, 0.5];
/// let network = Network::new(vec![Layer::Dense(Dense { inputs: 2, outputs: 2, w, b: vec![0.1, 0.2] })])?;
/// let rounded = quantize_int8(&network)?;
/// let dense = rounded.dense_layers().next().unwrap();
/// // 1 is 127 steps of the first column, and 0.503 is 63.9 of them.
/// assert_eq!((dense.w[0], dense.w[2]), (1.0, -64.0 / 127.0));
/// assert_eq!(dense.b, [0.1, 0.2]);
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// Non-finite weights.
pub fn quantize_int8(network: &Network) -> Result<Network> {
    if let Some(value) = network.first_non_finite() {
        return Err(Error::mismatch("a weight of the model to export", value, "finite numbers"));
    }
    let network = network.for_prediction();
    let round = |layer: &Layer| {
        let mut layer = layer.clone();
        let (w, outputs) = match &mut layer {
            Layer::Dense(dense) => (&mut dense.w, dense.outputs),
            Layer::Conv2d(conv) => (&mut conv.w, conv.filters),
            _ => return layer,
        };
        let Quantized { q, scales } = quantize(w, outputs);
        for (w, q) in w.chunks_exact_mut(outputs).zip(q.chunks_exact(outputs)) {
            for ((w, q), scale) in w.iter_mut().zip(q).zip(&scales) {
                *w = scale * f32::from(*q);
            }
        }
        layer
    };
    Network::with_input(network.input(), network.layers().iter().map(round).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_weight_changes_by_more_than_half_a_step_of_its_channel() {
        let w: Vec<f32> = (0..300).map(|i| ((i * 7919) % 613) as f32 / 100.0 - 3.0).collect();
        let Quantized { q, scales } = quantize(&w, 3);
        for (i, (w, q)) in w.iter().zip(&q).enumerate() {
            let scale = scales[i % 3];
            assert!((w - scale * f32::from(*q)).abs() <= 0.5001 * scale, "{i}: {w} became {q} · {scale}");
        }
        for j in 0..3 {
            let most = q.iter().skip(j).step_by(3).map(|q| q.unsigned_abs()).max();
            assert_eq!(most, Some(127), "channel {j} uses all of its 8 bits");
        }
    }

    #[test]
    fn a_channel_without_weights_and_one_of_the_smallest_stay_finite() {
        let least = f32::from_bits(1);
        let Quantized { q, scales } = quantize(&[0.0, least, 1.0, 0.0, -least, -1e30], 3);
        assert_eq!((q[0], q[3], scales[0]), (0, 0, 0.0));
        assert!(scales.iter().all(|scale| scale.is_finite()));
        assert_eq!((q[2], q[5]), (0, -127));
    }
}
