//! Which layers are computed together: the plan of a pass, made once when a network is.
//!
//! A [`Network`](super::Network) is a plain list of layers for everybody who reads, writes or draws it. A pass walks over
//! blocks instead: mostly single layers, with flattening left out, since it moves no number.

use super::Layer;

/// Layers that are computed together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Block {
    /// The first of its layers, which says what is computed.
    pub(super) first: usize,
    /// The last of its layers, whose output is the block's.
    pub(super) last: usize,
    /// The layer whose output goes in; the batch itself where there is none.
    pub(super) input: Option<usize>,
    /// The place of its gradient among those of all layers that learn.
    pub(super) gradient: Option<usize>,
}

/// The blocks of a network.
pub(super) fn blocks(layers: &[Layer]) -> Vec<Block> {
    let (mut blocks, mut input, mut gradients) = (Vec::new(), None, 0..);
    let mut at = 0;
    while let Some(layer) = layers.get(at) {
        let first = at;
        at += 1;
        if let Layer::Flatten = layer {
            continue;
        }
        let last = at - 1;
        let gradient = layer.parameters().and_then(|_| gradients.next());
        blocks.push(Block { first, last, input, gradient });
        input = Some(last);
    }
    blocks
}
