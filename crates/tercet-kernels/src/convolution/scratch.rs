//! What the passes need beside their arguments.

use super::Shape;

/// How many numbers a line of the cache holds.
const LINE: usize = 16;

/// Room for what a pass writes down on its way. It belongs to the caller, any pass may use it for any shape, and what is
/// in it does not matter: it grows to what is needed, and from then on the passes allocate nothing.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// The weights as the innermost loop reads them.
    pub(super) panels: Room,
    /// An image with its padding.
    pub(super) padded: Room,
    /// Where each patch begins in the padded image.
    pub(super) places: Vec<u32>,
}

impl Scratch {
    /// Room for nothing yet.
    pub fn new() -> Self {
        Scratch::default()
    }
}

/// Numbers that begin where a line of the cache does.
#[derive(Clone, Debug, Default)]
pub(super) struct Room(Vec<f32>);

impl Room {
    /// So many numbers; what they are means nothing.
    pub(super) fn of(&mut self, count: usize) -> &mut [f32] {
        if self.0.len() < count + LINE {
            self.0.resize(count + LINE, 0.0);
        }
        let aligned = self.0.as_ptr().align_offset(4 * LINE).min(LINE);
        &mut self.0[aligned..][..count]
    }
}

/// The image with zeros around it: itself where there is no padding, else a copy in `room`.
pub(super) fn pad<'a>(shape: &Shape, x: &'a [f32], room: &'a mut Room) -> &'a [f32] {
    if shape.padding == 0 {
        return x;
    }
    let (row, margin) = (shape.padded_width() * shape.channels, shape.padding * shape.channels);
    let padded = room.of(shape.padded_height() * row);
    padded.fill(0.0);
    let rows = padded[shape.padding * row..].chunks_exact_mut(row);
    for (x, padded) in x.chunks_exact(shape.width * shape.channels).zip(rows) {
        padded[margin..][..x.len()].copy_from_slice(x);
    }
    padded
}
