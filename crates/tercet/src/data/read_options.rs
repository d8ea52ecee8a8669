//! [`ReadOptions`]: how to read a data set.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Source;
use crate::image::ImageShape;
use crate::{Error, Result};

/// How to read a data set. Whatever is not set is inferred from the files.
///
/// ```
/// # #[cfg(feature = "csv")] {
/// use tercet::data::{LabelColumn, ReadOptions, Source};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("iris.csv");
/// std::fs::write(&path, "5.1,3.5,setosa\n6.2,2.9,versicolor\n")?;
///
/// let source: Source = path.display().to_string().parse()?;
/// let options = ReadOptions { label: Some(LabelColumn::Last), ..ReadOptions::default() };
/// let iris = source.open_with(&options)?.train;
/// assert_eq!((iris.len(), iris.width(), iris.classes()[0].as_str()), (2, 2, "setosa"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The file of the labels, if the file of the features has none.
    pub labels: Option<PathBuf>,
    /// The column of a table that holds the labels.
    pub label: Option<LabelColumn>,
    /// Whether the first row of a table is a header.
    pub header: Option<bool>,
    /// The size of the images: pictures are scaled to it, and rows of numbers are read as images of this size.
    pub size: Option<ImageSize>,
    /// Whether to convert colour images to grey.
    pub gray: bool,
    /// Whether to read numbers as plain features even if they look like pixels.
    pub plain: bool,
    /// Where the test set is, if not next to the training set.
    pub test: Option<Source>,
}

/// The column of a table that holds the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelColumn {
    /// The first.
    First,
    /// The last.
    Last,
    /// The one with this name.
    Named(String),
}

impl FromStr for LabelColumn {
    type Err = Error;

    /// `first`, `last`, or the name of a column.
    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "" => Err(Error::setting("label", "empty", "`first`, `last`, or the name of a column")),
            "first" => Ok(LabelColumn::First),
            "last" => Ok(LabelColumn::Last),
            name => Ok(LabelColumn::Named(name.to_owned())),
        }
    }
}

/// What a column of labels is called, in lower case.
pub(super) const LABEL_NAMES: [&str; 7] = ["label", "labels", "class", "target", "y", "species", "variety"];

/// What a column that numbers the rows is called, in lower case.
#[cfg(any(feature = "csv", feature = "parquet"))]
const INDEX_NAMES: [&str; 15] = [
    "",
    "__index_level_0__",
    "unnamed: 0",
    "id",
    "index",
    "idx",
    "no",
    "no.",
    "nr",
    "nr.",
    "row",
    "rowid",
    "rownum",
    "row number",
    "level_0",
];

/// Whether a column is called like the number or the identifier of a row: `Id`, `index`, `PassengerId`, `image_id`.
#[cfg(any(feature = "csv", feature = "parquet"))]
pub(super) fn is_index_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let id = lower.ends_with("_id") || lower.ends_with(" id") || lower.ends_with("-id");
    let is_camel = name.ends_with("Id") || (name.ends_with("ID") && name.len() > 2);
    id || is_camel || INDEX_NAMES.contains(&lower.as_str())
}

/// The size of images as written in an option: `28x28`, `28`, or `32x32x3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Values per pixel, if given.
    pub channels: Option<usize>,
}

/// The largest side of an image, in pixels.
const MOST: usize = crate::image::MAX_SIDE as usize;

impl FromStr for ImageSize {
    type Err = Error;

    /// `WIDTHxHEIGHT`, `WIDTHxHEIGHTxCHANNELS`, or one number for both sides.
    ///
    /// ```
    /// # use tercet::data::ImageSize;
    /// let size: ImageSize = "32x24x3".parse()?;
    /// assert_eq!((size.width, size.height, size.channels), (32, 24, Some(3)));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    fn from_str(text: &str) -> Result<Self> {
        let expected = "a width and a height in pixels, such as 28x28, or 32x32x3 with channels";
        let refuse = || Error::setting("size", text, expected);
        let parts: Vec<usize> = text
            .split(['x', '×'])
            .map(|part| part.trim().parse().map_err(|_| refuse()))
            .collect::<Result<_>>()?;
        let (width, height, channels) = match parts[..] {
            [side] => (side, side, None),
            [width, height] => (width, height, None),
            [width, height, channels] => (width, height, Some(channels)),
            _ => return Err(refuse()),
        };
        let sides = 1..=MOST;
        if !sides.contains(&width) || !sides.contains(&height) || channels.is_some_and(|c| c != 1 && c != 3) {
            let expected = format!("1 to {MOST} pixels a side, and 1 or 3 channels");
            return Err(Error::setting("size", text, expected));
        }
        Ok(ImageSize { width, height, channels })
    }
}

impl ImageSize {
    /// The shape of images of this size with D features, or `None` if D does not fit.
    pub(super) fn of_features(self, features: usize) -> Option<ImageShape> {
        let pixels = self.width * self.height;
        let channels = self.channels.unwrap_or(if features == 3 * pixels { 3 } else { 1 });
        let shape = ImageShape { width: self.width, height: self.height, channels };
        (shape.features() == features).then_some(shape)
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.width, self.height)?;
        self.channels.map_or(Ok(()), |channels| write!(f, " × {channels}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_sizes_are_rejected() {
        for text in ["", "28x", "0x3", "28x28x2", "1x2x3x4", "99999", "axb", "-3x4"] {
            let message = text.parse::<ImageSize>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("size is {text}; expected")), "{message}");
        }
    }

    #[test]
    fn channels_follow_from_the_number_of_features() {
        let size: ImageSize = "4x2".parse().unwrap();
        assert_eq!(size.of_features(8), Some(ImageShape::gray(4, 2)));
        assert_eq!(size.of_features(24), Some(ImageShape { width: 4, height: 2, channels: 3 }));
        assert_eq!(size.of_features(9), None);
    }
}
