//! Operator fusion: which layers are computed together, decided once when a network is created.
//!
//! To anyone who reads, writes or draws it, a [`Network`](super::Network) is a plain list of layers. A pass works on
//! blocks instead. Most blocks are single layers. A convolution is fused with the ReLU and 2 × 2 pool that follow it,
//! so that its full-size output is never stored, and a batch norm with the ReLU that follows it. Flattening needs no
//! block, since it moves no data.

use super::conv2d::Epilogue;
use super::{Activation, Layer, Pool};

/// Layers that are computed together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Block {
    /// The index of its first layer, which determines what is computed.
    pub(super) first: usize,
    /// The index of its last layer, whose output is the block's output.
    pub(super) last: usize,
    /// The operation fused into a convolution or batch norm.
    pub(super) epilogue: Epilogue,
    /// The layer whose output is the block's input; `None` for the batch itself.
    pub(super) input: Option<usize>,
    /// The index of its gradient among those of all trainable layers.
    pub(super) gradient: Option<usize>,
}

/// The blocks of a network. If units are dropped after every activation (`with_dropout`), a ReLU must be the last layer
/// of its block.
pub(super) fn blocks(layers: &[Layer], with_dropout: bool) -> Vec<Block> {
    let (mut blocks, mut input, mut gradients) = (Vec::new(), None, 0..);
    let mut first = 0;
    while let Some(layer) = layers.get(first) {
        let (epilogue, length) = match (layer, layers.get(first + 1..).unwrap_or_default()) {
            (Layer::Flatten, _) => {
                first += 1;
                continue;
            }
            (Layer::Conv2d(_), [Layer::Activation(Activation::Relu), Layer::MaxPool(Pool::HALVING), ..])
                if !with_dropout =>
            {
                (Epilogue::Pooled, 3)
            }
            (Layer::Conv2d(_), [Layer::MaxPool(Pool::HALVING), Layer::Activation(Activation::Relu), ..]) => {
                (Epilogue::Pooled, 3)
            }
            (Layer::Conv2d(_) | Layer::BatchNorm(_), [Layer::Activation(Activation::Relu), ..]) => {
                (Epilogue::Relu, 2)
            }
            _ => (Epilogue::None, 1),
        };
        let last = first + length - 1;
        let gradient = layer.parameters().and_then(|_| gradients.next());
        blocks.push(Block { first, last, epilogue, input, gradient });
        (input, first) = (Some(last), last + 1);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;
    use crate::network::{Architecture, Init};

    #[test]
    fn convolutions_are_fused_and_flattening_is_skipped() {
        let line = "conv3-2 relu pool conv3-2 pool relu conv1-2 pool3 flatten dense2 batchnorm relu";
        let layers: Architecture = line.parse().unwrap();
        let network = layers.network(ImageShape::gray(28, 28), 2, Init::He, 0).unwrap();
        let plan = |with_dropout| -> Vec<(usize, usize, Epilogue, Option<usize>)> {
            blocks(network.layers(), with_dropout)
                .iter()
                .map(|b| (b.first, b.last, b.epilogue, b.input))
                .collect()
        };
        let behind = [
            (6, 6, Epilogue::None, Some(5)),
            (7, 7, Epilogue::None, Some(6)),
            (9, 9, Epilogue::None, Some(7)),
            (10, 11, Epilogue::Relu, Some(9)),
            (12, 12, Epilogue::None, Some(11)),
        ];
        let usual = [(0, 2, Epilogue::Pooled, None), (3, 5, Epilogue::Pooled, Some(2))];
        assert_eq!(plan(false), [&usual[..], &behind].concat());
        let with_dropout = [
            (0, 1, Epilogue::Relu, None),
            (2, 2, Epilogue::None, Some(1)),
            (3, 5, Epilogue::Pooled, Some(2)),
        ];
        assert_eq!(plan(true), [&with_dropout[..], &behind].concat());
    }
}
