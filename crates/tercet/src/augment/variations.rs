//! Pictures next to augmented versions of them, for inspection.

use super::{Augment, Augmenter};
use crate::data::Dataset;
use crate::{Error, Result};

/// The first example of each class, each followed by `count` augmented versions: a data set for display.
///
/// # Errors
/// Invalid settings, and examples that are not images.
///
/// ```
/// use tercet::Dataset;
/// use tercet::augment::{Augment, variations};
/// use tercet::image::ImageShape;
///
/// let pixels = (0..64).map(|i| if i % 8 == 3 { 255 } else { 0 }).collect();
/// let one = Dataset::from_pixels("one", ImageShape::gray(8, 8), pixels, vec![0], vec!["1".to_owned()])?;
/// let shown = variations(&one, Augment { rotate: 30.0, ..Augment::default() }, 11, 0)?;
/// assert_eq!(shown.len(), 12);
/// assert_eq!(shown.pixels(0), one.pixels(0));
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn variations(set: &Dataset, augment: Augment, count: usize, seed: u64) -> Result<Dataset> {
    let Some(shape) = set.image_shape() else {
        let what = format!("examples of {}", set.name());
        return Err(Error::mismatch(what, "features", "images, to be augmented"));
    };
    let mut firsts = vec![None; set.class_count()];
    for i in (0..set.len()).rev() {
        firsts[set.label(i) as usize] = set.pixels(i);
    }
    let mut augmenter = Augmenter::new(augment, shape, set.class_count() * count, seed)?;
    let (mut pixels, mut labels, mut place) = (Vec::new(), Vec::new(), 0);
    for (class, first) in (0..).zip(firsts) {
        let Some(first) = first else { continue };
        pixels.extend_from_slice(first);
        for _ in 0..count {
            let from = pixels.len();
            pixels.resize(from + first.len(), 0);
            augmenter.write(first, 0, place, &mut pixels[from..]);
            place += 1;
        }
        labels.extend(std::iter::repeat_n(class, 1 + count));
    }
    Dataset::from_pixels(set.name(), shape, pixels, labels, set.classes().to_vec())
}
