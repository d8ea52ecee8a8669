//! Writes images as PNG files in one folder per class.

use std::collections::HashSet;
use std::fs;
use std::io::Error as IoError;
use std::path::{Path, PathBuf};

use super::Dataset;
use super::image_folder::CLASS_NAMES;
use crate::file::replace;
use crate::{Error, Result};

/// Names of devices, which no file has on Windows, whatever its extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// The longest name of a folder, in bytes; most systems allow 255.
const LONGEST: usize = 100;

/// Writes each set to a folder of its own, with a folder for each class that has pictures.
pub(super) fn write(folder: &Path, sets: &[(&str, Dataset)]) -> Result<Vec<PathBuf>> {
    use image::{ExtendedColorType, ImageEncoder};

    let Some((_, first)) = sets.first() else { return Ok(Vec::new()) };
    let Some(shape) = first.image_shape().filter(|shape| shape.channels == 1 || shape.channels == 3) else {
        return Err(Error::mismatch("examples to write as pictures", "features", "grey or coloured images"));
    };
    let is_name = |name: &&String| !name.chars().any(char::is_control);
    if let Some(name) = first.classes().iter().find(|name| !is_name(name)) {
        let expected = "a name without control characters";
        return Err(Error::mismatch("a class to write as a folder", name.escape_debug(), expected));
    }
    let colour = if shape.channels == 3 { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
    let names = folder_names(first.classes());
    for (part, set) in sets {
        for (label, class) in names.iter().enumerate() {
            // The reader does not count a folder without pictures as a class.
            if (0..set.len()).any(|i| set.label(i) as usize == label) {
                let path = folder.join(part).join(class);
                fs::create_dir_all(&path).map_err(Error::file("create the folder", &path))?;
            }
        }
        for i in 0..set.len() {
            let path = folder.join(part).join(&names[set.label(i) as usize]).join(format!("{i:06}.png"));
            let pixels = set.pixels(i).unwrap_or_default();
            let mut png = Vec::new();
            image::codecs::png::PngEncoder::new(&mut png)
                .write_image(pixels, shape.width as u32, shape.height as u32, colour)
                .map_err(|error| Error::file("write", &path)(IoError::other(error)))?;
            crate::file::replace_unsynced(&path, &png)?;
        }
    }
    let mut paths = vec![folder.to_owned()];
    if names != first.classes().names() {
        let path = folder.join(CLASS_NAMES);
        let lines =
            names.iter().zip(first.classes().iter()).map(|(folder, class)| format!("{folder}\t{class}\n"));
        replace(&path, format!("folder\tclass\n{}", lines.collect::<String>()).as_bytes())?;
        paths.push(path);
    }
    Ok(paths)
}

/// A folder name for each class: the name of the class if every system allows it, and all names differ where capitals
/// do not count.
fn folder_names(classes: &[String]) -> Vec<String> {
    let mut taken = HashSet::new();
    let valid = |class: &String| {
        let name: String = class
            .chars()
            .map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '-' } else { c })
            .collect();
        let mut end = name.len().min(LONGEST);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let name = name[..end].trim_matches(['.', ' ']);
        let before_dot = name.split('.').next().unwrap_or_default().to_lowercase();
        let is_device = DEVICES.contains(&before_dot.trim_end_matches(|c: char| c.is_ascii_digit()));
        // The reader leaves out what macOS adds to archives.
        let is_system = name == "__MACOSX";
        match name {
            "" => "class".to_owned(),
            name if is_device || is_system => format!("{name}-"),
            name => name.to_owned(),
        }
    };
    classes
        .iter()
        .map(|class| {
            let name = valid(class);
            let numbered = (2..).map(|n| format!("{name}-{n}"));
            let mut all = std::iter::once(name.clone()).chain(numbered);
            all.find(|name| taken.insert(name.to_lowercase())).expect("there are more numbers than classes")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_names_that_every_system_allows() {
        let classes =
            ["a/b", "a-b", "..", "", "CON", "com7.x", "A", "a", " z ", "T-shirt", "x:y", &"é".repeat(99)];
        let names = folder_names(&classes.map(str::to_owned));
        let expected =
            ["a-b", "a-b-2", "class", "class-2", "CON-", "com7.x-", "A", "a-2", "z", "T-shirt", "x-y"];
        assert_eq!(names[..11], expected);
        assert_eq!(names[11], "é".repeat(50));
    }
}
