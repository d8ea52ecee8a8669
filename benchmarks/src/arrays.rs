//! Data sets as files that Tercet's side and the peers' side both read: the bare values, little-endian, row by row.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tercet::data::{Dataset, Row};

/// A data set in a file.
#[derive(Debug)]
pub struct Array {
    path: PathBuf,
    shape: [usize; 2],
    bytes: bool,
}

impl Array {
    /// Writes the rows of a data set.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(path: PathBuf, set: &Dataset) -> Result<Self> {
        write(&path, set).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Array { path, shape: [set.len(), set.width()], bytes: set.is_pixels() })
    }

    /// What a peer must know to read it.
    pub fn description(&self) -> Value {
        json!({
            "path": self.path,
            "type": if self.bytes { "uint8" } else { "float32" },
            "shape": self.shape,
        })
    }
}

impl Drop for Array {
    /// These files are large and quickly made again.
    fn drop(&mut self) {
        // What cannot be removed lies in target/ like everything else there.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn write(path: &Path, set: &Dataset) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for i in 0..set.len() {
        match set.row(i) {
            Row::U8(pixels) => file.write_all(pixels)?,
            Row::F32(features) => {
                for value in features {
                    file.write_all(&value.to_le_bytes())?;
                }
            }
        }
    }
    file.flush()
}

/// Reads indices of rows that a peer wrote, (`queries`, `k`) little-endian i64.
///
/// # Errors
/// A file of another length, and a number that is no row below `rows`.
pub fn read_indices(path: &Path, queries: usize, k: usize, rows: usize) -> Result<Vec<u32>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        bytes.len() == 8 * queries * k,
        "{} has {} bytes; expected {}, 8 for each of {k} neighbours of {queries} queries",
        path.display(),
        bytes.len(),
        8 * queries * k
    );
    let (numbers, _) = bytes.as_chunks::<8>();
    let index = |(at, &number)| {
        let number = i64::from_le_bytes(number);
        let row = u32::try_from(number).ok().filter(|&row| (row as usize) < rows);
        row.with_context(|| format!("neighbour {} of query {} is row {number} of {rows}", at % k + 1, at / k))
    };
    numbers.iter().enumerate().map(index).collect()
}

#[cfg(test)]
mod tests {
    use tercet::data::ImageShape;

    use super::*;

    #[test]
    fn values_are_written_little_endian_and_the_file_goes_with_its_handle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let classes = vec!["any".to_owned()];
        let set =
            Dataset::from_features("f", 2, vec![1.0, -2.5, 0.5, 3.0], vec![0, 0], classes.clone()).unwrap();
        let array = Array::write(path.clone(), &set.subset(&[1])).unwrap();
        let expected = [0.5f32.to_le_bytes(), 3.0f32.to_le_bytes()].concat();
        assert_eq!(std::fs::read(&path).unwrap(), expected);
        assert_eq!(array.description()["shape"], json!([1, 2]));
        assert_eq!(array.description()["type"], "float32");
        drop(array);
        assert!(!path.exists());

        let set = Dataset::from_pixels("p", ImageShape::gray(2, 1), vec![7, 9], vec![0], classes).unwrap();
        let array = Array::write(path.clone(), &set).unwrap();
        assert_eq!(
            (std::fs::read(&path).unwrap(), &array.description()["type"]),
            (vec![7, 9], &json!("uint8"))
        );
    }

    #[test]
    fn indices_that_are_no_rows_are_refused_by_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("indices");
        let write = |numbers: &[i64]| {
            std::fs::write(&path, numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>()).unwrap();
        };
        write(&[0, 4, 2, 1]);
        assert_eq!(read_indices(&path, 2, 2, 5).unwrap(), [0, 4, 2, 1]);
        assert!(read_indices(&path, 3, 2, 5).unwrap_err().to_string().contains("has 32 bytes; expected 48"));
        for wrong in [5, -1] {
            write(&[0, 4, 2, wrong]);
            let error = read_indices(&path, 2, 2, 5).unwrap_err().to_string();
            assert_eq!(error, format!("neighbour 2 of query 1 is row {wrong} of 5"));
        }
    }
}
