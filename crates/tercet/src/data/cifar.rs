//! CIFAR-10's binary files: a label, then 32 × 32 pixels, channel by channel.
//!
//! ```text
//! 1 byte         the label, 0 to 9
//! 1,024 bytes    red, row by row; then green, then blue
//! ```
//!
//! Source: Alex Krizhevsky's page on CIFAR-10, "binary version".

use std::path::{Path, PathBuf};

use super::content::Content;
use super::raw_subset::{Features, Labels, RawSubset};
use crate::image::ImageShape;
use crate::{Error, Result};

const SHAPE: ImageShape = ImageShape { width: 32, height: 32, channels: 3 };
pub(super) const PIXELS: usize = 32 * 32;
const RECORD: u64 = 1 + 3 * PIXELS as u64;

/// The names of the classes if there is no `batches.meta.txt`.
pub(super) const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Whether a file with this name and length is a CIFAR-10 batch.
pub(super) fn is_it(path: &Path, length: Option<u64>) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.ends_with(".bin") && length.is_some_and(|length| length > 0 && length.is_multiple_of(RECORD))
}

/// The training files and the test file of a folder, if it has them.
pub(super) fn files(folder: &Path) -> Option<(Vec<PathBuf>, Option<PathBuf>)> {
    let there = |name: String| Some(folder.join(name)).filter(|path| path.is_file());
    let train: Vec<PathBuf> = (1..=5).filter_map(|n| there(format!("data_batch_{n}.bin"))).collect();
    (!train.is_empty()).then(|| (train, there("test_batch.bin".to_owned())))
}

/// Reads several files in order.
pub(super) fn read(name: String, paths: &[PathBuf]) -> Result<RawSubset> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in paths {
        let mut content = Content::open(path)?;
        let length = content.length().unwrap_or(0);
        if length == 0 || !length.is_multiple_of(RECORD) {
            let expected = format!("a multiple of {RECORD}: a label and 3 × 32 × 32 pixels an image");
            return Err(content.refuse(format!("{length} bytes"), expected, super::content::AGAIN));
        }
        let claim = content.claim(&[length], 1)?;
        let bytes = content.bytes(&claim)?;
        for (i, record) in bytes.chunks_exact(RECORD as usize).enumerate() {
            let (label, planes) = (record[0], &record[1..]);
            if usize::from(label) >= CLASSES.len() {
                let remedy = "This is no file of CIFAR-10, or it is damaged: copy or download it again.";
                let found = format!("the label {label} (example {i})");
                return Err(Error::format(path, found, "a class from 0 to 9", remedy));
            }
            labels.push(u32::from(label));
            push_pixels(planes, &mut pixels);
        }
    }
    Ok(subset(name, paths, pixels, labels))
}

/// Appends images that are stored channel by channel, pixel by pixel.
pub(super) fn push_pixels(planes: &[u8], pixels: &mut Vec<u8>) {
    for image in planes.chunks_exact(3 * PIXELS) {
        pixels.extend((0..PIXELS).flat_map(|p| [image[p], image[PIXELS + p], image[2 * PIXELS + p]]));
    }
}

/// The images and labels of these files.
pub(super) fn subset(name: String, paths: &[PathBuf], pixels: Vec<u8>, labels: Vec<u32>) -> RawSubset {
    let path = paths.first().cloned().unwrap_or_default();
    let features = Features::Pixels(SHAPE, pixels);
    RawSubset::new(name, path.clone(), path, features, Labels::Indices(labels))
}
