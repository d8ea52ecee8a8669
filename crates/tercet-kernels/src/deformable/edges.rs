//! The edges of an image: its brightness gradient across and down.

/// How the strength of an edge is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Unchanged.
    Plain,
    /// By its square root, so that a faint edge counts nearly as much as a strong one.
    Root,
}

/// The edges of a grey image, computed with Sobel masks, in signed bytes:
///
/// ```text
///         −1  0  1               −1 −2 −1
/// across: −2  0  2        down:   0  0  0        beyond the rim the image is 0
///         −1  0  1                1  2  1
///
/// plain: (across, down) / 8        root: (across, down) · 3.34 / √‖(across, down)‖
/// ```
/// each rounded to the nearest integer, and at most 127. The vector keeps its direction either way, and its largest
/// length, √(1020² + 1020²) ≈ 1442, becomes 180 and 127. Only operations that IEEE 754 defines are used, so the edges
/// are the same on every processor.
///
/// Source: I. Sobel and G. Feldman, "A 3 × 3 isotropic gradient operator for image processing", 1968.
///
/// # Shapes
/// `pixels` is (height, `width`), `out` is (height, `width`, 2): across, then down.
///
/// # Panics
/// If the lengths do not match.
pub fn edges(pixels: &[u8], width: usize, strength: Strength, out: &mut [i8]) {
    assert!(width > 0 && pixels.len().is_multiple_of(width), "rows of equal width");
    assert_eq!(out.len(), 2 * pixels.len(), "two numbers for each pixel");
    let height = pixels.len() / width;
    let blank = vec![0; width];
    // A row of the image, or a blank one beyond its border.
    let row = |y: Option<usize>| match y.filter(|&y| y < height) {
        Some(y) => &pixels[y * width..][..width],
        None => &blank,
    };
    let (mut smooth, mut steep) = (vec![0i32; width + 2], vec![0i32; width + 2]);
    for (y, out) in out.chunks_exact_mut(2 * width).enumerate() {
        let (above, here, below) = (row(y.checked_sub(1)), row(Some(y)), row(Some(y + 1)));
        for (x, ((&above, &here), &below)) in above.iter().zip(here).zip(below).enumerate() {
            let (above, here, below) = (i32::from(above), i32::from(here), i32::from(below));
            smooth[x + 1] = above + 2 * here + below;
            steep[x + 1] = below - above;
        }
        for (x, out) in out.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let across = smooth[x + 2] - smooth[x];
            let down = steep[x] + 2 * steep[x + 1] + steep[x + 2];
            *out = scaled(across, down, strength);
        }
    }
}

/// An edge as its two bytes.
pub(super) fn scaled(across: i32, down: i32, strength: Strength) -> [i8; 2] {
    let square = across * across + down * down;
    if square == 0 {
        return [0, 0];
    }
    let scale = match strength {
        Strength::Plain => 0.125,
        Strength::Root => 3.34 / f64::from(square).sqrt().sqrt(),
    };
    [across, down].map(|v| (f64::from(v) * scale).round().clamp(-127.0, 127.0) as i8)
}
