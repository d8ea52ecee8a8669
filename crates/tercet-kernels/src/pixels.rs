//! Pixels, scaled to the numbers that models compute with.

/// `pixel / 255` for every pixel.
pub(crate) static SCALED: [f32; 256] = {
    let mut scaled = [0.0; 256];
    let mut pixel = 0;
    while pixel < 256 {
        scaled[pixel] = pixel as f32 / 255.0;
        pixel += 1;
    }
    scaled
};
